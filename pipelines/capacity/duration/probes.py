"""Real networks to time: the members' own training steps and forecasts, on random windows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from components.train.architecture import Architecture
from components.train.registry import Width
from pipelines.capacity.memory.members import Setting
from pipelines.capacity.memory.subject import Subject, member_networks, member_step

if TYPE_CHECKING:
    from components.train.network import Mode, Networks

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
        from components.train.precision import compute_capability, precision_of

        self.probe, self._seed = probe, seed
        self.precision = precision_of(compute_capability())
        setting = Setting(window=shape.window, columns=shape.columns, width=probe.width)
        self._subject = Subject(probe.member, setting, probe.mode, precision=self.precision)
        self.networks: Networks = member_networks(self._subject)

    def training_step(self, batch: int) -> Run:
        """The step as `components.train` does it, compiled for this batch at its first call."""
        from components.train.architecture_reader import architecture_of

        real = member_step(self.networks.training, self._subject)
        data = real.batch(batch, self._seed)
        # A rate of 0 leaves the weights where they are, so that every step computes the same.
        return Run(architecture_of(real.model, self.probe.member), batch, lambda: real.step(data, batch, 0.0, _DECAY))

    def forecasts(self, batches: tuple[int, ...]) -> tuple[Run, ...]:
        """Forecasts by one plain graph for all batches, as a SavedModel answers by default."""
        import tensorflow as tf

        from components.train.architecture_reader import architecture_of

        model, generator = self.networks.serving, np.random.default_rng(self._seed)
        answer = tf.function(lambda inputs: model(inputs, training=False), reduce_retracing=True)
        architecture = architecture_of(model, self.probe.member)
        sizes = {name: tuple(tensor.shape[1:]) for name, tensor in model.input.items()}
        specs = {name: tf.TensorSpec((None, *size), tf.float32) for name, size in sizes.items()}
        graph = answer.get_concrete_function(specs)

        def run(batch: int) -> Run:
            given = {
                name: tf.constant(generator.standard_normal((batch, *size)).astype(np.float32))
                for name, size in sizes.items()
            }
            return Run(architecture, batch, lambda: [np.asarray(each) for each in graph(given).values()])

        return tuple(run(batch) for batch in batches)
