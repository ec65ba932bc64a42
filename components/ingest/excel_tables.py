"""Excel workbooks as tables: the first sheet that has the wanted columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from components.errors import InputError
from components.ingest.headers import clean_names, require_columns
from components.ingest.raw_table import RawTable

CHUNK_ROWS = 50_000


def read_excel(path: Path, source: str, columns: Sequence[str] | None) -> Iterator[RawTable]:
    """Tables of a workbook's first sheet with the wanted columns (of its first with any cell where none are named).

    Raises:
        InputError: openpyxl is not installed, the file is no workbook, it is empty, or it lacks a wanted column.
    """
    workbook = _open(path, source)
    try:
        names, rows = _choose_sheet(workbook, source, columns)
        require_columns(names, columns, source)
        first = 1
        while chunk := list(islice(rows, CHUNK_ROWS)):
            table = _table(chunk, names, source, columns, first)
            first += len(chunk)
            yield table
    finally:
        workbook.close()


def _open(path: Path, source: str) -> Any:
    try:
        import openpyxl
    except ImportError as error:
        raise InputError(source, "reading Excel files needs openpyxl", 'pip install "sluice[excel]"') from error
    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:
        # openpyxl raises KeyError, BadZipFile, ValueError and more for what is no workbook.
        problem = f"it can't be read as an Excel workbook: {error}"
        raise InputError(source, problem, "save it from Excel as .xlsx, or as CSV") from error


def _choose_sheet(workbook: Any, source: str, columns: Sequence[str] | None) -> tuple[list[str], Iterator[Any]]:
    found: list[tuple[list[str], Iterator[Any]]] = []
    for sheet in workbook.worksheets:
        rows = (row for row in sheet.iter_rows(values_only=True) if any(cell is not None for cell in row))
        header = next(rows, None)
        if header is not None:
            found.append((clean_names(header), rows))
    if not found:
        raise InputError(source, "the workbook is empty", "give a sheet with a header row and rows of readings")
    wanted = set(columns or ())
    return max(found, key=lambda sheet: len(wanted.intersection(sheet[0])))


def _table(chunk: list[Any], names: list[str], source: str, columns: Sequence[str] | None, first: int) -> RawTable:
    width = len(names)
    cells = [(*row, *(None,) * (width - len(row)))[:width] for row in chunk]
    frame = pd.DataFrame(cells, columns=names, dtype=object)
    if columns:
        frame = frame[list(columns)]
    return RawTable(source, frame, np.arange(first, first + len(frame), dtype=np.int64))
