"""Multi-scale CNN-LSTM: causal convolutions of widths 3, 5 and 7 side by side, then LSTM layers of 128 and 64."""

from __future__ import annotations

from typing import Any

from keras import layers

from components.train.network import Parts, chained
from components.train.task import Task


def parts(task: Task) -> Parts:
    """The member's own layers; convolutions are causal, so the member can be trained on chunks."""
    scales = [layers.Conv1D(task.units(64), width, padding="causal", activation="relu") for width in (3, 5, 7)]
    recurrent = chained([layers.LSTM(task.units(units), return_sequences=True) for units in (128, 64)])

    def body(features: Any) -> Any:
        return recurrent(layers.concatenate([scale(features) for scale in scales]))

    return Parts(body, lambda hidden: hidden, causal=True)
