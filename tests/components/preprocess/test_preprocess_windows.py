from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.preprocess.series import Scaler, Series, Span
from components.preprocess.storage import load_series, save_series
from components.preprocess.target import target_between
from components.preprocess.windows import (
    chunk_starts,
    gather_future,
    gather_targets,
    gather_windows,
    origins,
    spike_labels,
)

PARTS = ("train", "validation", "test")


def make_series(usable: np.ndarray, spans: tuple[Span, ...], seed: int = 0, known: tuple[int, ...] = ()) -> Series:
    generator = np.random.default_rng(seed)
    rows = len(usable)
    values = generator.integers(0, 9, (rows, 3)).astype(np.float32)
    values[~usable, 1] = np.nan
    return Series(
        values=values,
        stamps=np.arange(rows).astype("datetime64[h]").astype("datetime64[ns]"),
        observed=usable & (generator.random(rows) < 0.8),
        usable=usable,
        inputs=("level", "rain", "tide"),
        target=0,
        spans=spans,
        scaler=Scaler((0.0,) * 3, (1.0,) * 3),
        spike_rise=4.0,
        spike_within=3,
        step_seconds=3600,
        known=known,
    )


@st.composite
def some_series(draw) -> Series:
    lengths = draw(st.lists(st.integers(0, 25), min_size=1, max_size=3))
    spans, start = [], 0
    for number, length in enumerate(lengths):
        borders = sorted(draw(st.tuples(st.integers(0, length), st.integers(0, length))))
        end = start + draw(st.integers(borders[1], length))
        spans.append(Span(str(number), start, start + borders[0], start + borders[1], end))
        start += length
    gaps = draw(st.lists(st.booleans(), min_size=start, max_size=start))
    return make_series(~np.array(gaps, np.bool_) | (np.arange(start) % 3 > 0), tuple(spans), known=(1,))


def naive_origins(series: Series, part: str, window: int, ahead: int) -> list[int]:
    found = []
    for span in series.spans:
        first, last = span.part(part)
        for row in range(span.start, span.end):
            back, front = range(row - window + 1, row + 1), range(row + 1, row + ahead + 1)
            in_series = back[0] >= span.start and all(series.usable[list(back)])
            in_part = front[0] >= first and front[-1] < last
            if in_series and in_part and np.isfinite(series.values[list(front)][:, list(series.known)]).all():
                found.append(row)
    return found


@given(some_series(), st.sampled_from(PARTS), st.integers(1, 5), st.integers(1, 4))
def test_origins_are_those_of_the_definition(series, part, window, ahead):
    assert origins(series, part, window, (1, ahead)).tolist() == naive_origins(series, part, window, ahead)


@given(some_series(), st.integers(1, 5), st.integers(1, 6))
def test_chunks_hold_every_allowed_row_and_no_other(series, length, stride):
    starts = chunk_starts(series, length, (2,), stride)
    rows = {start + step for start in starts.tolist() for step in range(length)}
    allowed = origins(series, "train", length, (2,)).tolist()
    assert rows <= {row - back for row in allowed for back in range(length)}
    if stride <= length:
        assert {row - back for row in allowed for back in range(length)} == rows
    assert (np.diff(starts) > 0).all()


@given(some_series())
def test_spike_labels_are_those_of_the_definition(series):
    for part in PARTS:
        rows = origins(series, part, 2, (1,))[::-1]
        expected = []
        for row in rows:
            span = next(span for span in series.spans if span.start <= row < span.end)
            ahead = np.arange(row + 1, min(row + 1 + series.spike_within, span.part(part)[1]))
            seen = ahead[series.observed[ahead]]
            rise = series.values[seen, 0].max() - series.values[row, 0] if len(seen) else np.nan
            expected.append(np.nan if len(seen) == 0 else float(rise >= series.spike_rise))
        np.testing.assert_equal(spike_labels(series, rows), np.array(expected, np.float32))


def test_windows_targets_and_futures_are_the_rows_around_the_origin():
    series = make_series(np.ones(40, np.bool_), (Span("a", 0, 30, 35, 40),))
    rows = np.array([9, 20, 4])
    windows = gather_windows(series.values, rows, 5)
    assert windows.dtype == np.float32
    for window, row in zip(windows, rows, strict=True):
        np.testing.assert_array_equal(window, series.values[row - 4 : row + 1])
    future = gather_future(series.values, rows, 3, (2, 1))
    np.testing.assert_array_equal(future[1], series.values[21:24][:, [2, 1]])
    targets = gather_targets(series, rows, (1, 3))
    expected = np.where(series.observed, series.values[:, 0], np.nan)
    np.testing.assert_array_equal(targets[2], expected[[5, 7]])
    assert np.isnan(gather_targets(series, np.arange(30), (1,))).any()


def test_targets_of_chunks_have_the_shape_of_their_rows():
    series = make_series(np.ones(40, np.bool_), (Span("a", 0, 30, 35, 40),))
    rows = np.arange(12).reshape(3, 4)
    assert gather_targets(series, rows, (1, 2)).shape == (3, 4, 2)


def test_a_window_before_the_first_row_is_refused():
    with pytest.raises(IndexError, match="can't end at row 3"):
        gather_windows(np.zeros((10, 2), np.float32), np.array([3]), 5)


def test_the_target_between_two_rows_is_that_of_the_table(tmp_path):
    rows = 200_000
    series = make_series(np.ones(rows, np.bool_), (Span("a", 0, rows // 2, rows // 2, rows),))
    save_series(series, tmp_path)
    for first, last in ((0, rows), (5, 5), (7, 65_543), (65_535, 131_073)):
        for each in (series, load_series(tmp_path)):
            np.testing.assert_array_equal(target_between(each, first, last), series.values[first:last, series.target])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' /proc")
def test_reading_the_target_leaves_nothing_of_the_table_in_memory(tmp_path):
    rows = 2_000_000
    series = make_series(np.ones(rows, np.bool_), (Span("a", 0, rows // 2, rows // 2, rows),))
    save_series(series, tmp_path)
    mapped = load_series(tmp_path)

    def resident() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssFile"))

    before = resident()
    target_between(mapped, 0, rows)
    assert resident() - before < 0.1 * mapped.values.nbytes
