from collections.abc import Callable
from pathlib import Path

import pytest

from components.dataset.load import parse_dataset
from components.dataset.schema import Dataset

TABLE = "time,level,rain\n2024-01-01 00:00,1.5,0\n2024-01-01 00:01,1.6,0.2\n2024-01-01 00:02,1.7,0.1\n"


@pytest.fixture
def table() -> str:
    """Three rows of two columns."""
    return TABLE


@pytest.fixture
def dataset() -> Callable[..., Dataset]:
    """Makes a dataset of `level` and `rain`, or of other columns, with other keys where given."""

    def make(columns: str = "{level: {limits: [0, 9]}, rain: }", **keys: str) -> Dataset:
        lines = {"name": "creek", "time": "time", "step": "1min", "columns": columns, "target": "level", **keys}
        return parse_dataset("\n".join(f"{key}: {value}" for key, value in lines.items()), "creek.yaml")

    return make


@pytest.fixture
def csv_file(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a text as a CSV file."""

    def write(text: str, name: str = "readings.csv", encoding: str = "utf-8") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return write
