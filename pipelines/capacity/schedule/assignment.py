"""Which card takes which job, where their order on the card changes nothing."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from pipelines.capacity.schedule.answer import Answer, solver_of
from pipelines.capacity.schedule.fit import Fit
from pipelines.capacity.schedule.plan import Piece, Schedule


def assign(cp_model: Any, fit: Fit, known: Schedule, time_limit_seconds: float) -> Answer | None:
    """The assignment whose last card is done earliest; None where none is found in time."""
    first = fit.jobs[0].release_s
    unit = math.gcd(*(seconds for each in fit.seconds.values() for seconds in each.values()))
    horizon = (known.makespan_seconds - first) // unit if known.placements else 0
    horizon = max(horizon, sum(max(each.values()) for each in fit.seconds.values()) // unit)
    model = cp_model.CpModel()
    last = model.new_int_var(-(-(known.lower_bound_seconds - first) // unit), horizon, "last")
    takes = {
        job.name: {
            card: model.new_bool_var(f"{card} takes {job.name}")
            for place in fit.eligible[job.name]
            for card in fit.classes[place].cards
        }
        for job in fit.jobs
    }
    for each in takes.values():
        model.add_exactly_one(each.values())
    for place, cards in enumerate(fit.classes):
        loads = [_load(model, fit, takes, place, card, unit) for card in cards.cards]
        for load in loads:
            model.add(load <= last)
        for more, less in pairwise(loads):
            # Cards of a class are the same: of all plans that differ by their names, one is enough.
            model.add(more >= less)
    model.minimize(last)
    solver = solver_of(cp_model, time_limit_seconds)
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return None
    cards_of = {name: next(card for card, taken in each.items() if solver.value(taken)) for name, each in takes.items()}
    bound = first + math.ceil(solver.best_objective_bound - 1e-6) * unit
    return Answer(_pieces(fit, cards_of, first), status == cp_model.OPTIMAL, bound)


def _load(model: Any, fit: Fit, takes: dict[str, dict[int, Any]], place: int, card: int, unit: int) -> Any:
    seconds = {name: each[place] // unit for name, each in fit.seconds.items() if place in each}
    load = model.new_int_var(0, sum(seconds.values()), f"load of {card}")
    model.add(load == sum(each * takes[name][card] for name, each in seconds.items()))
    return load


def _pieces(fit: Fit, cards_of: dict[str, int], first: int) -> tuple[Piece, ...]:
    """The jobs of each card one behind the other, the longest first."""
    class_of = {card: place for place, each in enumerate(fit.classes) for card in each.cards}
    free = dict.fromkeys(class_of, first)
    pieces = []
    lengths = {name: fit.seconds[name][class_of[card]] for name, card in cards_of.items()}
    for name, seconds in sorted(lengths.items(), key=lambda item: (-item[1], item[0])):
        card = cards_of[name]
        pieces.append(Piece(name, card, free[card], free[card] + seconds))
        free[card] += seconds
    return tuple(pieces)
