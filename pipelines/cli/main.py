"""The command `sluice`."""

from __future__ import annotations

import typer

from pipelines.cli import compiling, dataset, demo, evaluate, models, predict, run, serve, simulate

app = typer.Typer(
    name="sluice",
    help="Forecasts time series with an ensemble: from readings to a served model. Begin with: sluice demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("demo")(demo.demo)
app.add_typer(dataset.app, name="dataset")
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("serve")(serve.serve)
app.add_typer(models.app, name="models")
app.command("compile")(compiling.compile_command)
app.command("simulate")(simulate.simulate)


def main() -> None:
    """Entry point."""
    app()
