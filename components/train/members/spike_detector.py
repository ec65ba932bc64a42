"""Spike detector: convolution, multi-head attention and a bidirectional LSTM, with a head for spikes."""

from __future__ import annotations

from typing import Any

from keras import layers

from components.train.network import Parts
from components.train.task import Task


def parts(task: Task) -> Parts:
    """The member's own layers: 128 filters of width 3, 4 heads with keys of 128, BiLSTM of 128 units.

    Filters, width and key size are those with which the stated 520,000 parameters come out nearest (531,969).
    """
    units = task.units(128)
    scan = layers.Conv1D(units, 3, padding="same", activation="relu")
    attention = layers.MultiHeadAttention(num_heads=4, key_dim=units)
    both_ways = layers.Bidirectional(layers.LSTM(units))

    def body(features: Any) -> Any:
        local = scan(features)
        return both_ways(layers.add([local, attention(local, local)]))

    return Parts(body, lambda hidden: hidden, causal=False, spikes=True)
