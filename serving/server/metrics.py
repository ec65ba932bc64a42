"""What Prometheus is told: requests, their latency and errors, versions, and the newest forecasts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

if TYPE_CHECKING:
    from serving.transformer.forecaster import Forecasted

# Milliseconds matter: one window takes 5 to 10 ms, and the documents' ceiling is 1.2 s.
LATENCY_SECONDS = (0.002, 0.005, 0.01, 0.015, 0.025, 0.05, 0.1, 0.25, 0.5, 1.2, 2.5, 5.0, 10.0)
# Gauges per series are kept for so many series of a model: each is a time series in Prometheus.
MAX_SERIES = 200


class ServingMetrics:
    """The server's metrics; every method may be called from any thread.

    Args:
        registry: where they are registered, once per registry.
    """

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        self._requests = Counter(
            "sluice_requests", "Answered requests.", ["model", "version", "protocol"], registry=registry
        )
        self._windows = Counter("sluice_windows", "Windows answered.", ["model", "version"], registry=registry)
        self._latency = Histogram(
            "sluice_request_seconds",
            "From the request's first byte read to the answer.",
            ["model", "protocol"],
            buckets=LATENCY_SECONDS,
            registry=registry,
        )
        self._errors = Counter(
            "sluice_errors", "Requests that failed, by kind.", ["protocol", "kind"], registry=registry
        )
        self._in_flight = Gauge("sluice_requests_in_flight", "Requests being answered.", registry=registry)
        self._champion = Gauge("sluice_champion_version", "Version that serves.", ["model"], registry=registry)
        self._champion_at = Gauge(
            "sluice_champion_promoted_timestamp_seconds", "When it became champion.", ["model"], registry=registry
        )
        self._refused = Gauge(
            "sluice_version_refused",
            "1 for a version of the store that can't be served (damaged, half written, no model).",
            ["model", "version", "reason"],
            registry=registry,
        )
        self._gauges = _ForecastGauges(registry)
        self._refusals: dict[str, set[tuple[str, str]]] = {}

    def answered(self, model: str, version: int, protocol: str, seconds: float, windows: int) -> None:
        """One request was answered."""
        self._requests.labels(model, str(version), protocol).inc()
        self._windows.labels(model, str(version)).inc(windows)
        self._latency.labels(model, protocol).observe(seconds)

    def failed(self, protocol: str, kind: str) -> None:
        """One request failed."""
        self._errors.labels(protocol, kind).inc()

    def in_flight(self, count: int) -> None:
        """So many requests are being answered."""
        self._in_flight.set(count)

    def champion(self, model: str, version: int, at: float) -> None:
        """A version serves since so many seconds after the epoch."""
        self._champion.labels(model).set(version)
        self._champion_at.labels(model).set(at)

    def refused_version(self, model: str, version: int, reason: str) -> None:
        """A version can't be served, for a reason of one word."""
        self._refusals.setdefault(model, set()).add((str(version), reason))
        self._refused.labels(model, str(version), reason).set(1)

    def accepted_version(self, model: str) -> None:
        """The model's champion serves: nothing of it is refused any longer."""
        for version, reason in self._refusals.pop(model, set()):
            self._refused.remove(model, version, reason)

    def forecasted(self, forecasted: Forecasted) -> None:
        """The newest forecast of each series, for the gauges."""
        self._gauges.show(forecasted)


class _ForecastGauges:
    def __init__(self, registry: CollectorRegistry) -> None:
        place = ["model", "series"]
        self._reading_at = Gauge(
            "sluice_newest_reading_timestamp_seconds", "Stamp of the target's newest reading.", place, registry=registry
        )
        self._value = Gauge("sluice_newest_reading", "The target's newest reading.", place, registry=registry)
        self._forecast = Gauge(
            "sluice_forecast", "Newest forecast, target's unit.", [*place, "horizon"], registry=registry
        )
        self._lower = Gauge("sluice_forecast_lower", "Its lower bound.", [*place, "horizon"], registry=registry)
        self._upper = Gauge("sluice_forecast_upper", "Its upper bound.", [*place, "horizon"], registry=registry)
        self._spike = Gauge("sluice_spike_probability", "Probability of a spike.", place, registry=registry)
        self._weight = Gauge(
            "sluice_member_weight", "Weight of a member in it.", [*place, "member", "horizon"], registry=registry
        )
        self._newest: dict[tuple[str, str], str] = {}

    def show(self, forecasted: Forecasted) -> None:
        forecasts = forecasted.forecasts
        for one in forecasts.forecasts:
            key = (forecasts.model, one.series)
            # An older window asked again (a replay, a test) is no news.
            if one.origin < self._newest.get(key, "") or (key not in self._newest and len(self._newest) >= MAX_SERIES):
                continue
            self._newest[key] = one.origin
            self._reading_at.labels(*key).set(_epoch(one.origin))
            self._value.labels(*key).set(one.last_value)
            self._spike.labels(*key).set(one.spike_probability)
            for row in one.rows:
                horizon = str(row.horizon)
                self._forecast.labels(*key, horizon).set(row.forecast)
                self._lower.labels(*key, horizon).set(row.lower)
                self._upper.labels(*key, horizon).set(row.upper)
                for member, weight in row.weights.items():
                    self._weight.labels(*key, member, horizon).set(weight)


def _epoch(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone(UTC).timestamp()
