"""The answer as what a cluster takes: values of the chart, and a profile of the pipelines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from components.errors import InputError
from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.request import CardCount
from pipelines.capacity.schedule.windows import DAY_SECONDS, Window
from pipelines.platform.profile import PRESETS

_MINUTE_SECONDS = 60
# What the server takes of its card beside the formula: pools grow in steps.
_SERVING_MARGIN = 1.2
_LEAST_FRACTION = 0.05
_MOST_FRACTION = 0.9
# Of the window for training; the steps around it take their time, too.
_TRAINING_SHARE = 0.9


@dataclass(frozen=True)
class Document:
    """A YAML document with words before it."""

    comments: tuple[str, ...]
    values: dict[str, Any]

    def text(self) -> str:
        """The document as a file holds it."""
        head = "".join(f"# {line}\n" for line in self.comments)
        return head + yaml.safe_dump(self.values, sort_keys=False, width=120)


@dataclass(frozen=True)
class _Night:
    """How members are trained, which both documents say.

    Attributes:
        batch: windows or chunks of a step; 0 where each is trained with its own.
        micro_batch: most of them at once; 0 where the whole batch fits.
        precision: of the members' own layers.
        window: hours of the day in which recurring runs train; empty where all day will do.
        gpu_at_once: members that train at once on cards; 0 where there is none.
        budget_minutes: wall clock of all training.
    """

    batch: int
    micro_batch: int
    precision: str
    window: str
    gpu_at_once: int
    budget_minutes: float

    @classmethod
    def of(cls, answer: Answer) -> _Night:
        """What was planned."""
        trained = answer.request.trained
        return cls(
            batch=trained.batch,
            micro_batch=min(map(trained.micro_batch_of, trained.names)) if trained.accumulation > 1 else 0,
            precision=trained.precision,
            window=_window(answer.request.retrain),
            gpu_at_once=_training_cards(answer),
            budget_minutes=_budget_minutes(answer),
        )

    def in_chart(self) -> dict[str, Any]:
        """The chart's values `training`."""
        at_once = {"gpuAtOnce": self.gpu_at_once} if self.gpu_at_once else {}
        return {**self._step("microBatch"), **self._hours("timeZone"), **at_once, "budgetMinutes": self.budget_minutes}

    def in_profile(self) -> dict[str, Any]:
        """Keys of a profile of the pipelines."""
        at_once = {"gpu_trainings_at_once": self.gpu_at_once} if self.gpu_at_once else {}
        training = {**self._step("micro_batch"), **self._hours("timezone")}
        return {**at_once, "budget_minutes": self.budget_minutes, "training": training}

    def _step(self, micro_batch: str) -> dict[str, Any]:
        micro = {micro_batch: self.micro_batch} if self.micro_batch else {}
        batch = {"batch": self.batch} if self.batch else {}
        return {**batch, **micro, "precision": self.precision}

    def _hours(self, zone: str) -> dict[str, str]:
        return {"window": self.window, zone: "UTC"} if self.window else {}


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
    values |= _Night.of(answer).in_profile()
    values["serving"] |= _asked(answer)
    comments = [_made_for(answer), *_late(answer), *_hours(answer), *_precisions(answer)]
    if cards:
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


def _hours(answer: Answer) -> Iterator[str]:
    """What to know of the window's key."""
    if _window(answer.request.retrain):
        yield "The window is in UTC: write your own time zone beside it."
    else:
        yield "Training may run all day: no window is written, and a run starts when it is submitted."


def _precisions(answer: Answer) -> Iterator[str]:
    """What the key of the precision comes to."""
    if answer.request.trained.precision == "auto":
        kinds = dict.fromkeys(f"{each.precision} on {each.card or 'the CPU'}" for each in answer.times)
        yield f"Precision auto is {', '.join(kinds)}."
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
        "training": _Night.of(answer).in_chart(),
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
    cards = answer.request.cards
    products = {"products": _products(cards)} if cards else {}
    values: dict[str, Any] = {
        "profile": "cpu",
        "gpu": {"perReplica": 0, "cards": _cards(cards), "servingCards": 0, **products},
        "training": _Night.of(answer).in_chart(),
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
    if cards:
        comments.append("Cards are for training alone; the pipelines' profile asks for them.")
    return Document((*comments, *_beyond(answer)), values)


def _made_for(answer: Answer) -> str:
    trained = answer.request.trained
    return f"Made by sluice plan for {answer.request.title}: {len(trained.members)} members, {trained.rows:,} rows."


def _beyond(answer: Answer) -> tuple[str, ...]:
    """What no value of the chart says."""
    lines = [*_late(answer), *_hours(answer)]
    for each in answer.request.fixed:
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
    """Wall clock of all training: the longest that the plan expects, and less than the window."""
    retrain = answer.request.retrain
    most = _TRAINING_SHARE * (retrain.end_s - retrain.begin_s) / 60
    order = answer.order
    return round(min(most, max(order.hours.high * 60, 1.0) if order else most), 1)


def _window(retrain: Window) -> str:
    """Hours of the day as `02:00-10:00`; empty for all of it."""
    if retrain.end_s - retrain.begin_s >= DAY_SECONDS:
        return ""
    minutes = (s % DAY_SECONDS // _MINUTE_SECONDS for s in (retrain.begin_s, retrain.end_s))
    return "-".join(f"{each // 60:02d}:{each % 60:02d}" for each in minutes)


def _largest_mb(answer: Answer) -> int:
    return round(max(each.formula.total_bytes for each in answer.memory if each.use == "training") / 1e6)
