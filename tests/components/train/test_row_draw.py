from __future__ import annotations

import numpy as np
import pytest

from components.train.row_draw import RISING_SHARE, RowDraw

ROWS = np.arange(100, 1100, dtype=np.int64)


def test_rising_rows_come_more_often_and_weigh_as_much_less() -> None:
    draw = RowDraw.of(ROWS, ROWS % 10 == 0)
    drawn = draw.draw(np.random.default_rng(0), 50_000)
    rising = drawn % 10 == 0
    assert rising.mean() == pytest.approx(RISING_SHARE + (1 - RISING_SHARE) * 0.1, abs=0.01)
    weights = draw.weights(drawn)
    assert weights[rising].sum() / weights.sum() == pytest.approx(0.1, abs=0.005)
    assert weights.mean() == pytest.approx(1.0, abs=0.01)


def test_without_a_rising_row_all_are_drawn_alike() -> None:
    draw = RowDraw.of(ROWS, np.zeros(len(ROWS), np.bool_))
    drawn = draw.draw(np.random.default_rng(0), 50_000)
    assert set(np.unique(draw.weights(drawn))) == {1.0}
    assert np.bincount(drawn)[ROWS].min() > 20
