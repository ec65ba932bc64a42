"""The growth to 1.0 and 1.5 million rows: memory, parameters, steps, times, and whether the dawn window still holds."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise

from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.examples.comparison import Comparison, Part, Planned, Row
from pipelines.capacity.examples.cycles import Configuration, cycle_hours, mixed_cycle_hours, trainings
from pipelines.capacity.examples.documents import HOUR_SECONDS, Documents
from pipelines.capacity.examples.room import card_gb, room_gb
from pipelines.capacity.growth.predicted import pass_seconds, stated_work
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.jobs import Problem
from pipelines.capacity.schedule.ways import sequential
from pipelines.capacity.schedule.workloads import Training, ensemble

_FLOAT32_BYTES = 4
# Weights, gradients and Adam's two copies in float32 (core-v100's formula).
_STATE_BYTES_PER_PARAMETER = 4 * _FLOAT32_BYTES
_DAYS_PER_QUARTER = 90
_CONFIGURATION = Configuration("v100x1", "v100", 1, 1)


@dataclass(frozen=True)
class Stage:
    """One column of core-v100's growth table.

    Attributes:
        key: of its entries among the stated figures.
        records: rows of the table.
        parameters: of the five members together.
        memory_gb: stated for training.
    """

    key: str
    records: int
    parameters: float
    memory_gb: float


def stages(documents: Documents) -> tuple[Stage, ...]:
    """All stages as stated."""
    return tuple(
        Stage(
            key,
            int(documents.stated(f"records.{key}").low),
            documents.stated(f"parameters.{key}").low,
            documents.stated(f"training_memory_gb.{key}").low,
        )
        for key in documents.items("records")
    )


def growth_example(catalogue: Catalogue) -> Comparison:
    """The growth path of core-v100 on one V100."""
    documents = Documents(catalogue)
    found = stages(documents)
    return Comparison(
        name="growth",
        title="Growth from 781,163 to 1,500,000 rows on one V100",
        parts=(
            *(Part(f"{stage.records:,} rows", _stage(documents, stage, found[0])) for stage in found),
            Part("New records", _records_a_day(documents, found)),
        ),
        plans=tuple(_night(documents, stage, found[0]) for stage in found),
    )


def window_count(documents: Documents, records: int) -> int:
    """Windows at a stride of one row."""
    return records - int(documents.stated("window.rows").low) + 1


def steps_per_epoch(documents: Documents, records: int) -> int:
    """Steps that see each window once."""
    return math.ceil(window_count(documents, records) / documents.stated("batch_windows.training").low)


def _stage(documents: Documents, stage: Stage, now: Stage) -> tuple[Row, ...]:
    grown = stage.records / now.records
    columns, rows = documents.stated("window.columns").low, documents.stated("window.rows").low
    table_mb = stage.records * columns * _FLOAT32_BYTES / 1e6
    windows = window_count(documents, stage.records)
    batch = documents.stated("batch_windows.training")
    row = documents.row
    return (
        row("Rows", "", f"records.{stage.key}", None, f"{grown:.3f} times those of now"),
        row("Raw table", "MB", "", table_mb, f"{columns:g} columns of float32"),
        row("Windows", "", "", windows, f"of {rows:g} rows, one from each row on"),
        row(
            "Windows written out",
            "GB",
            "",
            windows * rows * columns * _FLOAT32_BYTES / 1e9,
            "cut them as they are read",
        ),
        row("Steps per epoch", "", "", steps_per_epoch(documents, stage.records), f"batch {batch}"),
        row("Parameters", "", f"parameters.{stage.key}", None, "the five together"),
        row("Model state", "MB", "", stage.parameters * _STATE_BYTES_PER_PARAMETER / 1e6, "16 B a parameter with Adam"),
        *_memory(documents, stage),
        *_times(documents, grown),
        _own_pass(documents, stage),
    )


def _memory(documents: Documents, stage: Stage) -> tuple[Row, ...]:
    card = _CONFIGURATION.card(documents)
    serving = documents.stated("inference_memory_gb.ensemble").low
    left = card_gb(card) - stage.memory_gb
    together = stage.memory_gb + serving
    needs = documents.row(
        "Training",
        "GB",
        f"training_memory_gb.{stage.key}",
        room_gb(stage.memory_gb, card),
        f"{left:.1f} GB of the card are left",
    )
    beside = documents.row(
        "Training and serving", "GB", "", together, f"{room_gb(together, card)} one card of {card_gb(card):.1f}"
    )
    return documents.naming(needs, "formula_against_peak"), documents.naming(beside, "training_beside_serving")


def _times(documents: Documents, grown: float) -> tuple[Row, ...]:
    """Time that grows with the rows, on each of the bases that the documents give."""
    stated = documents.catalogue.figure("cycle_hours.v100x1")
    bases = {f"{each.range} h ({each.source})": each.range for each in stated.statements}
    bases["mixed precision"] = mixed_cycle_hours(documents, _CONFIGURATION)
    window = documents.stated("retrain_window_hours.daily").low
    rows = []
    for basis, hours in bases.items():
        scaled = hours * grown
        row = documents.row(f"Cycle on {basis}", "h", "", scaled, f"x {grown:.3f}: {_holds(scaled, window)}")
        rows.append(documents.naming(row, "cycle_on_one_v100"))
    overlap = documents.row(
        "Dawn window", "h", "retrain_window_hours.daily", None, "scoring every 10 minutes goes on in it"
    )
    return (*rows, overlap)


def _own_pass(documents: Documents, stage: Stage) -> Row:
    """How long Sluice's own members take to see every window once, and how often they could within the dawn window."""
    work = stated_work(documents.catalogue, stage.records)
    in_turn = sum(pass_seconds(_CONFIGURATION.card(documents), work).values(), start=Range.exactly(0)) / HOUR_SECONDS
    passes = documents.stated("retrain_window_hours.daily") / in_turn
    how = f"predicted; {passes.low:.0f} to {passes.high:.0f} passes within the dawn window"
    return documents.row("One pass of Sluice's own five members", "h", "", in_turn, how)


