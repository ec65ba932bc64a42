"""How fast schedules are made for many cards and jobs, and how far heuristics are from the best.

    python benchmarks/schedules.py [--sizes 10,100,1000,5000] [--cases 20] [--seconds 20]

Jobs run on any of four kinds of cards, for ten minutes to six hours on a V100. A fifth may run at night only, two
thirds may be stopped, half may share a card; they have three priorities and are released over a day. There is a card
for each five jobs, or for each. The second table plans small random cases on equal and on mixed cards: the gap is how
much later a plan ends than the proven best one.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from functools import partial
from itertools import product

from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.simulate import replay, run_queue
from pipelines.capacity.schedule.ways import best, longest_first, waves
from pipelines.capacity.schedule.windows import windows_of

GIB = 2**30
# Hours of one model (v100-options), and memory in GB.
KINDS = {"V100": (1.2, 32), "T4": (2.5, 16), "P40": (4.0, 24), "P100": (2.8, 16)}
JOBS_PER_CARD = 5


def main() -> None:
    """Prints both tables, and as JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="10,100,1000,5000", help="numbers of jobs")
    parser.add_argument("--cases", type=int, default=20, help="small cases for each number of jobs and cards")
    parser.add_argument("--seconds", type=float, default=20.0, help="limit of each exact search")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")]
    print(json.dumps({"speed": speeds(sizes), "gaps": gaps(options.cases, options.seconds)}))


def speeds(sizes: list[int]) -> list[dict[str, float]]:
    """Seconds of each way to plan, and of the replay, for growing numbers of jobs."""
    ways: dict[str, Callable[[Problem], Schedule]] = {
        "waves": waves,
        "longest first": longest_first,
        "queue": run_queue,
    }
    print(f"{'jobs':>6}{'cards':>7}{''.join(f'{name:>16}' for name in (*ways, 'replay'))}   seconds", flush=True)
    rows = []
    for size in sizes:
        for cards in sorted({max(1, size // JOBS_PER_CARD), size}):
            problem = _many(size, cards, random.Random(size))
            row: dict[str, float] = {"jobs": size, "cards": cards}
            for name, way in ways.items():
                row[name], plan = _timed(partial(way, problem))
            row["replay"], _ = _timed(partial(replay, problem, plan))
            print(f"{size:6}{cards:7}{''.join(f'{row[name]:16.2f}' for name in (*ways, 'replay'))}", flush=True)
            rows.append(row)
    return rows


def _timed(work: Callable[[], Schedule]) -> tuple[float, Schedule]:
    begin = time.perf_counter()
    done = work()
    return time.perf_counter() - begin, done


def _many(jobs: int, cards: int, chance: random.Random) -> Problem:
    kinds = list(KINDS.items())
    slots = tuple(
        CardSlot(f"card {number}", kinds[number % len(kinds)][0], kinds[number % len(kinds)][1][1] * GIB)
        for number in range(cards)
    )
    return Problem(slots, tuple(_job(number, chance) for number in range(jobs)))


def _job(number: int, chance: random.Random) -> Job:
    hours = chance.uniform(1 / 6, 6)
    return Job(
        name=f"job {number}",
        group="jobs",
        seconds={kind: 3_600 * hours * each / KINDS["V100"][0] for kind, (each, _) in KINDS.items()},
        memory_bytes=chance.choice((2, 6, 12, 14)) * GIB,
        priority=chance.randint(0, 2),
        release_s=chance.choice((0, chance.randint(0, 86_400))),
        windows=windows_of("20:00-08:00") if chance.random() < 0.2 else (),
        preemptible=chance.random() < 2 / 3,
        checkpoint_loss_seconds=300,
        restart_seconds=60,
        exclusive=chance.random() < 0.5,
    )


def gaps(cases: int, seconds: float) -> list[dict[str, float | str]]:
    """How much later waves and longest first end than the best plan, on small cases that were proven."""
    print(f"{'cards':12}{'jobs':>5}{'proven':>8}{'waves, mean':>13}{'worst':>8}{'longest first, mean':>21}{'worst':>8}")
    rows: list[dict[str, float | str]] = []
    for (name, kinds), jobs in product(
        (("2 alike", ("V100",) * 2), ("2 + 1 mixed", ("V100", "V100", "T4"))), (5, 8, 12)
    ):
        found = [_gap(kinds, jobs, random.Random(case), seconds) for case in range(cases)]
        proven = [gap for gap in found if gap]
        row: dict[str, float | str] = {"cards": name, "jobs": jobs, "cases": cases, "proven": len(proven)}
        for place, way in enumerate(("waves", "longest first")):
            row[f"{way}, mean"] = statistics.mean(gap[place] for gap in proven) if proven else float("nan")
            row[f"{way}, worst"] = max((gap[place] for gap in proven), default=float("nan"))
        print(
            f"{name:12}{jobs:5}{len(proven):5}/{cases}{row['waves, mean']:13.1%}{row['waves, worst']:8.1%}"
            f"{row['longest first, mean']:21.1%}{row['longest first, worst']:8.1%}",
            flush=True,
        )
        rows.append(row)
    return rows


def _gap(kinds: tuple[str, ...], jobs: int, chance: random.Random, seconds: float) -> tuple[float, float] | None:
    """Gaps of waves and longest first; None where the best wasn't proven in time."""
    cards = tuple(CardSlot(f"card {number}", kind, 32 * GIB) for number, kind in enumerate(kinds))
    lengths = [60 * chance.randint(10, 360) for _ in range(jobs)]
    problem = Problem(
        cards,
        tuple(
            Job(f"job {number}", "jobs", {"V100": each, "T4": each * KINDS["T4"][0] / KINDS["V100"][0]}, 0)
            for number, each in enumerate(lengths)
        ),
    )
    plan = best(problem, seconds)
    if not plan.proven_best:
        return None
    ends = plan.makespan_seconds
    return waves(problem).makespan_seconds / ends - 1, longest_first(problem).makespan_seconds / ends - 1


if __name__ == "__main__":
    main()
