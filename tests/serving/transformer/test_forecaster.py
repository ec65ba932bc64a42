"""What the forecaster makes of readings, without a socket in between."""

import asyncio
import logging
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from components.dataset.load import load_dataset
from components.dataset.schema import Dataset
from components.ingest.clean import clean_readings
from components.preprocess.last_window import cut_last_windows, last_windows
from serving.local.inprocess import in_process
from serving.local.servable import load_servable
from serving.server.admission import Admission
from serving.server.errors import NotServedError, RequestError
from serving.server.limits import Limits
from serving.server.metrics import ServingMetrics
from serving.server.model import ServedModel, StoreDataPlane, StoreRepository
from serving.transformer.errors import UnusableReadings
from serving.transformer.forecaster import Forecaster, ReadingsQuestion
from serving.transformer.windows import Terms, cut_windows

RIVER = """\
name: river
time: time
step: 10min
columns:
  level: {unit: m, limits: [0, 6], missing: {fill: hold, max_gap: 4}}
  rain: {unit: mm, missing: {fill: zero, max_gap: 3}}
  tide: {unit: m}
target: level
window: 12
horizons: [1, 3]
"""


@pytest.fixture(scope="module")
def river(tmp_path_factory) -> Dataset:
    path = tmp_path_factory.mktemp("dataset") / "river.yaml"
    path.write_text(RIVER)
    return load_dataset(path)


def window_of(dataset, table):
    (window,) = cut_windows(dataset, table, Terms()).windows
    return window


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(40)))
def test_any_order_gives_the_same_window(river, tables, order):
    table = tables.frame()
    shuffled = window_of(river, table.iloc[order])
    ordered = window_of(river, table)
    assert shuffled.origin == ordered.origin
    np.testing.assert_array_equal(shuffled.values, ordered.values)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(again=st.lists(st.integers(0, 39), max_size=20), level=st.floats(0, 6))
def test_of_readings_of_one_time_the_first_is_taken(river, tables, again, level):
    table = tables.frame()
    repeated = table.iloc[[*range(40), *again]].reset_index(drop=True)
    repeated.loc[40:, "level"] = level
    cut = cut_windows(river, repeated, Terms())
    np.testing.assert_array_equal(cut.windows[0].values, window_of(river, table).values)
    assert any("duplicate" in note for note in cut.notes) == bool(again)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dropped=st.sets(st.integers(1, 38), max_size=12), empty=st.sets(st.integers(0, 38), max_size=12))
def test_gaps_are_filled_or_refused_as_in_training(river, tables, dropped, empty):
    table = tables.frame()
    table.loc[sorted(empty), "rain"] = np.nan
    table = table.drop(index=sorted(dropped))
    trained = cut_last_windows(river, clean_readings(river, table).readings)
    if trained.refused:
        with pytest.raises(UnusableReadings, match=re.escape(trained.refused[0].problem)):
            cut_windows(river, table, Terms())
        return
    served = window_of(river, table)
    assert served.origin == trained.windows[0].origin
    np.testing.assert_array_equal(served.values, trained.windows[0].values)


def test_a_long_gap_is_refused_and_a_short_one_held(river, tables):
    table = tables.frame()
    held = window_of(river, table.drop(index=range(33, 36)))
    np.testing.assert_array_equal(held.values[-7:-4, 0], np.float32(table["level"][32]))
    np.testing.assert_array_equal(held.values[-7:-4, 1], np.zeros(3, np.float32))
    with pytest.raises(UnusableReadings, match="gaps longer than") as caught:
        window_of(river, table.drop(index=range(30, 37)))
    assert "level" in caught.value.refused[0].problem or "rain" in caught.value.refused[0].problem


def test_irregular_times_are_resampled_as_in_training(river, tables):
    table = tables.frame(400)
    rng = np.random.default_rng(3)
    stamps = np.datetime64("2025-03-01T00:00:00") + np.sort(rng.integers(0, 40 * 600, 400)).astype("timedelta64[s]")
    table["time"] = [f"{stamp}Z" for stamp in stamps]
    (trained,) = last_windows(river, clean_readings(river, table).readings)
    np.testing.assert_array_equal(window_of(river, table).values, trained.values)


