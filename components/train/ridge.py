"""Ridge regression of the target's changes on the last rows of a window, in closed form, in bounded memory.

Normal equations are gathered in float64 over batches of windows; a shorter look-back is a corner of the longest one's
matrix, so one pass over the readings serves every look-back and every penalty (Hoerl and Kennard, 1970). Both are
chosen for each horizon by errors on blocks of the training part left out in turn and on the validation part together:
one validation part alone holds too few floods to choose by.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.preprocess.series import PartName, Series
from components.preprocess.windows import gather_future, gather_windows, origins
from components.train.scales import scales_at, window_units
from components.train.task import Task

Matrix = NDArray[np.float64]
Rows = NDArray[np.int64]

MOST_FEATURES = 1200
LOOK_BACKS = (1, 3, 6, 12, 24, 48, 96, 192, 336, 504, 720)
# Blocks of rows, newest first, whose means are features: fine close by, coarse far back.
BLOCK_EDGES = (1, 2, 3, 6, 12, 24, 48, 96)
# Penalties on standardised features, for each window.
PENALTIES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
FOLDS = 4
# Multiply-adds that one pass may cost: a few seconds of one core in float64.
WORK = 6e10
_BATCH_VALUES = 4_000_000


@dataclass(frozen=True)
class Layout:
    """Which features a linear model is given.

    Attributes:
        edges: rows back from the newest at which a block of rows ends, ascending; a block's features are its means.
        lengths: numbers of blocks among which the look-back is chosen.
        compressed: also asinh of levels and of changes in one step, as the layer `Compress` makes them.
    """

    edges: tuple[int, ...]
    lengths: tuple[int, ...]
    compressed: bool


@dataclass(frozen=True)
class Ridge:
    """A fitted linear model; it gives changes from the last value, in the target's unit or the window's own.

    Attributes:
        layout: the features.
        kernel: [look-back rows, features, horizons], oldest row first.
        ahead: [future features, horizons] on the scaled known columns of `Task.future_steps`.
        bias: [horizons].
        look_backs: [horizons], rows that each horizon's forecast looks back.
        penalties: [horizons].
        validation_rmse: over the validation windows used for the choice and all horizons, in the target's unit.
    """

    layout: Layout
    kernel: Matrix
    ahead: Matrix
    bias: Matrix
    look_backs: tuple[int, ...]
    penalties: tuple[float, ...]
    validation_rmse: float

    @property
    def rows(self) -> int:
        """Rows that the model looks back."""
        return int(self.kernel.shape[0])


@dataclass(frozen=True)
class _Moments:
    """Sums over windows of the products of features x (blocks, calendar, future, 1) and changes y [horizons]."""

    xx: Matrix
    xy: Matrix
    yy: Matrix
    count: int

    def __sub__(self, other: _Moments) -> _Moments:
        return _Moments(self.xx - other.xx, self.xy - other.xy, self.yy - other.yy, self.count - other.count)

    def __add__(self, other: _Moments) -> _Moments:
        return _Moments(self.xx + other.xx, self.xy + other.xy, self.yy + other.yy, self.count + other.count)

    def corner(self, columns: Rows) -> _Moments:
        return _Moments(self.xx[np.ix_(columns, columns)], self.xy[columns], self.yy, self.count)

    def squares(self, weights: Matrix) -> Matrix:
        """Summed squared errors of the weights [features, horizons]: [horizons]."""
        fitted = (weights * (self.xx @ weights)).sum(axis=0) - 2 * (weights * self.xy).sum(axis=0)
        return np.asarray(np.maximum(self.yy + fitted, 0.0))


def row_layout(task: Task) -> Layout:
    """Every one of the last rows by itself: the plain linear model."""
    ahead = len(task.future_steps) * len(task.known) + 2 * len(task.calendar) + 1
    deepest = max(1, min(task.window, LOOK_BACKS[-1], (MOST_FEATURES - ahead) // len(task.numeric)))
    lengths = (*(rows for rows in LOOK_BACKS if rows < deepest), deepest)
    return Layout(tuple(range(1, deepest + 1)), lengths, compressed=False)


def block_layout(task: Task, look_back: int) -> Layout:
    """Means of ever longer blocks of rows, of compressed levels and changes too: where a network starts from."""
    edges = tuple(edge for edge in BLOCK_EDGES if edge <= max(1, min(look_back, task.window // 2)))
    return Layout(edges, (len(edges),), compressed=True)


def start_layout(task: Task, look_back: int) -> Layout:
    """Where a member starts from: with a season, each of the last rows counts; blocks would blur it."""
    return block_layout(task, look_back) if look_back and task.segment == 1 else row_layout(task)


def fit_ridge(series: Series, task: Task, layout: Layout) -> Ridge:
    """The ridge whose look-back and penalty, chosen for each horizon, forecast rows that it has not seen best.

    A target that was filled rather than read counts as it was filled; windows whose targets are unknown are left out.
    """
    folds = [
        _moments(series, task, layout, rows) for rows in np.array_split(_thinned(series, task, layout, "train"), FOLDS)
    ]
    check = _moments(series, task, layout, _thinned(series, task, layout, "validation"))
    horizons = len(task.horizons)
    best = np.full(horizons, np.inf)
    weights = np.zeros((len(check.xx), horizons))
    lengths, penalties, checked = np.zeros(horizons, int), np.zeros(horizons), np.zeros(horizons)
    for length in layout.lengths:
        columns = _columns(task, layout, length)
        for trial in _trials([fold.corner(columns) for fold in folds], check.corner(columns)):
            better = trial.squares < best
            best[better], lengths[better], penalties[better] = trial.squares[better], length, trial.penalty
            checked[better] = trial.check[better]
            weights[:, better] = 0.0
            weights[np.ix_(columns, better)] = trial.weights[:, better]
    rmse = float(np.sqrt(checked.mean() / max(check.count, 1)))
    look_backs = tuple(layout.edges[length - 1] for length in lengths)
    kernel, ahead, bias = _unfolded(task, layout, weights, max(look_backs))
    return Ridge(layout, kernel, ahead, bias, look_backs, tuple(penalties.tolist()), rmse)


def features(task: Task, windows: NDArray[np.float32], units: Matrix, layout: Layout) -> Matrix:
    """Features of each row, as the layers `Normalise`, `FromLast` and `Compress` make them, in float64.

    [n, rows + 1, columns] raw units, [n] units of the windows -> [n, rows, features]; the first row only serves the
    change into the next one.
    """
    numeric = list(task.numeric)
    scaled = windows[..., numeric].astype(np.float64)
    scaled -= np.asarray(task.center)[numeric]
    scaled /= np.asarray(task.scale)[numeric]
    angles = [windows[..., index].astype(np.float64) * (2 * np.pi / period) for index, period in task.calendar]
    cyclic = [np.sin(angle)[..., None] for angle in angles] + [np.cos(angle)[..., None] for angle in angles]
    if task.own_unit:
        target = windows[..., task.target].astype(np.float64)
        scaled[..., task.target_feature] = (target - target[:, -1:]) / units[:, None]
    parts = [scaled, *cyclic]
    if layout.compressed:
        ratio = (np.asarray(task.scale) / np.asarray(task.step_scale))[numeric]
        change = np.diff(scaled, axis=1, prepend=scaled[:, :1]) * ratio
        parts += [np.arcsinh(scaled), *cyclic, np.arcsinh(change)]
    return np.concatenate(parts, axis=-1)[:, 1:]


def feature_count(task: Task, layout: Layout) -> int:
    """Features of one row."""
    plain = len(task.numeric) + 2 * len(task.calendar)
    return 2 * plain + len(task.numeric) if layout.compressed else plain


def ahead_features(series: Series, task: Task, rows: Rows) -> Matrix:
    """Scaled known columns at `Task.future_steps` after each origin: [n, steps * known]."""
    if not task.known:
        return np.empty((len(rows), 0))
    known = list(task.known)
    future = gather_future(series.values, rows, task.longest, known)[:, [step - 1 for step in task.future_steps]]
    scaled = (future.astype(np.float64) - np.asarray(task.center)[known]) / np.asarray(task.scale)[known]
    return np.asarray(scaled.reshape(len(rows), -1))


def changes(series: Series, task: Task, rows: Rows) -> Matrix:
    """Target after each origin less that at it, filled values included: [n, horizons]; NaN where there is none."""
    target = np.asarray(series.values[:, series.target])
    last = target[rows].astype(np.float64)
    return np.asarray(target[rows[:, None] + np.asarray(task.horizons)] - last[:, None])


def forecast_changes(series: Series, task: Task, ridge: Ridge, rows: Rows) -> Matrix:
    """The linear forecast less the last value: [n, horizons], in the target's unit."""
    kernel = ridge.kernel.reshape(-1, len(task.horizons))
    found = [np.empty((0, len(task.horizons)))]
    for batch in _batches(rows, len(kernel)):
        units = units_at(series, task, batch)
        window = features(task, gather_windows(series.values, batch, ridge.rows + 1), units, ridge.layout)
        ahead = ahead_features(series, task, batch) @ ridge.ahead
        found.append((window.reshape(len(batch), -1) @ kernel + ahead + ridge.bias) * units[:, None])
    return np.concatenate(found)


