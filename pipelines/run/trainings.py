"""The trainings of a cross-validation and of the experiments that train again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from components.cross_validate.folds import LEAST_FOLDS
from components.cross_validate.train_fold import Training
from components.errors import InputError
from components.train.registry import MEMBERS, budget_shares

# A list of trainings is one argument of a process; more would be no study but a campaign.
MOST_TRAININGS = 400
# Experiments take turns with windows as long as the dataset's, half and twice as long.
_WINDOWS = (1.0, 0.5, 2.0)
_LEAST_WINDOW = 4


def fold_trainings(
    members: Sequence[str], folds: int, seed: int, budget_minutes: float, at_once: int
) -> tuple[Training, ...]:
    """Every member on every fold, the long folds first, so that none is left alone at the end.

    Raises:
        InputError: unknown members, no budget, too many trainings.
    """
    if folds < LEAST_FOLDS:
        raise InputError("--folds", f"{folds} is too few", f"give {LEAST_FOLDS} or more, for example 5")
    _check(members, budget_minutes)
    shares = _shares(members, folds, budget_minutes, at_once)
    return _at_most(
        [
            Training(member, fold, experiment=0, seed=seed, window=0, budget_seconds=shares[member])
            for fold in range(folds, 0, -1)
            for member in members
        ]
    )


def experiment_trainings(
    first: Sequence[Training], experiments: int, window: int, budget_minutes: float, at_once: int
) -> tuple[Training, ...]:
    """The cross-validation's trainings, and `experiments` more of each, with other seeds and windows.

    Args:
        first: trainings of the cross-validation, as they were asked for: their results are taken from the cache.
        experiments: how many more times.
        window: rows of the dataset's window.
        budget_minutes: wall-clock minutes of all new trainings together.
        at_once: trainings side by side.

    Raises:
        InputError: no budget, no experiments, too many trainings.
    """
    if experiments < 1:
        raise InputError("--experiments", "there is nothing to train again", "give 1 or more")
    members = tuple(dict.fromkeys(training.member for training in first))
    _check(members, budget_minutes)
    folds = len({training.fold for training in first})
    shares = _shares(members, folds * experiments, budget_minutes, at_once)
    again = [
        Training(
            member=training.member,
            fold=training.fold,
            experiment=number,
            seed=training.seed + number,
            window=max(_LEAST_WINDOW, round(window * _WINDOWS[number % len(_WINDOWS)])),
            budget_seconds=shares[training.member],
        )
        for number in range(1, experiments + 1)
        for training in first
    ]
    return _at_most([*first, *again])


def as_items(trainings: Sequence[Training]) -> list[dict[str, object]]:
    """As the pipelines' loops list them."""
    return [asdict(training) for training in trainings]


def _shares(members: Sequence[str], times: int, budget_minutes: float, at_once: int) -> dict[str, float]:
    shares = budget_shares(tuple(members) * times, budget_minutes * 60, at_once)
    return {member: round(seconds, 3) for member, seconds in shares.items()}


def _check(members: Sequence[str], budget_minutes: float) -> None:
    unknown = [member for member in members if member not in MEMBERS]
    if unknown or not members:
        problem = f"there is no member {', '.join(unknown)}" if unknown else "no member is named"
        raise InputError("--members", problem, f"choose from: {', '.join(MEMBERS)}")
    if len(set(members)) < len(members):
        raise InputError("--members", "a member is named twice", "name each once")
    if budget_minutes <= 0:
        raise InputError("--budget", "there must be some time to train in", "give minutes above 0, for example 10")


def _at_most(trainings: list[Training]) -> tuple[Training, ...]:
    if len(trainings) > MOST_TRAININGS:
        raise InputError(
            "--folds", f"{len(trainings)} trainings are more than {MOST_TRAININGS}", "take fewer folds or experiments"
        )
    return tuple(trainings)
