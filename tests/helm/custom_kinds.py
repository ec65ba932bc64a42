"""Objects of kinds that a test cluster doesn't serve, against the schemas in `schemas/`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs

SCHEMAS = Path(__file__).parent / "schemas"


def problems(thing: dict[str, Any]) -> list[str]:
    """What a schema says against an object; empty where it is valid.

    Raises:
        FileNotFoundError: there is no schema of the kind.
    """
    schema = json.loads((SCHEMAS / f"{thing['kind'].lower()}.json").read_text(encoding="utf-8"))
    validator = jsonschema_rs.Draft202012Validator(schema)
    return [f"{'/'.join(map(str, error.instance_path))}: {error.message}" for error in validator.iter_errors(thing)]
