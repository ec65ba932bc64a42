"""Who may ask, and by what certificate the server is known."""

from __future__ import annotations

import hmac
import logging
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from components.errors import InputError

KEY_HEADER = "x-api-key"
CHALLENGE = 'Bearer realm="sluice"'
KEY_BYTES = 32
_LOG = logging.getLogger("sluice.serving")
# What load balancers and the page itself ask before anyone has typed a key; they tell nothing of readings or forecasts.
_OPEN_PATHS = ("/", "/v2/health/live", "/v2/health/ready")
_OPEN_PREFIX = "/page/"
_OPEN_CALLS = (
    "/inference.GRPCInferenceService/ServerLive",
    "/inference.GRPCInferenceService/ServerReady",
    "/grpc.health.v1.Health/Check",
)


@dataclass(frozen=True)
class Security:
    """What protects a server.

    Attributes:
        keys: file of API keys, without which everybody may ask.
        tls_cert: PEM file of the certificate and those that it follows from; None for no TLS.
        tls_key: PEM file of its private key.
    """

    keys: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None

    @property
    def tls(self) -> bool:
        """Whether all ports speak TLS."""
        return self.tls_cert is not None

    def check(self) -> None:
        """Raises InputError where a file is missing or isn't what it should be."""
        if self.keys is not None:
            ApiKeys(self.keys)
        if (self.tls_cert is None) != (self.tls_key is None):
            raise InputError("--tls-cert", "a certificate and its key go together", "give --tls-cert and --tls-key")
        if self.tls_cert is None or self.tls_key is None:
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            # An encrypted key is refused instead of asked for.
            context.load_cert_chain(self.tls_cert, self.tls_key, password=lambda: "")
        except (OSError, ssl.SSLError) as error:
            problem = f"can't be used with {self.tls_key}: {error}"
            raise InputError(str(self.tls_cert), problem, "give PEM files of a certificate and its own key") from error


class ApiKeys:
    """The keys of a file, read again whenever it has changed.

    Each line is `NAME:SHA-256 of the key in hex`; the keys themselves are random and kept nowhere. A plain hash is
    enough for 256 random bits: there is nothing to guess.

    Args:
        path: the file.

    Raises:
        InputError: it can't be read, or a line isn't a key.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen = self._stamp()
        self._keys = _read(path)

    def owner(self, headers: Mapping[str, str]) -> str | None:
        """The name of the key that a request's headers (lower case) or gRPC metadata carry; None where none is known.

        Takes as long for a wrong key as for a right one.
        """
        self._refresh()
        given = _given(headers)
        if not given:
            return None
        digest = sha256(given.encode(errors="surrogatepass")).hexdigest()
        found = None
        for name, known in self._keys.items():
            if hmac.compare_digest(digest, known):
                found = name
        return found

    def _refresh(self) -> None:
        stamp = self._stamp()
        if stamp == self._seen:
            return
        self._seen = stamp
        try:
            self._keys = _read(self._path)
        except InputError as error:
            _LOG.error("the keys stay as they were: %s", error)

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            status = self._path.stat()
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size, status.st_ino


def is_open_path(path: str) -> bool:
    """Whether a GET of a path needs no key."""
    return path in _OPEN_PATHS or path.startswith(_OPEN_PREFIX)


def is_open_call(method: str) -> bool:
    """Whether a gRPC method, with its service, needs no key."""
    return method in _OPEN_CALLS


def new_key(name: str, path: Path) -> str:
    """Adds a new random key to a file, and returns it: it can't be had again.

    Raises:
        InputError: the name isn't one, has a key already, or the file can't be read or written.
    """
    if not name or not all(letter.isalnum() or letter in "-_." for letter in name):
        raise InputError("NAME", f"{name!r} is no name of a key", "use letters, digits, - _ and .")
    known = _read(path) if path.exists() else {}
    if name in known:
        raise InputError(str(path), f"{name} has a key", f"delete its line first, or use another name than {name}")
    key = secrets.token_urlsafe(KEY_BYTES)
    try:
        _append(path, f"{name}:{sha256(key.encode()).hexdigest()}\n")
    except OSError as error:
        raise InputError(str(path), f"can't be written: {error.strerror}", "give a file of yours") from error
    return key


def _append(path: Path, line: str) -> None:
    from components.deploy.durable import write_file

    before = path.read_bytes() if path.exists() else b""
    write_file(path, before + (b"" if before.endswith(b"\n") or not before else b"\n") + line.encode())


def _given(headers: Mapping[str, str]) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else headers.get(KEY_HEADER, "")


def _read(path: Path) -> dict[str, str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"can't be read: {error}", "make one with `sluice keys new NAME`") from error
    keys: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        name, separator, digest = line.strip().partition(":")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not separator or len(digest) != 64 or set(digest) - set("0123456789abcdef"):
            fix = "write NAME:SHA256, or make a line with `sluice keys new NAME`"
            raise InputError(f"{path}:{number}", "is no name and hash of a key", fix)
        keys[name] = digest
    return keys
