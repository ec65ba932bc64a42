"""What is told at the end of a run: to a person in a few lines, to a script in one object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from pipelines.run.device_table import cut_line, device_table
from pipelines.run.folder import RunFolder
from pipelines.run.job import RunRequest, RunResult
from pipelines.run.limits import MINUTES_OF_A_DAY


def result_facts(request: RunRequest, result: RunResult) -> dict[str, Any]:
    """The result as one JSON object."""
    out = request.out.resolve()
    facts: dict[str, Any] = {
        "outcome": result.outcome,
        "model": request.dataset.name,
        "version": result.version,
        "out": str(out),
        "seconds": result.seconds,
        "steps_run": list(result.ran),
    }
    if result.metrics:
        facts |= {name: str(out / file) for name, file in _FILES.items()}
        facts["gate"] = result.metrics.get("gate")
    if result.refused:
        facts["refused"] = result.refused
    if result.failure:
        failure = result.failure
        facts["error"] = {
            "step": failure.step,
            "where": failure.where,
            "problem": failure.problem,
            "fix": failure.fix,
        }
    return facts


_FILES = {
    "metrics": "metrics.json",
    "forecasts": "forecasts.parquet",
    "report": "report.html",
    "store": "store",
}


@dataclass(frozen=True)
class NextCommands:
    """Commands to print after a run: the same one again, and the one that serves its store."""

    again: str
    serve: str


def tell_result(console: Console, request: RunRequest, result: RunResult, commands: NextCommands) -> None:
    """Prints what came of a run and what to do next; errors go to stderr."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    match result.outcome:
        case "deployed":
            _tell_scores(console, request, result)
            _tell_deployed(console, request, result, commands)
        case "refused":
            _tell_scores(console, request, result)
            _tell_refused(errors, request, result)
        case "stopped":
            errors.print(
                f"stopped; what was finished is kept. Go on with the same command: {commands.again}",
                highlight=False,
                soft_wrap=True,
            )
        case _:
            _tell_failure(errors, request, result)


def _tell_scores(console: Console, request: RunRequest, result: RunResult) -> None:
    console.print()
    console.print(score_table(result.metrics))
    training = result.metrics.get("training", {})
    if training:
        console.print(device_table(training))
    if told := cut_line(training, planned=request.budget_minutes < MINUTES_OF_A_DAY):
        console.print(told, highlight=False, soft_wrap=True)
    coverage, nominal = result.metrics.get("coverage"), result.metrics.get("coverage_nominal")
    if coverage is not None and nominal is not None:
        console.print(f"The {nominal:.0%} band holds {coverage:.1%} of the test part.", highlight=False)


def score_table(metrics: dict[str, Any]) -> Table:
    """Errors on the test part, the best first, by horizon."""
    models: dict[str, Any] = metrics["models"]
    horizons = list(next(iter(models.values()))["by_horizon"])
    shown = horizons if len(horizons) <= 4 else [horizons[0], horizons[len(horizons) // 2], horizons[-1]]
    table = Table(title="Errors on the test part", title_justify="left", box=None, pad_edge=False)
    table.add_column("model")
    for heading in ("RMSE", "MAE", *(f"RMSE +{horizon}" for horizon in shown)):
        table.add_column(heading, justify="right")
    for name, scores in sorted(models.items(), key=lambda item: _rmse(item[1])):
        cells = [scores["rmse"], scores["mae"], *(scores["by_horizon"].get(h, {}).get("rmse") for h in shown)]
        style = "bold" if name == "ensemble" else ""
        table.add_row(name, *("–" if cell is None else f"{cell:.4g}" for cell in cells), style=style)
    return table


def _rmse(scores: dict[str, Any]) -> float:
    return float("inf") if scores["rmse"] is None else float(scores["rmse"])


def _tell_deployed(console: Console, request: RunRequest, result: RunResult, commands: NextCommands) -> None:
    folder = RunFolder(request.out)
    unchanged = not set(result.ran) - {"simulate", "deploy"}
    news = "Nothing has changed: version" if unchanged else "The gate let it pass: version"
    lines = (
        f"{news} {result.version} of {request.dataset.name} is champion.",
        f"  report  {folder.root / 'report.html'}",
        f"  figures {folder.root / 'metrics.json'}",
        f"Serve it: {commands.serve}",
    )
    for line in lines:
        console.print(line, highlight=False, soft_wrap=True)


def _tell_refused(errors: Console, request: RunRequest, result: RunResult) -> None:
    serving = f"version {result.version} goes on serving" if result.version else "there is no champion yet"
    errors.print(f"refused by the gate: {serving}.")
    for rule in result.metrics.get("gate", {}).get("rules", ()):
        verdict = "ok     " if rule["passed"] else "REFUSED"
        errors.print(f"  {verdict}  {rule['name']}: measured {_figure(rule['measured'])}, wanted {rule['wanted']}")
    errors.print(f"  candidate: {result.refused}")
    errors.print(f"  report: {RunFolder(request.out).root / 'report.html'}")


def _figure(value: Any) -> str:
    if value is None:
        return "not measured"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _tell_failure(errors: Console, request: RunRequest, result: RunResult) -> None:
    failure = result.failure
    if failure is None:
        return
    if failure.input_error:
        errors.print(f"error: {failure.where}: {failure.problem}\n  fix: {failure.fix}")
        return
    step = f"step {failure.step}: " if failure.step else ""
    errors.print(f"error: {step}{_one_line(failure.problem)}\n  log: {RunFolder(request.out).log}")


def _one_line(text: str) -> str:
    # Some libraries tell a whole story in an exception; the log has it all.
    first = next(iter(text.splitlines()), "")
    return first if len(first) <= 300 else f"{first[:297]}..."
