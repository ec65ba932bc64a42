"""How a job gets on: what is left of it after a stop, and when it is worth beginning before a window closes."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.capacity.schedule.fit import whole_seconds
from pipelines.capacity.schedule.jobs import Job
from pipelines.capacity.schedule.windows import Openings


@dataclass(frozen=True)
class Work:
    """What is left of a job.

    Attributes:
        left_share: part of the whole job that is not done.
        owed_seconds: of restarting, before it works again.
    """

    left_share: float = 1.0
    owed_seconds: int = 0

    def todo(self, seconds: int) -> float:
        """Seconds that are left on a card on which the whole job takes so many."""
        return self.owed_seconds + self.left_share * seconds

    def stopped(self, job: Job, seconds: int, done: float) -> Work:
        """What is left when it is stopped after so many seconds of running since it last began.

        What it did since its last checkpoint is lost, so a stop never leaves more to do than there was before it began.
        """
        kept = max(0.0, done - self.owed_seconds - job.checkpoint_loss_seconds)
        return Work(max(0.0, self.left_share - kept / seconds), job.restart_seconds)


def worth_beginning(job: Job, todo: float, room: float) -> bool:
    """Whether a job should begin with so many seconds to go until its window closes.

    It should where it ends in time, or gets more done than stopping and restarting will cost.
    """
    return whole_seconds(todo) <= room or (job.preemptible and room > job.checkpoint_loss_seconds + job.restart_seconds)


def run_alone(job: Job, seconds: int, openings: Openings, earliest_s: int) -> list[tuple[int, int]]:
    """The stretches in which a job runs that has its card to itself from a second on."""
    work, at, stretches = Work(), earliest_s, list[tuple[int, int]]()
    while True:
        begin, end = openings.at_or_after(at)
        at = max(at, begin)
        todo = whole_seconds(work.todo(seconds))
        if todo <= end - at:
            return [*stretches, (at, at + todo)]
        at_close = int(end)
        if worth_beginning(job, todo, end - at):
            stretches.append((at, at_close))
            work = work.stopped(job, seconds, at_close - at)
        at = at_close
