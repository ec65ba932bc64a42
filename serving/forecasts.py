"""Forecasts as people read them: each series by its name, each horizon by its time, numbers in the target's unit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from components.dataset.schema import Dataset
    from components.preprocess.last_window import LastWindow


@dataclass(frozen=True)
class Row:
    """The forecast at one horizon.

    Attributes:
        horizon: lead time in steps.
        time: what it is for, ISO 8601, UTC.
        forecast: in the target's unit, like `lower`, `upper` and the members'.
        lower: lower end of the band.
        upper: upper end of the band.
        members: each member's forecast.
        weights: each member's weight.
    """

    horizon: int
    time: str
    forecast: float
    lower: float
    upper: float
    members: dict[str, float]
    weights: dict[str, float]


@dataclass(frozen=True)
class SeriesForecast:
    """The forecast of one series.

    Attributes:
        series: its name.
        origin: stamp of the window's last reading, ISO 8601, UTC.
        last_value: the target there.
        spike_probability: of a spike after the origin.
        rows: one for each horizon.
    """

    series: str
    origin: str
    last_value: float
    spike_probability: float
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Refusal:
    """Why a series has no forecast.

    Attributes:
        series: its name.
        problem: what is wrong with its readings.
        fix: what to do about it.
    """

    series: str
    problem: str
    fix: str

    def __str__(self) -> str:
        return f"{self.series}: {self.problem} (fix: {self.fix})"


@dataclass(frozen=True)
class Forecasts:
    """The forecasts of a table of readings, all by one version.

    Attributes:
        model: name.
        version: that answered.
        target: name of the column that is forecast.
        unit: its unit.
        band: nominal coverage of `lower` to `upper`.
        step: length of a step, as the dataset file writes it.
        horizons: lead times in steps.
        forecasts: one for each series that can be forecast.
        refused: why other series have none.
        notes: what was set aside, or not used, of the readings.
    """

    model: str
    version: int
    target: str
    unit: str
    band: float
    step: str
    horizons: tuple[int, ...]
    forecasts: tuple[SeriesForecast, ...]
    refused: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """JSON values, under the attributes' names."""
        return asdict(self)


def series_forecasts(
    dataset: Dataset,
    windows: Sequence[LastWindow],
    outputs: Mapping[str, NDArray[np.float32]],
    members: Sequence[str],
) -> tuple[SeriesForecast, ...]:
    """One forecast for each window.

    Args:
        dataset: whose horizons and steps give the times.
        windows: that were asked.
        outputs: of the servable, [windows, ...] by name.
        members: names in the order of the output `members`.
    """
    lists = {name: _lists(array) for name, array in outputs.items()}
    return tuple(_series_forecast(dataset, window, lists, i, members) for i, window in enumerate(windows))


def _lists(array: NDArray[np.float32]) -> list[Any]:
    import numpy as np
    import orjson

    if not np.isfinite(array).all():
        return list(array.tolist())
    # The shortest text of a float32: 1.23, where float() alone would show 1.2300000190734863.
    text = orjson.dumps(np.ascontiguousarray(array), option=orjson.OPT_SERIALIZE_NUMPY)
    return list(orjson.loads(text))


def _series_forecast(
    dataset: Dataset, window: LastWindow, lists: Mapping[str, list[Any]], index: int, members: Sequence[str]
) -> SeriesForecast:
    from components.preprocess.grid import stamps_after

    times = utc_texts(stamps_after(dataset, window.origin, dataset.horizons))
    forecast, lower, upper = (lists[name][index] for name in ("forecast", "lower", "upper"))
    # [members, horizons] to one row of members for each horizon.
    by_horizon, weights = (list(zip(*lists[name][index], strict=True)) for name in ("members", "weights"))
    rows = tuple(
        Row(
            horizon=horizon,
            time=times[h],
            forecast=forecast[h],
            lower=lower[h],
            upper=upper[h],
            members=dict(zip(members, by_horizon[h], strict=True)),
            weights=dict(zip(members, weights[h], strict=True)),
        )
        for h, horizon in enumerate(dataset.horizons)
    )
    return SeriesForecast(
        series=window.series,
        origin=utc_text(window.origin),
        last_value=_lists(window.values[-1:, dataset.target_index])[0],
        spike_probability=lists["spike_probability"][index],
        rows=rows,
    )


def utc_text(stamp: np.datetime64) -> str:
    """A stamp as ISO 8601 in UTC, to the second."""
    import numpy as np

    return f"{np.datetime_as_string(stamp, unit='s')}Z"


def utc_texts(stamps: NDArray[np.datetime64]) -> list[str]:
    """Stamps as ISO 8601 in UTC, to the second."""
    import numpy as np

    return [f"{text}Z" for text in np.datetime_as_string(stamps, unit="s").tolist()]
