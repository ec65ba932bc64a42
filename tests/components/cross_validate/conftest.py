"""Series small enough to be cut into folds by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.dataset.schema import Column, Dataset, Missing, Split
from components.preprocess.readings import readings_from_parquet
from components.preprocess.series import Series
from components.preprocess.step import series_of

MakeSeries = Callable[..., tuple[Dataset, Series]]


def walks(dataset: Dataset, lengths: dict[str, int]) -> pd.DataFrame:
    """Readings of series that all end at the same moment: a level that follows its own past, and noise."""
    generator = np.random.default_rng(5)
    frequency = "B" if dataset.is_business_day else pd.Timedelta(seconds=dataset.step_seconds)
    stamps = pd.date_range("2024-01-01", periods=max(lengths.values()), freq=frequency, tz="UTC")
    tables = []
    for name, rows in lengths.items():
        noise = generator.normal(size=rows)
        level = np.zeros(rows)
        for row in range(1, rows):
            level[row] = 0.9 * level[row - 1] + noise[row]
        tables.append(pd.DataFrame({"series": name, "time": stamps[-rows:], "level": level, "rain": noise}))
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def make_series(tmp_path: Path) -> MakeSeries:
    """Builds a dataset and its prepared series; `lengths` says the rows of each series."""

    def make(lengths: dict[str, int], **parts: object) -> tuple[Dataset, Series]:
        facts: dict[str, object] = {
            "name": "creek",
            "time": "time",
            "step": "1h",
            "columns": {"level": Column(missing=Missing(max_gap=2)), "rain": Column(missing=Missing(fill="zero"))},
            "target": "level",
            "window": 4,
            "horizons": (1, 3),
            "split": Split(train=0.6, validation=0.2, test=0.2),
            **parts,
        }
        if len(lengths) > 1:
            facts["series"] = "series"
        dataset = Dataset(**facts)  # type: ignore[arg-type]
        path = tmp_path / "readings.parquet"
        walks(dataset, lengths).to_parquet(path)
        return dataset, series_of(dataset, readings_from_parquet(dataset, path))

    return make
