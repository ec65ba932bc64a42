"""In which order the work comes onto the cards: the water system's day, and one cycle in each way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.capacity.catalogue.cost import rent_usd_per_card_hour
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.duration.predict import TimeEstimate
from pipelines.capacity.plan.answer import MemberTime, Order
from pipelines.capacity.plan.request import Request
from pipelines.capacity.plan.wording import networks_in_words
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.jobs import CPU, CardSlot, Job, Problem, Service
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.usage import usage_of
from pipelines.capacity.schedule.ways import best, longest_first, sequential, waves
from pipelines.capacity.schedule.windows import HOUR_SECONDS
from pipelines.capacity.schedule.workloads import (
    Day,
    Training,
    cached_experiments,
    cross_validation,
    ensemble,
    retrained_experiments,
)

# A checkpoint is written every ten seconds (components.train.training.CHECKPOINT_SECONDS); KFP's command passes no
# SIGTERM on, so that much is lost when a training gives its card up (docs/kubernetes.md).
_LOST_SECONDS = 10
# A step's container starts, imports TensorFlow and traces its step: half a minute in the cluster tests.
_RESTART_SECONDS = 30
# Deploying and backing up a version took less than a second each in the demo; a slow claim may take a minute.
_STORE_SECONDS = 60.0
# Combining stored forecasts with one set of weights (docs/cross_validation.md: 100 in seconds).
_CACHED_EXPERIMENT_SECONDS = 1.0
_EXACT_SECONDS = 2.0


@dataclass(frozen=True)
class Ground:
    """What every order is made of.

    Attributes:
        request: that is planned.
        catalogue: for prices.
        slots: cards, and one place on a CPU.
        times: of members, by kind of card.
        training_bytes: by member, the most over the kinds of cards.
        serving: seconds of one batch where serving runs.
        serving_bytes: that serving holds of its card; 0 on a CPU.
        serving_on: name of the slot.
        services: others that stay on a card.
    """

    request: Request
    catalogue: Catalogue
    slots: tuple[CardSlot, ...]
    times: tuple[MemberTime, ...]
    training_bytes: Mapping[str, int]
    serving: TimeEstimate
    serving_bytes: int
    serving_on: str
    services: tuple[Service, ...]

    def trainings(self, longest: bool) -> tuple[Training, ...]:
        """One training of each member, with all times at one end of their ranges."""
        by_member: dict[str, dict[str, float]] = {}
        for each in self.times:
            seconds = each.training.high_seconds if longest else each.training.low_seconds
            by_member.setdefault(each.member, {})[each.card] = seconds
        return tuple(
            Training(name, seconds, self.training_bytes[name], _LOST_SECONDS, _RESTART_SECONDS)
            for name, seconds in by_member.items()
        )

    @property
    def training_slots(self) -> tuple[CardSlot, ...]:
        """Where members can be trained."""
        kinds = {each.card for each in self.times}
        return tuple(slot for slot in self.slots if slot.kind in kinds)


def day_order(ground: Ground) -> Order:
    """Monday: serving every few minutes, retraining within its window, the backup at two."""

    def problem(longest: bool) -> Problem:
        seconds = ground.serving.high_seconds if longest else ground.serving.low_seconds
        slot = next(each for each in ground.slots if each.name == ground.serving_on)
        scoring = Training("serving", {slot.kind: seconds}, ground.serving_bytes)
        members = ground.trainings(longest)
        day = Day(members, scoring, ground.request.retrain, _STORE_SECONDS, _STORE_SECONDS)
        found = day.problem(ground.slots, resident_on="" if slot.kind == CPU else slot.name)
        return _with_services(found, ground)

    longest = problem(longest=True)
    schedule = longest_first(longest)
    begin = ground.request.retrain.begin_s
    hours = [(_trained_by(each) - begin) / HOUR_SECONDS for each in (schedule, longest_first(problem(longest=False)))]
    return _order("the day", ground, longest, schedule, Range.of(max(each, 0.0) for each in hours))


def cycle_orders(ground: Ground) -> tuple[Order, ...]:
    """One training of each member, in every way; the shortest first."""
    cards = ground.training_slots
    ways: dict[str, Callable[[Problem], Schedule]] = {
        "one after the other": lambda problem: sequential(problem, cards[0].name),
        "in waves": waves,
        "longest first": longest_first,
        "best found": lambda problem: best(problem, _EXACT_SECONDS),
    }
    # On one card every way is the same.
    names = list(ways) if len(cards) > 1 else ["one after the other"]
    found = [_whole(f"a cycle, {name}", ground, ensemble, ways[name]) for name in names]
    if len(cards) > 1:
        # The best on one card, which is not the best on all of them.
        alone = replace(found[0].schedule, proven_best=False)
        found[0] = replace(found[0], schedule=alone)
    return tuple(sorted(found, key=lambda order: order.hours.high))


def study_orders(ground: Ground) -> tuple[Order, ...]:
    """Cross-validation and weight experiments, where they are asked for."""
    trained, found = ground.request.trained, []
    if trained.folds:
        title = f"{trained.folds} folds x {networks_in_words(len(trained.members), len(trained.models))}"
        found.append(_whole(title, ground, lambda own: cross_validation(own, trained.folds), longest_first))
    if trained.experiments and trained.retrain_experiments:
        title = f"{trained.experiments} weight experiments, each trained again"
        found.append(_whole(title, ground, lambda own: _retrained(trained.experiments, own), longest_first))
    elif trained.experiments:
        kinds = dict.fromkeys([CPU], _CACHED_EXPERIMENT_SECONDS)
        title = f"{trained.experiments} weight experiments on stored forecasts"
        found.append(_whole(title, ground, lambda _: cached_experiments(trained.experiments, kinds, 0), longest_first))
    return tuple(found)


def _retrained(count: int, members: Sequence[Training]) -> tuple[Job, ...]:
    return retrained_experiments(count, members, in_turn=False)


def _whole(
    title: str,
    ground: Ground,
    jobs: Callable[[Sequence[Training]], tuple[Job, ...]],
    way: Callable[[Problem], Schedule],
) -> Order:
    problems = [_with_services(Problem(ground.slots, jobs(ground.trainings(end))), ground) for end in (True, False)]
    schedules = [way(problem) for problem in problems]
    hours = Range.of(schedule.makespan_seconds / HOUR_SECONDS for schedule in schedules)
    return _order(title, ground, problems[0], schedules[0], hours)


def _with_services(problem: Problem, ground: Ground) -> Problem:
    """Other services stay where they are; a batch of serving on a CPU has its own place there."""
    jobs = tuple(
        replace(job, cards=(ground.serving_on,)) if job.group == "serving" and not job.cards else job
        for job in problem.jobs
    )
    return replace(problem, jobs=jobs, services=(*problem.services, *ground.services))


def _trained_by(schedule: Schedule) -> int:
    ends = [end for job, end in schedule.ends.items() if job.startswith("retrain")]
    return max(ends, default=0)


def _order(title: str, ground: Ground, problem: Problem, schedule: Schedule, hours: Range) -> Order:
    in_time = not schedule.late and not schedule.unplaced
    return Order(title, problem, schedule, usage_of(problem, schedule), hours, in_time, _rent(ground, hours))


def _rent(ground: Ground, hours: Range) -> Range | None:
    total = Range.exactly(0)
    for each in ground.request.cards:
        price = rent_usd_per_card_hour(ground.catalogue, each.card)
        if price is None:
            return None
        total = total + price * hours * each.count
    return total if ground.request.cards else None
