from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.dataset.schema import Column, Spike
from components.deploy.store import ModelStore
from components.journal import Journal
from components.validate.report.storms import band_outline
from components.validate.report.style import thinned
from components.validate.report.wording import duration, number
from components.validate.step import validate_candidate


@pytest.fixture
def panel(make_dataset, make_readings, make_creek):
    """Two series without rain, unit or spikes, and many horizons."""
    readings = [make_readings(20, seed, name).drop(columns="rain") for seed, name in ((1, "north"), (2, "south"))]
    dataset = make_dataset(
        columns={"level": Column()}, series="station", horizons=tuple(range(1, 13)), spike=Spike(rise=99, within=6)
    )
    return make_creek(dataset, pd.concat(readings, ignore_index=True))


def test_a_panel_without_rain_unit_and_spikes_has_a_report(panel, store: ModelStore, tmp_path: Path) -> None:
    verdict = validate_candidate(panel.request(tmp_path, store), Journal("", "validate"))
    page = (tmp_path / "report.html").read_text()
    assert "Not measured: the test part holds no spikes." in page
    assert "the longest of 2 series" in page
    assert "12.0 (from scratch 96.0)" in page
    assert "north, peak" in page
    assert "south, peak" in page
    assert '"name":"rain"' not in page.split("</script>", 1)[1]
    assert [rule.measured for rule in verdict.gate.rules if rule.name.startswith("spikes")] == [None]


def test_a_description_is_text_and_no_markup(panel, store: ModelStore, tmp_path: Path, make_creek) -> None:
    dataset = panel.dataset.model_copy(update={"description": "<b>& more</b>"})
    readings = pd.read_parquet(panel.series_folder.parent / "readings.parquet")
    validate_candidate(make_creek(dataset, readings).request(tmp_path, store), Journal("", "validate"))
    assert "&lt;b&gt;&amp; more&lt;/b&gt;" in (tmp_path / "report.html").read_text()


def test_a_thinned_line_keeps_its_extremes() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    values[3:900] = np.nan
    values[[4321, 9999]] = [50, -50]
    kept = thinned(values, 200)
    assert len(kept) <= 200
    assert {4321, 9999} <= set(kept)
    assert np.isnan(values[kept]).any()
    np.testing.assert_array_equal(thinned(values[:150], 200), np.arange(150))


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (1234.5, "1,234"), (0.01234, "0.0123"), (-2.5, "-2.50"), (1.2e-8, "1.20e-08"), (None, "–")],
)
def test_numbers_have_three_digits(value: float | None, text: str) -> None:
    assert number(value) == text


def test_durations_use_the_largest_unit() -> None:
    assert [duration(seconds) for seconds in (30, 600, 5400, 172_800)] == ["30 s", "10 min", "1.5 h", "2 d"]


def test_a_band_is_drawn_as_one_polygon_for_each_stretch_between_gaps() -> None:
    lower = np.array([0.0, 1.0, np.nan, 2.0])
    x, y = band_outline(np.arange(4), lower, lower + 1)
    assert x == [0, 1, 1, 0, None, 3, 3, None]
    assert y == [1.0, 2.0, 1.0, 0.0, None, 3.0, 2.0, None]
