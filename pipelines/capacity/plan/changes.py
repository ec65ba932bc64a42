"""When it doesn't fit or comes too late: what to change, each tried by planning again, the cheapest first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, islice, product
from typing import Any

from components.errors import InputError
from pipelines.capacity.catalogue.cost import rent_usd_per_card_hour
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.plan.answer import Answer, Change
from pipelines.capacity.plan.planning import Knowledge, Sketch, sketch
from pipelines.capacity.plan.request import CardCount, Request

# So many more of the same card are tried, and then so many kinds of other cards, of which so many are named.
_MORE_CARDS = (1, 2, 4, 8, 16)
_OTHER_CARDS_TRIED = 12
_OTHER_CARDS = 3
# So many pairs of settings are tried, a hundredth of a second each, and so many of those that help are named.
_PAIRS_TRIED = 150
_PAIRS = 3
_NOTHING = "nothing"


@dataclass(frozen=True)
class _Trial:
    """One change of a request.

    Attributes:
        what: to change, in words.
        option: of the command line that says it.
        change: a request with it.
        price: what it costs, in words.
    """

    what: str
    option: str
    change: Callable[[Request], Request]
    price: str = _NOTHING

    def beside(self, other: _Trial) -> _Trial:
        """Both at once."""
        prices = [each for each in (self.price, other.price) if each != _NOTHING]
        return _Trial(
            f"{self.what}, and {other.what}",
            f"{self.option} {other.option}",
            lambda request: other.change(self.change(request)),
            " and ".join(prices) or _NOTHING,
        )


def changes(answer: Answer, known: Knowledge) -> tuple[Change, ...]:
    """What makes it fit and be in time, the cheapest first: settings, then fewer members, then other cards.

    Of two settings of one kind only the smaller change that helps is named. Where no setting helps by itself, two are
    tried together. None where all is well already.
    """
    if answer.holds:
        return ()
    request, catalogue = answer.request, known.catalogue
    families = [list(family) for family in _settings(request)]
    found = [change for family in families for change in _first(_helping(family, request, known))]
    if not found:
        found += islice(_pairs(families, request, known), _PAIRS)
    found += _first(_helping(_more_cards(request, catalogue), request, known))
    found += islice(_helping(_other_cards(request, catalogue), request, known), _OTHER_CARDS)
    return tuple(found)


def _helping(trials: Iterable[_Trial], request: Request, known: Knowledge) -> Iterator[Change]:
    """Those of some trials with which everything fits and is in time."""
    for trial in trials:
        found = _planned(trial, request, known)
        if found is not None and found.fits and found.in_time:
            hours = None if found.day is None else found.day.hours
            yield Change(trial.what, trial.option, True, True, found.largest_bytes, hours, trial.price)


def _planned(trial: _Trial, request: Request, known: Knowledge) -> Sketch | None:
    """The request planned with a change; None for one that can't be, such as a precision that another card hasn't."""
    try:
        return sketch(trial.change(request), known)
    except InputError:
        return None


def _first(found: Iterator[Change]) -> list[Change]:
    return list(islice(found, 1))


def _pairs(families: Sequence[Sequence[_Trial]], request: Request, known: Knowledge) -> Iterator[Change]:
    """For each two kinds of settings the smallest change of both that helps, the cheapest kinds first."""
    left = _PAIRS_TRIED
    for own, other in combinations([family for family in families if family], 2):
        strongest = _planned(own[-1].beside(other[-1]), request, known)
        if left <= 0 or strongest is None or not strongest.fits:
            continue
        both = sorted(product(enumerate(own), enumerate(other)), key=lambda pair: pair[0][0] + pair[1][0])
        trials = [one.beside(two) for (_, one), (_, two) in both][:left]
        left -= len(trials)
        yield from _first(_helping(trials, request, known))


def _trained(**changed: Any) -> Callable[[Request], Request]:
    return lambda request: replace(request, trained=replace(request.trained, **changed))


def _settings(request: Request) -> Iterator[Iterable[_Trial]]:
    """What costs no card, one kind of change after the other, each from the least on."""
    trained, served = request.trained, request.served
    if served.place == "card":
        what = "serve on the CPU, leave the card to training"
        yield [_Trial(what, "--serve-on cpu", lambda one: replace(one, served=replace(one.served, place="cpu")))]
    yield [
        _Trial(
            f"compute a step in {count} micro-batches",
            f"--accumulation {count}",
            _trained(accumulation=count),
            "some speed",
        )
        for count in _doubled(2 * trained.accumulation, trained.largest_batch)
    ]
    yield [
        _Trial(f"batches of {batch}", f"--batch {batch}", _trained(batch=batch), "speed")
        for batch in _halved(trained.largest_batch)
    ]
    if trained.precision == "float32":
        yield [_Trial("half precision where the card gains", "--precision auto", _trained(precision="auto"))]
    if trained.setting.width == "stated" and trained.members:
        yield [_Trial("light members, half as wide", "--width light", _light, "some accuracy")]
    if trained.passes.high > 1 and not trained.learnt:
        low = replace(trained.passes, high=max(trained.passes.low, 1.0))
        what, option = f"{low.high:g} pass over the rows a night", f"--passes {low.high:g}"
        yield [_Trial(what, option, _trained(passes=low), "some accuracy")]
    yield _fewer_members(request)


def _light(request: Request) -> Request:
    setting = replace(request.trained.setting, width="light")
    return replace(request, trained=replace(request.trained, setting=setting))


def _fewer_members(request: Request) -> Iterator[_Trial]:
    members = request.trained.members
    # PatchTST first, the newest and the largest; then the spike detector, whose attention takes most of the others.
    for left_out in (("patchtst",), ("spike_detector",), ("patchtst", "spike_detector")):
        rest = tuple(name for name in members if name not in left_out)
        if rest and set(left_out) <= set(members):
            names, option = " and ".join(left_out), f"--members {','.join(rest)}"
            yield _Trial(f"without {names}", option, _trained(members=rest), "their part of the forecast")


def _more_cards(request: Request, catalogue: Catalogue) -> Iterator[_Trial]:
    if len(request.cards) != 1:
        return
    (own,) = request.cards
    for count in (own.count + more for more in _MORE_CARDS):
        what, option = f"{count} x {own.card.title}", f'--cards "{own.card.key} x{count}"'
        yield _Trial(what, option, _on((CardCount(own.card, count),)), _rent(own, count - own.count, catalogue))


def _other_cards(request: Request, catalogue: Catalogue) -> Iterator[_Trial]:
    """As many of another card, the cheapest to rent first, then those whose rent isn't known, by their memory."""
    count = sum(each.count for each in request.cards) or 1
    present = {each.card.key for each in request.cards}
    others = [card for card in catalogue.cards.values() if card.key not in present]
    priced = {card.key: rent_usd_per_card_hour(catalogue, card) for card in others}

    def order(key: str) -> tuple[float, int]:
        price = priced[key]
        return (math.inf if price is None else price.high, catalogue.cards[key].memory_bytes)

    for key in sorted(priced, key=order)[:_OTHER_CARDS_TRIED]:
        wanted = CardCount(catalogue.cards[key], count)
        what, option = f"{count} x {wanted.card.title}", f'--cards "{key} x{count}"'
        yield _Trial(what, option, _on((wanted,)), _rent(wanted, count, catalogue))


def _on(cards: tuple[CardCount, ...]) -> Callable[[Request], Request]:
    return lambda request: replace(request, cards=cards)


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
