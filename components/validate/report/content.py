"""What a report is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.dataset.schema import Dataset
from components.preprocess.series import Series
from components.validate.aligned import Aligned
from components.validate.combinations import Combinations
from components.validate.gate import GateResult, Unmeasured
from components.validate.metrics import Detection
from components.validate.scores import Scores


@dataclass(frozen=True)
class Servable:
    """Facts of a candidate: its size, the median time of one window, its model card."""

    size_bytes: int
    latency_ms: float
    card: Mapping[str, Any]


@dataclass(frozen=True)
class Content:
    """All that a report shows.

    Attributes:
        dataset: the dataset file.
        series: the prepared series.
        aligned: forecasts of the test part.
        scores: errors of all models.
        gate: the gate's outcome.
        spikes: how well spikes are found, or why that can't be said.
        ingested: counts of the ingest step.
        servable: facts of the candidate.
        combinations: what each kind of weights would have cost.
    """

    dataset: Dataset
    series: Series
    aligned: Aligned
    scores: Scores
    gate: GateResult
    spikes: Detection | Unmeasured
    ingested: Mapping[str, Any]
    servable: Servable
    combinations: Combinations

    @property
    def unit(self) -> str:
        """The target's unit, `1` where it has none."""
        return self.dataset.columns[self.dataset.target].unit or "1"

    @property
    def target_title(self) -> str:
        """The target and its unit as an axis' title, on two lines: names can be longer than a plot is high."""
        return f"{self.dataset.target}<br>({self.unit})"

    @property
    def card(self) -> Mapping[str, Any]:
        """The candidate's model card."""
        return self.servable.card

    @property
    def members(self) -> tuple[str, ...]:
        """Members in the order of the model card."""
        return tuple(self.card["members"])

    def shown_horizons(self, most: int) -> tuple[int, ...]:
        """At most so many horizons, evenly spread, always with the first and the last."""
        steps = self.aligned.horizons
        if len(steps) <= most:
            return steps
        positions = {round(index * (len(steps) - 1) / (most - 1)) for index in range(most)}
        return tuple(steps[position] for position in sorted(positions))
