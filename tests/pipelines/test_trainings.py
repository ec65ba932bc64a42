"""The trainings of a cross-validation, and what a command line may ask of them."""

from __future__ import annotations

import pytest

from components.errors import InputError
from pipelines.run.trainings import experiment_trainings, fold_trainings

FIVE = ("stacked_lstm", "residual_gru", "cnn_lstm", "spike_detector", "rule_based")


def test_five_members_on_five_folds_are_25_trainings_within_the_budget() -> None:
    trainings = fold_trainings(FIVE, 5, seed=0, budget_minutes=50, at_once=2)
    assert len({(one.member, one.fold) for one in trainings}) == len(trainings) == 25
    seconds = sum(one.budget_seconds for one in trainings)
    assert 0.9 * 2 * 50 * 60 <= seconds <= 2 * 50 * 60


def test_experiments_keep_the_first_trainings_and_differ_in_seed_and_window() -> None:
    first = fold_trainings(("linear", "rule_based"), 3, seed=7, budget_minutes=1, at_once=2)
    trainings = experiment_trainings(first, 2, window=100, budget_minutes=1, at_once=1)
    assert trainings[:6] == first
    again = trainings[6:]
    assert len(again) == 12
    assert {(one.experiment, one.seed, one.window) for one in again} == {(1, 8, 50), (2, 9, 200)}
    assert sum(one.budget_seconds for one in again) == pytest.approx(60, rel=0.01)


@pytest.mark.parametrize(
    ("members", "folds", "budget", "where"),
    [
        (("linear", "oracle"), 5, 1, "--members"),
        ((), 5, 1, "--members"),
        (("linear", "linear"), 5, 1, "--members"),
        (("linear",), 1, 1, "--folds"),
        (("linear",), 5, 0, "--budget"),
        (("linear",), 1000, 1, "--folds"),
    ],
)
def test_what_can_not_be_trained_is_refused(members: tuple[str, ...], folds: int, budget: float, where: str) -> None:
    with pytest.raises(InputError, match=where):
        fold_trainings(members, folds, seed=0, budget_minutes=budget, at_once=2)
