"""The gate: what a candidate must reach before it may replace the champion."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.dataset.schema import Gate
from components.validate import metrics
from components.validate.bands import fixed_coverage
from components.validate.bootstrap import Difference
from components.validate.metrics import Detection
from components.validate.scores import ModelScore, Scores

NOT_MEASURED = "not measured"
# Ties pass, so a sum that rounds differently in the last bits must not fail.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class RuleResult:
    """One rule's outcome.

    Attributes:
        name: what the rule looks at.
        measured: the figure, None where it can't be measured.
        wanted: what the figure must be, in words.
        passed: whether it is; a rule that can't be measured passes.
        explanation: how the figure came about, or why there is none.
        unit: unit of the figure.
    """

    name: str
    measured: float | None
    wanted: str
    passed: bool
    explanation: str
    unit: str = ""

    def line(self) -> str:
        """One line for a log: measured against wanted."""
        measured = NOT_MEASURED if self.measured is None else f"{self.measured:.4g} {self.unit}".rstrip()
        verdict = "passed" if self.passed else "FAILED"
        return f"{self.name}: {measured}, wanted {self.wanted}: {verdict} ({self.explanation})"

    def as_json(self) -> dict[str, Any]:
        """The four keys of `metrics.json`."""
        measured = NOT_MEASURED if self.measured is None else self.measured
        return {"name": self.name, "measured": measured, "wanted": self.wanted, "passed": self.passed}


@dataclass(frozen=True)
class GateResult:
    """The outcome of all rules; the gate is passed where each rule is."""

    rules: tuple[RuleResult, ...]

    @property
    def passed(self) -> bool:
        """Whether the candidate may replace the champion."""
        return all(rule.passed for rule in self.rules)

    @property
    def failures(self) -> tuple[RuleResult, ...]:
        """The rules that refused the candidate."""
        return tuple(rule for rule in self.rules if not rule.passed)


@dataclass(frozen=True)
class Unmeasured:
    """Why a figure could not be had."""

    reason: str


@dataclass(frozen=True)
class Served:
    """What a real server did with the candidate.

    Attributes:
        passed: it was loaded and answered as Keras does.
        difference: the largest difference in parts of what is allowed; None where no answer came.
        explanation: the server, its latency and memory, or what went wrong.
    """

    passed: bool
    difference: float | None
    explanation: str


@dataclass(frozen=True)
class Evidence:
    """All that the rules look at.

    Attributes:
        scores: errors of all models on the test part.
        champion: the candidate's RMSE less the champion's on the same windows.
        spikes: how well the spike probability finds spikes in the test part.
        latency_ms: median time of one window.
        served: verdict of the serving check.
        unit: the target's unit.
        on_old: of a retrained candidate, the same difference on readings that the champion knew; None for others.
        on_new: the same on newer readings.
    """

    scores: Scores
    champion: Difference | Unmeasured
    spikes: Detection | Unmeasured
    latency_ms: float | Unmeasured
    served: Served | Unmeasured
    unit: str = ""
    on_old: Difference | Unmeasured | None = None
    on_new: Difference | Unmeasured | None = None


def judge(gate: Gate, evidence: Evidence) -> GateResult:
    """Applies every rule of the dataset's gate; ties pass, and what can't be measured passes."""
    models = evidence.scores.models
    return GateResult(
        (
            _skill("skill against persistence", models, "persistence", gate.skill_persistence),
            _skill("skill against the linear model", models, "linear", gate.skill_linear),
            *_not_worse_than_champion(evidence, gate.champion_confidence),
            _spike_recall(evidence.spikes, gate),
            _coverage(evidence.scores, gate.coverage_tolerance),
            _latency(evidence.latency_ms, gate.latency_ms),
            _served(evidence.served),
        )
    )


def _at_least(measured: float, wanted: float) -> bool:
    return measured >= wanted or math.isclose(measured, wanted, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _unmeasured(name: str, wanted: str, reason: str) -> RuleResult:
    return RuleResult(name, None, wanted, True, reason)


def _skill(name: str, models: Mapping[str, ModelScore], reference: str, least: float) -> RuleResult:
    wanted = f">= {least:g}"
    if reference not in models:
        return _unmeasured(name, wanted, f"the run has no {reference} model")
    own, other = models["ensemble"]["rmse"], models[reference]["rmse"]
    measured = metrics.skill(own, other)
    if math.isnan(measured):
        return _unmeasured(name, wanted, f"RMSE {own:.4g} against {other:.4g} gives no skill")
    explanation = f"1 - RMSE {own:.4g} / {other:.4g} of {reference}"
    return RuleResult(name, measured, wanted, _at_least(measured, least), explanation)


def _not_worse_than_champion(evidence: Evidence, confidence: float) -> list[RuleResult]:
    apart = {"": evidence.champion, " on old readings": evidence.on_old, " on new readings": evidence.on_new}
    return [
        _not_worse(f"RMSE above the champion's{where}, lower end of the interval", found, confidence, evidence.unit)
        for where, found in apart.items()
        if found is not None
    ]


def _not_worse(name: str, champion: Difference | Unmeasured, confidence: float, unit: str) -> RuleResult:
    wanted = "<= 0"
    if isinstance(champion, Unmeasured):
        return _unmeasured(name, wanted, champion.reason)
    explanation = (
        f"RMSE {champion.rmse:.4g} against the champion's {champion.other_rmse:.4g} on {champion.windows} windows; "
        f"{confidence:.0%} interval of the difference {champion.low:+.3g} to {champion.high:+.3g}"
    )
    return RuleResult(name, champion.low, wanted, _at_least(0.0, champion.low), explanation, unit)


def _spike_recall(spikes: Detection | Unmeasured, gate: Gate) -> RuleResult:
    name = f"spikes caught at {gate.false_alarm_rate:.0%} false alarms"
    wanted = f">= {gate.spike_recall:g}"
    if isinstance(spikes, Unmeasured):
        return _unmeasured(name, wanted, spikes.reason)
    measured = metrics.recall_at(spikes, gate.false_alarm_rate)
    precision = metrics.average_precision(spikes)
    explanation = f"{spikes.events} of {spikes.cases} origins precede a spike; average precision {precision:.3g}"
    return RuleResult(name, measured, wanted, _at_least(measured, gate.spike_recall), explanation)


def _coverage(scores: Scores, tolerance: float) -> RuleResult:
    nominal = scores.coverage_nominal
    name, wanted = "coverage of the band", f"{nominal:g} +- {tolerance:g}"
    if math.isnan(scores.coverage):
        return _unmeasured(name, wanted, "no forecast has a band")
    passed = _at_least(tolerance, abs(scores.coverage - nominal))
    fixed = fixed_coverage(scores.bands)
    explanation = "share of actuals between lower and upper"
    if fixed is not None:
        explanation += f", widths following the truth, which comes as late as its horizon; fixed widths: {fixed:.1%}"
    return RuleResult(name, scores.coverage, wanted, passed, explanation)


def _latency(latency: float | Unmeasured, longest: float) -> RuleResult:
    name, wanted = "latency of one window", f"<= {longest:g} ms"
    if isinstance(latency, Unmeasured):
        return _unmeasured(name, wanted, latency.reason)
    return RuleResult(name, latency, wanted, _at_least(longest, latency), "median of calls of the saved model", "ms")


def _served(served: Served | Unmeasured) -> RuleResult:
    name, wanted = "difference of a server's answers from Keras', in parts of what is allowed", "<= 1"
    if isinstance(served, Unmeasured):
        return _unmeasured(name, wanted, served.reason)
    return RuleResult(name, served.difference, wanted, served.passed, served.explanation)
