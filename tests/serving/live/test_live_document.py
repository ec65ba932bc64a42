"""What the live API says of a model."""

import json
from dataclasses import dataclass
from pathlib import Path

import orjson
import pytest

from components.dataset.load import load_dataset
from serving.live.document import Wanted, model_document, model_summary
from serving.live.highlights import companion, thresholds
from serving.live.latest import Latest
from serving.server.backend import VersionFolder

NOW = 1767268800.0  # 2026-01-01T12:00:00Z


@dataclass(frozen=True)
class Version:
    """A version that is only asked what it is."""

    name: str
    version: int
    folder: VersionFolder


@pytest.fixture
def backend(tmp_path, basin):
    from components.dataset.load import dump_dataset

    folder = tmp_path / "store" / "basin" / "1"
    folder.mkdir(parents=True)
    (folder / "dataset.yaml").write_text(dump_dataset(basin))
    (folder / "model_card.json").write_text("{}")
    champion = {"version": 1, "previous": None, "at": "2025-12-31T09:00:00+09:00"}
    (folder.parent / "champion.json").write_text(json.dumps(champion))
    return Version("basin", 1, VersionFolder(folder))


@pytest.fixture
def latest():
    return Latest(lambda model: 1, clock=lambda: NOW)


def document(backend, latest, wanted=None, notice=None):
    made = model_document(backend, latest.tracks("basin"), wanted or Wanted(), notice, NOW)
    return orjson.loads(orjson.dumps(made, option=orjson.OPT_SERIALIZE_NUMPY))


def test_a_model_without_forecasts_says_what_it_needs(backend, latest):
    found = document(backend, latest, notice="no file")
    assert found["series"] == []
    assert (found["window"], found["time_column"], found["notice"]) == (12, "time", "no file")
    assert found["champion_at"] == "2025-12-31T00:00:00Z"


def test_the_forecast_with_its_age_band_members_and_readings(backend, latest, forecasted):
    latest.take(forecasted("2026-01-01T11:50", rows=40))
    found = document(backend, latest, Wanted(hours=1))
    (series,) = found["series"]
    assert series["age_seconds"] == 600.0
    assert [row["horizon"] for row in series["forecast"]] == [1, 3]
    assert series["forecast"][0]["weights"] == {"a": 1.0}
    assert len(series["recent"]["time"]) == 6
    assert series["recent"]["time"][-1] == "2026-01-01T11:50:00Z"
    assert found["columns"] == {"level": "m", "rain": "mm"}
    assert found["spike"] == {"rise": 0.3, "within": 3}


def test_missing_readings_are_null(backend, latest, forecasted):
    latest.take(forecasted("2026-01-01T11:50"))
    assert document(backend, latest)["series"][0]["recent"]["columns"]["rain"] == [None] * 12


def test_readings_of_many_series_come_for_one_at_a_time(backend, latest, forecasted):
    latest.take(forecasted("2026-01-01T11:50", series=("a", "b")))
    everything, one = document(backend, latest), document(backend, latest, Wanted(series="b"))
    assert [series["recent"] for series in everything["series"]] == [None, None]
    assert everything["all_series"] == one["all_series"] == ["a", "b"]
    assert len(one["series"][0]["recent"]["time"]) == 12


def test_the_summary_lists_each_series(backend, latest, forecasted):
    latest.take(forecasted("2026-01-01T11:50", series=("a", "b")))
    found = model_summary(backend, latest.tracks("basin"), None, NOW)
    assert [series["series"] for series in found["series"]] == ["a", "b"]


def test_thresholds_are_limits_and_numbers_of_rules(basin):
    found = [(one.value, one.kind) for one in thresholds(basin)]
    assert found == [(0.0, "limit"), (1.5, "rule"), (2.0, "bound"), (6.0, "limit")]


def test_the_companion_is_the_column_that_rules_look_at():
    import components.dataset

    preset = load_dataset(Path(components.dataset.__file__).parent / "presets" / "reservoir.yaml")
    assert companion(preset) == "rain"
