"""What `/v1/forecasts` answers, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.deploy.store import ModelStore
from components.errors import InputError
from serving.live.highlights import companion, thresholds

if TYPE_CHECKING:
    from serving.live.latest import Track
    from serving.live.recent import Recent
    from serving.server.backend import Backend

DEFAULT_HOURS = 6.0
MAX_HOURS = 24.0
# Readings older than so many steps are called stale; over a weekend no business day is.
STALE_STEPS = 3
_STALE_BUSINESS_DAYS = 5
_MIN_STALE_SECONDS = 60.0


@dataclass(frozen=True)
class Wanted:
    """What of a model is asked for.

    Attributes:
        series: name of one; empty for all, without their readings where there is more than one.
        hours: of readings before the origin.
    """

    series: str = ""
    hours: float = DEFAULT_HOURS


def model_document(
    backend: Backend, tracks: Sequence[Track], wanted: Wanted, notice: str | None, now: float
) -> dict[str, Any]:
    """The latest of one model: what it is, and the newest forecast and readings of its series."""
    dataset = backend.folder.dataset
    shown = [track for track in tracks if wanted.series in ("", track.newest.series)]
    return {
        **_model(backend, dataset),
        "notice": notice,
        "all_series": [track.newest.series for track in tracks],
        "series": [_series(track, wanted, len(shown) == 1, now) for track in shown],
    }


def model_summary(backend: Backend, tracks: Sequence[Track], notice: str | None, now: float) -> dict[str, Any]:
    """One model in the list of all."""
    series = [
        {
            "series": track.newest.series,
            "origin": track.newest.origin,
            "age_seconds": _age(track, now),
            "last_value": track.newest.last_value,
            "spike_probability": track.newest.spike_probability,
        }
        for track in tracks
    ]
    dataset = backend.folder.dataset
    return {
        "model": backend.name,
        "version": str(backend.version),
        "target": dataset.target,
        "unit": dataset.columns[dataset.target].unit,
        "notice": notice,
        "series": series,
    }


def _model(backend: Backend, dataset: Dataset) -> dict[str, Any]:
    return {
        "model": backend.name,
        "version": str(backend.version),
        "champion_at": _champion_at(backend),
        "description": dataset.description,
        "target": dataset.target,
        "unit": dataset.columns[dataset.target].unit,
        "band": dataset.band,
        "step": dataset.step,
        "step_seconds": dataset.step_seconds,
        "stale_after_seconds": _stale_after(dataset),
        "timezone": dataset.timezone,
        "window": dataset.window,
        "horizons": dataset.horizons,
        "time_column": dataset.time,
        "series_column": dataset.series_column,
        "columns": {name: column.unit for name, column in dataset.columns.items()},
        "companion": companion(dataset),
        "thresholds": [asdict(threshold) for threshold in thresholds(dataset)],
        "spike": _spike(backend, dataset),
    }


def _spike(backend: Backend, dataset: Dataset) -> dict[str, Any] | None:
    if dataset.spike is not None:
        return {"rise": dataset.spike.rise, "within": dataset.spike.within}
    # Where the dataset file leaves it out, training has found it.
    found = backend.folder.card.get("spike")
    return {"rise": found["rise"], "within": found["within"]} if isinstance(found, dict) else None


def _series(track: Track, wanted: Wanted, with_readings: bool, now: float) -> dict[str, Any]:
    newest = track.newest
    return {
        "series": newest.series,
        "version": str(track.forecasts.version),
        "origin": newest.origin,
        "age_seconds": _age(track, now),
        "last_value": newest.last_value,
        "spike_probability": newest.spike_probability,
        "forecast": [asdict(row) for row in newest.rows],
        "recent": _recent(track.recent, track.origin, wanted.hours) if with_readings else None,
        "earlier": _earlier(track, wanted.hours) if with_readings else None,
    }


def _recent(recent: Recent, origin: np.datetime64, hours: float) -> dict[str, Any]:
    rows = recent.since(origin - _hours(hours))
    columns = {name: np.ascontiguousarray(rows.values[:, index]) for index, name in enumerate(rows.columns)}
    return {"time": _texts(rows.stamps), "columns": columns}


def _earlier(track: Track, hours: float) -> dict[str, Any]:
    start = _texts(np.array([track.origin - _hours(hours)]))[0]
    rows = [row for row in track.earlier if row.time > start]
    return {
        "horizon": track.newest.rows[-1].horizon,
        "time": [row.time for row in rows],
        "forecast": [row.forecast for row in rows],
    }


def _hours(hours: float) -> np.timedelta64:
    return np.timedelta64(round(hours * 3600), "s")


def _texts(stamps: NDArray[np.datetime64]) -> list[str]:
    return [f"{text}Z" for text in np.datetime_as_string(stamps, unit="s").tolist()]


def _age(track: Track, now: float) -> float:
    return round(now - float((track.origin - np.datetime64(0, "s")) / np.timedelta64(1, "s")), 1)


def _stale_after(dataset: Dataset) -> float:
    steps = _STALE_BUSINESS_DAYS if dataset.is_business_day else STALE_STEPS
    return max(_MIN_STALE_SECONDS, float(steps * dataset.step_seconds))


def _champion_at(backend: Backend) -> str | None:
    try:
        champion = ModelStore(backend.folder.path.parent.parent).champion(backend.name)
    except (OSError, InputError):
        return None
    if champion is None or champion.version != backend.version:
        return None
    return datetime.fromisoformat(champion.at).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
