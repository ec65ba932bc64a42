"""Stacked LSTM: three layers of 128, 128 and 64 units, then dense layers of 128 and 64."""

from __future__ import annotations

from keras import layers

from components.train.network import Parts, chained
from components.train.task import Task


def parts(task: Task) -> Parts:
    """The member's own layers."""
    body = chained([layers.LSTM(task.units(units), return_sequences=True) for units in (128, 128, 64)])
    head = chained([layers.Dense(task.units(units), activation="relu") for units in (128, 64)])
    return Parts(body, head, causal=True)
