"""Whether a need fits a card, in words, where a document's GB may be 10^9 or 2^30 bytes."""

from __future__ import annotations

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.ranges import Range

GIB = 2**30
GB = 10**9

FITS = "fits"
DOES_NOT_FIT = "doesn't fit"
BARELY = "only where 1 GB is 10^9 bytes"
LOW_END = "low end only"
ACCEPTED = "accepted"
REJECTED = "rejected"


def card_gb(card: Card) -> float:
    """A card's memory as the driver reports it, in 10^9 bytes."""
    return card.memory_bytes / GB


def card_gib(card: Card) -> float:
    """A card's memory as the driver reports it, in 2^30 bytes."""
    return card.memory_bytes / GIB


def room_gb(need_gb: float, card: Card) -> str:
    """Whether a stated need fits: core-v100 counts 10^9 bytes, but reads its peak where tools print 2^30."""
    if need_gb * GIB <= card.memory_bytes:
        return FITS
    return BARELY if need_gb * GB <= card.memory_bytes else DOES_NOT_FIT


def room_gib(need_gib: Range, memory_gib: float) -> str:
    """Whether all of a range fits, its low end only, or nothing; pcb counts 2^30 bytes."""
    if need_gib.high <= memory_gib:
        return FITS
    return LOW_END if need_gib.low <= memory_gib else DOES_NOT_FIT
