"""What the workloads hold of each kind of card, and which of them fit beside what stays there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.memory.needs import fixed_need, inference_need, training_need
from pipelines.capacity.plan.answer import WorkloadMemory
from pipelines.capacity.plan.request import Request
from pipelines.capacity.plan.timing import answering, architectures, precision_on

SERVING = "serving"


@dataclass(frozen=True)
class Placed:
    """One card with what stays on it.

    Attributes:
        name: of the card.
        card: its kind.
        held_bytes: by what stays there.
        residents: names of what stays there.
    """

    name: str
    card: Card
    held_bytes: int = 0
    residents: tuple[str, ...] = ()

    @property
    def room_bytes(self) -> int:
        """What is left for trainings."""
        return self.card.memory_bytes - self.held_bytes

    def with_resident(self, name: str, memory_bytes: int) -> Placed:
        """The same card with one more that stays there."""
        return Placed(self.name, self.card, self.held_bytes + memory_bytes, (*self.residents, name))


def cards_of(request: Request) -> tuple[Placed, ...]:
    """Every card by a name of its own, nothing on it."""
    return tuple(
        Placed(f"{each.card.key} {number}", each.card) for each in request.cards for number in range(1, each.count + 1)
    )


def placed(request: Request, serving_on_card: bool) -> tuple[tuple[Placed, ...], tuple[WorkloadMemory, ...]]:
    """Cards with what stays on them, and the memory of that: serving on the first card, the others where room is most.

    What fits nowhere is on no card; its memory says that it doesn't fit.
    """
    cards, memory = list(cards_of(request)), []
    if serving_on_card and cards:
        need = serving_memory(request, cards[0].card)
        memory.append(need)
        if need.fits:
            cards[0] = cards[0].with_resident(SERVING, need.formula.total_bytes)
    for each in request.fixed:
        if not cards:
            break
        best = max(range(len(cards)), key=lambda index: cards[index].room_bytes)
        need_of = fixed_need(each.name, each.memory_bytes, each.source)
        room = cards[best].room_bytes
        memory.append(WorkloadMemory(each.name, "fixed", cards[best].card.key, need_of, None, None, room))
        if each.memory_bytes <= room:
            cards[best] = cards[best].with_resident(each.name, each.memory_bytes)
    return tuple(cards), tuple(memory)


def serving_memory(request: Request, card: Card) -> WorkloadMemory:
    """What the ensemble holds of a card while it answers a batch, with all versions that are there at once."""
    trained, served = request.trained, request.served
    need = inference_need(list(answering(trained).values()), served.windows, "float32", served.versions, "cuda")
    return WorkloadMemory(SERVING, "serving", card.key, need, None, None, card.memory_bytes)


def training_memories(request: Request, cards: Sequence[Placed]) -> tuple[WorkloadMemory, ...]:
    """Every member's training on every kind of card, with the most room that a card of the kind has."""
    trained, found = request.trained, []
    for kind, room in _rooms(cards):
        for name, network in architectures(trained).items():
            precision = precision_on(kind, trained)
            batch = trained.batch_of(name)
            parts = min(trained.accumulation, batch)
            need = training_need(network, batch, precision, trained.optimizer, parts, "cuda")
            found.append(WorkloadMemory(name, "training", kind.key, need, None, None, room))
    return tuple(found)


def _rooms(cards: Sequence[Placed]) -> list[tuple[Card, int]]:
    kinds = {each.card.key: each.card for each in cards}
    return [(card, max(each.room_bytes for each in cards if each.card.key == key)) for key, card in kinds.items()]
