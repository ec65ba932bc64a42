"""Turns pydantic's errors into mistakes that name the key as written and say what to write instead."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from components.dataset.errors import Key, WrongKeyError, choose
from components.dataset.schema import Dataset

_COLUMN_MAP = "write each column as `name: {unit: m, limits: [0, 10]}`, or `name:` alone"
_FIX_BY_KEY = {
    "name": "use small letters, digits, - and _, at most 63, a letter first",
    "limits": "write [lowest, highest], null for none, such as [0, null]",
    "columns": _COLUMN_MAP,
    "fill": "write hold, zero or a number",
    "series": "name a column, or write {melt: [COLUMN, ...], into: COLUMN} for a wide table",
    "source": "write a path relative to this file, or {url: ..., query: ...}",
    "split": "write {train: 0.7, validation: 0.15, test: 0.15}, or three numbers of rows",
    "rules": "write a list of {when: 'rain > 5', for: STEPS, then: {min: VALUE}}",
    "calendar": "write a list such as [hour_of_day, day_of_year]",
    "spike": "write {rise: VALUE, within: STEPS}",
    "then": "write exactly one of {min: VALUE}, {max: VALUE}, {add: VALUE}",
    "missing": "write {fill: hold, max_gap: 10}",
}
_EXPECTED = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "dict_type": "a map of keys",
    "model_type": "a map of keys",
    "model_attributes_type": "a map of keys",
    "tuple_type": "a list",
    "list_type": "a list",
}


def explain_all(errors: list[ErrorDetails], data: Any) -> list[WrongKeyError]:
    """One mistake for each wrong key; `data` is what was validated."""
    mistakes: dict[Key, WrongKeyError] = {}
    for error in errors:
        mistake = explain(error, data)
        mistakes.setdefault(mistake.key, mistake)
    # Where text or a map may stand, a wrong map is also "no text": what is wrong inside it says more.
    return [mistake for key, mistake in mistakes.items() if not any(_below(other, key) for other in mistakes)]


def _below(key: Key, above: Key) -> bool:
    return len(key) > len(above) and key[: len(above)] == above


def explain(error: ErrorDetails, data: Any) -> WrongKeyError:
    """The mistake that one error of pydantic stands for."""
    context = error.get("ctx", {})
    inner = context.get("error")
    if isinstance(inner, WrongKeyError):
        return WrongKeyError((*_written(error["loc"], data), *inner.key), inner.problem, inner.fix)
    if error["type"] == "extra_forbidden":
        return _unknown_key(error, data)
    key = _written(error["loc"], data)
    last = error["loc"][-1]
    if error["type"] == "missing" and isinstance(last, str):
        return WrongKeyError((*key, last), "the key is missing", _missing_fix(last))
    return WrongKeyError(key, _problem(error), _fix(error, key))


def _written(location: Key, data: Any) -> Key:
    """The part of pydantic's path that is in the file; it also puts the names of a union's types into the path."""
    path: list[str | int] = []
    node = data
    for part in location:
        inside = part in node if isinstance(node, dict) else isinstance(node, list) and part in range(len(node))
        if not inside:
            continue
        node = node[part]
        path.append(part)
    return tuple(path)


def _unknown_key(error: ErrorDetails, data: Any) -> WrongKeyError:
    key = _written(error["loc"], data)
    name = str(error["loc"][-1])
    known = _keys_of(_model_at(error["loc"][:-1]))
    return WrongKeyError(key, f"there is no key '{name}' here", choose(name, known))


def _keys_of(model: type[BaseModel]) -> list[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(location: Key) -> type[BaseModel]:
    """The schema's part at a path of pydantic's; names of columns and of a union's types name no part."""
    model: type[BaseModel] = Dataset
    for above, part in zip(("", *location), location, strict=False):
        field = next((field for name, field in model.model_fields.items() if part in (name, field.alias)), None)
        below = _models_in(field.annotation) if field and above != "columns" else []
        model = below[0] if below else model
    return model


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]


def _missing_fix(name: str) -> str:
    example = {
        "name": "add `name: my_basin`; it becomes the model's name",
        "time": "add `time: COLUMN`, the column with the stamps",
        "step": "add `step: 1min`, `1h`, `1d` or `business_day`",
        "columns": _COLUMN_MAP,
        "target": "add `target: COLUMN`, the column to forecast",
    }
    return example.get(name) or _FIX_BY_KEY.get(name) or f"add `{name}:`"


def _problem(error: ErrorDetails) -> str:
    given = _shown(error["input"])
    if expected := _EXPECTED.get(error["type"]):
        return f"{given} is not {expected}"
    if error["type"] == "missing":
        return "a value is missing"
    if error["type"] == "string_pattern_mismatch":
        return f"{given} is no name"
    if error["type"] == "literal_error":
        return f"{given} is not one of {error.get('ctx', {}).get('expected')}"
    message = error["msg"]
    return f"{given}: {message[:1].lower()}{message[1:]}"


def _fix(error: ErrorDetails, key: Key) -> str:
    name = next((str(part) for part in reversed(key) if not isinstance(part, int)), "")
    if name in _FIX_BY_KEY and not (name == "calendar" and error["type"] == "literal_error"):
        return _FIX_BY_KEY[name]
    context = error.get("ctx", {})
    if error["type"] == "literal_error":
        return choose(
            str(error["input"]), [word.strip("' ") for word in str(context["expected"]).replace(" or ", ",").split(",")]
        )
    bounds = {"ge": "{:g} or more", "gt": "a number above {:g}", "le": "{:g} or less", "lt": "a number below {:g}"}
    for bound, words in bounds.items():
        if bound in context:
            return "write " + words.format(context[bound])
    return f"write {_EXPECTED.get(error['type'], 'another value')}"


def _shown(given: Any) -> str:
    text = f"'{given}'" if isinstance(given, str) else str(given)
    return text if len(text) <= 60 else text[:57] + "..."
