"""Where the folds of a rolling-origin cross-validation lie.

fold 1  train          |validation|  block  |
fold 2  train                     |validation|  block  |
fold 3  train                                |validation|  block  |   test part, never read
        first moment ------------------------------------------------> time

Blocks are of equal length, one after the other, and end where the dataset's test part begins, so that what is chosen
by them can still be judged there. Hyndman and Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., section
5.10. The stretch before each block is the fold's own validation part (when training stops); the block is its test
part, which no training sees. Parts hold their targets whole (`windows.origins`), so that no target of training or of
choosing lies in a block; a block's first windows look back over its border, as they do when a model serves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.errors import InputError
from components.preprocess.rises import spike_rise_of
from components.preprocess.scaler import fit_scaler
from components.preprocess.series import Series, Span
from components.preprocess.windows import origins

# The blocks of all folds hold this share of the moments before the test part.
BLOCKS_SHARE = 0.5
LEAST_FOLDS = 2
_PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Fold:
    """One fold of several; `number` counts from 1, the earliest."""

    number: int
    of: int


@dataclass(frozen=True)
class Borders:
    """Moments of a fold: training ends before `validation`, that before `block`, and the block before `end`."""

    validation: np.datetime64
    block: np.datetime64
    end: np.datetime64


def fold_borders(series: Series, fold: Fold) -> Borders:
    """Moments at which the parts of a fold begin, the same in all series of a panel.

    Moments are the stamps before the test part at which the target was read in any series.

    Raises:
        InputError: no such fold, or fewer moments than folds.
    """
    if fold.of < LEAST_FOLDS or not 1 <= fold.number <= fold.of:
        raise InputError("--folds", f"there is no fold {fold.number} of {fold.of}", f"take at least {LEAST_FOLDS}")
    moments = _moments(series)
    length = int(len(moments) * BLOCKS_SHARE) // fold.of
    if length < 1:
        raise _too_short(fold, f"there are {len(moments)} moments before the test part")
    after = np.append(moments, moments[-1] + np.timedelta64(1, "ns"))
    block = len(moments) - length * (fold.of - fold.number + 1)
    return Borders(after[block - length], after[block], after[block + length])


def fold_series(dataset: Dataset, series: Series, fold: Fold) -> Series:
    """The series as one fold sees it: the same arrays, other parts, and a scaler of its own training rows.

    Args:
        dataset: says how long windows are, and whether it defines a spike.
        series: the prepared series of the whole dataset.
        fold: which one.

    Raises:
        InputError: a part of the fold holds no window.
    """
    borders = fold_borders(series, fold)
    spans = tuple(_span(series, span, borders) for span in series.spans)
    own = replace(series, spans=spans, scaler=fit_scaler(series.values, series.usable, spans))
    if dataset.spike is None:
        own = replace(own, spike_rise=spike_rise_of(own, series.spike_within))
    own = replace(own, digest=_digest(series, own))
    for part in _PARTS:
        if not len(origins(own, part, dataset.window, dataset.horizons)):  # type: ignore[arg-type]
            raise _too_short(fold, f"its {part} part holds no window with {max(dataset.horizons)} steps after it")
    return own


def _moments(series: Series) -> NDArray[np.datetime64]:
    read = [_observed(series, span) for span in series.spans]
    return np.unique(np.concatenate([np.empty(0, "datetime64[ns]"), *read]))


def _observed(series: Series, span: Span) -> NDArray[np.datetime64]:
    rows = slice(span.start, span.test)
    return np.asarray(np.asarray(series.stamps[rows])[np.asarray(series.observed[rows])])


def _span(series: Series, span: Span, borders: Borders) -> Span:
    stamps = series.stamps[span.start : span.test]
    rows = np.searchsorted(stamps, np.array([borders.validation, borders.block, borders.end]))
    validation, block, end = (span.start + int(row) for row in rows)
    return Span(span.name, span.start, validation, block, end)


def _digest(series: Series, own: Series) -> str:
    facts = (series.digest, _plain(own.spans), asdict(own.scaler), own.spike_rise)
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def _plain(spans: Iterable[Span]) -> list[dict[str, object]]:
    return [asdict(span) for span in spans]


def _too_short(fold: Fold, problem: str) -> InputError:
    return InputError(
        f"fold {fold.number} of {fold.of}",
        problem,
        "give more readings, fewer --folds, or a shorter window or horizon in the dataset file",
    )
