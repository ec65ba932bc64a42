"""One V100, two, and what v100-options compares them with: time, optimisation, memory and money."""

from __future__ import annotations

from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.examples import one_v100, two_v100s
from pipelines.capacity.examples.card_memory import memory_rows
from pipelines.capacity.examples.comparison import Comparison, Part, Row
from pipelines.capacity.examples.cycles import (
    Configuration,
    cycle,
    cycle_hours,
    folds,
    hours,
    mixed_cycle_hours,
    wave_count,
)
from pipelines.capacity.examples.documents import Documents
from pipelines.capacity.examples.money import money
from pipelines.capacity.examples.own_members import own_part
from pipelines.capacity.ranges import Range

_BESIDE = {1: Configuration("v100x1", "v100", 1, 1), 2: Configuration("v100x2", "v100", 2, 1)}
# v100-options names the times of T4 x 4 and P100 x 4 against one V100, those of the larger ones against two.
CONFIGURATIONS = {
    each.name: each
    for each in (
        _BESIDE[1],
        _BESIDE[2],
        Configuration("t4x4", "t4", 4, 1),
        Configuration("t4x6", "t4", 6, 2),
        Configuration("p40x3", "p40", 3, 1),
        Configuration("p40x4", "p40", 4, 2),
        Configuration("p100x4", "p100", 4, 1),
        Configuration("p100x5", "p100", 5, 2),
    )
}
_OWN_PARTS = {"v100x1": one_v100.parts, "v100x2": two_v100s.parts}


def configuration_example(name: str, catalogue: Catalogue) -> Comparison:
    """The tables of one configuration."""
    documents, configuration = Documents(catalogue), CONFIGURATIONS[name]
    own = _OWN_PARTS.get(name)
    return Comparison(
        name=name,
        title=f"{configuration.card(documents).title} x {configuration.count}: five models of the water-level ensemble",
        parts=(
            Part("Time", _time(documents, configuration)),
            Part("Optimisation", _optimisation(documents, configuration)),
            Part("Memory", memory_rows(documents, configuration)),
            Part("Money", money(documents, configuration)),
            *(own(documents, configuration) if own else ()),
            own_part(documents, configuration),
        ),
        plans=(cycle(documents, configuration), folds(documents, configuration)),
    )


def _time(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    count, key = configuration.count, f"one_model_hours.{configuration.stated_as}"
    schedule = cycle(documents, configuration).schedule
    one = documents.stated(key)
    turns = wave_count(schedule)
    in_waves = f"{turns} waves of {one} h" if 1 < count < len(schedule.ends) else f"{turns} x {one} h"
    rows = [documents.row("One model on one card", "h", key)]
    if count > 1:
        alone = documents.row("Five models, all on one card", "h", "", one * len(schedule.ends), f"5 x {one} h")
        rows.append(alone)
    stated = documents.row("Cycle: five models", "h", f"cycle_hours.{configuration.name}", hours(schedule), in_waves)
    return (
        *rows,
        stated,
        _mixed(documents, configuration),
        _against_v100s(documents, configuration, hours(schedule)),
        *_experiments(documents, configuration, hours(schedule)),
    )


def _mixed(documents: Documents, configuration: Configuration) -> Row:
    gain = configuration.card(documents).mixed_precision_gain.range
    how = f"the card gains {gain}" if gain.high > 1 else "mixed precision gains nothing on this card"
    key = f"cycle_hours.{configuration.name}_mixed"
    return documents.row("Cycle by mixed precision", "h", key, mixed_cycle_hours(documents, configuration), how)


def _against_v100s(documents: Documents, configuration: Configuration, own_hours: float) -> Row:
    beside = _BESIDE[configuration.beside]
    v100s = "1 V100" if beside.count == 1 else f"{beside.count} V100s"
    theirs = cycle_hours(documents, beside)
    how = f"{own_hours:g} h over {theirs:g} h"
    return documents.row(
        f"Cycle against {v100s}", "times", f"cycle_ratio.{configuration.name}", own_hours / theirs, how
    )


def _experiments(documents: Documents, configuration: Configuration, computed_hours: float) -> tuple[Row, ...]:
    """Cycles a day, from both cycles: the stated figures follow from neither."""
    name = configuration.name
    stated = documents.stated(f"cycle_hours.{name}")
    rows = [
        documents.row(
            "Experiments a day",
            "",
            f"experiments_per_day.{name}",
            Range.exactly(24) / stated,
            f"24 h over stated {stated} h",
        ),
        documents.row("Experiments a day", "", "", 24 / computed_hours, f"24 h over computed {computed_hours:g} h"),
    ]
    if documents.states(f"experiments_per_day.{name}_mixed"):
        mixed = mixed_cycle_hours(documents, configuration)
        key = f"experiments_per_day.{name}_mixed"
        rows.append(
            documents.row("The same by mixed precision", "", key, Range.exactly(24) / mixed, f"24 h over {mixed} h")
        )
    if documents.states(f"experiments_per_week.{name}"):
        week = Range.exactly(7 * 24) / stated
        rows.append(
            documents.row("Experiments a week", "", f"experiments_per_week.{name}", week, f"168 h over {stated} h")
        )
    return tuple(rows)


def _optimisation(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    name, one = configuration.name, cycle_hours(documents, configuration)
    combinations = documents.stated("optimisation_count.weight_combinations")
    search, cross = combinations * one, folds(documents, configuration).schedule
    trainings, row = len(cross.ends), documents.row
    validated = f"{trainings} trainings in {wave_count(cross)} waves"
    count_key = "optimisation_count.cross_validation_trainings"
    searched = f"a cycle of {one:g} h each"
    rows = (
        row(f"{combinations} weight combinations", "h", f"weight_search_hours.{name}", search, searched),
        row("The same on stored forecasts", "", "", "no training", "weights need the forecasts of held-back folds"),
        row("Cross-validation", "h", f"cross_validation_hours.{name}", hours(cross), validated),
        row("Number of trainings in it", "", count_key, trainings, "members x folds"),
    )
    if not documents.states(f"optimisation_hours.{name}"):
        return rows
    return (*rows, row("Both", "h", f"optimisation_hours.{name}", search + hours(cross), "search and cross-validation"))
