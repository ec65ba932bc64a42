"""`sluice demo`: the main job on simulated readings, then a forecast asked over HTTP."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from pipelines.cli import options, run
from pipelines.cli.guard import guarded
from pipelines.cli.invocation import command


def demo(
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder for the results.")] = Path("runs/demo"),
    budget: Annotated[float, typer.Option(metavar="MINUTES", help="Wall-clock minutes of all training.")] = 3.0,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Show everything that the steps print.")] = False,
    debug: options.Debug = False,
) -> None:
    """Simulate a reservoir, train, publish, serve and ask.

    Example: sluice demo
    """
    with guarded(debug):
        started = time.monotonic()
        request = run.preset_request(out, budget)
        code = run.follow(request, verbose, as_json=False)
        if code == 0:
            _serve_and_ask(out, request.dataset.name, started)
    raise SystemExit(code)


def _serve_and_ask(out: Path, model: str, started: float) -> None:
    from pipelines.cli.console import open_console
    from pipelines.cli.predict import print_prediction
    from pipelines.run.screen import duration_text
    from pipelines.temporary_server import temporary_server
    from serving.predict import PredictRequest, predict

    console = open_console()
    trained = time.monotonic()
    console.print("\nStarting a server and asking it over HTTP (KServe V1) ...")
    with temporary_server(out / "store", model, out / "logs" / "serve.log") as url:
        serving = time.monotonic()
        request = PredictRequest(
            file=str(out / "readings.csv.gz"), url=url, protocol="v1", model=model, store=out / "store"
        )
        prediction = predict(request)
        asked = time.monotonic()
    print_prediction(console, prediction)
    phases = (("pipeline", trained - started), ("server start", serving - trained), ("forecast", asked - serving))
    console.print("\nRun time: " + ", ".join(f"{name} {duration_text(seconds)}" for name, seconds in phases))
    console.print(f"Report: {out / 'report.html'}")
    again = command(["serve", "--store", str(out / "store")])
    console.print(f"The server is stopped. Start it again: {again}", highlight=False, soft_wrap=True)
