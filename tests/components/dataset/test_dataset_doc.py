from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.dataset.load import parse_dataset
from components.dataset.schema import Column, Dataset, Gate, Missing

DOC = (Path(__file__).parents[3] / "docs" / "dataset.md").read_text(encoding="utf-8")


def test_example_of_the_page_is_a_dataset() -> None:
    example = re.search(r"```yaml\n(.*?)```", DOC, re.DOTALL)
    assert example
    assert parse_dataset(example[1], "docs/dataset.md").horizons == (1, 2, 3, 4, 5, 6, 12)


KEYS = [
    *Dataset.model_fields,
    *(name for name in Column.model_fields if name != "missing"),
    *(f"missing.{name}" for name in Missing.model_fields),
    *Gate.model_fields,
]


@pytest.mark.parametrize("key", KEYS)
def test_page_tells_every_key(key: str) -> None:
    assert re.search(rf"^\| .*`{re.escape(key)}`.*\|", DOC, re.MULTILINE)
