"""Says why there are no windows to train, validate or test on, and what to do."""

from __future__ import annotations

from typing import get_args

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.errors import InputError
from components.preprocess.gaps import Gap, gaps_of, longest_usable
from components.preprocess.series import PartName, Series
from components.preprocess.windows import origins

PARTS: tuple[PartName, ...] = get_args(PartName)


def count_windows(dataset: Dataset, series: Series) -> dict[PartName, int]:
    """Windows of each part.

    Raises:
        InputError: if a part has none with a target to compare with; it tells the rows that there are and that
            are needed, and the gap that broke windows.
    """
    counts: dict[PartName, int] = {}
    for part in PARTS:
        rows = origins(series, part, dataset.window, dataset.horizons)
        if not _any_target_read(series, rows, dataset.horizons):
            raise _shortage(dataset, series, part)
        counts[part] = len(rows)
    return counts


def _any_target_read(series: Series, rows: NDArray[np.int64], horizons: tuple[int, ...]) -> bool:
    return any(bool(series.observed[rows + horizon].any()) for horizon in horizons)


def _shortage(dataset: Dataset, series: Series, part: PartName) -> InputError:
    ahead = max(dataset.horizons)
    rows = sum(last - first for first, last in (span.part(part) for span in series.spans))
    needed = (
        f"a window of {dataset.window} rows and a horizon of {ahead} need {dataset.window + ahead} rows of one series "
        "without a gap"
        if part == "train"
        else f"a horizon of {ahead} needs {ahead} rows of one series, after a window of {dataset.window} without a gap"
    )
    gap = gaps_of(series, part).longest
    broken = f"; longest gap: {gap}" if gap else ""
    problem = (
        f"the {part} part has no window with a target read after it: it has {rows} of {len(series.values)} rows, "
        f"at most {longest_usable(series, part)} in a run, while {needed}{broken}"
    )
    return InputError(f"{dataset.name}: split.{part}", problem, _fix(dataset, gap))


def _fix(dataset: Dataset, gap: Gap | None) -> str:
    names = [name for name in gap.columns if name in dataset.columns] if gap else []
    longer = f", or raise columns.{names[0]}.missing.max_gap" if names else ""
    return f"give more readings, choose a smaller window, shorter horizons or another split{longer}"
