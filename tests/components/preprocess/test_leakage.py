"""Nothing after a window's end reaches the window, and nothing of the test part reaches training."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.dataset.schema import Column, Dataset, Missing, Split
from components.preprocess.readings import readings_from_frame
from components.preprocess.series import Series
from components.preprocess.step import series_of
from components.preprocess.windows import chunk_starts, gather_targets, gather_windows, origins, spike_labels

WINDOW, HORIZONS = 6, (1, 3)


def make_dataset(step: str) -> Dataset:
    return Dataset(
        name="creek",
        time="time",
        step=step,
        columns={
            "level": Column(missing=Missing(max_gap=2)),
            "rain": Column(missing=Missing(fill="zero", max_gap=3), resample="sum"),
            "gate": Column(missing=Missing(fill=1.5, max_gap=1), resample="last"),
            "wind": Column(resample="max"),
            "cold": Column(resample="min"),
        },
        calendar=("hour_of_day", "day_of_week"),
        target="level",
        window=WINDOW,
        horizons=HORIZONS,
        split=Split(train=0.6, validation=0.2, test=0.2),
    )


def make_readings(dataset: Dataset, generator: np.random.Generator) -> pd.DataFrame:
    """Two series of irregular readings with holes."""
    frames = []
    for name in ("a", "b"):
        minutes = np.sort(generator.choice(np.arange(1, 200 * 60), 400, replace=False))
        stamps = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(minutes, unit="min")
        values = generator.normal(size=(400, len(dataset.columns)))
        values[generator.random(values.shape) < 0.2] = np.nan
        frames.append(
            pd.DataFrame({"series": name, "time": stamps, **dict(zip(dataset.columns, values.T, strict=True))})
        )
    return pd.concat(frames, ignore_index=True)


def prepare(dataset: Dataset, frame: pd.DataFrame) -> Series:
    return series_of(dataset, readings_from_frame(dataset, frame))


def changed_after(frame: pd.DataFrame, stamp: np.datetime64, generator: np.random.Generator) -> pd.DataFrame:
    """Readings later than a stamp take other values; a third of them are emptied, some appear."""
    later = frame["time"].dt.tz_localize(None).to_numpy() > stamp
    changed = frame.copy()
    columns = [name for name in frame.columns if name not in ("series", "time")]
    noise = generator.normal(scale=100, size=(int(later.sum()), len(columns)))
    noise[generator.random(noise.shape) < 0.3] = np.nan
    changed.loc[later, columns] = noise
    return changed


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32), st.floats(0.1, 0.95), st.sampled_from(["1h", "30min", "2h"]))
def test_no_reading_after_a_windows_end_changes_the_window(seed, share, step):
    generator = np.random.default_rng(seed)
    dataset = make_dataset(step)
    frame = make_readings(dataset, generator)
    before = prepare(dataset, frame)
    stamp = before.stamps[0] + np.timedelta64(int(share * 200 * 60), "m")
    after = prepare(dataset, changed_after(frame, stamp, generator))
    for span in before.spans:
        rows = np.arange(span.start, span.end)
        past = rows[before.stamps[rows] <= stamp]
        np.testing.assert_array_equal(before.stamps[past], after.stamps[past])
        np.testing.assert_array_equal(before.values[past], after.values[past])
        ends = past[WINDOW - 1 :]
        np.testing.assert_array_equal(
            gather_windows(before.values, ends, WINDOW), gather_windows(after.values, ends, WINDOW)
        )
    assert not np.array_equal(before.values, after.values, equal_nan=True)


def training_facts(series: Series) -> dict[str, np.ndarray]:
    rows = origins(series, "train", WINDOW, HORIZONS)
    chunks = chunk_starts(series, 12, HORIZONS, 4)
    return {
        "origins": rows,
        "windows": gather_windows(series.values, rows, WINDOW),
        "targets": gather_targets(series, rows, HORIZONS),
        "spikes": spike_labels(series, rows),
        "chunks": chunks,
        "chunk_windows": gather_windows(series.values, chunks + 11, 12),
        "chunk_targets": gather_targets(series, chunks[:, None] + np.arange(12), HORIZONS),
        "center": np.array(series.scaler.center),
        "scale": np.array(series.scaler.scale),
        "spike_rise": np.array(series.spike_rise),
    }


@pytest.mark.parametrize("part", ["validation", "test"])
@pytest.mark.parametrize("seed", range(4))
def test_no_value_after_training_changes_what_is_trained_on(part, seed):
    generator = np.random.default_rng(seed)
    dataset = make_dataset("1h")
    frame = make_readings(dataset, generator)
    before = prepare(dataset, frame)
    border = min(before.stamps[span.part(part)[0]] for span in before.spans)
    # A reading's stamp is the end of its step, so the last training step ends one step before the border.
    changed = frame.copy()
    later = frame["time"].dt.tz_localize(None).to_numpy() > border - np.timedelta64(1, "h")
    changed.loc[later, list(dataset.columns)] = frame.loc[later, list(dataset.columns)] * 50 + 7
    after = prepare(dataset, changed)
    known = training_facts(before)
    assert len(known["origins"]) > 20
    assert len(known["chunks"]) > 3
    for name, figure in training_facts(after).items():
        np.testing.assert_array_equal(figure, known[name], err_msg=name)
    assert before.digest != after.digest
