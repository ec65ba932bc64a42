"""A request answered: memory, times, orders, prices; then what to change, and what nobody asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.duration.calibration import Calibration
from pipelines.capacity.duration.predict import TimeEstimate
from pipelines.capacity.plan.answer import Answer, MemberTime, Order, WorkloadMemory
from pipelines.capacity.plan.buying import purchases
from pipelines.capacity.plan.fitting import Placed, placed, training_memories
from pipelines.capacity.plan.ordering import Ground, cycle_orders, day_order, study_orders
from pipelines.capacity.plan.request import Request
from pipelines.capacity.plan.timing import member_times, serving_time
from pipelines.capacity.schedule.jobs import CPU, CardSlot, Service

_CPU_SLOT = "cpu"
# Kind of a card that serves and trains nothing: no training says how long it takes there.
_SERVING_CARD = "serving card"
_GB = 1e9


@dataclass(frozen=True)
class Knowledge:
    """What the planner knows beside the request.

    Attributes:
        catalogue: of cards and prices.
        calibration: of this machine; None where it wasn't measured.
    """

    catalogue: Catalogue
    calibration: Calibration | None = None


@dataclass(frozen=True)
class _Draft:
    """What both a whole answer and a sketch of it begin with."""

    ground: Ground
    memory: tuple[WorkloadMemory, ...]
    too_large: tuple[str, ...]

    def day(self) -> Order | None:
        """The day, where there is something to train on."""
        return day_order(self.ground) if self.ground.training_slots else None


@dataclass(frozen=True)
class Sketch:
    """As much of an answer as says whether a change helps.

    Attributes:
        fits: whether every workload fits on a card.
        in_time: whether the day is done in time.
        largest_bytes: memory of the workload that takes most.
        day: its order; None where it doesn't fit, or can't be in time in any order.
    """

    fits: bool
    in_time: bool
    largest_bytes: int
    day: Order | None


def sketch(request: Request, known: Knowledge) -> Sketch:
    """Whether all fits and is in time, without the other orders and prices.

    Raises:
        InputError: as `assess` does.
    """
    draft = _draft(request, known)
    day = None if draft.too_large or _too_long(draft.ground) else draft.day()
    largest = max((each.formula.total_bytes for each in draft.memory), default=0)
    return Sketch(not draft.too_large, day is not None and day.in_time, largest, day)


def assess(request: Request, known: Knowledge) -> Answer:
    """What fits, how long it takes, in which order, at what price; no changes and no remarks yet.

    Raises:
        InputError: there is neither a card nor a calibration, or a precision that a card doesn't have.
    """
    draft = _draft(request, known)
    ground, day = draft.ground, draft.day()
    orders = () if day is None else (day, *cycle_orders(ground), *study_orders(ground))
    return Answer(
        request=request,
        fits=not draft.too_large,
        in_time=day is not None and day.in_time,
        serving_on=request.cards[0].card.key if ground.serving_bytes else CPU,
        why=draft.too_large or tuple(_late(orders)),
        memory=draft.memory,
        times=ground.times,
        serving_time=ground.serving,
        orders=orders,
        purchases=purchases(request, known.catalogue),
    )


def _draft(request: Request, known: Knowledge) -> _Draft:
    on_card = _serves_on_card(request, known)
    cards, staying = placed(request, on_card)
    # Kubernetes gives cards whole: where there are several, that which serves is none that trains.
    free = cards[1:] if on_card and len(cards) > 1 else cards
    training = training_memories(request, free)
    kinds: Sequence[Card | None] = list({each.card.key: each.card for each in free}.values()) or [None]
    times = tuple(one for card in kinds for one in member_times(request, card, known.catalogue, known.calibration))
    serving = serving_time(request, cards[0].card if on_card else None, known.calibration)
    ground = _ground(request, known, cards, staying, training, times, serving)
    return _Draft(ground, (*training, *staying), tuple(_too_large(request, staying, training)))


def _serves_on_card(request: Request, known: Knowledge) -> bool:
    """As it is asked for; else only where a CPU may not be done with a batch when the next one comes."""
    if request.served.place != "auto":
        return request.served.place == "card" and bool(request.cards)
    on_cpu = serving_time(request, None, known.calibration)
    return bool(request.cards) and on_cpu.high_seconds > request.served.every_seconds


def _ground(
    request: Request,
    known: Knowledge,
    cards: tuple[Placed, ...],
    staying: tuple[WorkloadMemory, ...],
    training: tuple[WorkloadMemory, ...],
    times: tuple[MemberTime, ...],
    serving: TimeEstimate,
) -> Ground:
    own = next((each.formula.total_bytes for each in staying if each.use == "serving"), 0)
    apart = cards[0].name if own and len(cards) > 1 else ""
    slots = tuple(
        CardSlot(each.name, _SERVING_CARD if each.name == apart else each.card.key, each.card.memory_bytes)
        for each in cards
    )
    needs = dict.fromkeys(request.trained.names, 0)
    for each in training:
        needs[each.workload] = max(needs[each.workload], each.formula.total_bytes)
    bytes_of = {each.workload: each.formula.total_bytes for each in staying}
    services = tuple(
        Service(name, bytes_of[name], each.name)
        for each in cards
        for name in each.residents
        if name in {one.name for one in request.fixed}
    )
    return Ground(
        request=request,
        catalogue=known.catalogue,
        slots=(*slots, CardSlot(_CPU_SLOT, CPU, 0)),
        times=_fitting(times, training),
        training_bytes=needs,
        serving=serving,
        serving_bytes=own,
        serving_on=cards[0].name if own else _CPU_SLOT,
        services=services,
    )


def _too_long(ground: Ground) -> bool:
    """Whether no order is in time: a member is longer than the window, or all are longer than all cards have of it."""
    seconds = ground.request.retrain.end_s - ground.request.retrain.begin_s
    shortest = [min(each.seconds.values()) for each in ground.trainings(longest=True)]
    return max(shortest) > seconds or sum(shortest) > seconds * len(ground.training_slots)


def _fitting(times: tuple[MemberTime, ...], training: tuple[WorkloadMemory, ...]) -> tuple[MemberTime, ...]:
    """Kinds of cards that a member's training fits on; one that fits nowhere stays, so that the order says so."""
    too_large = {(each.workload, each.card) for each in training if not each.fits}
    by_member: dict[str, list[MemberTime]] = {}
    for each in times:
        by_member.setdefault(each.member, []).append(each)
    return tuple(
        each
        for own in by_member.values()
        for each in ([one for one in own if (one.member, one.card) not in too_large] or own)
    )


def _too_large(
    request: Request, staying: Sequence[WorkloadMemory], training: Sequence[WorkloadMemory]
) -> Iterator[str]:
    for name in request.trained.names:
        own = [each for each in training if each.workload == name]
        if own and not any(each.fits for each in own):
            best = max(own, key=lambda each: each.spare_bytes)
            yield (
                f"{name} takes {best.formula.total_bytes / _GB:.2f} GB in training; a {best.card} has at most"
                f" {best.room_bytes / _GB:.2f} GB left"
            )
    for each in staying:
        if not each.fits:
            yield (
                f"{each.workload} takes {each.formula.total_bytes / _GB:.2f} GB; a {each.card} has"
                f" {each.room_bytes / _GB:.2f} GB left"
            )


def _late(orders: Sequence[Order]) -> Iterator[str]:
    if not orders:
        return
    day = orders[0]
    for each in day.schedule.unplaced:
        yield f"{each.job}: {each.why}"
    for group in day.usage.groups:
        if group.late:
            hours = group.longest_overrun_seconds / 3600
            yield f"{group.group}: {group.late} of {group.jobs} too late, by {hours:.1f} h at most"
