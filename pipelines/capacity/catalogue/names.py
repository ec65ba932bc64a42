"""How a card is found by what a user calls it: `v100`, `rtx 4090`, `Tesla-V100-SXM2-32GB`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

from components.errors import InputError
from pipelines.capacity.catalogue.card import Card

# Words that makers write before a card's name and users leave out.
_MAKERS = ("nvidia", "tesla", "geforce", "quadro")
_MEMORY = re.compile(r"[0-9]+gb")
_NEAR = 3


def find_card(cards: Mapping[str, Card], name: str) -> Card:
    """The card of this key, alias, title or node label; else the only one that has all words of the name.

    Raises:
        InputError: no card has the name, or several do.
    """
    wanted = _squashed(name)
    named = [card for card in cards.values() if wanted in {_squashed(each) for each in names_of(card)}]
    found = named or _with_words(cards.values(), _words(name))
    if len(found) == 1:
        return found[0]
    if found:
        keys = ", ".join(card.key for card in found)
        raise InputError(f"card {name}", f"{len(found)} cards are called so", f"say which: {keys}")
    raise InputError(f"card {name}", "the catalogue has no such card", _near(cards, wanted))


def names_of(card: Card) -> tuple[str, ...]:
    """All names that a card goes by."""
    return (card.key, card.title, *card.aliases, *card.products)


def shared_names(cards: Mapping[str, Card]) -> dict[str, tuple[str, ...]]:
    """Names that more than one card goes by, with the keys of those cards."""
    by_name: dict[str, dict[str, str]] = {}
    for card in cards.values():
        for name in names_of(card):
            by_name.setdefault(_squashed(name), {})[card.key] = name
    return {next(iter(keys.values())): tuple(keys) for keys in by_name.values() if len(keys) > 1}


def _with_words(cards: Iterable[Card], words: frozenset[str]) -> list[Card]:
    # "pcie" or "80gb" alone names no model.
    if not any(any(sign.isdigit() for sign in word) and not _MEMORY.fullmatch(word) for word in words):
        return []
    return [card for card in cards if words <= _words(card.key)]


def _words(name: str) -> frozenset[str]:
    joined = re.sub(r"(?<=[0-9])\s+(?=gb\b)", "", name.casefold())
    return frozenset(re.findall(r"[a-z0-9]+", joined)) - set(_MAKERS)


def _squashed(name: str) -> str:
    words = [word for word in re.findall(r"[a-z0-9]+", name.casefold()) if word not in _MAKERS]
    return "".join(words)


def _near(cards: Mapping[str, Card], wanted: str) -> str:
    keys = {_squashed(name): card.key for card in cards.values() for name in names_of(card)}
    near = list(dict.fromkeys(keys[match] for match in get_close_matches(wanted, keys, n=_NEAR, cutoff=0.5)))
    return f"did you mean {', '.join(near)}? Known: {', '.join(cards)}" if near else f"choose from: {', '.join(cards)}"
