"""What the gauges say of versions and of the newest forecasts."""

from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from serving.forecasts import Forecasts, Row, SeriesForecast
from serving.server.metrics import MAX_SERIES, ServingMetrics


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def metrics(registry) -> ServingMetrics:
    return ServingMetrics(registry)


def forecasted(origin: str, value: float, series: str = "weir"):
    row = Row(6, origin, value, value - 1, value + 1, {"gru": value}, {"gru": 1.0})
    one = SeriesForecast(series, origin, last_value=value, spike_probability=0.25, rows=(row,))
    told = Forecasts("river", 3, "level", "m", 0.9, "10min", (6,), forecasts=(one,), refused=())
    return SimpleNamespace(forecasts=told)


def value(registry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(name, labels)


def test_the_newest_forecast_is_shown_with_its_band_spike_weights_and_time(metrics, registry):
    metrics.forecasted(forecasted("2026-01-01T00:00:00Z", 2.5))
    place = {"model": "river", "series": "weir"}
    assert value(registry, "sluice_newest_reading_timestamp_seconds", **place) == 1767225600
    assert value(registry, "sluice_newest_reading", **place) == 2.5
    assert value(registry, "sluice_forecast", **place, horizon="6") == 2.5
    assert value(registry, "sluice_forecast_lower", **place, horizon="6") == 1.5
    assert value(registry, "sluice_forecast_upper", **place, horizon="6") == 3.5
    assert value(registry, "sluice_spike_probability", **place) == 0.25
    assert value(registry, "sluice_member_weight", **place, member="gru", horizon="6") == 1.0


def test_an_older_window_asked_again_is_no_news(metrics, registry):
    metrics.forecasted(forecasted("2026-01-01T01:00:00Z", 2.0))
    metrics.forecasted(forecasted("2026-01-01T00:00:00Z", 9.0))
    assert value(registry, "sluice_newest_reading", model="river", series="weir") == 2.0


def test_gauges_are_kept_for_a_bounded_number_of_series(metrics, registry):
    for number in range(MAX_SERIES + 5):
        metrics.forecasted(forecasted("2026-01-01T00:00:00Z", 1.0, series=f"s{number}"))
    assert value(registry, "sluice_newest_reading", model="river", series=f"s{MAX_SERIES - 1}") == 1.0
    assert value(registry, "sluice_newest_reading", model="river", series=f"s{MAX_SERIES}") is None


def test_a_refused_version_is_an_alert_until_a_champion_serves(metrics, registry):
    labels = {"model": "river", "version": "4", "reason": "damaged"}
    metrics.refused_version("river", 4, "damaged")
    assert value(registry, "sluice_version_refused", **labels) == 1
    metrics.accepted_version("river")
    assert value(registry, "sluice_version_refused", **labels) is None


def test_the_champions_version_and_age_can_be_told(metrics, registry):
    metrics.champion("river", 7, 1_700_000_000.0)
    assert value(registry, "sluice_champion_version", model="river") == 7
    assert value(registry, "sluice_champion_promoted_timestamp_seconds", model="river") == 1_700_000_000.0
