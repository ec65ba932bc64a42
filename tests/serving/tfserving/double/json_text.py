"""JSON as RapidJSON reads and writes it in TensorFlow Serving: NaN both ways, its layout, its error texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
from double.status import invalid
from numpy.typing import NDArray

# rapidjson/error/en.h, for what Python's parser says.
_PARSE_ERRORS = {
    "Expecting property name enclosed in double quotes": "Missing a name for object member.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting value": "Invalid value.",
    "Unterminated string starting at": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
}
_COMMA = {
    "{": "Missing a comma or } after an object member.",
    "[": "Missing a comma or ] after an array element.",
}
_SHOWN_BYTES = 256
_TYPES = {type(None): "Null", list: "Array", dict: "Object", str: "String"}


def parse_object(body: bytes) -> dict[str, Any]:
    """A body as an object; what comes after the object isn't looked at.

    Raises:
        StatusError: it is none.
    """
    text = body.decode("utf-8", errors="replace")
    start = len(text) - len(text.lstrip())
    if start == len(text):
        raise invalid("JSON Parse error: The document is empty" + (". at offset: 0" if text else ""))
    try:
        value, _ = json.JSONDecoder().raw_decode(text, start)
    except json.JSONDecodeError as error:
        said = _PARSE_ERRORS.get(error.msg) or _COMMA[_open_bracket(text[: error.pos])]
        raise invalid(f"JSON Parse error: {said} at offset: {error.pos}") from error
    except RecursionError as error:
        raise invalid("JSON Parse error: Terminate parsing due to Handler error. at offset: 0") from error
    if not isinstance(value, dict):
        raise misfit(value, "Is not object")
    return value


def misfit(value: Any, problem: str) -> Exception:
    """The error about a value."""
    return invalid(f"JSON Value: {shown(value)} {problem}")


def kind(value: Any) -> str:
    """The JSON type's name."""
    if isinstance(value, bool):
        return str(value)
    return _TYPES.get(type(value), "Number")


def shown(value: Any) -> str:
    """A value in an error text: arrays on one line, cut where it is long."""
    text = ""
    for token in _tokens(value, 0, ""):
        if len(text) >= _SHOWN_BYTES:
            break
        text += token
    return text


def error_json(message: str) -> str:
    """The body of an error."""
    return f'{{\n    "error": {json.dumps(message, ensure_ascii=False)}\n}}'


def rows_json(outputs: dict[str, NDArray[Any]]) -> str:
    """`{"predictions": [...]}`: an object for each row, or its bare value where there is one output.

    Raises:
        StatusError: outputs without rows, or of different numbers of rows.
    """
    rows = _common_rows(outputs)
    texts = {name: [_line(row) for row in array] for name, array in outputs.items()}
    if len(texts) == 1:
        body = ", ".join(next(iter(texts.values())))
    else:
        body = ",".join(
            "\n        {"
            + ",".join(f"\n            {json.dumps(name)}: {lines[row]}" for name, lines in texts.items())
            + "\n        }"
            for row in range(rows)
        )
    return f'{{\n    "predictions": [{body}\n    ]\n}}' if rows else '{\n    "predictions": []\n}'


def columns_json(outputs: dict[str, NDArray[Any]]) -> str:
    """`{"outputs": ...}`: an object of all outputs, or the value of the only one."""
    if len(outputs) == 1:
        return f'{{\n    "outputs": {_block(next(iter(outputs.values())), 1)}\n}}'
    inner = ",".join(f"\n        {json.dumps(name)}: {_block(array, 2)}" for name, array in outputs.items())
    return f'{{\n    "outputs": {{{inner}\n    }}\n}}'


def _common_rows(outputs: dict[str, NDArray[Any]]) -> int:
    rows = -1
    for name, array in outputs.items():
        if array.ndim == 0:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if rows >= 0 and len(array) != rows:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {rows}")
        rows = len(array)
    return rows


def _line(array: Any) -> str:
    if np.ndim(array) == 0:
        return _scalar(array)
    return f"[{', '.join(map(_line, array))}]"


def _block(array: Any, level: int) -> str:
    if np.ndim(array) == 0:
        return _scalar(array)
    if len(array) == 0:
        return "[]"
    pad = "\n" + "    " * (level + 1)
    inner = ",".join(f"{pad}{_block(item, level + 1)}" for item in array)
    return f"[{inner}\n{'    ' * level}]"


def _scalar(value: Any) -> str:
    if isinstance(value, bytes):
        return json.dumps(value.decode("utf-8", errors="replace"), ensure_ascii=False)
    if value.dtype.kind == "f":
        return _decimal(value)
    return json.dumps(value.item())


def _decimal(value: Any) -> str:
    # Six digits where they are enough to read the same number back, else all that the type can hold.
    if np.isnan(value):
        return "NaN"
    if np.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    text = f"{value:.6g}"
    if value.dtype.type(text) != value:
        text = f"{value:.{9 if value.dtype == np.float32 else 17}g}"
    return text if "." in text or "e" in text else f"{text}.0"


def _tokens(value: Any, level: int, before: str) -> Iterator[str]:
    if isinstance(value, dict):
        yield f"{before}{{"
        for position, (name, item) in enumerate(value.items()):
            comma = "," if position else ""
            head = f"{comma}\n{'    ' * (level + 1)}{json.dumps(name, ensure_ascii=False)}: "
            yield from _tokens(item, level + 1, head)
        yield f"\n{'    ' * level}}}" if value else "}"
    elif isinstance(value, list):
        yield f"{before}["
        for position, item in enumerate(value):
            yield from _tokens(item, level + 1, ", " if position else "")
        yield "]"
    else:
        yield before + json.dumps(value, ensure_ascii=False)


def _open_bracket(text: str) -> str:
    closed = 0
    for character in reversed(text):
        if character in "]}":
            closed += 1
        elif character in "[{":
            if not closed:
                return character
            closed -= 1
    return "{"
