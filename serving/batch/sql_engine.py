"""SQLAlchemy engines for the databases that rows are written to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from components.errors import InputError

DIALECTS = ("sqlite", "postgresql")
# Seconds that SQLite waits for another writer.
_BUSY_SECONDS = 60.0


def open_engine(url: str) -> tuple[Any, str]:
    """An engine, and its URL without the password.

    Raises:
        InputError: sqlalchemy or the driver isn't installed, the URL is none, or of another kind of database.
    """
    try:
        import sqlalchemy as sa
    except ImportError as error:
        raise InputError("--out", "writing to databases needs sqlalchemy", 'pip install "sluice[sql]"') from error
    try:
        address = sa.engine.make_url(url)
    except sa.exc.ArgumentError as error:
        fix = "write it as dialect://user:password@host/database, such as sqlite:///forecasts.db"
        raise InputError("--out", "this is no database URL", fix) from error
    where, dialect = address.render_as_string(hide_password=True), address.get_backend_name()
    if dialect not in DIALECTS:
        raise InputError(where, f"rows can't be written to {dialect}", f"give one of {', '.join(DIALECTS)}")
    if address.drivername == "postgresql":
        # SQLAlchemy would take psycopg2; the extra `postgres` brings psycopg.
        address = address.set(drivername="postgresql+psycopg")
    settings = {"connect_args": {"timeout": _BUSY_SECONDS}} if dialect == "sqlite" else {}
    try:
        return sa.create_engine(address, **settings), where
    except (sa.exc.SQLAlchemyError, ImportError) as error:
        fix = 'install the database\'s driver, for PostgreSQL: pip install "sluice[postgres]"'
        raise InputError(where, f"its driver can't be loaded: {error}", fix) from error


@contextmanager
def told_as_input(where: str) -> Iterator[None]:
    """Tells what the database says as an InputError."""
    import sqlalchemy as sa

    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise InputError(where, f"the database says: {reason}", "check the URL, its rights and the table") from error
