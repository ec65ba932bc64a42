"""A retrained candidate is judged on old readings apart, so that what it forgot shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from components.dataset.schema import Gate
from components.validate.aligned import Aligned
from components.validate.bootstrap import Difference
from components.validate.forgetting import _only
from components.validate.gate import Evidence, Served, Unmeasured, judge
from components.validate.scores import Errors, ModelScore, Scores

SCORE = ModelScore(mae=1.0, rmse=1.0, by_horizon={"1": Errors(mae=1.0, rmse=1.0)})
GOOD = Evidence(
    scores=Scores({"ensemble": SCORE}, 0.9, 0.9),
    champion=Difference(rmse=1.0, other_rmse=1.2, low=-0.3, high=-0.1, windows=100),
    spikes=Unmeasured("no spikes"),
    latency_ms=5.0,
    served=Served(True, 0.25, "inprocess"),
)


def test_what_was_won_on_new_readings_does_not_hide_what_was_forgotten() -> None:
    better = Difference(rmse=0.5, other_rmse=1.0, low=-0.6, high=-0.4, windows=50)
    worse = Difference(rmse=1.2, other_rmse=1.0, low=0.1, high=0.3, windows=50)
    assert judge(Gate(), GOOD).passed
    assert judge(Gate(), replace(GOOD, on_old=better, on_new=better)).passed
    (failure,) = judge(Gate(), replace(GOOD, on_old=worse, on_new=better)).failures
    assert "old readings" in failure.name
    assert "1.2 against the champion's 1" in failure.explanation


def test_a_choice_of_origins_keeps_their_forecasts_in_place() -> None:
    table = pd.DataFrame({"forecast": np.arange(8.0)})
    row, column = np.repeat(np.arange(4), 2), np.tile([0, 1], 4)
    own = _only(Aligned(table, np.array([5, 6, 8, 9]), (1, 6), row, column), np.array([False, True, False, True]))
    assert own.origins.tolist() == [6, 9]
    np.testing.assert_array_equal(own.matrix("forecast"), [[2, 3], [6, 7]])
