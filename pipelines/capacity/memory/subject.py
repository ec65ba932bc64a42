"""What is compiled or measured: a member of a setting, or a Keras model in a file, with its real training step."""

from __future__ import annotations

import importlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError
from components.train.memory import Optimizer
from components.train.registry import MEMBERS
from pipelines.capacity.memory.members import Setting, member_architecture, mode_of

if TYPE_CHECKING:
    from components.train.gradient_step import GradientStep
    from components.train.network import Mode, Networks, Start
    from components.train.precision import Precision
    from components.train.sampling import Batch
    from components.train.task import Task


@dataclass(frozen=True)
class Subject:
    """A network and how it is trained.

    Attributes:
        member: its name in the registry; empty where a model is given.
        setting: the member's sizes.
        mode: how the member is trained; None for the usual way.
        model: path of a saved Keras model, trained on squared errors; empty for a member.
        precision: of activations.
        optimizer: what moves the weights.
    """

    member: str = ""
    setting: Setting = field(default_factory=Setting)
    mode: Mode | None = None
    model: str = ""
    precision: Precision = "float32"
    optimizer: Optimizer = "adamw"

    def to_json(self) -> str:
        """The subject as JSON text."""
        return json.dumps(asdict(self))

    def check(self) -> None:
        """Refuses what can't be built.

        Raises:
            InputError: there is no such member or file.
        """
        if self.model and not Path(self.model).exists():
            raise InputError(self.model, "there is no such model", "give the path of a saved Keras model")
        if not self.model:
            member_architecture(self.member, self.setting, self.mode)

    @classmethod
    def from_json(cls, text: str) -> Subject:
        """The subject that `to_json` wrote."""
        fields: dict[str, Any] = json.loads(text)
        return cls(**{**fields, "setting": Setting(**fields["setting"])})


@dataclass(frozen=True)
class RealStep:
    """A training step that can be run or compiled.

    Attributes:
        step: of components.train.
        model: the network that it trains.
        losses: of each output, by its name.
    """

    step: GradientStep
    model: Any
    losses: dict[str, Any]

    def batch(self, size: int, seed: int = 0) -> Batch:
        """Random inputs and targets; whole numbers are zeros, which every table of them has."""
        from components.train.sampling import Batch

        random = np.random.default_rng(seed)
        inputs = {name: _random(random, size, tensor.shape[1:], tensor.dtype) for name, tensor in _given(self.model)}
        wanted, weights = {}, {}
        for name in self.losses:
            shape = tuple(self.model.output[name].shape[1:])
            # The point forecast is a target; lower and upper have none of their own.
            shape = shape[:-1] if name == "change" else shape
            wanted[name] = _random(random, size, shape, "float32")
            weights[name] = np.ones((size, *shape[:-1]), np.float32)
        return Batch(inputs, wanted, weights, size)


def real_step(subject: Subject) -> RealStep:
    """The step as the trainer has it, on weights of its own.

    Raises:
        InputError: there is no such member or file.
    """
    from components.train.gradient_step import GradientStep

    subject.check()
    if subject.member:
        return member_step(member_networks(subject).training, subject)
    model, losses = _model(subject)
    return RealStep(GradientStep(model, losses, _optimizer(subject)), model, losses)


def member_networks(subject: Subject) -> Networks:
    """A member's real networks in Keras, on a start that forecasts no change."""
    from components.train.network import assemble
    from components.train.precision import layers_in

    task = _task(subject.setting)
    module: Any = importlib.import_module(MEMBERS[subject.member].module)
    with layers_in(subject.precision):
        parts = module.parts(task)
    mode = subject.mode or mode_of(subject.member, subject.setting)
    return assemble(task, parts, _start(task, MEMBERS[subject.member].look_back), mode)


def member_step(model: Any, subject: Subject) -> RealStep:
    """The step on a member's training network that is there already; its optimiser is a new one."""
    from components.train.gradient_step import GradientStep
    from components.train.loop import losses_of
    from components.train.recipe import Recipe

    losses = losses_of(model, _task(subject.setting), Recipe())
    return RealStep(GradientStep(model, losses, _optimizer(subject)), model, losses)


def _model(subject: Subject) -> tuple[Any, dict[str, Any]]:
    import keras

    from components.train.precision import layers_in

    with layers_in(subject.precision):
        model = keras.saving.load_model(subject.model, compile=False)
    named = keras.Model(
        {f"input_{number}": tensor for number, tensor in enumerate(model.inputs)},
        {f"output_{number}": tensor for number, tensor in enumerate(model.outputs)},
    )
    return named, {name: keras.losses.MeanSquaredError() for name in named.output}


def _optimizer(subject: Subject) -> Any:
    import keras

    kinds = {
        "sgd": lambda: keras.optimizers.SGD(),
        "momentum": lambda: keras.optimizers.SGD(momentum=0.9),
        "adam": lambda: keras.optimizers.Adam(),
        "adamw": lambda: keras.optimizers.AdamW(global_clipnorm=1.0),
        "adafactor": lambda: keras.optimizers.Adafactor(),
    }
    own = kinds[subject.optimizer]()
    return keras.optimizers.LossScaleOptimizer(own) if subject.precision == "mixed_float16" else own


def _given(model: Any) -> list[tuple[str, Any]]:
    return list(model.input.items())


def _random(random: np.random.Generator, size: int, shape: Any, kind: str) -> NDArray[Any]:
    values = random.standard_normal((size, *shape)).astype(np.float32)
    return np.zeros_like(values, np.int32) if "int" in kind else values


def _task(setting: Setting) -> Task:
    from components.train.task import Task

    each = (1.0,) * setting.columns
    return Task(
        inputs=tuple(f"column_{number}" for number in range(setting.columns)),
        target=0,
        known=(),
        calendar=(),
        window=setting.window,
        horizons=tuple(range(1, setting.horizons + 1)),
        quantiles=(0.05, 0.95),
        center=(0.0,) * setting.columns,
        scale=each,
        step_scale=each,
        change_scale=(1.0,) * setting.horizons,
        rules=(),
        limits=(None, None),
        spike_rise=1.0,
        spike_within=1,
        season=setting.segment,
        segment=setting.segment,
        least_unit=1.0 if setting.own_unit else 0.0,
        width=setting.width,
    )


def _start(task: Task, look_back: int) -> Start:
    from components.train.network import Start
    from components.train.ridge import Ridge, feature_count, start_layout

    layout, horizons = start_layout(task, look_back), len(task.horizons)
    kernel = np.zeros((layout.edges[-1], feature_count(task, layout), horizons))
    ridge = Ridge(layout, kernel, np.zeros((0, horizons)), np.zeros(horizons), (1,) * horizons, (), 0.0)
    return Start(ridge, (1.0,) * horizons, (-1.0,) * horizons, (1.0,) * horizons)
