"""What nobody asked, and should know before buying or sharing a card."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.catalogue.stated import Contradiction
from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.measuring import measured_remarks
from pipelines.capacity.plan.planning import Knowledge
from pipelines.capacity.plan.request import CardCount
from pipelines.capacity.plan.timing import serving_time
from pipelines.capacity.plan.wording import span

# Sluice's lock file of the image with CUDA libraries holds TensorFlow 2.21, which is built for this line.
_CUDA = "12.5"
# Below this share of the time between two batches a CPU has plenty of room.
_EASY_SHARE = 0.1
_USED_LITTLE = 0.25
_GIB = 2**30


def remarks(answer: Answer, known: Knowledge) -> tuple[str, ...]:
    """One sentence or two each."""
    found = [*_serving(answer, known), *_whole_cards(answer), *_memory(answer), *_experiments(answer)]
    found += [*_models(answer), *measured_remarks(answer)]
    for each in answer.request.cards:
        found += _card(each.card, known.catalogue)
        found += _price(each.card, known.catalogue)
    return tuple(found)


def contradictions(answer: Answer, catalogue: Catalogue) -> tuple[Contradiction, ...]:
    """Those of the documents that are about training, serving or these cards."""
    touched = {"training_beside_serving", "window_overlaps_serving", "formula_against_peak"}
    if "patchtst" in answer.request.trained.members:
        touched.add("patchtst_memory")
    groups = ["cycle_hours", "hardware_cost_percent", "hardware_cost_in_v100"]
    groups += ["cross_validation_hours"] if answer.request.trained.folds else []
    groups += ["experiments_per_day"] if answer.request.trained.experiments else []
    names = [name for each in answer.request.cards for name in _configurations(each, catalogue)]
    figures = {f"{group}.{name}" for group in groups for name in names}
    return tuple(
        each for key, each in catalogue.contradictions.items() if key in touched or not figures.isdisjoint(each.about)
    )


def _configurations(wanted: CardCount, catalogue: Catalogue) -> Iterator[str]:
    """Names of v100-options for so many of these cards, such as `v100x2`."""
    for family in catalogue.stated.get("one_model_hours", {}):
        if catalogue.card(family).chip.name == wanted.card.chip.name:
            yield f"{family}x{wanted.count}"


def _serving(answer: Answer, known: Knowledge) -> Iterator[str]:
    served = answer.request.served
    own = answer.serving_time if answer.serving_on == "cpu" else serving_time(answer.request, None, known.calibration)
    if own is None:
        return
    what = f"{served.windows:,} windows take {span(own.seconds)} on a CPU ({own.basis})"
    if own.high_seconds < _EASY_SHARE * served.every_seconds:
        left = "the cards are left to training" if answer.serving_on == "cpu" else "the card may be left to training"
        left = left if answer.request.cards else "serving needs no card"
        yield f"{what}, of {served.every_seconds:,} s between two batches: {left}."
    elif own.high_seconds > served.every_seconds:
        yield f"{what}, which is more than the {served.every_seconds:,} s between two batches: serve on a card."


def _whole_cards(answer: Answer) -> Iterator[str]:
    cards = sum(each.count for each in answer.request.cards)
    if answer.serving_on != "cpu" and cards == 1:
        yield (
            "Kubernetes gives a card whole: training beside serving needs time slicing by NVIDIA's device plugin, or"
            " waits until serving is away. With serving on the CPU neither waits."
        )
    if answer.serving_on != "cpu" and cards > 1:
        yield "One card serves and trains nothing, since Kubernetes gives cards whole; the others train."


def _memory(answer: Answer) -> Iterator[str]:
    training = [each for each in answer.memory if each.use == "training"]
    if not training:
        return
    largest = max(training, key=lambda each: each.formula.total_bytes)
    share = largest.formula.total_bytes / max(largest.room_bytes, 1)
    if share < _USED_LITTLE:
        size = f"{largest.formula.total_bytes / 1e9:.2f} GB, {share:.0%} of what a {largest.card} has left"
        yield f"The largest training, {largest.workload}, takes {size}: memory is no reason for a larger card."


def _models(answer: Answer) -> Iterator[str]:
    for model in answer.request.trained.models:
        if model.uncounted:
            yield (
                f"{model.name}: the formula knows no closed form of {', '.join(model.uncounted)}; they are counted by"
                " their weights and answers alone, so memory and time may be more. --measure compiles the step."
            )


def _experiments(answer: Answer) -> Iterator[str]:
    trained = answer.request.trained
    if trained.experiments and trained.retrain_experiments:
        yield (
            f"{trained.experiments} weight experiments need no training: forecasts that are stored once serve them all"
            " (sluice search-weights)."
        )


def _card(card: Card, catalogue: Catalogue) -> Iterator[str]:
    generation = catalogue.generation(card)
    reported, sold = f"{card.memory_bytes / _GIB:.1f} GiB", f"{card.memory_gb.value:g} GiB"
    yield f"{card.title}: the driver reports {reported} of the {sold} that are sold."
    if not card.gains_from_mixed_precision:
        yield f"{card.title}: mixed precision gains no time, it has no tensor cores."
    if not generation.supports_cuda(_CUDA):
        yield f"{card.title}: CUDA {_CUDA}, which Sluice's image brings, no longer serves it."
    elif generation.last_cuda:
        yield (
            f"{card.title}: CUDA {generation.last_cuda} and cuDNN {generation.last_cudnn} are the last for it; Sluice's"
            " image stays below them."
        )


def _price(card: Card, catalogue: Catalogue) -> Iterator[str]:
    if not catalogue.instances_with(card):
        yield (
            f"{card.title}: no instance of the catalogue has it, so its rent isn't known; lay your own prices over it"
            " (--catalogue)."
        )
    for price in card.prices:
        if price.currency != "USD":
            yield f"{card.title}: {price.currency} {price.range} to buy one ({price.source}{_noted(price.note)})."
    if card.price_in_v100 is not None:
        part = card.price_in_v100
        yield f"{card.title}: {part.range} times the price of a V100 32 GB ({part.source}{_noted(part.note)})."


def _noted(note: str) -> str:
    return f": {note}" if note else ""
