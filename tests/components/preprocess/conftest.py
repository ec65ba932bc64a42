"""Small datasets and readings, built in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from components.dataset.schema import Column, Dataset, Missing, Split

MakeDataset = Callable[..., Dataset]
MakeReadings = Callable[..., pd.DataFrame]


@pytest.fixture
def make_dataset() -> MakeDataset:
    """Builds a dataset of hourly level and rain; keywords replace its parts."""

    def make(**parts: object) -> Dataset:
        columns = {"level": Column(missing=Missing(max_gap=2)), "rain": Column(missing=Missing(fill="zero", max_gap=3))}
        facts: dict[str, object] = {
            "name": "creek",
            "time": "time",
            "step": "1h",
            "columns": columns,
            "target": "level",
            "window": 6,
            "horizons": (1, 3),
            "split": Split(train=0.6, validation=0.2, test=0.2),
            **parts,
        }
        return Dataset(**facts)  # type: ignore[arg-type]

    return make


@pytest.fixture
def make_readings() -> MakeReadings:
    """Builds cleaned readings: one row per stamp, each column a walk."""

    def make(dataset: Dataset, rows: int = 100, series: str = "creek", start: str = "2024-01-01") -> pd.DataFrame:
        generator = np.random.default_rng(7)
        frequency = "B" if dataset.is_business_day else pd.Timedelta(seconds=dataset.step_seconds)
        stamps = pd.date_range(start, periods=rows, freq=frequency, tz="UTC")
        values = {name: generator.normal(size=rows).cumsum() for name in dataset.columns}
        return pd.DataFrame({"series": series, "time": stamps, **values})

    return make
