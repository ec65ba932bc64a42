"""A retrained candidate is judged on old readings apart, so that what it forgot shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from components.dataset.schema import Gate
from components.deploy.store import ModelStore
from components.validate.aligned import align
from components.validate.bootstrap import Difference
from components.validate.champion import Match, Opponent
from components.validate.forgetting import compare_old_and_new
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


def test_old_and_new_windows_are_compared_apart(creek, store: ModelStore) -> None:
    aligned = align(pd.read_parquet(creek.forecasts), creek.series)
    match = Match(creek.dataset, creek.series, aligned, aligned.origins)
    opponent = Opponent(store, store.publish("creek", creek.candidate))
    last_known = str(creek.series.stamps[aligned.origins[99]])
    found = compare_old_and_new(match, opponent, last_known, 0, lambda done, total: None)
    assert isinstance(found.old, Difference)
    assert isinstance(found.new, Difference)
    assert found.old.windows == pytest.approx(100, abs=10)
    assert found.old.estimate == pytest.approx(0, abs=1e-9)
    assert found.new.estimate == pytest.approx(0, abs=1e-9)
    known = np.isfinite(aligned.matrix("actual")).any(axis=1)
    assert found.old.windows + found.new.windows == np.count_nonzero(known)
