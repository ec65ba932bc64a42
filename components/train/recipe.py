"""How networks are trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    # Both import what trains; a planner needs a recipe without it.
    from components.train.network import Mode
    from components.train.precision import Precision


@dataclass(frozen=True)
class Recipe:
    """How networks are trained.

    A step has few chunks, since the rows of one are much alike. Errors after a minute on 78,116 simulated rows, of
    persistence's, means of two to four runs: .351 (stacked LSTM) and .353 (residual GRU) with 8 chunks, floods drawn
    more often; .358 and .368 with 16 drawn evenly.

    Attributes:
        learning_rate: highest rate, reached after `warm_up_steps`.
        warm_up_steps: steps over which the rate rises.
        weight_decay: of AdamW (Loshchilov and Hutter, 2019).
        clip_norm: longest gradient, over all weights.
        huber_delta: error, in the network's unit of change, above which the loss is linear.
        averaging: decay of the moving average of weights, for each step.
        chunks: chunks in a batch.
        windows: windows in a batch.
        patience: scores without a better one after which training ends.
        score_share: share of the budget between two scores.
        steps: steps of all ways of training together; 0 to train by the clock.
        deterministic: whether the same steps give the same weights to the last bit.
        precision: of the members' own layers: `float32`, `mixed_float16` or `mixed_bfloat16`.
    """

    learning_rate: float = 3e-3
    warm_up_steps: int = 20
    weight_decay: float = 1e-3
    clip_norm: float = 1.0
    huber_delta: float = 8.0
    averaging: float = 0.98
    chunks: int = 8
    windows: int = 64
    patience: int = 12
    score_share: float = 0.05
    steps: int = 0
    deterministic: bool = False
    precision: Precision = "float32"

    def batch_of(self, mode: Mode) -> int:
        """Chunks or windows of a step."""
        return self.chunks if mode == "chunks" else self.windows


def recipe_of(segment: int) -> Recipe:
    """How networks that read so many rows as one are trained: larger batches for seasons, errors count by their size.

    Measured on ETTh1 (7 x 8,640 rows, window 504): absolute errors gave .533 of validation MAE where squares gave .548.
    """
    return Recipe() if segment == 1 else Recipe(learning_rate=1.5e-3, huber_delta=0.5, windows=128)
