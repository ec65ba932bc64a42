"""How far the target must rise to be a spike."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

TRAIN_SHARE = 0.7
SPIKE_PERCENTILE = 99.0


def guess_rise(target: NDArray[np.float64], inside: NDArray[np.bool_], within: int) -> float | None:
    """99th percentile of the rises within `within` steps over the first 70 % of each series' rows.

    Where the target hardly ever rises its standard deviation stands in; None where it never changes.

    Args:
        target: [grid rows] readings, NaN for none.
        inside: [grid rows] bool, false on the row after each series.
        within: steps within which the target rises.
    """
    ends = np.flatnonzero(~inside)
    starts = np.append(0, ends[:-1] + 1)
    training = [
        target[start : start + int((end - start) * TRAIN_SHARE)] for start, end in zip(starts, ends, strict=True)
    ]
    rises = np.concatenate([_rises(part, within) for part in training])
    rise = float(np.percentile(rises, SPIKE_PERCENTILE)) if len(rises) else 0.0
    rise = rise if rise > 0 else float(np.nanstd(target))
    return float(f"{rise:.3g}") if rise > 0 else None


def _rises(part: NDArray[np.float64], within: int) -> NDArray[np.float64]:
    values = pd.Series(part)
    peak = values.shift(-1)[::-1].rolling(within, min_periods=1).max()[::-1]
    rises: NDArray[np.float64] = (peak - values).to_numpy(dtype=np.float64)
    return rises[np.isfinite(rises)]
