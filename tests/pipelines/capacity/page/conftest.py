"""The packaged catalogue, read once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.catalogue.schema import Catalogue

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()
