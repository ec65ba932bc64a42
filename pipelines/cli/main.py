"""The command `sluice`."""

from __future__ import annotations

import typer

from pipelines.cli import (
    compiling,
    dataset,
    demo,
    doctor,
    evaluate,
    export,
    keys,
    models,
    plan,
    predict,
    predict_batch,
    retrain,
    run,
    serve,
    simulate,
    study,
    submit,
    track,
    why,
)

app = typer.Typer(
    name="sluice",
    help="Forecasts time series with an ensemble: from readings to a served model. Begin with: sluice demo",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command("run")(run.run)
app.command("retrain")(retrain.retrain)
app.command("demo")(demo.demo)
app.add_typer(dataset.app, name="dataset")
app.command("cross-validate")(study.cross_validate)
app.command("search-weights")(study.search_weights)
app.command("evaluate")(evaluate.evaluate)
app.command("predict")(predict.predict)
app.command("predict-batch")(predict_batch.predict_batch)
app.command("serve")(serve.serve)
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.command("export")(export.export)
app.command("compile")(compiling.compile_command)
app.command("simulate")(simulate.simulate)
app.command("submit")(submit.submit)
app.command("track")(track.track)
app.command("plan")(plan.plan)
app.command("doctor")(doctor.doctor)
app.command("why")(why.why)


def main() -> None:
    """Entry point."""
    app()
