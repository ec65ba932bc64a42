"""Columns of numbers that come piece by piece: held in memory, or laid down in a file while the table is read."""

from __future__ import annotations

from typing import BinaryIO, Protocol

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


class Columns(Protocol):
    """Columns by name, each as long as its pieces together; one without pieces is empty."""

    def add(self, name: str, values: Doubles) -> None:
        """Puts a piece behind the others of its column."""
        ...

    def take(self, name: str) -> Doubles:
        """The whole column, which is then empty again."""
        ...

    def part(self, name: str, first: int, last: int) -> Doubles:
        """Rows `first` up to `last` of a column of one piece."""
        ...


class HeldColumns:
    """Columns in memory."""

    def __init__(self) -> None:
        self._pieces: dict[str, list[Doubles]] = {}

    def add(self, name: str, values: Doubles) -> None:
        """See Columns."""
        self._pieces.setdefault(name, []).append(values)

    def take(self, name: str) -> Doubles:
        """See Columns."""
        return np.concatenate([np.empty(0), *self._pieces.pop(name, [])])

    def part(self, name: str, first: int, last: int) -> Doubles:
        """See Columns."""
        (whole,) = self._pieces[name]
        return whole[first:last]


class FiledColumns:
    """Columns in a file, so that memory holds none of them.

    What is taken leaves its place in the file unused: columns that are all added again take twice their size.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._end = file, 0
        self._places: dict[str, list[tuple[int, int]]] = {}

    def add(self, name: str, values: Doubles) -> None:
        """See Columns."""
        self._file.seek(self._end)
        values.tofile(self._file)
        self._places.setdefault(name, []).append((self._end, len(values)))
        self._end += values.nbytes

    def take(self, name: str) -> Doubles:
        """See Columns."""
        places = self._places.pop(name, [])
        whole, at = np.empty(sum(count for _, count in places)), 0
        for place, count in places:
            whole[at : at + count] = self._read(place, count)
            at += count
        return whole

    def part(self, name: str, first: int, last: int) -> Doubles:
        """See Columns."""
        ((place, count),) = self._places[name]
        return self._read(place + first * np.dtype(np.float64).itemsize, min(last, count) - first)

    def _read(self, place: int, count: int) -> Doubles:
        self._file.seek(place)
        return np.fromfile(self._file, np.float64, count)
