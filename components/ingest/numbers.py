"""Cells of a column as numbers, and which of them are none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from components.ingest.cells import as_text, is_missing
from components.ingest.raw_table import Decimal

_PLAIN = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_INFINITE = r"(?i)^[+-]?inf(inity)?$"
_THOUSANDS = r"^[+-]?[0-9]{1,3}(,[0-9]{3})+(\.[0-9]+)?$"
_POINT_THOUSANDS = r"^[+-]?[0-9]{1,3}(\.[0-9]{3})+,[0-9]+$"
_COMMA_DECIMALS = r"^[+-]?([0-9]+,[0-9]*|,[0-9]+)([eE][+-]?[0-9]+)?$"


@dataclass(frozen=True)
class Numbers:
    """A column's cells as numbers.

    Attributes:
        values: [rows] float64, NaN where there is no finite number.
        wrong: [rows] bool, cells that hold something that is no number.
        infinite: [rows] bool, cells that hold infinity.
    """

    values: NDArray[np.float64]
    wrong: NDArray[np.bool_]
    infinite: NDArray[np.bool_]


def parse_numbers(column: pd.Series, decimal: Decimal) -> Numbers:
    """Reads a column's cells as numbers.

    Spellings of "no reading" are missing and not wrong. In text, blanks around are dropped; groups of thousands
    are joined (`71,300`); with `decimal` a comma, `1,5` and `1.234,5` are numbers as well.
    """
    values = _typed(column)
    if values is None:
        return _from_text(as_text(column), decimal)
    return _finite(values, np.zeros(len(values), dtype=bool))


def _typed(column: pd.Series) -> NDArray[np.float64] | None:
    """Values of a column of numbers or of text without a fault; None where cells need a closer look."""
    dtype = column.dtype
    if not isinstance(dtype, pd.ArrowDtype):
        return column.to_numpy(dtype=np.float64, na_value=np.nan) if pd.api.types.is_numeric_dtype(dtype) else None
    kind = dtype.pyarrow_dtype
    numeric = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    if not (numeric or pa.types.is_string(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind)):
        return None
    array = pa.array(column.array)
    try:
        if pa.types.is_string(kind):
            # The commonest fault by far: no text at all.
            array = pc.if_else(pc.equal(array, ""), None, array)
        numbers = pc.cast(array, pa.float64(), safe=False)
    except pa.ArrowInvalid:
        return None
    return np.array(numbers.to_numpy(zero_copy_only=False) if isinstance(numbers, pa.Array) else numbers.to_numpy())


def _from_text(texts: Any, decimal: Decimal) -> Numbers:
    plain = _matches(texts, _PLAIN)
    values = _cast(texts, plain)
    wrong = np.zeros(len(values), dtype=bool)
    # The closer look is slow, and few cells need it.
    odd = np.flatnonzero(~plain)
    values[odd], wrong[odd] = _odd_spellings(texts.take(pa.array(odd)), decimal)
    return _finite(values, wrong)


def _odd_spellings(texts: Any, decimal: Decimal) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Values of cells that are no plain numbers, NaN where there is none, and which of them are wrong."""
    missing = is_missing(texts)
    texts = _plain_spelling(pc.replace_substring(texts, pattern="\u2212", replacement="-"), decimal)
    readable = _matches(texts, _PLAIN) | _matches(texts, _INFINITE)
    return _cast(texts, readable & ~missing), ~missing & ~readable


def _cast(texts: Any, chosen: NDArray[np.bool_]) -> NDArray[np.float64]:
    numbers = pc.cast(pc.if_else(pa.array(chosen), texts, None), pa.float64())
    return np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def _plain_spelling(texts: Any, decimal: Decimal) -> Any:
    if decimal == ".":
        return _where(texts, _THOUSANDS, pc.replace_substring(texts, ",", ""))
    without_points = _where(texts, _POINT_THOUSANDS, pc.replace_substring(texts, ".", ""))
    return _where(without_points, _COMMA_DECIMALS, pc.replace_substring(without_points, ",", "."))


def _where(texts: Any, pattern: str, replaced: Any) -> Any:
    return pc.if_else(pa.array(_matches(texts, pattern)), replaced, texts)


def _matches(texts: Any, pattern: str) -> NDArray[np.bool_]:
    found = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
    return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)


def _finite(values: NDArray[np.float64], wrong: NDArray[np.bool_]) -> Numbers:
    infinite = np.isinf(values)
    if infinite.any():
        values = np.where(infinite, np.nan, values)
    return Numbers(values, wrong, infinite)
