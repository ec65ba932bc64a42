"""The page's files, read once: what a request names is only looked up among them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
    "Vary": "Accept",
}


@dataclass(frozen=True)
class PageFile:
    """One file.

    Attributes:
        content: its bytes.
        media_type: for the header Content-Type.
        etag: changes with the content.
    """

    content: bytes
    media_type: str
    etag: str


def load_page() -> dict[str, PageFile]:
    """All files of the page by name."""
    found = {}
    for entry in (files("serving.live") / "page").iterdir():
        suffix = entry.name[entry.name.rfind(".") :]
        if suffix in _MEDIA_TYPES:
            content = entry.read_bytes()
            digest = hashlib.sha256(content).hexdigest()[:16]
            found[entry.name] = PageFile(content, _MEDIA_TYPES[suffix], f'"{digest}"')
    return found
