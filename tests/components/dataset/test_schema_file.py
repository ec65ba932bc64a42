from __future__ import annotations

import json

from components.dataset.schema import Dataset
from components.dataset.schema_file import SCHEMA_PATH, schema_text


def test_committed_schema_is_in_step_with_the_models() -> None:
    text = SCHEMA_PATH.read_text(encoding="utf-8")
    assert text == schema_text(), "run `python -m components.dataset.schema_file`"


def test_schema_holds_every_key_and_allows_empty_columns() -> None:
    schema = json.loads(schema_text())
    assert set(schema["properties"]) == set(Dataset.model_fields)
    assert {"type": "null"} in schema["properties"]["columns"]["additionalProperties"]["anyOf"]
