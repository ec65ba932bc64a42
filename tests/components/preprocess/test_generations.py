"""Newer readings get parts of their own; the parts that a model was trained on stay what they were."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from components.dataset.schema import Column, Dataset
from components.errors import InputError
from components.preprocess.generations import as_text, from_text, generation_of, newer, older
from components.preprocess.readings import Readings, readings_from_frame
from components.preprocess.series import Series
from components.preprocess.step import series_of

DATASET = Dataset(
    name="lake",
    time="time",
    step="1h",
    timezone="UTC",
    columns={"level": Column(unit="m")},
    target="level",
    window=4,
    horizons=(1, 2),
)


@pytest.fixture
def dataset() -> Dataset:
    return DATASET


def readings(rows: int) -> Readings:
    start = datetime(2025, 1, 1)
    stamps = [start + timedelta(hours=row) for row in range(rows)]
    return readings_from_frame(
        DATASET,
        pd.DataFrame(
            {
                "series": "lake",
                "time": pd.DatetimeIndex(stamps).tz_localize(None).astype("datetime64[ns]"),
                "level": np.sin(np.arange(rows)),
            }
        ),
    )


@pytest.fixture
def first(dataset: Dataset) -> Series:
    return series_of(dataset, readings(200))


def test_old_parts_stay_and_new_readings_are_split_alike(dataset: Dataset, first: Series) -> None:
    old = generation_of(first, first.spans)
    both = series_of(dataset, readings(300), (old,))
    assert older(both, old.until) == first.spans
    (new,) = newer(both, old.until)
    assert (new.start, new.end) == (200, 300)
    assert new.validation - new.start == pytest.approx(70, abs=1)
    assert new.end - new.test == pytest.approx(15, abs=1)


def test_a_third_generation_follows_the_second(dataset: Dataset, first: Series) -> None:
    old = generation_of(first, first.spans)
    both = series_of(dataset, readings(300), (old,))
    chain = (old, generation_of(both, newer(both, old.until)))
    third = series_of(dataset, readings(400), from_text(as_text(chain)))
    assert third.spans[:2] == both.spans
    assert (third.spans[2].start, third.spans[2].end) == (300, 400)


def test_too_few_new_readings_are_refused(dataset: Dataset, first: Series) -> None:
    with pytest.raises(InputError, match="holds no window"):
        series_of(dataset, readings(208), (generation_of(first, first.spans),))


def test_no_new_readings_are_refused(dataset: Dataset, first: Series) -> None:
    with pytest.raises(InputError, match="no readings after"):
        series_of(dataset, readings(200), (generation_of(first, first.spans),))
