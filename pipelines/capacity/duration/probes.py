"""Real networks to time: the members' own training steps and forecasts, on random windows."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from components.train.architecture import Architecture
from components.train.registry import MEMBERS, Width

if TYPE_CHECKING:
    from components.train.network import Mode, Networks, Start
    from components.train.sampling import Batch
    from components.train.task import Task

# Lead times of the reservoir, for which a network has as many outputs as three.
_HORIZONS = (10, 30, 60)
_QUANTILES = (0.05, 0.95)
# The decay that the moving average of the weights settles at; what it is doesn't matter to the time.
_DECAY = 0.98


@dataclass(frozen=True)
class Shape:
    """The windows that networks are built for.

    Attributes:
        window: rows.
        columns: columns, all of them numbers observed in the past.
    """

    window: int = 100
    columns: int = 12


@dataclass(frozen=True)
class Probe:
    """A network to time.

    Attributes:
        member: its name.
        width: of the network.
        mode: how it is trained.
    """

    member: str
    width: Width = "stated"
    mode: Mode = "windows"


@dataclass(frozen=True)
class Run:
    """Something to time, ready to be called.

    Attributes:
        architecture: of the network.
        batch: windows or chunks at once.
        call: does it once.
    """

    architecture: Architecture
    batch: int
    call: Callable[[], object]


class Built:
    """A member's networks, in the precision that this device trains in, for steps and forecasts of any batch."""

    def __init__(self, probe: Probe, shape: Shape, seed: int) -> None:
        from components.train.network import assemble
        from components.train.precision import compute_capability, layers_in, precision_of

        self.probe = probe
        self.task = _task(shape, probe.width)
        self.precision = precision_of(compute_capability())
        module: Any = importlib.import_module(MEMBERS[probe.member].module)
        with layers_in(self.precision):
            parts = module.parts(self.task)
        start = _start(self.task, MEMBERS[probe.member].look_back)
        self.networks: Networks = assemble(self.task, parts, start, probe.mode)
        self._generator = np.random.default_rng(seed)

    def training_step(self, batch: int) -> Run:
        """The step as `components.train` does it, compiled for this batch at its first call."""
        from components.train.architecture_reader import architecture_of
        from components.train.gradient_step import GradientStep
        from components.train.loop import Recipe, losses_of, optimizer_of

        model, recipe = self.networks.training, Recipe(precision=self.precision)
        step = GradientStep(model, losses_of(model, self.task, recipe), optimizer_of(recipe))
        data = _random_batch(model, batch, self._generator)
        architecture = architecture_of(model, self.probe.member)
        # A rate of 0 leaves the weights where they are, so that every step computes the same.
        return Run(architecture, batch, lambda: step(data, batch, 0.0, _DECAY))

    def forecasts(self, batches: tuple[int, ...]) -> tuple[Run, ...]:
        """Forecasts by one plain graph for all batches, as a SavedModel answers by default."""
        import tensorflow as tf

        from components.train.architecture_reader import architecture_of

        model = self.networks.serving
        answer = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
        architecture = architecture_of(model, self.probe.member)
        sizes = {name: tuple(tensor.shape[1:]) for name, tensor in model.input.items()}
        specs = {name: tf.TensorSpec((None, *size), tf.float32) for name, size in sizes.items()}
        graph = answer.get_concrete_function(specs)

        def run(batch: int) -> Run:
            given = {name: tf.constant(self._random((batch, *size))) for name, size in sizes.items()}
            return Run(architecture, batch, lambda: [np.asarray(each) for each in graph(given).values()])

        return tuple(run(batch) for batch in batches)

    def _random(self, shape: tuple[int, ...]) -> Any:
        return self._generator.standard_normal(shape).astype(np.float32)


def _random_batch(model: Any, size: int, generator: np.random.Generator) -> Batch:
    from components.train.sampling import Batch

    def random(shape: tuple[int, ...]) -> Any:
        return generator.standard_normal((size, *shape)).astype(np.float32)

    inputs = {name: random(tuple(tensor.shape[1:])) for name, tensor in model.input.items()}
    change = tuple(model.output["change"].shape[1:-1])
    wanted, weights = {"change": random(change)}, {"change": np.ones((size, *change[:-1]), np.float32)}
    if "spike" in model.output:
        wanted["spike"] = (random(()) > 0).astype(np.float32)
        weights["spike"] = np.ones(size, np.float32)
    return Batch(inputs, wanted, weights, size)


def _task(shape: Shape, width: Width) -> Task:
    from components.train.task import Task

    each = (1.0,) * shape.columns
    return Task(
        inputs=tuple(f"column_{number}" for number in range(shape.columns)),
        target=0,
        known=(),
        calendar=(),
        window=shape.window,
        horizons=_HORIZONS,
        quantiles=_QUANTILES,
        center=(0.0,) * shape.columns,
        scale=each,
        step_scale=each,
        change_scale=(1.0,) * len(_HORIZONS),
        rules=(),
        limits=(None, None),
        spike_rise=1.0,
        spike_within=1,
        season=1,
        width=width,
    )


def _start(task: Task, look_back: int) -> Start:
    """A linear forecast of the member's own look-back; its weights don't matter to the time."""
    from components.train.network import Start
    from components.train.ridge import Layout, Ridge

    horizons, rows = len(task.horizons), min(look_back, task.window)
    kernel = np.zeros((rows, len(task.inputs), horizons))
    ridge = Ridge(
        Layout((1,), (1,), False),
        kernel,
        np.zeros((0, horizons)),
        np.zeros(horizons),
        (rows,) * horizons,
        (1.0,) * horizons,
        0.0,
    )
    return Start(ridge, (1.0,) * horizons, (-1.0,) * horizons, (1.0,) * horizons)
