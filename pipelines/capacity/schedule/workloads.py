"""The documents' workloads as jobs: trainings, folds, weight experiments, and the water system's day.

Seconds and memory come from the caller, out of the catalogue or measured here: the documents contradict one another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from components.errors import InputError
from pipelines.capacity.schedule.jobs import CPU, CardSlot, Job, Periodic, Problem, Service
from pipelines.capacity.schedule.windows import DAY_SECONDS, Window

# Serving goes before training (core-v100), and training before what can wait (pcb, P1 to P3).
SERVING_PRIORITY = 3
TRAINING_PRIORITY = 2
EXTRAS_PRIORITY = 1
# Serving scores a batch every 10 minutes (core-v100).
SERVING_EVERY_SECONDS = 600
# The backup runs daily at 02:00 (water-stack).
BACKUP_AT_S = 2 * 3_600
# What a backup reads and publishing writes: one at a time, so that no half-written version is copied.
MODEL_STORE = "model store"
PUBLISHING, BACKUP = CardSlot("publishing", CPU, 0), CardSlot("backup", CPU, 0)


@dataclass(frozen=True)
class Training:
    """One training of one member.

    Attributes:
        name: of the member.
        seconds: that it takes, by kind of card.
        memory_bytes: that it takes.
        checkpoint_loss_seconds: work that is lost at most when it is stopped.
        restart_seconds: until it works again.
    """

    name: str
    seconds: Mapping[str, float]
    memory_bytes: int
    checkpoint_loss_seconds: int = 0
    restart_seconds: int = 0

    def job(self, name: str, group: str) -> Job:
        """One such training: it has its card to itself, and gives it up to what counts more."""
        return Job(
            name=name,
            group=group,
            seconds=self.seconds,
            memory_bytes=self.memory_bytes,
            priority=TRAINING_PRIORITY,
            preemptible=True,
            checkpoint_loss_seconds=self.checkpoint_loss_seconds,
            restart_seconds=self.restart_seconds,
        )


def ensemble(members: Sequence[Training], group: str = "ensemble") -> tuple[Job, ...]:
    """One training of each member: a cycle, as v100-options calls it."""
    return tuple(member.job(f"{group}/{member.name}", group) for member in members)


def cross_validation(members: Sequence[Training], folds: int = 5) -> tuple[Job, ...]:
    """Every member trained once for each fold: 25 trainings of five members in five folds (core-v100)."""
    return tuple(job for fold in range(1, folds + 1) for job in ensemble(members, f"fold {fold}"))


def cached_experiments(count: int, seconds: Mapping[str, float], memory_bytes: int) -> tuple[Job, ...]:
    """Weight combinations tried on stored forecasts: nothing is trained again, and each takes its own seconds only."""
    return tuple(
        Job(f"experiment {number}", "experiments", seconds, memory_bytes, priority=TRAINING_PRIORITY, preemptible=True)
        for number in range(1, count + 1)
    )


def retrained_experiments(count: int, members: Sequence[Training], in_turn: bool) -> tuple[Job, ...]:
    """Weight combinations that train all members again, as core-v100 and v100-options price them.

    Args:
        count: of combinations; 50 to 100 in core-v100.
        members: of the ensemble.
        in_turn: each begins when the one before has ended, since it depends on its outcome.
    """
    jobs: list[Job] = []
    before: tuple[str, ...] = ()
    for number in range(1, count + 1):
        own = [replace(job, after=before) for job in ensemble(members, f"experiment {number}")]
        before = tuple(job.name for job in own) if in_turn else ()
        jobs += own
    return tuple(jobs)


@dataclass(frozen=True)
class Day:
    """The water system's day.

    Attributes:
        members: that are retrained.
        scoring: seconds and memory of one batch of serving; a kind `cpu` lets it leave the cards to training.
        retrain: when retraining may run. core-v100 says at dawn, for 8 hours at most; the hours are the user's.
        publish_seconds: that writing a version takes when the last member is trained; on a CPU.
        backup_seconds: that the backup takes; on a CPU.
    """

    members: Sequence[Training]
    scoring: Training
    retrain: Window
    publish_seconds: float
    backup_seconds: float

    def problem(self, cards: Sequence[CardSlot], days: int = 1, resident_on: str = "") -> Problem:
        """So many days from Monday on.

        Serving counts most and misses its period when the next batch is due; retraining gives way to it, and is late
        when its window closes. The backup copies what is published, so it needs the store for itself, as publishing
        does; each runs on a CPU slot of its own, which is added.

        Args:
            cards: that there are.
            days: to be planned.
            resident_on: name of the card on which serving stays all day with its memory, beside training; empty for a
                batch that takes a card every 10 minutes and gives it back.

        Raises:
            InputError: retraining has no daily window, or serving can't stay on that card.
        """
        if self.retrain.every_s != DAY_SECONDS:
            raise InputError("retrain window", "doesn't come daily", "give hours of the day, such as 02:00-10:00")
        until_s = days * DAY_SECONDS
        backup = replace(_on_store(BACKUP, "backup", self.backup_seconds), release_s=BACKUP_AT_S)
        jobs = [*Periodic(backup, DAY_SECONDS, until_s).expand()]
        for day in range(days):
            jobs += self._retraining(day)
        services: tuple[Service, ...] = ()
        if resident_on:
            services = (self._resident(cards, resident_on),)
        else:
            scoring = self.scoring.job("serving", "serving")
            scoring = replace(scoring, priority=SERVING_PRIORITY, preemptible=False)
            jobs += Periodic(scoring, SERVING_EVERY_SECONDS, until_s).expand()
        return Problem((*cards, PUBLISHING, BACKUP), tuple(jobs), services)

    def _resident(self, cards: Sequence[CardSlot], name: str) -> Service:
        kind = next((card.kind for card in cards if card.name == name), "")
        if kind not in self.scoring.seconds:
            fix = f"name a card of kind {', '.join(self.scoring.seconds)}"
            raise InputError("resident_on", f"serving can't stay on {name!r}", fix)
        return Service("serving", self.scoring.memory_bytes, name, self.scoring.seconds[kind] / SERVING_EVERY_SECONDS)

    def _retraining(self, day: int) -> list[Job]:
        """One day's trainings, and publishing behind them."""
        begin = day * DAY_SECONDS + self.retrain.begin_s
        end = day * DAY_SECONDS + self.retrain.end_s
        trained = [
            replace(job, release_s=begin, deadline_s=end, windows=(self.retrain,))
            for job in ensemble(self.members, f"retrain {day + 1}")
        ]
        publish = _on_store(PUBLISHING, f"publish {day + 1}", self.publish_seconds)
        return [*trained, replace(publish, release_s=begin, after=tuple(job.name for job in trained))]


def _on_store(slot: CardSlot, name: str, seconds: float) -> Job:
    return Job(
        name=name,
        group=slot.name,
        seconds={CPU: seconds},
        memory_bytes=0,
        priority=TRAINING_PRIORITY,
        cards=(slot.name,),
        holds=(MODEL_STORE,),
    )
