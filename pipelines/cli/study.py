"""`sluice cross-validate` and `sluice search-weights`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded, tell
from pipelines.cli.invocation import same_command

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.run.study import Study, StudyResult

Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show everything that the steps print.")]
Runner = Annotated[str, typer.Option(metavar="RUNNER", help="subprocess, or docker.")]


def cross_validate(
    dataset: options.DatasetName,
    data: Annotated[
        str | None, typer.Option(metavar="PATH", help="Readings: a file, a folder or an SQL URL. Replaces `source`.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the results.  [runs/NAME-folds]")] = None,
    folds: Annotated[int, typer.Option(metavar="N", help="How many folds.")] = 5,
    members: Annotated[
        str | None, typer.Option(metavar="A,B", help="Members to train.  [all; patchtst from a million rows]")
    ] = None,
    budget: Annotated[float, typer.Option(metavar="MINUTES", help="Wall-clock minutes of all training.")] = 10.0,
    parallel: Annotated[int, typer.Option(metavar="N", help="Trainings side by side; 1 or 2 on one machine.")] = 2,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of all randomness.")] = 0,
    runner: Runner = "subprocess",
    verbose: Verbose = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Train every member on every fold of a rolling origin, and score them.

    Interrupted, the same command goes on where it was.

    Example: sluice cross-validate walnut_creek.yaml --data readings.csv --budget 20
    """
    with guarded(debug):
        from pipelines.cli.members import asked_members
        from pipelines.cli.source import find_data, find_dataset, need_data
        from pipelines.run.studies import ASKED_FILE, FoldsAsked, folds_study
        from pipelines.run.study import remember
        from pipelines.run.trainings import fold_trainings

        found = find_dataset(dataset)
        readings = need_data(dataset, find_data(dataset, found, data))
        names = asked_members(members, readings)
        asked = FoldsAsked(
            dataset=found,
            data=readings,
            out=out or Path("runs") / f"{found.name}-folds",
            trainings=fold_trainings(names, folds, seed, budget, parallel),
            folds=folds,
            at_once=parallel,
            runner=runner,
        )
        study = folds_study(asked)
        remember(asked.out, ASKED_FILE, asked.facts())
        code = _follow(study, verbose, as_json)
    raise SystemExit(code)


def search_weights(
    run: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder of a `sluice cross-validate`.")] = None,
    folds: Annotated[Path | None, typer.Option(metavar="DIR", help="Its folder cross_validation alone.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder for the results.  [that of --run]")] = None,
    trials: Annotated[int, typer.Option(metavar="N", help="Experiments with weights.")] = 64,
    seed: Annotated[int, typer.Option(metavar="N", help="Seed of the experiments.")] = 0,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Train all folds again, with other seeds, windows.")
    ] = False,
    experiments: Annotated[int, typer.Option(metavar="N", help="With --retrain: how many times.")] = 2,
    budget: Annotated[float, typer.Option(metavar="MINUTES", help="With --retrain: minutes of all training.")] = 10.0,
    runner: Runner = "subprocess",
    verbose: Verbose = False,
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Search ensemble weights in the forecasts of a cross-validation.

    Weights are judged on a fold that they were not chosen on.

    Example: sluice search-weights --run runs/walnut_creek-folds --trials 100
    """
    with guarded(debug):
        from pipelines.run.studies import Retraining, SearchAsked

        again = Retraining(experiments, budget) if retrain else None
        study = _search(run, folds, out, SearchAsked(trials, seed), again, runner)
        code = _follow(study, verbose, as_json)
    raise SystemExit(code)


def _search(run: Path | None, folds: Path | None, out: Path | None, search: Any, again: Any, runner: str) -> Study:
    from components.dataset.load import load_dataset
    from components.errors import InputError
    from pipelines.run.studies import FOLDS_FOLDER, MADE_BY, recall_folds, retrained_study, stored_study

    if (run is None) == (folds is None):
        raise InputError("--run", "one of --run and --folds is needed", f"give the folder of a `{MADE_BY}`")
    if again is not None:
        if run is None or out is not None:
            raise InputError("--retrain", "needs --run, and writes there", "give --run DIR, and no --out")
        return retrained_study(recall_folds(run), again, search)
    stored = folds if run is None else run / FOLDS_FOLDER
    assert stored is not None
    if not (stored / "out_of_fold.parquet").is_file():
        raise InputError(str(stored), "holds no out_of_fold.parquet", f"make one with `{MADE_BY}`")
    dataset = load_dataset(stored / "dataset.yaml")
    return stored_study(stored, dataset, out or run or stored / "search", runner, search)


def _follow(study: Study, verbose: bool, as_json: bool) -> int:
    """Runs the study before the user's eyes; the exit code."""
    from pipelines.cli.console import open_console
    from pipelines.run.child import tail
    from pipelines.run.screen import choose_screen
    from pipelines.run.study import run_study

    # A script reads stdout: there is nothing but the object.
    console = open_console(stderr=as_json)

    def show(text: str) -> None:
        if verbose:
            console.out(text, end="", highlight=False)

    result = run_study(
        study,
        lambda board: choose_screen(console, board, lines=verbose),
        lambda folder: tail(folder.log, show),
    )
    if as_json:
        sys.stdout.write(json.dumps(_facts(study, result)) + "\n")
    _tell(console, study, result)
    return result.code


def _facts(study: Study, result: StudyResult) -> dict[str, Any]:
    out = study.out.resolve()
    facts: dict[str, Any] = {"out": str(out), "seconds": result.ran, "steps_run": list(result.ran)}
    if result.failure:
        facts["error"] = vars(result.failure)
        return facts
    files = {name: str(out / target) for name, target in study.outputs.items()} if result.facts else {}
    return {**facts, "files": files, **result.facts}


def _tell(console: Console, study: Study, result: StudyResult) -> None:
    from pipelines.run.study_tables import methods_table, models_table

    if result.failure:
        failure = result.failure
        fix = f"\n  fix: {failure.fix}" if failure.fix else f"\n  log: {study.out / 'logs' / 'run.log'}"
        tell(f"{failure.where or failure.step}: {failure.problem.splitlines()[0]}{fix}")
        return
    if not result.facts:
        tell(f"stopped; what was finished is kept. Go on with the same command: {same_command()}")
        return
    console.print()
    if "metrics" in result.facts:
        console.print(models_table(result.facts["metrics"]))
    if "search_metrics" in result.facts:
        console.print(methods_table(result.facts["search_metrics"]))
    for target in study.outputs.values():
        if target.endswith(".html"):
            console.print(f"  page  {study.out / target}", highlight=False, soft_wrap=True)
