"""Dynamic weights beside those that don't look at the window: what each kind would have cost on the test part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.validate import metrics
from components.validate.stored import Table, values

COMBINED = "combined_"
DYNAMIC = "gating"
# The best of these is what dynamic weights are measured against.
REFERENCES = ("single", "mean", "caruana")


@dataclass(frozen=True)
class Combinations:
    """RMSE by kind of weights, the target's unit; on the test part and on held-back blocks of validation.

    Attributes:
        kept: the kind that is served.
        test: each kind fitted on validation; empty where the table doesn't say.
        validation: each kind on blocks that it wasn't fitted on.
    """

    kept: str
    test: Mapping[str, float]
    validation: Mapping[str, float]

    def regret(self, kind: str, part: str) -> float | None:
        """RMSE over the lowest of REFERENCES, less one; None where it isn't known. `part`: test or validation."""
        errors = self.test if part == "test" else self.validation
        least = min((errors[name] for name in REFERENCES if name in errors), default=0.0)
        return errors[kind] / least - 1 if kind in errors and least > 0 else None

    def as_json(self) -> dict[str, Any]:
        """The key `weights` of `metrics.json`."""
        shown = dict.fromkeys((self.kept, DYNAMIC))
        parts = {"test": self.test, "validation": self.validation}
        return {
            "kept": self.kept,
            "rmse": {part: dict(errors) for part, errors in parts.items()},
            "regret": {part: {kind: self.regret(kind, part) for kind in shown} for part in parts},
            "references": list(REFERENCES),
        }


def combinations(forecasts: Table, card: Mapping[str, Any]) -> Combinations:
    """Scores every kind of weights of a table in the layout of `forecasts.parquet`.

    Args:
        forecasts: one row per series, origin and horizon.
        card: the candidate's model card.
    """
    actual = values(forecasts, "actual")
    names = [name for name in map(str, forecasts.columns) if name.startswith(COMBINED)]
    test = {name.removeprefix(COMBINED): metrics.rmse(actual, values(forecasts, name)) for name in names}
    validation = {kind: float(rmse) for kind, rmse in card["ensemble"]["candidates"].items() if rmse is not None}
    return Combinations(str(card["ensemble"]["kind"]), test, validation)
