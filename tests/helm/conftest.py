"""The chart, rendered by the helm that is here."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from helm_chart import CHART, Chart, helm_program


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, or a skip that says what is missing."""
    found = helm_program(tmp_path_factory.mktemp("bin"))
    if found is None:
        pytest.skip("helm isn't on PATH, and there is no ../shared/cluster with one")
    return found


@pytest.fixture(scope="session")
def chart(helm: Path) -> Chart:
    """The chart of this checkout."""
    return Chart(helm)


@pytest.fixture(scope="session")
def chart_folder() -> Path:
    """Where the chart is."""
    return CHART
