"""What is set aside, where it stood, and why."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import pandas as pd

COLUMNS = ("source", "row", "kind", "column", "value", "reason")


class Fault(IntEnum):
    """What is wrong with a row; NONE where it is kept."""

    NONE = 0
    UNREADABLE_TIME = 1
    SKIPPED_HOUR = 2
    NO_SERIES = 3
    NO_VALUE = 4
    DUPLICATE = 5
    TORN = 6


REASONS = {
    Fault.UNREADABLE_TIME: "its time can't be read",
    Fault.SKIPPED_HOUR: "no clock showed this time: clocks were put forward over it",
    Fault.NO_SERIES: "it doesn't say which series it belongs to",
    Fault.NO_VALUE: "no usable value is left",
    Fault.DUPLICATE: "its time is a duplicate; the first row of it is kept",
}


def empty_quarantine() -> pd.DataFrame:
    """A quarantine of nothing, in the types of the file."""
    types = dict.fromkeys(COLUMNS, object) | {"row": np.int64}
    return pd.DataFrame({name: np.array([], dtype=types[name]) for name in COLUMNS})


def join_quarantine(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Rows and cells together, by source and row."""
    filled = [part[list(COLUMNS)] for part in parts if len(part)]
    if not filled:
        return empty_quarantine()
    frame = pd.concat(filled, ignore_index=True).astype({"row": "int64"})
    return frame.sort_values(["source", "row", "kind", "column"], kind="stable", ignore_index=True)
