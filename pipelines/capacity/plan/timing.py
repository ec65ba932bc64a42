"""How long the members train and the ensemble answers, on each kind of card or on this machine's CPU."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from components.errors import InputError
from components.train.architecture import Architecture
from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.duration.calibration import Calibration
from pipelines.capacity.duration.cards import device_rates
from pipelines.capacity.duration.predict import (
    Device,
    Stated,
    TimeEstimate,
    inference_time,
    training_step_time,
    training_time,
)
from pipelines.capacity.memory.members import member_architecture
from pipelines.capacity.plan.answer import MemberTime
from pipelines.capacity.plan.request import Request, Trained
from pipelines.capacity.schedule.jobs import CPU
from pipelines.capacity.schedule.windows import HOUR_SECONDS

if TYPE_CHECKING:
    from components.train.precision import Precision

# `sluice serve` answers 1,000 windows by V1 in 1.95 s on two cores (docs/serving.md, Speed): where no calibration says
# how fast this machine is.
_MEASURED_SECONDS_PER_WINDOW = 1.95 / 1_000
_MEASURED = "measured on two cores, docs/serving.md"
# Part of the time that another machine may be faster or slower; nobody has measured it, so it is a factor of three.
_UNKNOWN_MACHINE = 3.0


def architectures(trained: Trained) -> dict[str, Architecture]:
    """Training networks of members and models, by their names."""
    members = {name: member_architecture(name, trained.setting) for name in trained.members}
    return members | {model.name: model.architecture for model in trained.models}


def answering(trained: Trained) -> dict[str, Architecture]:
    """The networks as they answer windows, by their names."""
    members = {name: member_architecture(name, trained.setting, "windows") for name in trained.members}
    return members | {model.name: model.architecture for model in trained.models}


def precision_on(card: Card | None, trained: Trained) -> Precision:
    """The precision that is wanted; `auto` is half where a card's tensor cores gain from it, as in training.

    Raises:
        InputError: the card can't compute in the precision that is wanted.
    """
    if trained.precision == "auto":
        return "float32" if card is None else card.training_precision
    if card is not None and trained.precision not in ("float32", *card.precisions):
        fix = f"choose from auto, float32, {', '.join(name for name in card.precisions if 'mixed' in name)}"
        raise InputError("--precision", f"{card.title} has no {trained.precision}", fix)
    return trained.precision


def member_times(
    request: Request, card: Card | None, catalogue: Catalogue, calibration: Calibration | None
) -> tuple[MemberTime, ...]:
    """Each member's training on a kind of card; without a card on the machine that was calibrated.

    Raises:
        InputError: there is neither a card nor a calibration.
    """
    trained, device = request.trained, _device(card, calibration)
    precision = precision_on(card, trained)
    stated = None if card is None else stated_hours(card, catalogue)
    found = []
    for name, network in architectures(trained).items():
        epochs, scored, batch = trained.epochs_of(name), _scored_rows(name, trained), trained.batch_of(name)
        whole = training_time(network, trained.windows, batch, device, precision, epochs.passes, scored)
        step = training_step_time(network, batch, device, precision)
        key = CPU if card is None else card.key
        found.append(MemberTime(name, key, precision, step, replace(whole, stated=stated), epochs))
    return tuple(found)


def _scored_rows(name: str, trained: Trained) -> int:
    """Windows that one sample of a step holds: as many as a chunk has rows, else one."""
    return trained.setting.window if trained.mode_of(name) == "chunks" else 1


def stated_hours(card: Card, catalogue: Catalogue) -> Stated | None:
    """What v100-options states of one model's training on a card with the same processor; None for other cards."""
    for name in catalogue.stated["one_model_hours"]:
        if catalogue.card(name).chip.name == card.chip.name:
            figure = catalogue.figure(f"one_model_hours.{name}")
            return Stated(figure.range * HOUR_SECONDS, ", ".join(figure.sources))
    return None


def serving_time(request: Request, card: Card | None, calibration: Calibration | None) -> TimeEstimate:
    """One batch of windows answered by the whole ensemble, on a card or on a CPU."""
    asked, windows = list(answering(request.trained).values()), request.served.windows
    if card is not None:
        return inference_time(asked, windows, device_rates(card))
    if calibration is not None:
        return inference_time(asked, windows, calibration)
    likely = windows * _MEASURED_SECONDS_PER_WINDOW
    return TimeEstimate(likely / _UNKNOWN_MACHINE, likely, likely * _UNKNOWN_MACHINE, _MEASURED)


def _device(card: Card | None, calibration: Calibration | None) -> Device:
    if card is not None:
        return device_rates(card)
    if calibration is None:
        raise InputError(
            "--cards", "there is no card, and this machine isn't calibrated", "run sluice plan --calibrate"
        )
    return calibration
