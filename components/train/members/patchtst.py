"""PatchTST: a transformer over overlapping patches of the window (Nie et al., ICLR 2023, arXiv 2211.14730)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from keras import layers

from components.train.network import Parts, chained
from components.train.patches import Patches, Positions, gelu
from components.train.task import Task

# Section 4.1 of the paper; its sizes for all but its smallest data sets.
PATCH_ROWS = 16
UNITS, HEADS, FORWARD_UNITS, ENCODERS = 128, 16, 256, 3
DROPOUT = 0.2


def parts(task: Task) -> Parts:
    """The member's own layers: patches, their projection and places, three encoders, all answers side by side.

    Where the paper's networks normalise by batches, these do by patches and before each part of an encoder: batches
    may come in pieces as memory allows and hold more rises than the series does, so statistics of a batch would be
    neither those of another piece nor those of what is served. A patch holds all columns, not one column each, since
    here other columns bear on the target; in a panel of one column the two are the same. What the paper scales by
    window (RevIN) is done around every member.
    """
    rows = min(PATCH_ROWS, task.window)
    cut = Patches(rows, max(rows // 2, 1))
    embed = [layers.Dense(UNITS, name="patch_projection"), Positions(name="positions"), layers.Dropout(DROPOUT)]
    encoders = [_encoder() for _ in range(ENCODERS)]
    flat = [layers.LayerNormalization(), layers.Flatten()]
    return Parts(chained([cut, *embed, *encoders, *flat]), lambda hidden: hidden, causal=False, patches=True)


def _encoder() -> Callable[[Any], Any]:
    """Attention over patches and a layer of its own for each, both added to what they read."""
    attention = layers.MultiHeadAttention(HEADS, UNITS // HEADS, dropout=DROPOUT)
    before_attention, before_forward = layers.LayerNormalization(), layers.LayerNormalization()
    attended_share = layers.Dropout(DROPOUT)
    widen, narrow = layers.Dense(FORWARD_UNITS, activation=gelu), layers.Dense(UNITS)
    forward = chained([before_forward, widen, layers.Dropout(DROPOUT), narrow, layers.Dropout(DROPOUT)])

    def encode(patches: Any) -> Any:
        normal = before_attention(patches)
        attended = layers.add([patches, attended_share(attention(normal, normal))])
        return layers.add([attended, forward(attended)])

    return encode