def units_at(series: Series, task: Task, rows: Rows) -> Matrix:
    """The unit of each window: [n], in the target's unit; 1 where windows have none of their own."""
    if not task.own_unit:
        return np.ones(len(rows))
    target = np.asarray(series.values[:, task.target : task.target + 1])
    return window_units(gather_windows(target, rows, task.window)[..., 0], task.least_unit)


def importance(series: Series, task: Task, rows: Rows) -> Matrix:
    """What a window's error in its own unit counts, so that series of all sizes count alike: [n]."""
    if not task.own_unit:
        return np.ones(len(rows))
    return np.asarray((units_at(series, task, rows) / scales_at(series, rows)) ** 2)


def _thinned(series: Series, task: Task, layout: Layout, part: PartName) -> Rows:
    """Origins of a part, evenly thinned where all of them would take too long."""
    # One row more than the window, for the change into its first row.
    rows = origins(series, part, task.window, task.horizons)
    rows = rows[rows >= layout.edges[-1]]
    most = max(2_000, int(WORK / _size(task, layout) ** 2))
    return rows if len(rows) <= most else rows[np.linspace(0, len(rows) - 1, most).astype(np.int64)]


def _by_block(task: Task, layout: Layout) -> list[int]:
    """Features that each block has: all but the calendar's, whose newest row says it all."""
    calendar = 2 * len(task.calendar)
    count, width = len(task.numeric), feature_count(task, layout)
    plain = count + calendar
    return [index for index in range(width) if not (count <= index < plain or plain + count <= index < 2 * plain)]


