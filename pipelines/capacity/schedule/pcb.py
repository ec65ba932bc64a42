"""PCB inspection's three services on two cards, on one, or on none (pcb, sections on sharing and priorities)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from components.errors import InputError
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem, Service
from pipelines.capacity.schedule.windows import Window
from pipelines.capacity.schedule.workloads import EXTRAS_PRIORITY, Training


class Cards(StrEnum):
    """How many cards PCB has: inference and training one each, one together, or none."""

    DEDICATED = "dedicated"
    SHARED = "shared"
    NONE = "none"


@dataclass(frozen=True)
class Pcb:
    """What the three services take.

    Attributes:
        inference_bytes: that inference holds, day and night (4 to 6 GB in pcb).
        inference_load_share: of a card's time, that it takes on average; pcb states none.
        training: seconds and memory of one training (8 to 12 GB in pcb); GPU mandatory, so no kind `cpu`.
        synthesis: seconds and memory of one order of images (2 to 4 GB in pcb).
        orders: seconds of the week at which images are ordered.
        quiet: when training may run on a shared card. pcb says nights and weekends, and no hours.
    """

    inference_bytes: int
    inference_load_share: Mapping[str, float]
    training: Training
    synthesis: Training
    orders: Sequence[int]
    quiet: tuple[Window, ...]

    def problem(self, cards: Cards, slots: Sequence[CardSlot]) -> Problem:
        """One training and a week's orders beside inference.

        Training and synthesis have a card to themselves, but for inference: on a shared one, synthesis runs only while
        no training does.

        Args:
            cards: the scenario.
            slots: as many cards as it has, the one of inference first; for `none`, a slot of kind `cpu`.

        Raises:
            InputError: there are too few or too many slots.
        """
        wanted = 2 if cards is Cards.DEDICATED else 1
        if len(slots) != wanted:
            raise InputError(f"PCB, {cards}", f"has {len(slots)} slots", f"give {wanted}")
        first = slots[0]
        load = self.inference_load_share.get(first.kind)
        if load is None:
            known = ", ".join(self.inference_load_share)
            raise InputError("inference_load_share", f"says nothing of {first.kind}", f"add it to {known}")
        inference = Service("inference", self.inference_bytes, first.name, load)
        jobs = (self._training(cards, slots), *self._synthesis(first))
        return Problem(tuple(slots), jobs, (inference,))

    def _training(self, cards: Cards, slots: Sequence[CardSlot]) -> Job:
        job = replace(self.training.job("training", "training"), cards=(slots[-1].name,))
        return replace(job, windows=self.quiet) if cards is Cards.SHARED else job

    def _synthesis(self, slot: CardSlot) -> list[Job]:
        job = replace(self.synthesis.job("synthesis", "synthesis"), priority=EXTRAS_PRIORITY, cards=(slot.name,))
        return [replace(job, name=f"synthesis@{second}", release_s=second) for second in self.orders]