def test_a_wide_table_needs_only_the_series_that_are_asked_for(river, tables):
    melt = {"melt": ["north", "south"], "into": "level"}
    wide = Dataset.model_validate({**river.model_dump(by_alias=True), "series": melt})
    table = tables.frame().rename(columns={"level": "north"})
    cut = cut_windows(wide, table, Terms(("north", "south")))
    assert [window.series for window in cut.windows] == ["north"]
    with pytest.raises(RequestError, match="no 'north'"):
        cut_windows(wide, table.drop(columns="north"), Terms(("north", "south")))


@dataclass(frozen=True)
class Forecasting:
    """A plane over really loaded models, and an event loop to ask in."""

    plane: StoreDataPlane
    loop: asyncio.Runner

    def ask(self, forecaster: Forecaster | None = None, **question):
        asked = forecaster or Forecaster(self.plane, clock=lambda: 1_740_000_000.0)
        return self.loop.run(asked.forecast(ReadingsQuestion(**question), {}))


@pytest.fixture(scope="module")
def forecasting(raw_server):
    """River and stations."""
    registry = StoreRepository()
    plane = StoreDataPlane(registry, Admission(Limits(), ServingMetrics(CollectorRegistry())))
    with ThreadPoolExecutor(2) as executor, asyncio.Runner() as loop:
        for name in ("river", "stations"):
            servable = load_servable(name, 1, raw_server.store.path(name, 1))
            registry.update(ServedModel(in_process(servable, executor)))
        yield Forecasting(plane, loop)


def test_listeners_hear_each_answer_and_their_failure_is_no_part_of_it(forecasting, tables, caplog):
    heard = []

    def broken(_):
        raise OSError("disk full")

    forecaster = Forecaster(forecasting.plane)
    forecaster.listeners += [broken, heard.append]
    with caplog.at_level(logging.ERROR, "sluice.serving"):
        answer = forecasting.ask(forecaster, model="river", readings=tables.frame())
    assert heard == [answer]
    assert "a listener failed" in caplog.text
    assert answer.forecasts.horizons == (1, 3)
    assert list(answer.recent.columns) == ["series", "time", "level", "rain", "tide"]
    assert answer.windows[0].values.shape == (12, 3)


def test_new_series_are_forecast_where_they_are_asked_for(forecasting, tables):
    table = tables.panel(("elsewhere",))
    with pytest.raises(UnusableReadings, match="the model knows no such series"):
        forecasting.ask(model="stations", readings=table)
    answer = forecasting.ask(model="stations", readings=table, new_series=True)
    assert [one.series for one in answer.forecasts.forecasts] == ["elsewhere"]


def test_the_servers_age_holds_where_the_question_has_none(forecasting, tables):
    strict = Forecaster(forecasting.plane, clock=lambda: 1_740_900_000.0, max_age_seconds=600)
    with pytest.raises(UnusableReadings, match="at most 600 s are accepted"):
        forecasting.ask(strict, model="river", readings=tables.frame())
    assert forecasting.ask(strict, model="river", readings=tables.frame(), max_age_seconds=1e6).forecasts.version == 1


def test_readings_far_ahead_of_the_clock_are_noted(forecasting, tables):
    answer = forecasting.ask(model="river", readings=tables.frame())
    assert any("ahead of this server's clock" in note for note in answer.forecasts.notes)


def test_an_unknown_model_or_version(forecasting, tables):
    with pytest.raises(NotServedError, match="served here: river, stations"):
        forecasting.ask(model="lake", readings=tables.frame())
    with pytest.raises(NotServedError, match="the champion is version 1"):
        forecasting.ask(model="river", version="7", readings=tables.frame())


def test_many_series_are_answered_together_and_alike(forecasting, tables):
    table = tables.panel(tuple(f"s{number:02d}" for number in range(60)))
    together = forecasting.ask(model="stations", readings=table, new_series=True).forecasts.forecasts
    assert len(together) == 60
    for one in (together[0], together[37]):
        own = table[table["station"] == one.series]
        (alone,) = forecasting.ask(model="stations", readings=own, new_series=True).forecasts.forecasts
        assert [row.forecast for row in alone.rows] == pytest.approx([row.forecast for row in one.rows], abs=1e-5)
