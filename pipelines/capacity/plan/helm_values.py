"""The answer as what a cluster takes: values of the chart, and a profile of the pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from components.errors import InputError
from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.request import CardCount
from pipelines.capacity.schedule.windows import DAY_SECONDS, HOUR_SECONDS
from pipelines.platform.profile import PRESETS

# What the server takes of its card beside the formula: pools grow in steps.
_SERVING_MARGIN = 1.2
_LEAST_FRACTION = 0.05
_MOST_FRACTION = 0.9


@dataclass(frozen=True)
class Document:
    """A YAML document with words before it."""

    comments: tuple[str, ...]
    values: dict[str, Any]

    def text(self) -> str:
        """The document as a file holds it."""
        head = "".join(f"# {line}\n" for line in self.comments)
        return head + yaml.safe_dump(self.values, sort_keys=False, width=120)


def helm_values(answer: Answer) -> Document:
    """Values for `helm install -f`.

    Raises:
        InputError: the answer doesn't hold, so that the cluster would not either, or its cards have no node label.
    """
    _holding(answer)
    if answer.serving_on == "cpu":
        return _on_cpu(answer)
    return _on_card(answer)


def profile(answer: Answer, name: str = "planned") -> Document:
    """A profile for `sluice compile --profile` and `sluice submit --profile`: who trains where, and how many at once.

    Raises:
        InputError: the answer doesn't hold, or its cards have no node label.
    """
    _holding(answer)
    cards = answer.request.cards
    base = "cpu" if not cards else "shared" if _cards(cards) == 1 else "dedicated"
    values: dict[str, Any] = yaml.safe_load((PRESETS / f"{base}.yaml").read_text(encoding="utf-8"))
    values |= {"name": name, "description": f"planned for {answer.request.title}"}
    values["budget_minutes"] = _budget_minutes(answer)
    values["serving"] |= _asked(answer)
    comments = [_made_for(answer), *_late(answer), *_recipe(answer)]
    if cards:
        values["gpu_trainings_at_once"] = _training_cards(answer)
        values["steps"]["train"]["accelerator"]["products"] = _products(cards)
        # TensorFlow grows into what the plan leaves it.
        comments.append(f"A training takes at most {_largest_mb(answer):,} MB of its card.")
    return Document(tuple(comments), values)


def _asked(answer: Answer) -> dict[str, Any]:
    """Whom the smoke test asks: the service that the chart makes of the values."""
    if answer.serving_on != "cpu":
        return {}
    # Sluice's own server has no transformer before it.
    asked = yaml.safe_load((PRESETS / "cpu.yaml").read_text(encoding="utf-8"))["serving"]
    return {key: asked[key] for key in ("rest", "grpc")}


def _recipe(answer: Answer) -> Iterator[str]:
    """What no key of a profile says."""
    trained = answer.request.trained
    kinds = ", ".join(dict.fromkeys(f"{each.precision} on {each.card}" for each in answer.times))
    yield f"Planned with batches of {trained.batch} in {trained.accumulation} micro-batches, {kinds}."
    serving = [each.card for each in answer.request.cards if each.card.key == answer.serving_on]
    if serving and "tensor_float32" in serving[0].precisions:
        yield f"{serving[0].title} computes in TensorFloat-32: raise serving.tolerance here, or set"
        yield "NVIDIA_TF32_OVERRIDE=0 in the server, else the smoke test may roll a version back."


def _late(answer: Answer) -> tuple[str, ...]:
    return () if answer.in_time else tuple(f"Not in time: {line}." for line in answer.why)


def _on_card(answer: Answer) -> Document:
    cards = answer.request.cards
    shared = _cards(cards) == 1
    own = next(each for each in answer.memory if each.use == "serving")
    fraction = _SERVING_MARGIN * own.formula.total_bytes / own.room_bytes
    values: dict[str, Any] = {
        "profile": "shared" if shared else "dedicated",
        "gpu": {"perReplica": 1, "cards": _cards(cards), "servingCards": 1, "products": _products(cards)},
        "quota": {"enabled": True, "trainingGpus": 1},
        "serving": {
            "replicas": 1,
            "strategy": "Recreate",
            "tfserving": {
                "gpuMemoryFraction": round(min(max(fraction, _LEAST_FRACTION), _MOST_FRACTION), 2),
                "batching": {"maxBatchSize": max(answer.request.served.windows, 128)},
            },
        },
    }
    return Document((_made_for(answer), *_whole_cards(answer), *_beyond(answer)), values)


def _whole_cards(answer: Answer) -> Iterator[str]:
    cards = answer.request.cards
    if _cards(cards) == 1:
        yield "Kubernetes gives the card whole: training waits while serving holds it, unless NVIDIA's device plugin"
        yield "shares it by time slicing (sharing.timeSlicing.resources: nvidia.com/gpu, replicas: 2)."
    if len(cards) > 1:
        yield f"Serving was planned on {answer.serving_on}; the chart takes any of gpu.products: to hold it there, set"
        yield "serving.nodeSelector to a label of its node."


def _on_cpu(answer: Answer) -> Document:
    values: dict[str, Any] = {
        "profile": "cpu",
        "gpu": {"perReplica": 0, "cards": _cards(answer.request.cards), "servingCards": 0},
        "serving": {
            "runtime": "inprocess",
            "strategy": "RollingUpdate",
            "resources": {
                "requests": {"cpu": "1", "memory": "2Gi"},
                "limits": {"cpu": "2", "memory": "4Gi"},
            },
        },
    }
    comments = [_made_for(answer), "Serving runs on CPUs: no card is asked for by this release."]
    if answer.request.cards:
        comments.append("Cards are for training alone; the pipelines' profile (sluice plan --profile) asks for them.")
    return Document((*comments, *_beyond(answer)), values)


def _made_for(answer: Answer) -> str:
    trained = answer.request.trained
    return f"Made by sluice plan for {answer.request.title}: {len(trained.members)} members, {trained.rows:,} rows."


def _beyond(answer: Answer) -> tuple[str, ...]:
    """What no value of the chart says."""
    request = answer.request
    begin, end = (f"{s % DAY_SECONDS // HOUR_SECONDS:02d}:00" for s in (request.retrain.begin_s, request.retrain.end_s))
    lines = [*_late(answer), f"Retraining, {begin} to {end}: a recurring run (sluice submit --window {begin}-{end})."]
    for each in request.fixed:
        lines.append(
            f"{each.name} holds {each.memory_bytes / 1e9:.1f} GB of a card: the chart knows nothing of it, and"
            " Kubernetes shares a card by time slicing alone."
        )
    return tuple(lines)


def _holding(answer: Answer) -> None:
    if not answer.fits:
        problem = "does not fit, so there is nothing to write: " + answer.why[0]
        raise InputError("the plan", problem, "take one of the changes that it names, and plan again")
    _products(answer.request.cards)


def _products(cards: tuple[CardCount, ...]) -> list[str]:
    for each in cards:
        if not each.card.products:
            fix = f"add `products` to cards.{each.card.key} in a catalogue of your own"
            raise InputError(f"cards.{each.card.key}", "the catalogue names no node label of it", fix)
    return [product for each in cards for product in each.card.products]


def _cards(cards: tuple[CardCount, ...]) -> int:
    return sum(each.count for each in cards)


def _training_cards(answer: Answer) -> int:
    """Cards that train at once: serving keeps its own where there are several."""
    count = _cards(answer.request.cards)
    return count - 1 if answer.serving_on != "cpu" and count > 1 else count


def _budget_minutes(answer: Answer) -> float:
    """Wall clock of all training: the longest that the plan expects, and no longer than the window."""
    request = answer.request
    window = (request.retrain.end_s - request.retrain.begin_s) / 60
    order = answer.order
    return round(min(window, max(order.hours.high * 60, 1.0) if order else window), 1)


def _largest_mb(answer: Answer) -> int:
    return round(max(each.formula.total_bytes for each in answer.memory if each.use == "training") / 1e6)
