"""How many steps a network gets within its share of the clock, and which of its weights are kept."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch

# Validation runs on every 23rd origin: stride 1 costs a recurrent network more than its training. A prime number of
# steps, so that every hour of the day is met.
VALIDATION_STRIDE = 23
# Steps of the probe; the first one pays for allocations and is left out.
PROBE_STEPS = 5
# What a network gets where those before it have used up the budget: a step at least.
LEAST_SECONDS = 1.0
# Validations take at most a fifth of the time, and there are at most ten.
_VALIDATION_SHARE = 0.2
_MOST_CHECKS = 10
# What is left free, so that steps a little slower than the probe's still end before the cap.
_SLACK = 0.05


@dataclass(frozen=True)
class Cost:
    """What a probe measured, in seconds.

    Attributes:
        step: one training step.
        validation: one pass over the validation part.
    """

    step: float
    validation: float


@dataclass(frozen=True)
class Plan:
    """One fit.

    Attributes:
        steps: training steps; learning rates decay over them where the network's recipe says so.
        check_every: steps between validations.
        seconds: wall clock after which training stops in any case.
    """

    steps: int
    check_every: int
    seconds: float


def plan_of(seconds: float, cost: Cost) -> Plan:
    """The steps and validations that fit into `seconds`."""
    left = max(seconds, LEAST_SECONDS)
    checks = min(max(int(_VALIDATION_SHARE * left / max(cost.validation, 1e-3)), 1), _MOST_CHECKS)
    steps = int(((1 - _SLACK) * left - checks * cost.validation) / max(cost.step, 1e-3))
    check_every = max(steps // checks, 1)
    return Plan(check_every * checks if steps >= checks else check_every, check_every, left)


class Watch(pl.Callback):
    """Thins out the validation origins, times steps and validations, and keeps the best weights seen there.

    Neuralforecast stops early but leaves the last weights in place; the best ones are put back here, to the peer's
    advantage.
    """

    def __init__(self) -> None:
        self.steps: list[float] = []
        self.validations: list[float] = []
        self.best_loss = float("inf")
        self._began = 0.0
        self._stride = 1
        self._best: dict[str, torch.Tensor] = {}

    def on_train_batch_start(self, *_: Any) -> None:
        """The step's start."""
        self._began = time.monotonic()

    def on_train_batch_end(self, *_: Any) -> None:
        """The step's end."""
        self.steps.append(time.monotonic() - self._began)

    def on_validation_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Validation windows are as far apart as the network's `step_size` says."""
        self._stride, pl_module.step_size = pl_module.step_size, VALIDATION_STRIDE
        self._began = time.monotonic()

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Puts the stride of training back, and keeps the weights where none were better."""
        pl_module.step_size = self._stride
        self.validations.append(time.monotonic() - self._began)
        loss = float(trainer.callback_metrics["ptl/val_loss"])
        if loss < self.best_loss:
            self.best_loss = loss
            self._best = {name: value.detach().clone() for name, value in pl_module.state_dict().items()}

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Puts the best weights back."""
        if self._best:
            pl_module.load_state_dict(self._best)

    @property
    def cost(self) -> Cost:
        """What a step and a validation took; the first step is left out where there are more."""
        return Cost(statistics.median(self.steps[1:] or self.steps), statistics.median(self.validations or self.steps))
