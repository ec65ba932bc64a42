"""Cells of a column, whatever their type, as Arrow text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Spellings of "no reading" in loggers' and spreadsheets' files, in lower case.
MISSING = frozenset(
    {"", "-", "--", ".", "na", "n/a", "#n/a", "#na", "<na>", "nan", "nat", "null", "none", "nil", "missing"}
)


def as_text(column: pd.Series) -> Any:
    """The cells as one Arrow string array without surrounding blanks; nothing stays nothing."""
    if isinstance(column.dtype, pd.ArrowDtype):
        array = pa.array(column.array)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_large_string(array.type) or pa.types.is_string(array.type):
            return pc.utf8_trim_whitespace(array.cast(pa.string()))
        column = column.astype(object)
    absent = column.isna().to_numpy(dtype=bool)
    cells = column.to_numpy(dtype=object)
    texts = [None if missing else _text(cell) for cell, missing in zip(cells, absent, strict=True)]
    return pa.array(texts, pa.string())


def is_missing(texts: Any) -> NDArray[np.bool_]:
    """Which cells say that there is no reading."""
    spelled = pc.is_in(pc.utf8_lower(texts), value_set=pa.array(sorted(MISSING)))
    return np.asarray(pc.or_kleene(pc.is_null(texts), spelled).to_numpy(zero_copy_only=False), dtype=bool)


def _text(cell: object) -> str:
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    # Text with lone surrogates has no UTF-8 form.
    return str(cell).strip().encode("utf-8", "replace").decode()
