"""The validate step: scores a candidate on the test part, applies the gate and writes the report."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.deploy.store import MODEL_CARD, ModelStore
from components.errors import InputError
from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.storage import load_series
from components.preprocess.windows import spike_labels
from components.validate import metrics
from components.validate.aligned import Aligned, align
from components.validate.bootstrap import Difference
from components.validate.champion import Match, Opponent, compare_with_champion
from components.validate.combinations import combinations
from components.validate.forgetting import compare_old_and_new
from components.validate.gate import Evidence, GateResult, Served, Unmeasured, judge
from components.validate.latency import median_latency_ms
from components.validate.metrics import Detection
from components.validate.report.content import Content, Servable
from components.validate.report.page import render
from components.validate.scores import ModelScore, Scores, score
from components.validate.stored import open_forecasts

_COUNTS = ("rows_in", "rows_kept", "rows_quarantined", "cells_quarantined")


@dataclass(frozen=True)
class ValidateRequest:
    """What to judge, and where to write the outcome.

    Attributes:
        dataset: the dataset file.
        ingested: JSON summary of the ingest step.
        series: folder of the prepared series.
        forecasts: the test part's forecasts, Parquet.
        candidate: folder of the candidate.
        serving: verdict of the serving check, JSON.
        store: the model store.
        champion: version to compare with, 0 for none.
        metrics: JSON file to write: the part of `metrics.json` that is known here.
        gate: JSON file to write: each rule's outcome with its explanation.
        report: HTML file to write.
        seed: of the interval's resampling.
        clock: seconds, monotonic.
        old_until: of a retrained candidate, stamp of the last reading that the champion knew; empty for others.
    """

    dataset: Dataset
    ingested: Path
    series: Path
    forecasts: Path
    candidate: Path
    serving: Path
    store: ModelStore
    champion: int
    metrics: Path
    gate: Path
    report: Path
    seed: int = 0
    clock: Callable[[], float] = time.perf_counter
    old_until: str = ""


@dataclass(frozen=True)
class Verdict:
    """The outcome: whether the candidate may replace the champion, and why."""

    passed: bool
    gate: GateResult
    metrics: Mapping[str, Any]

    def figures(self) -> dict[str, float]:
        """The figures that a list of runs shows, by name; those that are numbers."""
        models: Mapping[str, ModelScore] = self.metrics["models"]
        found = {"rmse": models["ensemble"]["rmse"], "mae": models["ensemble"]["mae"]}
        found |= {f"rmse_{name}": errors["rmse"] for name, errors in models.items() if name != "ensemble"}
        found["coverage"] = self.metrics["coverage"]
        return {name: value for name, value in found.items() if math.isfinite(value)}


def validate_candidate(request: ValidateRequest, journal: Journal) -> Verdict:
    """Judges a candidate; writes metrics.json (as far as it is known here), gate.json and report.html.

    Raises:
        InputError: if what another step should have left is missing or doesn't belong together.
    """
    started = request.clock()
    dataset, series = request.dataset, load_series(request.series)
    ingested = _json(request.ingested, "run the ingest step again")
    card = _json(request.candidate / MODEL_CARD, "run the ensemble step again")
    aligned = align(open_forecasts(request.forecasts), series)
    scores = score(aligned.table, dataset.band)
    journal.progress(1, 5, f"RMSE {scores.models['ensemble']['rmse']:.4g}")
    spikes = _spikes(series, aligned)
    latency = _latency(request, series, aligned)
    journal.progress(2, 5, f"one window takes {latency:.1f} ms")
    champion = _champion(request, series, aligned, journal)
    unit = dataset.columns[dataset.target].unit
    served = _served(_json(request.serving, "run the serving check again"))
    evidence = Evidence(scores, champion, spikes, latency, served, unit)
    gate = judge(dataset.gate, _with_old_and_new(evidence, request, series, aligned, journal))
    for rule in gate.rules:
        journal.note(rule.line())
    journal.progress(4, 5, "report")
    servable = Servable(_bytes_in(request.candidate), latency, card)
    combined = combinations(aligned.table, card)
    page = render(Content(dataset, series, aligned, scores, gate, spikes, ingested, servable, combined))
    _write(request.report, page)
    facts = _metrics(scores, gate, ingested, card, len(series.stamps)) | {"weights": combined.as_json()}
    facts["seconds"]["validate"] = round(request.clock() - started, 3)
    _write(request.metrics, _dump(facts))
    _write(request.gate, _dump(_gate_facts(gate)))
    journal.progress(5, 5, "passed" if gate.passed else "refused")
    return Verdict(gate.passed, gate, facts)


def _json(path: Path, fix: str) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise InputError(str(path), f"can't be read ({error})", fix) from error


def _spikes(series: Series, aligned: Aligned) -> Detection | Unmeasured:
    labels = spike_labels(series, aligned.origins).astype(np.float64)
    detection = metrics.detect(labels, aligned.by_origin("spike_probability"))
    if detection is not None:
        return detection
    if np.nansum(labels) > 0:
        return Unmeasured("every origin of the test part precedes a spike")
    return Unmeasured("the test part holds no spikes")


def _latency(request: ValidateRequest, series: Series, aligned: Aligned) -> float:
    # TensorFlow takes seconds to import: only where a model is asked.
    from components.validate.saved_model import inputs_at, load_saved_model

    servable = load_saved_model(request.candidate)
    last: NDArray[np.int64] = aligned.origins[-1:]
    return median_latency_ms(servable.ask, inputs_at(request.dataset, series, last), request.clock)


def _served(verdict: Mapping[str, Any]) -> Served:
    differences = verdict["differences"]
    if not differences:
        return Served(bool(verdict["passed"]), None, f"{verdict['runtime']}: {verdict['problem']}")
    explanation = (
        f"{verdict['windows']} windows over {', '.join(differences)} of a server ({verdict['runtime']}); one window "
        f"takes {verdict['latency_ms_p50']:.1f} ms, 99 of 100 at most {verdict['latency_ms_p99']:.1f} ms; "
        f"1,000 windows {verdict['large_batch_seconds']:.2f} s; {verdict['memory_bytes'] / 1e6:,.0f} MB"
    )
    return Served(bool(verdict["passed"]), max(differences.values()), explanation)


def _with_old_and_new(
    evidence: Evidence, request: ValidateRequest, series: Series, aligned: Aligned, journal: Journal
) -> Evidence:
    if not request.old_until:
        return evidence

    def tell(done: int, total: int) -> None:
        journal.progress(4, 5, f"old and new readings apart: {done:,} of {total:,} windows")

    match = Match(request.dataset, series, aligned, aligned.origins)
    opponent = Opponent(request.store, request.champion)
    apart = compare_old_and_new(match, opponent, request.old_until, request.seed, tell)
    return replace(evidence, on_old=apart.old, on_new=apart.new)


def _champion(request: ValidateRequest, series: Series, aligned: Aligned, journal: Journal) -> Difference | Unmeasured:
    def tell(done: int, total: int) -> None:
        journal.progress(2 + 2 * done / total, 5, f"the champion has answered {done:,} of {total:,} windows")

    match = Match(request.dataset, series, aligned, aligned.origins)
    opponent = Opponent(request.store, request.champion)
    return compare_with_champion(match, opponent, np.random.default_rng(request.seed), tell)


def _metrics(
    scores: Scores, gate: GateResult, ingested: Mapping[str, Any], card: Mapping[str, Any], rows_grid: int
) -> dict[str, Any]:
    members = {f"train {detail['name']}": detail["seconds"] for detail in card.get("members_detail", [])}
    return {
        "models": scores.models,
        "coverage": scores.coverage,
        "coverage_nominal": scores.coverage_nominal,
        "bands": scores.bands,
        **{name: int(ingested[name]) for name in _COUNTS},
        "rows_grid": rows_grid,
        "seconds": {"ingest": ingested.get("seconds"), **members},
        "gate": {"passed": gate.passed, "rules": [rule.as_json() for rule in gate.rules]},
    }


def _gate_facts(gate: GateResult) -> dict[str, Any]:
    rules = [{**rule.as_json(), "unit": rule.unit, "explanation": rule.explanation} for rule in gate.rules]
    return {"passed": gate.passed, "rules": rules}


def _bytes_in(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _dump(facts: Mapping[str, Any]) -> str:
    return json.dumps(_without_nan(facts), indent=1, allow_nan=False) + "\n"


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null stands for a figure of nothing."""
    if isinstance(value, Mapping):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
