"""Readings of many stations, for the store of tests/serving/conftest.py."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from serving.batch.request import BatchRequest, BatchSummary

READ_AT = pd.Timestamp("2026-01-05", tz="UTC")


def station_readings(stations: int, rows: int = 16, end: pd.Timestamp = READ_AT) -> pd.DataFrame:
    """`rows` readings of each station, the last at `end`."""
    stamps = pd.date_range(end=end, periods=rows, freq="10min")
    parts = []
    for number in range(stations):
        values = np.random.default_rng(number).normal(size=(len(stamps), 3)).round(3)
        part = pd.DataFrame(values, columns=["level", "rain", "tide"])
        parts.append(part.assign(time=stamps, station=f"s{number:03d}"))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def readings() -> Callable[..., pd.DataFrame]:
    return station_readings


@pytest.fixture
def table(tmp_path) -> Path:
    """A file with readings of ten stations."""
    path = tmp_path / "table.csv"
    station_readings(10).to_csv(path, index=False)
    return path


@pytest.fixture
def run(store, tmp_path) -> Callable[..., BatchSummary]:
    """Runs a batch prediction with the champion of `river`, to `<tmp_path>/out` unless said otherwise."""
    from serving.batch.predict import predict_batch

    def call(readings: Path | str, **settings) -> BatchSummary:
        given = {"out": str(tmp_path / "out"), "store": store.root, "model": "river", "series": "station", **settings}
        return predict_batch(BatchRequest(readings=str(readings), **given), lambda *_: None, lambda: 1e9)

    return call


@pytest.fixture
def rows_in() -> Callable[[Path | str], pd.DataFrame]:
    """All rows of a sink, in the order of their keys, stamps as UTC."""
    from serving.batch.rows import KEY

    def read(out: Path | str) -> pd.DataFrame:
        if "://" in str(out):
            import sqlalchemy

            engine = sqlalchemy.create_engine(out.replace("postgresql:", "postgresql+psycopg:"))
            frame = pd.read_sql_table("forecasts", engine)
            engine.dispose()
        else:
            path = Path(out)
            files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
            frame = pd.concat([pd.read_parquet(file) for file in files])
        for name in ("origin", "time", "at"):
            frame[name] = pd.to_datetime(frame[name], utc=True).astype("datetime64[us, UTC]")
        return frame.sort_values(list(KEY)).reset_index(drop=True)

    return read


@pytest.fixture(params=["folder", "file", "sqlite", "postgresql"])
def place(request, tmp_path) -> str:
    """A sink of each kind."""
    if request.param == "postgresql":
        return request.getfixturevalue("postgresql_url")
    places = {"folder": "{}", "file": "{}.parquet", "sqlite": "sqlite:///{}.db"}
    return places[request.param].format(tmp_path / "out")


@pytest.fixture(scope="session")
def postgresql_server(tmp_path_factory) -> Iterator[str]:
    """A PostgreSQL server on a socket of its own: its folder. PostgreSQL refuses to run as root."""
    pytest.importorskip("psycopg")
    if not all(map(shutil.which, ("initdb", "pg_ctl"))):
        pytest.skip("PostgreSQL isn't installed")
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    who = {}
    if os.geteuid() == 0:
        try:
            shutil.chown(folder, "nobody")
        except LookupError:
            pytest.skip("PostgreSQL refuses to run as root")
        who = {"user": "nobody"}

    def call(*command: str) -> None:
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, timeout=60, **who)

    data, log = str(folder / "data"), str(folder / "log")
    call("initdb", "--no-sync", "--auth=trust", "--username=postgres", "--pgdata", data)
    try:
        call("pg_ctl", "start", "-w", "-D", data, "-l", log, "-o", f"-c listen_addresses='' -k {folder}")
        yield str(folder)
    finally:
        call("pg_ctl", "stop", "-m", "immediate", "-D", data)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def postgresql_url(postgresql_server) -> str:
    """A database of its own."""
    import sqlalchemy

    base = f"postgresql+psycopg://postgres@/{{}}?host={postgresql_server}"
    name = f"test_{uuid.uuid4().hex}"
    engine = sqlalchemy.create_engine(base.format("postgres"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f"create database {name}"))
    engine.dispose()
    return base.format(name).replace("+psycopg", "")