def _size(task: Task, layout: Layout) -> int:
    rest = 2 * len(task.calendar) + len(task.future_steps) * len(task.known) + 1
    return len(layout.edges) * len(_by_block(task, layout)) + rest


def _columns(task: Task, layout: Layout, length: int) -> Rows:
    """Which rows and columns of the longest look-back's matrix make up a shorter one's."""
    width = len(_by_block(task, layout))
    return np.concatenate([np.arange(length * width), np.arange(len(layout.edges) * width, _size(task, layout))])


def _moments(series: Series, task: Task, layout: Layout, rows: Rows) -> _Moments:
    size = _size(task, layout)
    xx, xy = np.zeros((size, size)), np.zeros((size, len(task.horizons)))
    yy, count = np.zeros(len(task.horizons)), 0
    for batch in _batches(rows, size * 3):
        y = changes(series, task, batch) / units_at(series, task, batch)[:, None]
        sound = np.isfinite(y).all(axis=1)
        counts = np.sqrt(importance(series, task, batch[sound]))[:, None]
        x, y = _design(series, task, layout, batch[sound]) * counts, y[sound] * counts
        xx += x.T @ x
        xy += x.T @ y
        yy += (y**2).sum(axis=0)
        count += len(y)
    return _Moments(xx, xy, yy, count)


