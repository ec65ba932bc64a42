"""What Sluice's own five members take of a card, by the planner's formula and from the card's data sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.train.architecture import Architecture
from components.train.memory import Step, training_memory
from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.duration.cards import device_rates
from pipelines.capacity.duration.predict import inference_time, pass_time
from pipelines.capacity.growth.demand import Demand
from pipelines.capacity.memory.members import Setting, member_architecture, mode_of
from pipelines.capacity.memory.needs import MemoryNeed, inference_need, training_need
from pipelines.capacity.ranges import Range

if TYPE_CHECKING:
    from components.train.precision import Precision

# core-v100's five; PatchTST comes later in the documents.
FIVE = ("stacked_lstm", "residual_gru", "cnn_lstm", "spike_detector", "rule_based")


@dataclass(frozen=True)
class Work:
    """What the members are trained on and asked for.

    Attributes:
        records: rows of the table.
        window: rows of a window.
        columns: of a row.
        batch: windows or chunks of a step.
        scored: windows of a batch that is answered at once.
    """

    records: int
    window: int
    columns: int
    batch: int
    scored: int

    @property
    def setting(self) -> Setting:
        """Sizes of the networks; lead times, of which no document says a number, are as many as by default."""
        return Setting(window=self.window, columns=self.columns)

    @property
    def windows(self) -> int:
        """Windows at a stride of one row."""
        return self.records - self.window + 1


def stated_work(catalogue: Catalogue, records: int | None = None) -> Work:
    """The documents' windows and batches, on their rows of now or on as many as are given."""

    def stated(key: str) -> int:
        return int(catalogue.figure(key).range.low)

    return Work(
        records=stated("records.now") if records is None else records,
        window=stated("window.rows"),
        columns=stated("window.columns"),
        batch=stated("batch_windows.training"),
        scored=stated("batch_windows.scored"),
    )


def architectures(work: Work) -> Mapping[str, Architecture]:
    """The five members as they are trained."""
    return {name: member_architecture(name, work.setting) for name in FIVE}


def pass_seconds(card: Card, work: Work) -> dict[str, Range]:
    """By member, one training pass over all windows, by mixed precision where the card gains from it."""
    rates = device_rates(card)
    found = {}
    for name, architecture in architectures(work).items():
        # A chunk scores as many windows as a window has rows.
        scored = work.window if mode_of(name, work.setting) == "chunks" else 1
        found[name] = pass_time(
            architecture, work.windows, work.batch, rates, card.training_precision, scored_rows=scored
        ).seconds
    return found


def training_needs(card: Card, work: Work) -> dict[str, MemoryNeed]:
    """By member, what its training takes of the card."""
    precision = card.training_precision
    return {
        name: training_need(each, work.batch, precision, "adamw", 1, "cuda")
        for name, each in architectures(work).items()
    }


def serving_need(work: Work, versions: int) -> MemoryNeed:
    """What all five take of a card to answer a batch, in so many versions at once."""
    return inference_need(_serving_architectures(work), work.scored, "float32", versions, "cuda")


def mixed_precision_saving(work: Work) -> dict[str, float]:
    """By member, the part of a training step's memory that mixed precision saves; weights stay in float32 with it."""

    def taken(architecture: Architecture, precision: Precision) -> int:
        return training_memory(architecture, Step(work.batch, precision=precision, execution="cudnn")).total_bytes

    found = architectures(work).items()
    return {name: 1 - taken(each, "mixed_float16") / taken(each, "float32") for name, each in found}


def _serving_architectures(work: Work) -> Sequence[Architecture]:
    return [member_architecture(name, work.setting, "windows") for name in FIVE]


def scoring_seconds(card: Card, work: Work) -> Range:
    """One batch answered by all five members."""
    return inference_time(_serving_architectures(work), work.scored, device_rates(card)).seconds


def predicted_demand(catalogue: Catalogue, card: Card, passes: Range, records: int | None = None) -> Demand:
    """One station's demand by Sluice's own members.

    Args:
        catalogue: with the documents' windows and batches.
        card: that trains and scores.
        passes: over the rows until a training has ended; earlier runs say it (pipelines.capacity.duration.history).
        records: of a station; as many as core-v100 has now where none are given.
    """
    work = stated_work(catalogue, records)
    times = {name: each * passes for name, each in pass_seconds(card, work).items()}
    many = "pass" if passes.high == 1 else "passes"
    title = f"predicted: {passes} {many} over {work.records:,} rows"
    return Demand(title, times, scoring_seconds(card, work))
