"""Folds: in order, of equal length, covering, and nothing of a block is seen by what is trained before it."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from components.cross_validate.folds import Fold, fold_borders, fold_series
from components.cross_validate.shared_series import link_series
from components.dataset.schema import Dataset
from components.errors import InputError
from components.preprocess.series import Series
from components.preprocess.storage import load_series, save_series
from components.preprocess.windows import origins

PANEL = {"a": 300, "b": 300, "c": 180}


def target_rows(dataset: Dataset, series: Series, part: str) -> np.ndarray:
    """Rows of all targets of a part's windows."""
    rows = origins(series, part, dataset.window, dataset.horizons)  # type: ignore[arg-type]
    return (rows[:, None] + np.asarray(dataset.horizons)).reshape(-1)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lengths=st.dictionaries(st.sampled_from("abc"), st.integers(220, 320), min_size=1),
    folds=st.integers(2, 6),
    window=st.integers(2, 8),
    longest=st.integers(1, 6),
    step=st.sampled_from(["1h", "1d", "business_day"]),
)
def test_folds_never_leak_are_in_order_and_cover(make_series, lengths, folds, window, longest, step) -> None:
    dataset, series = make_series(lengths, window=window, horizons=(1, longest) if longest > 1 else (1,), step=step)
    own = [fold_series(dataset, series, Fold(number, folds)) for number in range(1, folds + 1)]
    for number, fold in enumerate(own, start=1):
        block_from = fold_borders(series, Fold(number, folds)).block
        for part in ("train", "validation"):
            # In all series of the panel, by moment and not by row.
            assert series.stamps[target_rows(dataset, fold, part)].max() < block_from
        assert series.stamps[target_rows(dataset, fold, "test")].min() >= block_from
        assert all(span.start <= span.validation <= span.test <= span.end for span in fold.spans)
    for earlier, later in pairwise(own):
        for before, after in zip(earlier.spans, later.spans, strict=True):
            assert before.end == after.test
            assert before.test == after.validation
            assert before.validation <= after.validation
    assert [span.end for span in own[-1].spans] == [span.test for span in series.spans]


def test_blocks_are_equally_long_and_end_before_the_test_part(make_series) -> None:
    _, series = make_series({"a": 300})
    borders = [fold_borders(series, Fold(number, 5)) for number in range(1, 6)]
    lengths = {np.diff(np.searchsorted(series.stamps, [border.block, border.end])).item() for border in borders}
    # Half of the 240 hours before the test part.
    assert lengths == {24}
    assert borders[-1].end == series.stamps[series.spans[0].test - 1] + np.timedelta64(1, "ns")


def test_a_fold_knows_nothing_of_its_block(make_series) -> None:
    dataset, series = make_series(PANEL)
    fold = fold_series(dataset, series, Fold(1, 3))
    changed = series.values.copy()
    for span in fold.spans:
        changed[span.validation :, :] = 1e6
        changed[span.start : span.validation] = series.values[span.start : span.validation]
    again = fold_series(dataset, replace(series, values=changed), Fold(1, 3))
    assert again.scaler == fold.scaler
    assert again.spike_rise == fold.spike_rise
    assert fold.scaler != series.scaler


def test_folds_of_other_rows_or_readings_have_other_digests(make_series) -> None:
    dataset, series = make_series({"a": 300})
    other = replace(series, digest="another")
    digests = {fold_series(dataset, one, Fold(at, 3)).digest for one in (series, other) for at in (1, 2, 3)}
    assert len(digests) == 6


def test_arrays_are_shared_not_copied(make_series, tmp_path: Path) -> None:
    dataset, series = make_series(PANEL)
    save_series(series, tmp_path / "shared")
    fold = fold_series(dataset, load_series(tmp_path / "shared"), Fold(2, 3))
    link_series(fold, tmp_path / "shared", tmp_path / "own")
    read = load_series(tmp_path / "own")
    assert (tmp_path / "own" / "values.npy").samefile(tmp_path / "shared" / "values.npy")
    assert (read.spans, read.scaler, read.digest) == (fold.spans, fold.scaler, fold.digest)
    np.testing.assert_array_equal(read.values, series.values)


@pytest.mark.parametrize(("rows", "fold"), [(40, Fold(1, 12)), (300, Fold(1, 1)), (300, Fold(6, 5))])
def test_too_few_rows_and_folds_that_are_not_there_are_refused(make_series, rows: int, fold: Fold) -> None:
    dataset, series = make_series({"a": rows})
    with pytest.raises(InputError, match="fold"):
        fold_series(dataset, series, fold)
