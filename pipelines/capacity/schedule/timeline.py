"""When each job begins in which class of cards, where windows, deadlines and what comes before what decide.

Cards of one class are one resource that so many jobs can use at once, instead of a card each: intervals of which at
most n overlap can always be given n cards. That takes away plans that differ by nothing but the names of cards.
"""

from __future__ import annotations

import math
from collections import defaultdict
from heapq import heapify, heappop, heappush
from typing import Any

from pipelines.capacity.schedule.answer import Answer, solver_of
from pipelines.capacity.schedule.fit import Fit
from pipelines.capacity.schedule.jobs import Job, Problem
from pipelines.capacity.schedule.plan import Piece, Schedule
from pipelines.capacity.schedule.windows import WEEK_SECONDS


def uninterrupted_seconds(fit: Fit, job: Job) -> dict[int, int]:
    """By class, the seconds of a job where it ends within one opening."""
    longest = fit.openings[job.name].longest_seconds
    return {place: seconds for place, seconds in fit.seconds[job.name].items() if seconds <= longest}


def search_timeline(
    cp_model: Any, problem: Problem, fit: Fit, known: Schedule, time_limit_seconds: float
) -> Answer | None:
    """The plan of least cost in which no job is stopped; None where none is found in time."""
    return _Timeline(cp_model, problem, fit, known).search(time_limit_seconds)


