"""Reads and writes dataset files; every mistake becomes a DatasetError that names the file, the key and the fix."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from components.dataset.errors import DatasetError, Key, WrongKeyError, choose, key_text
from components.dataset.horizons import format_horizons
from components.dataset.mistakes import explain_all
from components.dataset.schema import Dataset, Query
from components.dataset.text import nearest_line, read_yaml, write_yaml

PRESETS = files("components.dataset") / "presets"


def load_dataset(path: Path) -> Dataset:
    """The dataset of a file.

    Raises:
        DatasetError: the file can't be read, or something in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        presets = ", ".join(preset_names())
        raise DatasetError(
            str(path),
            "there is no such file",
            f"give a dataset file (`sluice dataset init` writes one) or a preset: {presets}",
        ) from None
    except UnicodeDecodeError as error:
        raise DatasetError(str(path), f"is not UTF-8 text (byte {error.start})", "save it as UTF-8") from None
    except OSError as error:
        raise DatasetError(str(path), error.strerror or "can't be read", "give a readable dataset file") from None
    return parse_dataset(text, str(path))


def load_preset(name: str) -> Dataset:
    """A preset by its name.

    Raises:
        DatasetError: there is no such preset.
    """
    if name not in preset_names():
        raise DatasetError(name, "there is no such preset", choose(name, preset_names()))
    return parse_dataset((PRESETS / f"{name}.yaml").read_text(encoding="utf-8"), f"preset {name}")


def preset_names() -> tuple[str, ...]:
    """Names of all presets, sorted."""
    return tuple(
        sorted(entry.name.removesuffix(".yaml") for entry in PRESETS.iterdir() if entry.name.endswith(".yaml"))
    )


def parse_dataset(text: str, origin: str) -> Dataset:
    """The dataset that a YAML text states.

    Args:
        text: the text of a dataset file.
        origin: name of the file, for errors.

    Raises:
        DatasetError: something in it is wrong.
    """
    try:
        data, lines = read_yaml(text)
    except yaml.MarkedYAMLError as error:
        raise _no_yaml(error, origin) from None
    except yaml.YAMLError as error:
        raise DatasetError(origin, f"is no YAML: {error}", "compare it with a preset") from None
    except WrongKeyError as mistake:
        raise DatasetError(f"{origin}, {key_text(mistake.key)}", mistake.problem, mistake.fix) from None
    if not isinstance(data, dict):
        raise DatasetError(origin, "holds no keys", "`sluice dataset init FILE.csv --target COLUMN` writes a first one")
    try:
        return Dataset.model_validate(data)
    except ValidationError as error:
        raise _first_mistake(error.errors(include_url=False), data, lines, origin) from None


def dump_dataset(dataset: Dataset) -> str:
    """Canonical YAML text with every key, also those that have their defaults; `parse_dataset` reads it back equal."""
    data: dict[str, Any] = dataset.model_dump(mode="json", by_alias=True)
    data["horizons"] = format_horizons(dataset.horizons)
    for rule in data["rules"]:
        rule["then"] = {key: value for key, value in rule["then"].items() if value is not None}
    return write_yaml(data)


def resolve_source(dataset: Dataset, yaml_path: Path) -> str | Query | None:
    """Where the readings are: a relative path in `source` starts at the folder of the dataset file."""
    if dataset.source is None or isinstance(dataset.source, Query):
        return dataset.source
    return os.path.normpath(yaml_path.parent / Path(dataset.source).expanduser())


def _no_yaml(error: yaml.MarkedYAMLError, origin: str) -> DatasetError:
    mark = error.problem_mark or error.context_mark
    where = f"{origin}, line {mark.line + 1}" if mark else origin
    return DatasetError(where, f"is no YAML: {error.problem or error.context}", "check indents, colons and quotes")


def _first_mistake(errors: list[ErrorDetails], data: Any, lines: dict[Key, int], origin: str) -> DatasetError:
    """The mistake that comes first in the file; further ones are named after it."""
    ordered = sorted(explain_all(errors, data), key=lambda mistake: _place(lines, mistake.key))
    first, others = ordered[0], ordered[1:]
    line = None if _is_absent(lines, first.key) else nearest_line(lines, first.key)
    where = ", ".join([origin, *([f"line {line}"] if line else []), key_text(first.key)])
    also = f" (further mistakes: {', '.join(key_text(other.key) for other in others)})" if others else ""
    return DatasetError(where.removesuffix(", "), first.problem + also, first.fix)


def _is_absent(lines: dict[Key, int], key: Key) -> bool:
    """Whether a key of the top level is not in the file, so that it has no line."""
    return len(key) == 1 and key not in lines


def _place(lines: dict[Key, int], key: Key) -> tuple[bool, int, bool]:
    """Sorts by line; what is missing comes after what is wrong, since a misspelt key is both."""
    return (_is_absent(lines, key), nearest_line(lines, key) or 0, key not in lines)
