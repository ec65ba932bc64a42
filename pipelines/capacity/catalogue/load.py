"""Reads the catalogue that is packed with Sluice, and lays a user's own file over it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from components.dataset.errors import Key, WrongKeyError, key_text
from components.dataset.text import nearest_line, read_yaml
from components.errors import InputError
from pipelines.capacity.catalogue.schema import Catalogue

PACKAGED = files("pipelines.capacity.catalogue") / "catalogue.yaml"

_PACKAGED_NAME = "catalogue.yaml"
# Sections whose entries know their own key.
_KEYED = ("cards", "instances", "servers", "contradictions")
# What pydantic finds, in the words of a catalogue: the problem, and the fix.
_MAPPING = ("a mapping is wanted here", "write a figure as {value: ..., source: ...}, all else as its neighbours are")
_MISTAKES = {
    "extra_forbidden": ("there is no such key", "remove it, or mend its name"),
    "missing": ("this key is missing", "add it; a figure needs its source, a new entry all that its neighbours have"),
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "dict_type": _MAPPING,
}
_AS_PACKAGED = "mend it; the packaged catalogue shows how it is written"


def load_catalogue(path: Path | None = None) -> Catalogue:
    """The packaged catalogue, with a user's file laid over it where one is given.

    Entries of the user's file are added, and those that exist are changed key by key. A mapping that has a `source` is
    one figure and is replaced as a whole, so that no number keeps the source of another; `null` takes an entry away.

    Raises:
        InputError: the file can't be read, or something in it is wrong.
    """
    packaged, _ = _parsed(PACKAGED.read_text(encoding="utf-8"), _PACKAGED_NAME)
    if path is None:
        return _checked(packaged, _PACKAGED_NAME, {})
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(str(path), f"can't be read ({error})", "give a YAML file of your own figures") from None
    own, lines = _parsed(text, str(path))
    return _checked(_laid_over(packaged, own), str(path), lines)


def _parsed(text: str, origin: str) -> tuple[dict[str, Any], dict[Key, int]]:
    try:
        facts, lines = read_yaml(text)
    except yaml.YAMLError as error:
        raise InputError(origin, f"is no YAML: {error}", _AS_PACKAGED) from None
    except WrongKeyError as error:
        raise InputError(f"{origin}, {key_text(error.key)}", error.problem, error.fix) from None
    if not isinstance(facts, dict):
        raise InputError(origin, "holds no keys", f"give one or more of: {', '.join(Catalogue.model_fields)}")
    return facts, lines


def _laid_over(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, given in own.items():
        before = base.get(key)
        if given is None:
            merged.pop(key, None)
        elif isinstance(before, Mapping) and isinstance(given, Mapping) and "source" not in before:
            merged[key] = _laid_over(before, given)
        else:
            merged[key] = given
    return merged


def _checked(facts: Mapping[str, Any], origin: str, lines: dict[Key, int]) -> Catalogue:
    try:
        return Catalogue.model_validate({**facts, **{section: _with_keys(facts.get(section)) for section in _KEYED}})
    except ValidationError as error:
        raise _input_error(error, origin, lines) from None


def _with_keys(entries: Any) -> Any:
    if not isinstance(entries, Mapping):
        return entries
    return {key: {**each, "key": key} if isinstance(each, Mapping) else each for key, each in entries.items()}


def _input_error(error: ValidationError, origin: str, lines: dict[Key, int]) -> InputError:
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, WrongKeyError):
        key: Key = cause.key
        problem, fix = cause.problem, cause.fix
    else:
        key = first["loc"]
        problem, fix = _MISTAKES.get(first["type"], (first["msg"].removeprefix("Value error, "), _AS_PACKAGED))
    line = nearest_line(lines, key) if key[:1] in lines else None
    where = ", ".join(part for part in (origin, f"line {line}" if line else "", key_text(key)) if part)
    return InputError(where, problem, fix)
