"""When it doesn't fit or comes too late: what to change, each tried by planning again, the cheapest first."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

from pipelines.capacity.catalogue.cost import rent_usd_per_card_hour
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.plan.answer import Answer, Change
from pipelines.capacity.plan.planning import Knowledge, sketch
from pipelines.capacity.plan.request import CardCount, Request

# So many more of the same card are tried, and then so many kinds of other cards, of which so many are named.
_MORE_CARDS = (1, 2, 4, 8, 16)
_OTHER_CARDS_TRIED = 12
_OTHER_CARDS = 3


@dataclass(frozen=True)
class _Trial:
    what: str
    option: str
    request: Request
    price: str = "nothing"


def changes(answer: Answer, known: Knowledge) -> tuple[Change, ...]:
    """What makes it fit and be in time, the cheapest first: settings, then fewer members, then other cards.

    Of two settings of one kind only the smaller change that helps is named. None where all is well already.
    """
    if answer.holds:
        return ()
    found: list[Change] = []
    for family in _families(answer.request, known.catalogue):
        for trial in family:
            change = _tried(trial, known)
            if change.fits and change.in_time:
                found.append(change)
                break
    others = (_tried(trial, known) for trial in _other_cards(answer.request, known.catalogue))
    found += islice((each for each in others if each.fits and each.in_time), _OTHER_CARDS)
    return tuple(found)


def _tried(trial: _Trial, known: Knowledge) -> Change:
    found = sketch(trial.request, known)
    hours = None if found.day is None else found.day.hours
    return Change(trial.what, trial.option, found.fits, found.in_time, found.largest_bytes, hours, trial.price)


def _families(request: Request, catalogue: Catalogue) -> Iterator[list[_Trial]]:
    trained, served = request.trained, request.served
    if served.place == "card":
        on_cpu = replace(request, served=replace(served, place="cpu"))
        yield [_Trial("serve on the CPU, leave the card to training", "--serve-on cpu", on_cpu)]
    yield [
        _Trial(
            f"compute a step in {count} micro-batches",
            f"--accumulation {count}",
            replace(request, trained=replace(trained, accumulation=count)),
            "some speed",
        )
        for count in _doubled(2 * trained.accumulation, trained.batch)
    ]
    yield [
        _Trial(
            f"batches of {batch}", f"--batch {batch}", replace(request, trained=replace(trained, batch=batch)), "speed"
        )
        for batch in _halved(trained.batch)
    ]
    if trained.precision == "float32":
        half = replace(request, trained=replace(trained, precision="auto"))
        yield [_Trial("half precision where the card gains", "--precision auto", half)]
    if trained.setting.width == "stated":
        light = replace(request, trained=replace(trained, setting=replace(trained.setting, width="light")))
        yield [_Trial("light members, half as wide", "--width light", light, "some accuracy")]
    if trained.passes.high > 1:
        low = replace(trained.passes, high=max(trained.passes.low, 1.0))
        fewer = replace(request, trained=replace(trained, passes=low))
        yield [_Trial(f"{low.high:g} pass over the rows a night", f"--passes {low.high:g}", fewer, "some accuracy")]
    yield list(_fewer_members(request))
    yield list(_more_cards(request, catalogue))


def _fewer_members(request: Request) -> Iterator[_Trial]:
    members = request.trained.members
    # PatchTST first, the newest and the largest; then the spike detector, whose attention takes most of the others.
    for left_out in (("patchtst",), ("spike_detector",), ("patchtst", "spike_detector")):
        rest = tuple(name for name in members if name not in left_out)
        if rest and set(left_out) <= set(members):
            fewer = replace(request, trained=replace(request.trained, members=rest))
            names = " and ".join(left_out)
            yield _Trial(f"without {names}", f"--members {','.join(rest)}", fewer, "their part of the forecast")


def _more_cards(request: Request, catalogue: Catalogue) -> Iterator[_Trial]:
    if len(request.cards) != 1:
        return
    (own,) = request.cards
    for count in (own.count + more for more in _MORE_CARDS):
        more = replace(request, cards=(CardCount(own.card, count),))
        option = f'--cards "{own.card.key} x{count}"'
        yield _Trial(f"{count} x {own.card.title}", option, more, _rent(own, count - own.count, catalogue))


def _other_cards(request: Request, catalogue: Catalogue) -> list[_Trial]:
    """As many of another card, the cheapest to rent first, then those whose rent isn't known, by their memory."""
    count = sum(each.count for each in request.cards) or 1
    present = {each.card.key for each in request.cards}
    others = [card for card in catalogue.cards.values() if card.key not in present]
    priced = {card.key: rent_usd_per_card_hour(catalogue, card) for card in others}

    def order(key: str) -> tuple[float, int]:
        price = priced[key]
        return (math.inf if price is None else price.high, catalogue.cards[key].memory_bytes)

    found = []
    for key in sorted(priced, key=order)[:_OTHER_CARDS_TRIED]:
        wanted = CardCount(catalogue.cards[key], count)
        option = f'--cards "{key} x{count}"'
        what = f"{count} x {wanted.card.title}"
        found.append(_Trial(what, option, replace(request, cards=(wanted,)), _rent(wanted, count, catalogue)))
    return found


def _rent(cards: CardCount, count: int, catalogue: Catalogue) -> str:
    price = rent_usd_per_card_hour(catalogue, cards.card)
    return "no price in the catalogue" if price is None else f"{price * count} USD an hour on demand"


def _doubled(first: int, most: int) -> Iterator[int]:
    while first <= most:
        yield first
        first *= 2


def _halved(batch: int) -> Iterator[int]:
    while batch > 1:
        batch //= 2
        yield batch