def _design(series: Series, task: Task, layout: Layout, rows: Rows) -> Matrix:
    windows = gather_windows(series.values, rows, layout.edges[-1] + 1)
    newest_first = features(task, windows, units_at(series, task, rows), layout)[:, ::-1]
    own = newest_first[..., _by_block(task, layout)]
    starts = (0, *layout.edges[:-1])
    lengths = np.asarray(layout.edges) - np.asarray(starts)
    means = np.add.reduceat(own, starts, axis=1) / lengths[:, None]
    calendar = newest_first[:, 0, len(task.numeric) : len(task.numeric) + 2 * len(task.calendar)]
    parts = [means.reshape(len(rows), -1), calendar, ahead_features(series, task, rows), np.ones((len(rows), 1))]
    return np.concatenate(parts, axis=1)


def _unfolded(task: Task, layout: Layout, weights: Matrix, rows: int) -> tuple[Matrix, Matrix, Matrix]:
    """Kernel [rows, features, horizons] oldest first, future weights and bias of the weights of blocks."""
    own, horizons = _by_block(task, layout), len(task.horizons)
    kernel = np.zeros((rows, feature_count(task, layout), horizons))
    starts = (0, *layout.edges[:-1])
    for block, (start, end) in enumerate(zip(starts, layout.edges, strict=True)):
        if start < rows:
            kernel[start:end, own] = weights[block * len(own) : (block + 1) * len(own)] / (end - start)
    first = len(layout.edges) * len(own)
    calendar = 2 * len(task.calendar)
    kernel[0, len(task.numeric) : len(task.numeric) + calendar] = weights[first : first + calendar]
    return kernel[::-1].copy(), weights[first + calendar : -1], weights[-1]


def _batches(rows: Rows, size: int) -> Iterator[Rows]:
    step = max(1, _BATCH_VALUES // max(size, 1))
    for first in range(0, len(rows), step):
        yield rows[first : first + step]


@dataclass(frozen=True)
class _Trial:
    penalty: float
    weights: Matrix
    squares: Matrix
    check: Matrix


def _trials(folds: list[_Moments], check: _Moments) -> Iterator[_Trial]:
    """For each penalty: weights from the whole training part, and errors on what the weights have not seen."""
    whole = sum(folds[1:], folds[0])
    for penalty in PENALTIES:
        weights = _solved(whole, penalty)
        checked = check.squares(weights)
        left_out = sum((fold.squares(_solved(whole - fold, penalty)) for fold in folds), np.zeros(len(checked)))
        yield _Trial(penalty, weights, left_out + checked, checked)


def _solved(moments: _Moments, penalty: float) -> Matrix:
    """Ridge weights on features whose variance is taken out of the penalty; the constant, the last, pays none."""
    count = max(moments.count, 1)
    mean = moments.xx[-1] / count
    variance = np.maximum(np.diag(moments.xx) / count - mean**2, 0.0)
    floor = 1e-9 * max(float(variance.max()), 1e-9)
    ridge = penalty * np.maximum(variance, floor) * count + 1e-9 * count * floor
    ridge[-1] = 0.0 if moments.count else 1.0
    ridge[:-1] = np.maximum(ridge[:-1], 1e-10 * count)
    return np.asarray(np.linalg.solve(moments.xx + np.diag(ridge), moments.xy))