class _Timeline:
    def __init__(self, cp_model: Any, problem: Problem, fit: Fit, known: Schedule) -> None:
        self._cp, self._fit, self._problem, self._known = cp_model, fit, problem, known
        self._model = cp_model.CpModel()
        self._seconds = {job.name: uninterrupted_seconds(fit, job) for job in fit.jobs}
        self._levels = sorted({job.priority for job in fit.jobs}, reverse=True)
        self._unit = self._common_unit()
        self._horizon = self._ends_by() // self._unit
        self._start: dict[str, Any] = {}
        self._end: dict[str, Any] = {}
        self._present: dict[str, dict[int, Any]] = {}
        self._intervals: dict[int, list[Any]] = defaultdict(list)
        self._holding: dict[str, list[Any]] = defaultdict(list)
        for job in fit.jobs:
            self._add(job)
        self._relate()
        self._order_twins()

    def search(self, time_limit_seconds: float) -> Answer | None:
        """Priority by priority, the highest first, each without loss to those before."""
        found: dict[str, tuple[int, int]] = {}
        left, bound, proven = time_limit_seconds, 0, True
        self._hint({name: (place, begin // self._unit) for name, (place, begin) in self._known_begins().items()})
        for level in self._levels:
            late, last = self._stake(level)
            solver = solver_of(self._cp, left)
            self._model.minimize(late * (self._horizon + 1) + last)
            status = solver.solve(self._model)
            left -= solver.wall_time
            if status not in (self._cp.OPTIMAL, self._cp.FEASIBLE):
                proven = False
                break
            found = self._values(solver)
            proven = status == self._cp.OPTIMAL
            if not proven:
                break
            if len(self._levels) == 1 and not solver.value(late):
                bound = solver.value(last) * self._unit
            self._model.add(late <= solver.value(late))
            self._model.add(last <= solver.value(last))
            self._hint(found)
        return Answer(self._pieces(found), proven, bound) if found else None

    def _common_unit(self) -> int:
        """The longest time of which all times are multiples, so that the solver counts in few steps."""
        times = [seconds for each in self._seconds.values() for seconds in each.values()]
        times += [time for job in self._fit.jobs for time in (job.release_s, job.deadline_s or 0)]
        windows = {window for job in self._fit.jobs for window in job.windows}
        times += [time for window in windows for time in (window.begin_s, window.end_s, window.every_s)]
        return math.gcd(*times)

    def _ends_by(self) -> int:
        """A second by which some plan of least cost has ended."""
        longest = sum(max(each.values()) for each in self._seconds.values())
        waits = sum(WEEK_SECONDS for job in self._fit.jobs if job.windows)
        latest = max(job.release_s for job in self._fit.jobs) + longest + waits
        return -(-max(latest, self._known.makespan_seconds) // self._unit) * self._unit

    def _add(self, job: Job) -> None:
        start = self._model.new_int_var(job.release_s // self._unit, self._horizon, f"begin of {job.name}")
        present = {place: self._model.new_bool_var(f"{job.name} in {place}") for place in self._seconds[job.name]}
        self._model.add_exactly_one(present.values())
        lengths = {place: seconds // self._unit for place, seconds in self._seconds[job.name].items()}
        for place, length in lengths.items():
            name = f"{job.name} in {place}"
            interval = self._model.new_optional_fixed_size_interval_var(start, length, present[place], name)
            self._intervals[place].append(interval)
            for thing in job.holds:
                self._holding[thing].append(interval)
            domain = self._cp.Domain.from_intervals(self._begins(job, length))
            self._model.add_linear_expression_in_domain(start, domain).only_enforce_if(present[place])
        self._start[job.name], self._present[job.name] = start, present
        self._end[job.name] = start + sum(length * present[place] for place, length in lengths.items())

    def _begins(self, job: Job, length: int) -> list[list[int]]:
        """From when to when a job of this length may begin."""
        openings = self._fit.openings[job.name].between(job.release_s, self._horizon * self._unit)
        scaled = [(begin // self._unit, end // self._unit) for begin, end in openings]
        return [[begin, end - length] for begin, end in scaled if end - begin >= length]

    def _relate(self) -> None:
        for place, intervals in self._intervals.items():
            cards = len(self._fit.classes[place].cards)
            self._model.add_cumulative(intervals, [1] * len(intervals), cards)
        for intervals in self._holding.values():
            self._model.add_no_overlap(intervals)
        for job in self._fit.jobs:
            for before in job.after:
                self._model.add(self._start[job.name] >= self._end[before])

    def _order_twins(self) -> None:
        """Of jobs that differ by nothing but their names, the first listed begins first."""
        before = {name for job in self._fit.jobs for name in job.after}
        last: dict[tuple[object, ...], str] = {}
        for job in self._fit.jobs:
            if job.name in before or job.after:
                continue
            seconds = tuple(sorted(self._seconds[job.name].items()))
            twin = (seconds, job.priority, job.release_s, job.deadline_s, job.windows, job.holds)
            if twin in last:
                self._model.add(self._start[job.name] >= self._start[last[twin]])
            last[twin] = job.name

    def _stake(self, level: int) -> tuple[Any, Any]:
        """Of the jobs of one priority, how late they are together, and when the last one ends."""
        jobs = [job for job in self._fit.jobs if job.priority == level]
        last = self._model.new_int_var(0, self._horizon, f"end of {level}")
        late = self._model.new_int_var(0, self._horizon * len(jobs), f"lateness of {level}")
        overdue = []
        for job in jobs:
            self._model.add(last >= self._end[job.name])
            if job.deadline_s is not None:
                over = self._model.new_int_var(0, self._horizon, f"lateness of {job.name}")
                self._model.add(over >= self._end[job.name] - job.deadline_s // self._unit)
                overdue.append(over)
        self._model.add(late == sum(overdue))
        return late, last

    def _known_begins(self) -> dict[str, tuple[int, int]]:
        """Class and begin of each job in the plan that is known."""
        names = [(card, place) for place, each in enumerate(self._fit.classes) for card in each.cards]
        class_of = {self._problem.cards[card].name: place for card, place in names}
        return {each.job: (class_of[each.card], each.begin_s) for each in self._known.placements}

    def _hint(self, begins: dict[str, tuple[int, int]]) -> None:
        self._model.clear_hints()
        for name, (place, begin) in begins.items():
            self._model.add_hint(self._start[name], begin)
            for each, present in self._present[name].items():
                self._model.add_hint(present, each == place)

    def _values(self, solver: Any) -> dict[str, tuple[int, int]]:
        return {
            name: (
                next(place for place, here in present.items() if solver.value(here)),
                solver.value(self._start[name]),
            )
            for name, present in self._present.items()
        }

    def _pieces(self, found: dict[str, tuple[int, int]]) -> tuple[Piece, ...]:
        """Gives each job a card of its class: the one that has been free longest."""
        free = [[(0, card) for card in each.cards] for each in self._fit.classes]
        for heap in free:
            heapify(heap)
        pieces = []
        for name, (place, begin) in sorted(found.items(), key=lambda item: (item[1][1], item[0])):
            _, card = heappop(free[place])
            end = begin + self._seconds[name][place] // self._unit
            heappush(free[place], (end, card))
            pieces.append(Piece(name, card, begin * self._unit, end * self._unit))
        return tuple(pieces)
