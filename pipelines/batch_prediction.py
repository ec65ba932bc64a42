"""Batch prediction: the newest window of every series becomes rows, as a recurring run each 10 minutes or so."""

from typing import Any, NamedTuple

from kfp import dsl

from pipelines.platform.graph import for_platform
from pipelines.platform.platform import LOCAL, Platform
from serving.steps.batch_predict.component import batch_predict


class Results(NamedTuple):
    """Outputs of the pipeline."""

    summary: dsl.Metrics
    rows_written: int


def _batch_job(
    platform: Platform,
    store: str,
    out: str,
    readings: str = "",
    query: str = "",
    model: str = "",
    url: str = "",
    key_file: str = "",
    ca: str = "",
    table: str = "forecasts",
    series: str = "",
    new_series: bool = False,
    batch_size: int = 250,
    work: str = "",
    revision: str = "",
) -> Results:
    """Forecasts from the newest readings; a run again, or after a kill, writes what is missing.

    Args:
        platform: what the step asks for; no parameter of the pipeline.
        store: folder of the model store.
        out: a Parquet file, a folder, or a database URL.
        readings: a file, a folder, or a database URL; empty for `readings` beside the store.
        query: of the database.
        model: name; empty where the store holds one.
        url: server to ask; empty loads the champion in the step.
        key_file: file that holds the server's API key; empty for none.
        ca: PEM file of the authority that signed the server's certificate; empty for the system's.
        table: of the database that `out` names.
        series: column that names the series, for a model of one series.
        new_series: whether series that the model was not trained on are forecast.
        batch_size: windows in one call.
        work: folder for the journal; empty for none.
        revision: digest of the steps' code.
    """
    step = batch_predict(
        readings=readings,
        query=query,
        store=store,
        model=model,
        url=url,
        key_file=key_file,
        ca=ca,
        out=out,
        table=table,
        series=series,
        new_series=new_series,
        batch_size=batch_size,
        work=work,
        revision=revision,
    )
    predicted = platform.place(step, "batch_predict")
    # Never from a cache: the readings under the same name are new.
    predicted.set_caching_options(enable_caching=False)
    return Results(summary=predicted.outputs["summary"], rows_written=predicted.outputs["Output"])


def batch_prediction_graph(platform: Platform) -> Any:
    """Batch prediction as a KFP pipeline; its step asks for what the platform says."""
    job = for_platform(_batch_job, platform)
    return dsl.pipeline(
        name="sluice-batch-prediction", description="The newest window of every series, forecast once."
    )(job)


batch_prediction_pipeline = batch_prediction_graph(LOCAL)
