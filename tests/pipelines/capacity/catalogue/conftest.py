"""The packaged catalogue, read once, and a way to lay a file over it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.catalogue.schema import Catalogue

Laid = Callable[[str], Catalogue]


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture
def with_own(tmp_path: Path) -> Laid:
    """The catalogue with the text of a user's file laid over it."""

    def load(text: str) -> Catalogue:
        file = tmp_path / "own.yaml"
        file.write_text(text, encoding="utf-8")
        return load_catalogue(file)

    return load
