"""Windows, targets and labels, cut from a series by row numbers; nothing of size rows x window is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from components.preprocess.rises import rises
from components.preprocess.series import PartName, Series, Span

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


def origins(series: Series, part: PartName, window: int, horizons: tuple[int, ...]) -> Rows:
    """Rows at which a forecast of a part may be made, one after the other: [n], ascending.

    Row i is an origin of a part where rows i-window+1..i are usable and of one series, and rows i+1..i+max(horizons)
    lie inside the part: targets never cross its border, while the window may look back over it. Where columns are
    known in the future, they have values in all of these rows.
    """
    found = [_origins_of(series, span, part, window, max(horizons)) for span in series.spans]
    return np.concatenate([np.empty(0, np.int64), *found])


def chunk_starts(series: Series, length: int, horizons: tuple[int, ...], stride: int) -> Rows:
    """First rows of chunks for training: [n], ascending; `length` usable rows of one series' training part each.

    Every row of a chunk has all its target rows inside the training part. Within a run of usable rows, chunks start
    every `stride` rows; one more ends where the run ends, so that no row of it is left out.
    """
    starts = origins(series, "train", length, horizons) - length + 1
    if len(starts) == 0:
        return starts
    breaks = np.flatnonzero(np.diff(starts) > 1) + 1
    runs = np.split(starts, breaks)
    return np.concatenate([np.union1d(run[::stride], run[-1:]) for run in runs])


def gather_windows(values: Floats, origins: Rows, window: int) -> Floats:
    """Windows that end at the origins: [n, window, columns] float32, copied in one gather.

    Args:
        values: [rows, columns], contiguous (a memory-mapped array will do).
        origins: [n], each at least window - 1.
        window: rows of a window.

    Raises:
        IndexError: where a window would start before the first row.
    """
    columns = values.shape[1]
    starts = np.asarray(origins, np.int64) - window + 1
    if starts.size and starts.min() < 0:
        raise IndexError(f"a window of {window} rows can't end at row {int(starts.min()) + window - 1}")
    # A window's rows lie together in memory: one view of the flat table makes each window one block to copy.
    flat = sliding_window_view(np.asarray(values).reshape(-1), window * columns)[::columns]
    return flat[starts].reshape(len(starts), window, columns)


def gather_targets(series: Series, origins: Rows, horizons: tuple[int, ...]) -> Floats:
    """Targets after the origins: [..., horizons] float32 for origins [...], raw units, NaN where not observed."""
    rows = np.asarray(origins, np.int64)[..., None] + np.asarray(horizons, np.int64)
    targets: Floats = np.asarray(series.values)[rows, series.target]
    targets[~np.asarray(series.observed)[rows]] = np.nan
    return targets


def gather_future(values: Floats, origins: Rows, steps: int, known: Sequence[int]) -> Floats:
    """Known columns after the origins: [n, steps, known] float32, raw units; `known` holds columns' positions."""
    rows = np.asarray(origins, np.int64)[:, None] + np.arange(1, steps + 1)
    return np.asarray(np.asarray(values)[rows[..., None], np.asarray(known, np.int64)])


def spike_labels(series: Series, origins: Rows) -> Floats:
    """Whether a spike follows each origin: [n] float32, 1 or 0; NaN where the target isn't observed after it.

    A spike: within the next `spike_within` rows of the same part, the observed target is `spike_rise` or more above
    its value at the origin.
    """
    order = np.argsort(origins, kind="stable")
    rows = np.asarray(origins, np.int64)[order]
    labels = np.full(len(rows), np.nan, np.float32)
    for first, last in _labelled_rows(series):
        inside = slice(*np.searchsorted(rows, (first, last)))
        if inside.start == inside.stop:
            continue
        from_row = int(rows[inside][0])
        rise = rises(series, from_row, last, series.spike_within)[rows[inside] - from_row]
        labels[order[inside]] = np.where(np.isnan(rise), np.nan, rise >= series.spike_rise)
    return labels


def _labelled_rows(series: Series) -> list[tuple[int, int]]:
    names: tuple[PartName, ...] = ("train", "validation", "test")
    borders = [(span.start, *span.part(name)) for span in series.spans for name in names]
    # The row just before a part is an origin of the part: its targets lie there.
    return [(max(first - 1, start), last) for start, first, last in borders if last > first]


def _origins_of(series: Series, span: Span, part: PartName, window: int, ahead: int) -> Rows:
    first, last = span.part(part)
    lowest, highest = max(first - 1, span.start + window - 1), last - 1 - ahead
    if highest < lowest:
        return np.empty(0, np.int64)
    allowed = _all_true(np.asarray(series.usable[lowest - window + 1 : highest + 1]), window)
    if series.known:
        known = np.asarray(series.values[lowest + 1 : highest + 1 + ahead, list(series.known)])
        future = np.asarray(np.isfinite(known).all(axis=1))
        allowed &= _all_true(future, ahead)
    return lowest + np.flatnonzero(allowed)


def _all_true(flags: NDArray[np.bool_], length: int) -> NDArray[np.bool_]:
    """Whether each run of `length` flags is all true: [flags - length + 1]."""
    counts = np.zeros(len(flags) + 1, np.int32)
    np.cumsum(flags, out=counts[1:])
    return np.asarray(counts[length:] - counts[:-length] == length)