def _holds(hours: Range, window: float) -> str:
    if hours.high <= window:
        return f"within {window:g} h"
    return f"not within {window:g} h" if hours.low > window else f"within {window:g} h at its low end"


def _records_a_day(documents: Documents, found: tuple[Stage, ...]) -> tuple[Row, ...]:
    batch = documents.stated("batch_windows.scored").low
    period = documents.stated("serving_period_seconds.batch").low
    rows = [
        documents.row(
            f"{before.records:,} to {after.records:,}",
            "a day",
            "",
            (after.records - before.records) / _DAYS_PER_QUARTER,
            f"over a quarter of {_DAYS_PER_QUARTER} days",
        )
        for before, after in pairwise(found)
    ]
    scored = batch * 24 * HOUR_SECONDS / period
    how = f"{batch:,.0f} every {period:g} s: windows to score, not new records"
    return (*rows, documents.row("Items scored", "a day", "", scored, how))


def _night(documents: Documents, stage: Stage, now: Stage) -> Planned:
    """The five trainings of a night, one after the other, at the stated hours times the growth."""
    grown = stage.records / now.records
    members = tuple(_scaled(member, grown) for member in trainings(documents, _CONFIGURATION))
    slots = _CONFIGURATION.slots(documents)
    schedule = sequential(Problem(slots, ensemble(members)), slots[0].name)
    basis = cycle_hours(documents, _CONFIGURATION) * grown
    return Planned(
        f"A night's five trainings at {stage.records:,} rows: {basis:.1f} h from the window's begin", slots, schedule
    )


def _scaled(member: Training, grown: float) -> Training:
    seconds = {kind: each * grown for kind, each in member.seconds.items()}
    return replace(member, seconds=seconds)
