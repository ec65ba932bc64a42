"""What a peer is asked for, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Task:
    """One training of a peer and its forecasts of the test part.

    Attributes:
        peer: name of the peer.
        dataset: name of the table.
        data: folder of the public tables.
        seed: of all random numbers.
        budget_seconds: wall clock for all training of this peer.
        cores: threads that it may use.
        stride: rows between two test origins.
        origins: no more test origins than this; None for all.
        loss: what neuralforecast's members are trained on, `mae` or `mse`.
        preset: AutoGluon's set of models.
    """

    peer: str
    dataset: str
    data: Path
    seed: int
    budget_seconds: float
    cores: int
    stride: int
    origins: int | None
    loss: str
    preset: str


@dataclass(frozen=True)
class Answer:
    """What a peer did.

    Attributes:
        forecasts: series, origin (stamp of the window's last reading), horizon (steps), forecast, and where the peer
            has them lower and upper (quantiles .05 and .95) and member_<name>; original units.
        training_seconds: wall clock of all training, with the choice of steps or models.
        prediction_seconds: wall clock of all forecasts of the test part.
        notes: what the peer settled on: steps, look-backs, weights.
    """

    forecasts: pd.DataFrame
    training_seconds: float
    prediction_seconds: float
    notes: Mapping[str, Any]
