"""A whole table in memory, as far as guessing a dataset file needs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.errors import InputError
from components.ingest.cells import as_text
from components.ingest.numbers import Numbers, parse_numbers
from components.ingest.raw_table import RawTable
from components.ingest.read import read_tables
from components.ingest.stamps import StampReader
from components.ingest.wall_clock import NO_TIME

SAMPLE_ROWS = 2_000


@dataclass(frozen=True)
class GuessTable:
    """Pieces of a table that was read whole, and its columns by name, piece after piece."""

    pieces: Sequence[RawTable]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Columns that every piece has, in the order of the first."""
        first, *others = (list(piece.frame.columns) for piece in self.pieces)
        return tuple(str(name) for name in first if all(name in other for other in others))

    def numbers(self, name: str) -> Numbers:
        """A column's cells as numbers."""
        parts = [parse_numbers(piece.frame[name], piece.decimal) for piece in self.pieces]
        return Numbers(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.wrong for part in parts]),
            np.concatenate([part.infinite for part in parts]),
        )

    def codes(self, name: str) -> NDArray[np.int64]:
        """A column's cells numbered by their text, -1 where there is none."""
        texts = pd.concat([as_text(piece.frame[name]).to_pandas() for piece in self.pieces], ignore_index=True)
        return np.asarray(pd.factorize(texts)[0], dtype=np.int64)

    def stamps(self, name: str) -> NDArray[np.int64]:
        """A column's cells as nanoseconds since 1970 by the clock that wrote them, NO_TIME for none."""
        readers: dict[str, StampReader] = {}
        parts = [readers.setdefault(piece.source, StampReader()).read(piece.frame[name]).ns for piece in self.pieces]
        return np.concatenate(parts)

    def stamp_share(self, name: str) -> float:
        """Share of the first cells that are stamps."""
        head = self.pieces[0].frame[name].head(SAMPLE_ROWS)
        return float((StampReader().read(head).ns != NO_TIME).mean()) if len(head) else 0.0


def read_guess_table(path: Path) -> GuessTable:
    """Reads a whole table.

    Raises:
        InputError: it can't be read, or has no row.
    """
    pieces = [piece for piece in read_tables(str(path)) if len(piece.frame)]
    if not pieces:
        raise InputError(str(path), "the table has no row", "give a table with a header line and rows of readings")
    return GuessTable(pieces)
