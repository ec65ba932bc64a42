"""Where runs are tracked: a local SQLite file, or a server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from components.errors import InputError

# MLflow's own variable.
VARIABLE = "MLFLOW_TRACKING_URI"
_SQLITE = "sqlite:///"
_SCHEMES = ("sqlite", "http", "https", "postgresql", "mysql", "mssql", "databricks")
_HIDDEN = "***"


def tracking_address(given: str, out: Path, environment: Mapping[str, str] | None = None) -> str:
    """The address given, else the environment's, else `mlflow.db` beside the run's folder.

    Args:
        given: by the user; empty for none.
        out: the run's folder.
        environment: where MLFLOW_TRACKING_URI may be set; the process's own if not given.

    Raises:
        InputError: it is no address, holds a password that would be shown, or MLflow isn't installed.
    """
    variables = os.environ if environment is None else environment
    address = given or variables.get(VARIABLE, "") or f"{_SQLITE}{out.resolve().parent / 'mlflow.db'}"
    where = "--track-to" if given else VARIABLE
    scheme = address.split(":", 1)[0].split("+", 1)[0]
    if "://" not in address or scheme not in _SCHEMES:
        fix = "give http://HOST:PORT or sqlite:///PATH/mlflow.db"
        raise InputError(f"{where} {address}", "this is no address of a tracking server", fix)
    if scheme in ("http", "https") and urlsplit(address).password:
        fix = "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD instead"
        raise InputError(where, "the address holds a password, which runs would show", fix)
    need_mlflow()
    return _absolute(address)


def need_mlflow() -> None:
    """Says what to install where MLflow is missing.

    Raises:
        InputError: it is.
    """
    if find_spec("mlflow") is None or find_spec("alembic") is None:
        raise InputError("tracking", "MLflow isn't installed", "install the extra: pip install 'sluice[tracking]'")


def local_artifacts(address: str) -> str | None:
    """URI of the folder for artifacts beside a SQLite file; None where a server or the database's owner decides."""
    if not address.startswith(_SQLITE):
        return None
    return (Path(address.removeprefix(_SQLITE)).parent / "mlflow-artifacts").as_uri()


def without_password(address: str) -> str:
    """The address as it may be shown and kept."""
    parts = urlsplit(address)
    if not parts.password:
        return address
    user = f"{parts.username}:{_HIDDEN}@"
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{user}{host}"))


def is_whole(address: str) -> bool:
    """Whether nothing was taken out of it by `without_password`."""
    return bool(address) and f":{_HIDDEN}@" not in address


def _absolute(address: str) -> str:
    """SQLite's path from the root, so that it means the same wherever it is read again."""
    if not address.startswith(_SQLITE):
        return address
    return f"{_SQLITE}{Path(address.removeprefix(_SQLITE)).resolve()}"
