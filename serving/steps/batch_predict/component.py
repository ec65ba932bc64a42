"""The pipeline step `batch_predict`."""

from kfp import dsl
from kfp.dsl import Metrics, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def batch_predict(
    readings: str,
    query: str,
    store: str,
    model: str,
    url: str,
    key_file: str,
    ca: str,
    out: str,
    table: str,
    series: str,
    new_series: bool,
    batch_size: int,
    work: str,
    revision: str,
    summary: Output[Metrics],
) -> int:
    """Forecasts the newest window of every series and writes each row once.

    Args:
        readings: a file, a folder, or a database URL; empty for `readings` beside the store.
        query: of the database.
        store: folder of the model store.
        model: name; empty where the store holds one.
        url: server to ask; empty loads the champion in the step.
        key_file: file that holds the server's API key, empty for none.
        ca: PEM file of the authority that signed the server's certificate, empty for the system's.
        out: a Parquet file, a folder, or a database URL.
        table: of the database that `out` names.
        series: column that names the series, for a model of one series.
        new_series: whether series that the model was not trained on are forecast.
        batch_size: windows in one call.
        work: folder of the run's journal, empty for none.
        revision: digest of the code.
        summary: counts of rows; the file holds them as JSON, with the series that have no forecast.

    Returns:
        Rows written.
    """
    import json
    from pathlib import Path

    from components.journal import Journal
    from serving.batch.request import BatchRequest
    from serving.steps.batch_predict.step import batch_predict_step

    del revision
    request = BatchRequest(
        out=out,
        readings=readings,
        query=query,
        store=Path(store),
        model=model,
        url=url,
        key=Path(key_file).read_text(encoding="utf-8").strip() if key_file else "",
        ca=Path(ca) if ca else None,
        table=table,
        series=series,
        new_series=new_series,
        batch_size=batch_size,
    )
    with Journal(work, "batch_predict").step_events() as journal:
        result = batch_predict_step(request, journal)
        names = ("series", "rows_in", "rows_written", "rows_already_there", "rows_refused")
        figures = {name: getattr(result, name) for name in names}
        for name, value in figures.items():
            summary.log_metric(name, value)
        Path(summary.path).parent.mkdir(parents=True, exist_ok=True)
        Path(summary.path).write_text(json.dumps(result.as_dict()))
        journal.finished(**figures)
    return result.rows_written
