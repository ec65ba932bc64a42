"""Datasets, forecasts and files of readings, and servers that show them."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from components.dataset.load import load_dataset
from components.dataset.schema import Dataset
from serving.forecasts import Forecasts, Row, SeriesForecast, utc_text
from serving.transformer.forecaster import Forecasted

DATASET = """\
name: basin
time: time
step: 10min
columns:
  level: {unit: m, limits: [0, 6]}
  rain: {unit: mm, missing: {fill: zero, max_gap: 3}}
target: level
window: 12
horizons: [1, 3]
spike: {rise: 0.3, within: 3}
rules:
  - {when: 'rain > 5 and level > 1.5', for: 2, then: {min: 2.0}}
"""
STEP = pd.Timedelta(minutes=10)


@pytest.fixture(scope="session")
def basin(tmp_path_factory) -> Dataset:
    path = tmp_path_factory.mktemp("basin") / "dataset.yaml"
    path.write_text(DATASET)
    return load_dataset(path)


@pytest.fixture(scope="session")
def forecasted(basin) -> Callable[..., Forecasted]:
    """A forecast that ends at a stamp, with the readings before it: `forecasted("2026-01-01T10:00", rows=12)`."""

    def make(origin: str, rows: int = 12, series: tuple[str, ...] = ("basin",), level: float = 1.0, version: int = 1):
        last = pd.Timestamp(origin, tz="UTC")
        times = pd.date_range(end=last, periods=rows, freq=STEP)
        frames = [pd.DataFrame({"series": name, "time": times, "level": level, "rain": np.nan}) for name in series]
        made = tuple(_forecast(name, last, level) for name in series)
        forecasts = Forecasts("basin", version, "level", "m", 0.9, "10min", (1, 3), made)
        return Forecasted(forecasts, basin, (), pd.concat(frames, ignore_index=True))

    return make


def _forecast(series: str, last: pd.Timestamp, level: float) -> SeriesForecast:
    rows = tuple(
        Row(h, _text(last + h * STEP), level + h, level + h - 0.5, level + h + 0.5, {"a": level + h}, {"a": 1.0})
        for h in (1, 3)
    )
    return SeriesForecast(series, _text(last), level, 0.25, rows)


def _text(stamp: pd.Timestamp) -> str:
    return utc_text(stamp.tz_convert(None).to_datetime64())


def river_table(rows: int = 40, seed: int = 5, end: pd.Timestamp | None = None) -> pd.DataFrame:
    """Readings of `river` each ten minutes, the last of them just now, times as text."""
    rng = np.random.default_rng(seed)
    last = (end or pd.Timestamp.now(tz="UTC")).floor("10min")
    times = pd.date_range(end=last, periods=rows, freq=STEP)
    level = (2 + rng.normal(size=rows) / 5).round(3)
    columns = {"time": times.strftime("%Y-%m-%dT%H:%M:%SZ"), "level": level, "rain": rng.random(rows).round(2)}
    return pd.DataFrame({**columns, "tide": 0.25})


def stations_candidate(folder: Path, river: Path) -> Path:
    """The river's servable as a panel of two series."""
    import json
    import shutil

    shutil.copytree(river, folder)
    text = (folder / "dataset.yaml").read_text().replace("name: river", "name: stations")
    (folder / "dataset.yaml").write_text(text + "series: station\n")
    card = json.loads((folder / "model_card.json").read_text())
    (folder / "model_card.json").write_text(json.dumps({**card, "name": "stations"}))
    return folder


class Site:
    """A running server with a page."""

    def __init__(self, running: Any, readings: Path) -> None:
        self.running = running
        self.readings = readings
        self.url = f"http://localhost:{running.http}"
        self.http = httpx.Client(base_url=self.url, timeout=30)

    def post(self, model: str, table: pd.DataFrame) -> httpx.Response:
        records = table.astype(object).where(table.notna(), None).to_dict("records")
        return self.http.post(f"/v1/models/{model}:predict", json={"instances": records})

    def latest(self, model: str, **parameters: Any) -> dict[str, Any]:
        return dict(self.http.get(f"/v1/forecasts/{model}", params=parameters).json())

    def write(self, table: pd.DataFrame) -> None:
        beside = self.readings.with_suffix(".new")
        table.to_csv(beside, index=False)
        beside.replace(self.readings)


@pytest.fixture(scope="session")
def site(tmp_path_factory, candidates, start_with) -> Iterator[Site]:
    """A server of river, tidal and the panel `stations`; river's readings are followed in a file that isn't there."""
    from components.deploy.store import ModelStore

    root = tmp_path_factory.mktemp("site")
    store = ModelStore(root / "store")
    store.publish("stations", stations_candidate(root / "stations", candidates["river-1"]))
    store.promote("stations", 1)
    readings = root / "river.csv"
    site = Site(start_with(root, candidates, readings=f"river={readings}"), readings)
    yield site
    site.http.close()


_SERVE_WITH_KEYS = """
import sys
from pathlib import Path
from serving.serve import ServeOptions, serve
from serving.server.security import Security
store, keys, http, grpc, predict = sys.argv[1:]
serve(ServeOptions(Path(store), int(http), int(grpc), int(predict), security=Security(keys=Path(keys))))
"""


@pytest.fixture
def keyed_url(tmp_path, store, ports, eventually) -> Iterator[Callable[[Path], str]]:
    """Starts a server that asks for one of a file's keys."""
    started: list[subprocess.Popen[bytes]] = []

    def begin(keys: Path) -> str:
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "PYTHONUNBUFFERED": "1"}
        arguments = [str(store.root), str(keys), *map(str, ports)]
        with (tmp_path / "log").open("w") as log:
            command = [sys.executable, "-c", _SERVE_WITH_KEYS, *arguments]
            started.append(subprocess.Popen(command, stdout=log, stderr=log, env=environment))
        eventually(lambda: "Ask it:" in (tmp_path / "log").read_text(), 60)
        return f"http://localhost:{ports[0]}/"

    yield begin
    for process in started:
        process.terminate()
        process.wait(20)


@pytest.fixture(scope="session")
def tables() -> SimpleNamespace:
    """Makers of readings: `river(rows, seed, end)`."""
    return SimpleNamespace(river=river_table)
