"""forecasts.parquet: what the servable answers for every test origin, from the members' stored forecasts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.ensemble.members import Members, PartForecasts
from components.preprocess.series import Series
from components.preprocess.windows import gather_targets, gather_windows
from components.train.baselines import persistence, seasonal_naive

# Windows of one batch: 8,192 x 100 x 12 float32 are 39 MB.
BATCH = 8192


def write_forecasts(head: Any, dataset: Dataset, series: Series, members: Members, path: Path) -> int:
    """Runs the combining head over the test part, and writes one row per origin and horizon with a known actual.

    The members have answered the test windows in training, so only their combination is computed here.

    Returns:
        Rows written.
    """
    schema = _schema(members.names)
    rows = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in _batches(members.test):
            answer = ask_head(head, dataset, series, part)
            table = _table(schema, answer, dataset, series, part.origins, members.names)
            writer.write_table(table)
            rows += table.num_rows
    return rows


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


def _batches(part: PartForecasts) -> Iterator[PartForecasts]:
    for start in range(0, len(part.origins), BATCH):
        piece = slice(start, start + BATCH)
        spike = None if part.spike is None else part.spike[piece]
        yield PartForecasts(part.origins[piece], part.values[piece], spike)


def _schema(names: tuple[str, ...]) -> pa.Schema:
    figures = [
        *("actual", "forecast", "lower", "upper", "spike_probability"),
        *(f"member_{name}" for name in names),
        *("baseline_persistence", "baseline_seasonal_naive"),
        *(f"weight_{name}" for name in names),
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
        **{name: answer[name] for name in ("forecast", "lower", "upper")},
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
