"""The packaged catalogue, read once."""

from __future__ import annotations

import pytest

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.catalogue.schema import Catalogue


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()
