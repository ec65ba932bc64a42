"""Where the training, validation and test parts of each series lie: one after the other in time, never shuffled.

train                         validation        test
|----------------------------|----------------|----------------|
start                        validation       test             end
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset, Split
from components.errors import InputError
from components.preprocess.generations import Generation, spans_of_generations
from components.preprocess.on_grid import GridTable
from components.preprocess.series import Span

_ROUNDING = 1e-9


def split_spans(dataset: Dataset, table: GridTable) -> tuple[Span, ...]:
    """One span per series.

    Fractions are of the stamps at which the target was read in any series, so that a panel is split at the same
    moments. Numbers of rows count from each series' first row; rows beyond their sum are not used.
    """
    if dataset.split.in_rows:
        return _by_rows(table, np.cumsum(np.array(tuple(dataset.split.parts.values()), np.int64)))
    return _by_time(table, *_moments(dataset.split, table))


def split_generations(dataset: Dataset, table: GridTable, old: tuple[Generation, ...]) -> tuple[Span, ...]:
    """Spans of the generations that a model was trained on, and of the newest: rows after them, split alike.

    Raises:
        InputError: no row is newer, or the dataset is split by numbers of rows.
    """
    until = np.datetime64(old[-1].until, "ns")
    new = table.observed & (table.stamps > until)
    if dataset.split.in_rows or not new.any():
        problem = "is split by numbers of rows" if dataset.split.in_rows else f"has no readings after {str(until)[:19]}"
        raise InputError(dataset.name, problem, "give newer readings, or train from scratch: sluice run")
    validation, test = _moments_of(dataset.split, _unique(table.stamps[new]))
    newest = Generation(str(validation), str(test), str(table.stamps.max()))
    rows = zip(table.names, map(int, table.borders[:-1]), map(int, table.borders[1:]), strict=True)
    return tuple(span for own in rows for span in spans_of_generations(own, table.stamps, (*old, newest)))


def _by_rows(table: GridTable, ends: NDArray[np.int64]) -> tuple[Span, ...]:
    spans = []
    for name, start, end in zip(table.names, table.borders[:-1], table.borders[1:], strict=True):
        validation, test, last = (int(min(start + rows, end)) for rows in ends)
        spans.append(Span(name, int(start), validation, test, last))
    return tuple(spans)


def _moments(split: Split, table: GridTable) -> tuple[np.datetime64, np.datetime64]:
    stamps = _unique(table.stamps[table.observed])
    if len(stamps) == 0:
        stamps = table.stamps[:1]
    return _moments_of(split, stamps)


def _moments_of(split: Split, stamps: NDArray[np.datetime64]) -> tuple[np.datetime64, np.datetime64]:
    positions = [split.train, split.train + split.validation]
    first, second = (min(int(share * len(stamps) + _ROUNDING), len(stamps)) for share in positions)
    # One stamp after the last stands for an empty part.
    after = stamps[-1] + np.timedelta64(1, "ns")
    return (stamps[first] if first < len(stamps) else after), (stamps[second] if second < len(stamps) else after)


def _unique(stamps: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Each stamp once, in order; those of one series are so already."""
    return stamps if (stamps[1:] > stamps[:-1]).all() else np.unique(stamps)


def _by_time(table: GridTable, validation_from: np.datetime64, test_from: np.datetime64) -> tuple[Span, ...]:
    spans = []
    for name, start, end in zip(table.names, table.borders[:-1], table.borders[1:], strict=True):
        validation, test = start + np.searchsorted(table.stamps[start:end], [validation_from, test_from])
        spans.append(Span(name, int(start), int(validation), int(test), int(end)))
    return tuple(spans)
