"""Rule-based: a shallow LSTM whose forecast the dataset's rules bound and shift."""

from __future__ import annotations

from keras import layers

from components.train.network import Parts, chained
from components.train.task import Task


def parts(task: Task) -> Parts:
    """The member's own layers: LSTM 32, dense layers of 64 and 32; the rules follow in the graph."""
    body = layers.LSTM(task.units(32), return_sequences=True)
    head = chained([layers.Dense(task.units(units), activation="relu") for units in (64, 32)])
    return Parts(body, head, causal=True, rules=True)
