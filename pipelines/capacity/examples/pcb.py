"""PCB inspection's three services, card by card: on two cards, on one, or on none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.catalogue.cost import rent_usd_per_card_hour
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.examples.comparison import Comparison, Part, Row
from pipelines.capacity.examples.documents import Documents
from pipelines.capacity.examples.pcb_week import week
from pipelines.capacity.examples.room import ACCEPTED, DOES_NOT_FIT, REJECTED, card_gib, room_gib
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.pcb import Cards

_SERVICES = ("inference", "training", "synthesis")
_BATCHES = (1, 4, 8)


@dataclass(frozen=True)
class Needs:
    """What the three services need, in GiB: pcb's own check compares with 2^30 bytes."""

    inference: Range
    training: Range
    synthesis: Range

    @classmethod
    def stated(cls, documents: Documents, group: str = "pcb_need_gb") -> Needs:
        """From the least to the most that the document says."""
        return cls(*(documents.stated(f"{group}.{service}") for service in _SERVICES))

    @property
    def together(self) -> Range:
        """All three on one card."""
        return self.inference + self.training + self.synthesis


def pcb_cards(documents: Documents) -> dict[str, Card]:
    """By the name that the documents give them, the cards whose memory they state, smallest first."""
    found = {name: documents.catalogue.card(name) for name in documents.items("card_memory_gb")}
    return dict(sorted(found.items(), key=lambda item: item[1].memory_bytes))


def dedicated_example(catalogue: Catalogue) -> Comparison:
    """Two cards: inference and synthesis on one, training on the other."""
    documents = Documents(catalogue)
    needs, wished = Needs.stated(documents), Needs.stated(documents, "pcb_recommended_gb")
    part, plans = week(documents, Cards.DEDICATED)
    first, first_wished = needs.inference + needs.synthesis, wished.inference + wished.synthesis
    return Comparison(
        name="pcb-dedicated",
        title="PCB inspection on two cards",
        parts=(
            Part("The three services", _needs(documents, needs)),
            Part(
                f"Card 0: inference and synthesis, GiB; recommended {first_wished}",
                _rooms(documents, first, first_wished),
            ),
            Part(
                f"Card 1: training, GiB; recommended {wished.training}",
                _rooms(documents, needs.training, wished.training),
            ),
            Part("Training of YOLOv8, one epoch of 1,000 images", _epochs(documents)),
            Part("Inference of YOLOv8", _inference(documents)),
            part,
        ),
        plans=plans,
    )


def shared_example(catalogue: Catalogue) -> Comparison:
    """One card: inference always on, and beside it training at night or synthesis."""
    documents = Documents(catalogue)
    needs = Needs.stated(documents)
    reserved = documents.stated("pcb_reserved_gb.inference").high
    limit = documents.stated("pcb_memory_fraction.process")
    part, plans = week(documents, Cards.SHARED)
    return Comparison(
        name="pcb-shared",
        title="PCB inspection on one shared card",
        parts=(
            Part("The three services", _needs(documents, needs)),
            Part(f"Training beside {reserved:g} GiB for inference", _beside(documents, reserved, needs.training)),
            Part(f"Synthesis beside {reserved:g} GiB for inference", _beside(documents, reserved, needs.synthesis)),
            Part(f"Training beside a process at its limit, {limit} of the card", _limited(documents, needs.training)),
            Part("Rules of the document", _rules(documents)),
            part,
        ),
        plans=plans,
    )


def none_example(catalogue: Catalogue) -> Comparison:
    """No card: inference on a CPU, training in a cloud, images generated earlier."""
    documents = Documents(catalogue)
    needs = Needs.stated(documents)
    slowdown = documents.stated("pcb_cpu_slowdown.inference")
    return Comparison(
        name="pcb-none",
        title="PCB inspection without a card",
        parts=(
            Part("Inference on a CPU", _on_cpu(documents, slowdown)),
            Part("Training: cards to rent", _rented(documents, needs.training)),
            Part(
                "Synthesis",
                (documents.row("Images", "", "pcb_need_gb.synthesis", "generated earlier", "slow on a CPU"),),
            ),
        ),
    )


def _needs(documents: Documents, needs: Needs) -> tuple[Row, ...]:
    rows = []
    for service in _SERVICES:
        parts = f"of it the model {documents.stated(f'pcb_model_gb.{service}')}"
        if documents.states(f"pcb_loading_gb.{service}"):
            parts += f", loading {documents.stated(f'pcb_loading_gb.{service}')}"
        rows.append(documents.naming(documents.row(service.capitalize(), "GiB", f"pcb_need_gb.{service}", None, parts)))
    wished = Needs.stated(documents, "pcb_recommended_gb").together
    return (*rows, documents.row("All three together", "GiB", "", needs.together, f"recommended {wished}"))


def _rooms(documents: Documents, need: Range, wished: Range) -> tuple[Row, ...]:
    def answer(card: Card) -> tuple[str, str]:
        recommended = room_gib(wished, card_gib(card))
        return room_gib(need, card_gib(card)), f"{need} of {card_gib(card):.1f}; {wished} {recommended}"

    return _by_card(documents, answer)


def _beside(documents: Documents, reserved_gib: float, need: Range) -> tuple[Row, ...]:
    def answer(card: Card) -> tuple[str, str]:
        left = card_gib(card) - reserved_gib
        return (room_gib(need, left) if left > 0 else DOES_NOT_FIT), f"{need} of {max(left, 0):.1f} GiB left"

    return _by_card(documents, answer, "pcb_shared_card")


