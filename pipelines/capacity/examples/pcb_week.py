"""PCB inspection's week: when training and synthesis run beside inference, on two cards or on one.

pcb says what a training takes (minutes an epoch, memory) and that it runs at nights and weekends on a shared card. It
says no hours, no number of epochs, no load of inference and no time of a synthesis: these are assumed, and named so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.examples.comparison import Part, Planned, Row
from pipelines.capacity.examples.documents import HOUR_SECONDS, Documents
from pipelines.capacity.examples.room import DOES_NOT_FIT, GIB
from pipelines.capacity.schedule.jobs import CardSlot, Problem
from pipelines.capacity.schedule.pcb import Cards, Pcb
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.ways import longest_first
from pipelines.capacity.schedule.windows import DAY_SECONDS, Openings, windows_of
from pipelines.capacity.schedule.workloads import Training

_MINUTE_SECONDS = 60
_WEEK_SECONDS = 7 * DAY_SECONDS
_TRAINING = "training"


@dataclass(frozen=True)
class Assumed:
    """What no document says.

    Attributes:
        quiet: nights and weekends, as hours.
        epochs: of a training; what YOLOv8 trains where nobody says otherwise (Ultralytics' settings, `epochs`).
        inference_load_share: of a card's time.
        synthesis_minutes: of one order of images.
        orders_s: seconds of the week at which images are ordered: every working day at noon.
    """

    quiet: str = "weekdays 20:00-08:00, weekends"
    epochs: int = 100
    inference_load_share: float = 0.25
    synthesis_minutes: int = 30
    orders_s: tuple[int, ...] = field(default=tuple(day * DAY_SECONDS + 12 * HOUR_SECONDS for day in range(5)))

    @property
    def quiet_hours(self) -> float:
        """Of a week."""
        openings = Openings.of(windows_of(self.quiet))
        return sum(end - begin for begin, end in openings.between(0, _WEEK_SECONDS)) / HOUR_SECONDS


@dataclass(frozen=True)
class _Week:
    """A card's week: when training is done, or why it never is."""

    card: Card
    problem: Problem
    schedule: Schedule

    @property
    def trained_hours(self) -> float | None:
        """From Monday's midnight on; None where training has no room."""
        end = self.schedule.ends.get(_TRAINING)
        return None if end is None else end / HOUR_SECONDS


ASSUMED = Assumed()


def week(documents: Documents, cards: Cards) -> tuple[Part, tuple[Planned, ...]]:
    """What a week holds on each card that pcb timed, and the plans of those that have the room."""
    weeks = {name: _week(documents, cards, name) for name in documents.items("yolo_epoch_minutes")}
    rows = [_row(documents, name, each) for name, each in weeks.items()]
    plans = tuple(_planned(each) for each in weeks.values() if each.trained_hours is not None)
    return Part("The week; what no document says is assumed", (*_assumptions(documents, cards), *rows)), plans


def _week(documents: Documents, cards: Cards, name: str) -> _Week:
    card = documents.catalogue.card(name)
    count = 2 if cards is Cards.DEDICATED else 1
    slots = tuple(CardSlot(f"{card.title} #{number}", card.key, card.memory_bytes) for number in range(1, count + 1))
    epoch_s = documents.stated(f"yolo_epoch_minutes.{name}").high * _MINUTE_SECONDS
    pcb = Pcb(
        inference_bytes=_bytes(documents, "pcb_need_gb.inference"),
        inference_load_share={card.key: ASSUMED.inference_load_share},
        # Stopped, it goes on from its last whole epoch.
        training=Training(
            _TRAINING,
            {card.key: ASSUMED.epochs * epoch_s},
            _bytes(documents, f"yolo_training_memory_gb.{name}"),
            checkpoint_loss_seconds=round(epoch_s),
        ),
        synthesis=Training(
            "synthesis",
            {card.key: ASSUMED.synthesis_minutes * _MINUTE_SECONDS},
            _bytes(documents, "pcb_need_gb.synthesis"),
        ),
        orders=ASSUMED.orders_s,
        quiet=windows_of(ASSUMED.quiet),
    )
    problem = pcb.problem(cards, slots)
    return _Week(card, problem, longest_first(problem))


def _bytes(documents: Documents, key: str) -> int:
    """The most that is stated; pcb counts 2^30 bytes."""
    return round(documents.stated(key).high * GIB)


def _row(documents: Documents, name: str, found: _Week) -> Row:
    minutes, hours = documents.stated(f"yolo_epoch_minutes.{name}").high, found.trained_hours
    what = f"{found.card.title}: trained after"
    if hours is None:
        unplaced = next(each for each in found.schedule.unplaced if each.job == _TRAINING)
        return documents.row(what, "h", "", DOES_NOT_FIT, unplaced.why)
    alone = f"{ASSUMED.epochs} epochs of {minutes:g} min are {ASSUMED.epochs * minutes / 60:.0f} h of the card alone"
    return documents.row(what, "h", "", hours, alone)


def _planned(found: _Week) -> Planned:
    cards, services = found.problem.cards, found.problem.services
    title = f"PCB's week on {found.card.title} x {len(cards)}, from Monday on (hours, epochs and load assumed)"
    return Planned(title, cards, found.schedule, services, clock=True)


def _assumptions(documents: Documents, cards: Cards) -> tuple[Row, ...]:
    def assumed(what: str, unit: str, value: float, how: str = "") -> Row:
        return documents.row(f"Assumed: {what}", unit, "", value, how or "no document says it")

    rows = [
        assumed("epochs of a training", "", ASSUMED.epochs, "YOLOv8's own default; pcb gives none"),
        assumed("inference's part of a card's time", "%", 100 * ASSUMED.inference_load_share),
        assumed("an order of images", "min", ASSUMED.synthesis_minutes, "one each working day at noon"),
    ]
    if cards is Cards.SHARED:
        how = f"{ASSUMED.quiet}; pcb says nights and weekends"
        rows.append(assumed("quiet hours of a week", "h", ASSUMED.quiet_hours, how))
    return tuple(rows)
