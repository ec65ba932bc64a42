"""Writes schema.json, the reference of dataset files: `python -m components.dataset.schema_file`.

Editors read it: `# yaml-language-server: $schema=schema.json` as a file's first line gives completion and checks.
"""

from __future__ import annotations

import json
from pathlib import Path

from components.dataset.schema import Dataset

SCHEMA_PATH = Path(__file__).with_name("schema.json")


def schema_text() -> str:
    """The JSON Schema of dataset files, made from the pydantic models."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Dataset.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    SCHEMA_PATH.write_text(schema_text(), encoding="utf-8")
