"""Residual GRU: layers of 128, 128 and 64 units, each with a skip around it."""

from __future__ import annotations

from typing import Any

from keras import layers

from components.train.network import Parts
from components.train.task import Task


def parts(task: Task) -> Parts:
    """The member's own layers; skips run outside the recurrent layers, which keeps their fused kernels on GPUs."""
    grus = [layers.GRU(task.units(units), return_sequences=True, reset_after=True) for units in (128, 128, 64)]
    widen, narrow = layers.Dense(task.units(128), name="skip_in"), layers.Dense(task.units(64), name="skip_out")

    def body(features: Any) -> Any:
        first = layers.add([widen(features), grus[0](features)])
        second = layers.add([first, grus[1](first)])
        return layers.add([narrow(second), grus[2](second)])

    return Parts(body, lambda hidden: hidden, causal=True)