def _limited(documents: Documents, need: Range) -> tuple[Row, ...]:
    fraction = documents.stated("pcb_memory_fraction.process").low

    def answer(card: Card) -> tuple[str, str]:
        left = (1 - fraction) * card_gib(card)
        return room_gib(need, left), f"{need} of {left:.1f} GiB left"

    return _by_card(documents, answer, "pcb_process_limit")


def _by_card(documents: Documents, answer: Callable[[Card], tuple[str, str]], *contradictions: str) -> tuple[Row, ...]:
    """A row for each card; the contradictions that they share stand in the first."""
    rows: list[Row] = []
    for name, card in pcb_cards(documents).items():
        fits, how = answer(card)
        row = documents.row(card.title, "GB", f"card_memory_gb.{name}", fits, how)
        own = {each.key for each in row.contradictions if each.key == "stock_card_memory"}
        rows.append(documents.naming(row, *own, *(() if rows else contradictions)))
    return tuple(rows)


def _epochs(documents: Documents) -> tuple[Row, ...]:
    return tuple(row for name in documents.items("yolo_training_memory_gb") for row in _epoch(documents, name))


def _epoch(documents: Documents, name: str) -> tuple[Row, ...]:
    """What the document measured, checked against the card: a row whose memory the card hasn't got is rejected."""
    card = documents.catalogue.card(name)
    memory_key, minutes_key, batch_key = (
        f"yolo_{what}.{name}" for what in ("training_memory_gb", "epoch_minutes", "training_batch")
    )
    rate = documents.stated("yolo_epoch_images.training").low / (documents.stated(minutes_key).low * 60)
    verdict = ACCEPTED if documents.stated(memory_key).high <= card_gib(card) else REJECTED
    has = f"the card has {card_gib(card):.1f} GiB; batch {documents.stated(batch_key)}"
    limits = f"the service says {documents.stated('pcb_batch.training')}"
    batch = documents.row(f"{card.title}: batch", "", batch_key, None, limits)
    return (
        documents.row(f"{card.title}: memory", "GiB", memory_key, verdict, has),
        documents.row(f"{card.title}: time", "min", minutes_key, None, f"{rate:.2f} images a second as stated"),
        *((batch,) if batch.contradictions else ()),
    )


def _inference(documents: Documents) -> tuple[Row, ...]:
    need = documents.stated("yolo_memory_gb.inference")
    rows = []
    for name in documents.items("yolo_fps_batch_1"):
        card = documents.catalogue.card(name)
        rows.append(
            documents.row(
                card.title, "GiB", "yolo_memory_gb.inference", room_gib(need, card_gib(card)), _batch(documents, card)
            )
        )
        for batch in _BATCHES:
            key = f"yolo_fps_batch_{batch}.{name}"
            each = batch / documents.stated(key).low * 1000
            rows.append(documents.row(f"  batch {batch}", "images a s", key, None, f"{each:.1f} ms a batch"))
    return tuple(rows)


def _batch(documents: Documents, card: Card) -> str:
    """The document's rule by total memory as the driver reports it, which is less than what was sold."""
    limits = {"below_8_gib": 8, "below_16_gib": 16}
    chosen = next((name for name, limit in limits.items() if card_gib(card) < limit), "from_16_gib")
    return f"batch {documents.stated(f'pcb_inference_batch.{chosen}')} by the rule for {card_gib(card):.1f} GiB"


def _rules(documents: Documents) -> tuple[Row, ...]:
    fraction = documents.stated("pcb_memory_fraction.process")
    compose = documents.row(
        "Compose's memory limit", "GiB", "pcb_reserved_gb.inference", "host memory only", "no card knows it"
    )
    return (
        documents.naming(
            documents.row("Two processes at the limit", "of a card", "", fraction * 2, f"2 x {fraction}"),
            "pcb_process_limit",
        ),
        documents.row("Batch from 16 GiB on", "", "pcb_inference_batch.from_16_gib", None, "by total memory"),
        documents.row("Batch of the service", "", "pcb_batch.inference", None, "by the table of services"),
        documents.naming(compose, "pcb_compose_limit"),
        documents.row(
            "Recommended card", "GB", "pcb_card_memory_gb.recommended", DOES_NOT_FIT, "inference beside training"
        ),
    )


def _on_cpu(documents: Documents, slowdown: Range) -> tuple[Row, ...]:
    rows = [documents.row("Slower than a card", "times", "pcb_cpu_slowdown.inference", None, "function tests only")]
    for name in documents.items("yolo_fps_batch_1"):
        on_card = documents.stated(f"yolo_fps_batch_1.{name}")
        how = f"{documents.catalogue.card(name).title} does {on_card} as stated; {slowdown} times slower"
        rows.append(documents.row("On a CPU", "images a s", "", on_card / slowdown, how))
    return tuple(rows)


def _rented(documents: Documents, need: Range) -> tuple[Row, ...]:
    rows: list[Row] = []
    catalogue = documents.catalogue
    for key in dict.fromkeys(each.shape.card for each in catalogue.instances.values()):
        card = catalogue.cards[key]
        price = rent_usd_per_card_hour(catalogue, card)
        fits = room_gib(need, card_gib(card))
        rows.append(documents.row(card.title, "USD an hour", "", price, f"{need} of {card_gib(card):.1f} GiB {fits}"))
    return tuple(rows)
