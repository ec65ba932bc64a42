"""The documents' needs of memory, laid against one configuration's cards."""

from __future__ import annotations

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.examples.comparison import Row
from pipelines.capacity.examples.cycles import Configuration
from pipelines.capacity.examples.documents import Documents
from pipelines.capacity.examples.room import BARELY, DOES_NOT_FIT, FITS, card_gb, room_gb


def memory_rows(documents: Documents, configuration: Configuration) -> tuple[Row, ...]:
    """The card as sold, training, serving, both together, and PatchTST."""
    card = configuration.card(documents)
    reported = f"{card.driver_memory_mib.value:,.0f} MiB by the driver"
    sold = documents.row("Card", "GiB", f"card_memory_gb.{configuration.stated_as}", card.memory_gb.value, reported)
    return (
        documents.naming(sold),
        *_ensemble(documents, configuration, card),
        _fits(documents, card, "PatchTST in training", "training_memory_gb.patchtst"),
        _fits(documents, card, "PatchTST in inference", "inference_memory_gb.patchtst"),
    )


def _ensemble(documents: Documents, configuration: Configuration, card: Card) -> tuple[Row, ...]:
    peak = documents.stated("training_memory_gb.now").high
    serving = documents.stated("inference_memory_gb.ensemble").high
    training = _fits(documents, card, "Training's peak, on one card", "training_memory_gb.now")
    together = f"{peak:g} + {serving:g}: {room_gb(peak + serving, card)} on one card"
    beside = documents.row("Training beside serving", "GB", "", peak + serving, together)
    named = ["training_beside_serving"] if configuration.stated_as == "v100" else []
    rows = [
        documents.naming(training, "formula_against_peak"),
        documents.naming(beside, *named, "inference_weights"),
    ]
    if configuration.count > 1:
        rooms = {room_gb(peak, card), room_gb(serving, card)}
        worst = next(room for room in (DOES_NOT_FIT, BARELY, FITS) if room in rooms)
        apart = f"{peak:g} and {serving:g} of {card_gb(card):.1f} GB each"
        rows.append(documents.row("Training on one card, serving on another", "", "", worst, apart))
    return tuple(rows)


def _fits(documents: Documents, card: Card, what: str, key: str) -> Row:
    need = documents.stated(key).high
    return documents.row(what, "GB", key, room_gb(need, card), f"{need:g} of {card_gb(card):.1f} GB")
