"""Warm start: a member goes on from the weights, the scales and the linear forecast of its champion."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from components.errors import InputError
from components.preprocess.generations import Generation, generation_of, newer
from components.preprocess.series import Series
from components.train.ridge import Layout, Ridge
from components.train.task import Task

if TYPE_CHECKING:
    import keras

    from components.train.network import Start

CARD_FILE = "model_card.json"
# Weights that are nearly right are lost at the rate at which fresh ones are found.
RATE_SHARE = 0.2
# Scores without a better one: a champion is soon as good as it gets.
PATIENCE = 6
FROM_SCRATCH = "train from scratch: sluice run"


@dataclass(frozen=True)
class Replay:
    """How a retraining's batches are mixed.

    Attributes:
        share: share of each batch drawn from old readings, those before large rises more often.
    """

    share: float = 0.5

    def __post_init__(self) -> None:
        """Raises InputError for a share that is none."""
        if not 0 <= self.share < 1:
            raise InputError("--replay", f"{self.share:g} is no share of a batch", "give 0 or more, and less than 1")


@dataclass(frozen=True)
class WarmStart:
    """What a champion's member leaves to the next one.

    Attributes:
        member: its name.
        mode: the way in which it was trained; its network takes no other.
        task: with the champion's scales, else the weights would mean something else.
        start: its linear forecast.
        weights: of its serving model, in the layers' order.
        generations: parts of the readings that it was trained on.
        replay: how batches are mixed.
        seconds_from_scratch: what the member took when its weights were fresh.
    """

    member: str
    mode: Any
    task: Task
    start: Start
    weights: tuple[Any, ...]
    generations: tuple[Generation, ...]
    replay: Replay
    seconds_from_scratch: float

    @property
    def until(self) -> str:
        """Stamp of the last reading that is old."""
        return self.generations[-1].until

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that training depends on."""
        total = hashlib.sha256(json.dumps([self.member, self.mode, self.task.to_json(), asdict(self.replay)]).encode())
        for array in (*self.weights, self.start.ridge.kernel, self.start.ridge.ahead, self.start.ridge.bias):
            total.update(np.ascontiguousarray(array).data)
        return total.hexdigest()

    def give(self, serving: keras.Model) -> None:
        """Gives a network of the same task and mode the weights, and the linear forecast of the start."""
        from components.train.network import set_linear

        serving.set_weights(list(self.weights))
        set_linear(serving.get_layer("linear_forecast"), self.start)


def warm_facts(task: Task, start: Start, series: Series, warm: WarmStart | None) -> dict[str, Any]:
    """What `member.json`, and so the model card, must say for a later warm start."""
    old = () if warm is None else warm.generations
    spans = series.spans if warm is None else newer(series, warm.until)
    return {
        "task": json.loads(task.to_json()),
        "start": {"scale": start.scale, "lower": start.lower, "upper": start.upper, **_ridge_facts(start.ridge)},
        "generations": [asdict(each) for each in (*old, generation_of(series, spans))],
    }


def warm_start_of(folder: Path, member: str, task: Task, replay: Replay) -> WarmStart:
    """Reads a champion's member.

    Args:
        folder: holds the champion's model card and each of its members as `NAME.keras`.
        member: its name.
        task: of today's dataset file and readings.
        replay: how batches are to be mixed.

    Raises:
        InputError: the champion lacks the member or what a warm start needs, or forecasts something else.
    """
    facts = member_facts(folder, member)
    warm = facts["warm_start"]
    kept = _kept_task(Task.from_json(json.dumps(warm["task"])), task)
    model = _member_model(folder, member)
    start = _start(warm["start"], model.get_layer("linear_forecast"))
    generations = tuple(Generation(**each) for each in warm["generations"])
    seconds = float(facts.get("seconds_from_scratch", facts["seconds"]))
    return WarmStart(member, facts["mode"], kept, start, tuple(model.get_weights()), generations, replay, seconds)


def member_facts(folder: Path, member: str) -> dict[str, Any]:
    """What a version's model card says of a member.

    Raises:
        InputError: it says nothing of it, or not what a warm start needs.
    """
    card = json.loads((folder / CARD_FILE).read_text(encoding="utf-8"))
    found = [dict(each) for each in card.get("members_detail", []) if each.get("name") == member]
    if not found:
        raise InputError(f"member {member}", "is not in the champion", f"leave it out, or {FROM_SCRATCH}")
    if "warm_start" not in found[0]:
        raise InputError(f"member {member}", "the champion's card does not say how it was scaled", FROM_SCRATCH)
    return found[0]


def _kept_task(theirs: Task, ours: Task) -> Task:
    """The champion's task with the rules, limits and spikes of today."""
    for name in ("inputs", "target", "known", "calendar", "window", "horizons", "quantiles"):
        if getattr(theirs, name) != getattr(ours, name):
            raise InputError("dataset file", f"has another {name} than the champion", FROM_SCRATCH)
    names = ("rules", "limits", "spike_rise", "spike_within")
    return replace(theirs, **{name: getattr(ours, name) for name in names})


def member_file(folder: Path, member: str) -> Path:
    """Where a champion's member lies."""
    return folder / f"{member}.keras"


def _member_model(folder: Path, member: str) -> Any:
    import keras

    # Importing a module registers its layers with Keras, which needs them to read a saved model.
    import components.train.layers
    import components.train.patches
    import components.train.segments  # noqa: F401

    return keras.models.load_model(member_file(folder, member), compile=False)


def _ridge_facts(ridge: Ridge) -> dict[str, Any]:
    facts = {"look_backs": ridge.look_backs, "penalties": ridge.penalties, "ridge_rmse": ridge.validation_rmse}
    return {**facts, "layout": asdict(ridge.layout), "ahead_shape": ridge.ahead.shape}


def _start(facts: Mapping[str, Any], layer: Any) -> Start:
    """The start as it was: the ridge lies in the network's layer, in the network's unit of change."""
    from components.train.network import Start

    scale = np.asarray(facts["scale"], np.float64)
    layout = facts["layout"]
    ahead = np.zeros(facts["ahead_shape"]) if layer.ahead is None else np.asarray(layer.ahead, np.float64) * scale
    ridge = Ridge(
        layout=Layout(tuple(layout["edges"]), tuple(layout["lengths"]), layout["compressed"]),
        kernel=np.asarray(layer.kernel, np.float64) * scale,
        ahead=ahead,
        bias=np.asarray(layer.bias, np.float64) * scale,
        look_backs=tuple(facts["look_backs"]),
        penalties=tuple(facts["penalties"]),
        validation_rmse=facts["ridge_rmse"],
    )
    return Start(ridge, tuple(facts["scale"]), tuple(facts["lower"]), tuple(facts["upper"]))
