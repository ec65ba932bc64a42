"""forecasts.parquet: what the servable answers for every test origin, from the members' stored forecasts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.ensemble.calibrate import Bands
from components.ensemble.conformal import Band
from components.ensemble.members import BATCH, Members, PartForecasts
from components.ensemble.servable import Fitted, rules_and_limits
from components.ensemble.signals import SignalReader
from components.preprocess.series import Series
from components.preprocess.windows import gather_targets, gather_windows
from components.train.baselines import persistence, seasonal_naive


@dataclass(frozen=True)
class TestPart:
    """What the forecasts of the test part are made of.

    Attributes:
        dataset: the dataset file.
        series: the prepared series.
        members: with their forecasts of the test part.
        fitted: weights of every kind.
        bands: adaptive and fixed bands of the test origins, before rules and limits.
    """

    __test__ = False

    dataset: Dataset
    series: Series
    members: Members
    fitted: Fitted
    bands: Bands


def write_forecasts(head: Any, test: TestPart, path: Path) -> int:
    """Runs the combining head over the test part, and writes one row per origin and horizon with a known actual.

    The members have answered the test windows in training, so only their combination is computed here. `lower` and
    `upper` are those of the adaptive band, as they would have been given then; the servable's own widths are fitted
    on truths of the test part.

    Returns:
        Rows written.
    """
    names = test.members.names
    schema = _schema(names, tuple(test.fitted.weighting.candidates))
    bounded = _bounding_model(test.dataset)
    shape = len(names), len(test.dataset.horizons)
    reader = SignalReader.of(test.series, test.fitted.signals, test.dataset.window, shape)
    rows = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for piece, part in test.members.test.pieces(BATCH):
            answer = ask_head(head, test.dataset, test.series, part)
            answer |= _bands(bounded, test, piece, answer)
            answer |= _combinations(test, reader, part)
            table = _table(schema, answer, test.dataset, test.series, part.origins, names)
            writer.write_table(table)
            rows += table.num_rows
    return rows


def _bounding_model(dataset: Dataset) -> Any:
    """Window and point, lower, upper [batch, horizons, 3] -> the same under the dataset's rules and limits."""
    window = keras.Input((dataset.window, len(dataset.inputs)), name="window")
    band = keras.Input((len(dataset.horizons), 3), name="band")
    return keras.Model({"window": window, "band": band}, rules_and_limits(dataset)(window, band))


def _bands(
    bounded: Any, test: TestPart, piece: slice, answer: dict[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Adaptive and fixed band of some test origins by column, each [n, horizons]."""
    window = gather_windows(test.series.values, test.members.test.origins[piece], test.dataset.window)
    point = (answer["members"] * answer["weights"]).sum(axis=1)

    def ends(band: Band) -> NDArray[np.float32]:
        given = {"window": window, "band": np.stack([point, band.lower[piece], band.upper[piece]], axis=-1)}
        return np.asarray(bounded.predict(given, batch_size=1024, verbose=0), np.float32)

    adaptive, fixed = ends(test.bands.adaptive), ends(test.bands.fixed)
    return {
        "lower": adaptive[..., 1],
        "upper": adaptive[..., 2],
        "static_lower": fixed[..., 1],
        "static_upper": fixed[..., 2],
    }


def _combinations(test: TestPart, reader: SignalReader, part: PartForecasts) -> dict[str, NDArray[np.float32]]:
    """What every kind of weights says, kept or not, within the target's limits, by column; each [n, horizons]."""
    lowest, highest = test.dataset.columns[test.dataset.target].limits
    low, high = -np.inf if lowest is None else lowest, np.inf if highest is None else highest
    found = test.fitted.weighting.forecasts(reader.at(part.origins, part.points), part.points)
    return {f"combined_{kind}": np.clip(values, low, high).astype(np.float32) for kind, values in found.items()}


def ask_head(head: Any, dataset: Dataset, series: Series, part: PartForecasts) -> dict[str, NDArray[np.float32]]:
    """The six outputs for some origins, by name; the leading axis is that of `part.origins`."""
    inputs = {
        "window": gather_windows(series.values, part.origins, dataset.window),
        "stacked": part.values,
    }
    if part.spike is not None:
        inputs["logit"] = part.spike
    answer = head.predict(inputs, batch_size=1024, verbose=0)
    return {name: np.asarray(values, np.float32) for name, values in answer.items()}


def _schema(names: tuple[str, ...], kinds: tuple[str, ...]) -> pa.Schema:
    figures = [
        *("actual", "forecast", "lower", "upper", "spike_probability"),
        *(f"member_{name}" for name in names),
        *("baseline_persistence", "baseline_seasonal_naive"),
        *(f"weight_{name}" for name in names),
        *("static_lower", "static_upper"),
        *(f"combined_{kind}" for kind in kinds),
    ]
    keys = [("series", pa.string()), ("origin", pa.timestamp("ns", tz="UTC")), ("horizon", pa.int32())]
    return pa.schema([*keys, *((name, pa.float32()) for name in figures)])


def _table(
    schema: pa.Schema,
    answer: dict[str, NDArray[np.float32]],
    dataset: Dataset,
    series: Series,
    origins: NDArray[np.int64],
    names: tuple[str, ...],
) -> pa.Table:
    """Long table of a batch; arrays [n, horizons] are laid out origin by origin."""
    horizons = dataset.horizons
    columns = {
        "actual": gather_targets(series, origins, horizons),
        **{name: values for name, values in answer.items() if name not in ("members", "weights", "spike_probability")},
        "spike_probability": np.repeat(answer["spike_probability"][:, None], len(horizons), axis=1),
        **{f"member_{name}": answer["members"][:, position] for position, name in enumerate(names)},
        "baseline_persistence": persistence(series, origins, horizons),
        "baseline_seasonal_naive": seasonal_naive(series, origins, horizons),
        **{f"weight_{name}": answer["weights"][:, position] for position, name in enumerate(names)},
        "horizon": np.broadcast_to(np.array(horizons, np.int32), (len(origins), len(horizons))),
    }
    known = np.isfinite(columns["actual"]).reshape(-1)
    flat = {name: np.ascontiguousarray(values).reshape(-1)[known] for name, values in columns.items()}
    flat["origin"] = np.repeat(np.asarray(series.stamps[origins]), len(horizons))[known].astype("datetime64[ns]")
    flat["series"] = np.repeat(_series_names(series, origins), len(horizons))[known]
    return pa.table([pa.array(flat[field.name], type=field.type) for field in schema], schema=schema)


def _series_names(series: Series, origins: NDArray[np.int64]) -> NDArray[np.object_]:
    starts = [span.start for span in series.spans]
    names = np.array([span.name for span in series.spans], dtype=object)
    return np.asarray(names[np.searchsorted(starts, origins, side="right") - 1])
