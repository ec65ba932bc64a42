"""A piece of a table as its source gave it, before anything is judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Decimal = Literal[".", ","]


@dataclass(frozen=True)
class Rejected:
    """A row whose cells can't be told apart.

    Attributes:
        row: 1-based data row in the source.
        text: the row as it stands.
        reason: why it can't be read.
    """

    row: int
    text: str
    reason: str


@dataclass(frozen=True)
class RawTable:
    """Some consecutive rows of one source, their cells untouched.

    Attributes:
        source: name of the file, sheet or query.
        frame: the cells, as text or as the objects that the source holds.
        rows: [rows] int64, 1-based data row of each row in the source.
        decimal: the sign that separates decimals in text.
        rejected: rows between these that have no place in `frame`.
    """

    source: str
    frame: pd.DataFrame
    rows: NDArray[np.int64]
    decimal: Decimal = "."
    rejected: tuple[Rejected, ...] = ()

    @property
    def first_row(self) -> int:
        """1-based data row of the first row, 0 where there is none."""
        return int(self.rows[0]) if len(self.rows) else 0
