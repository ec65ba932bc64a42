"""The pipeline step `ingest`."""

from kfp import dsl
from kfp.dsl import Dataset, Metrics, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def ingest(
    dataset: str,
    data: str,
    data_digest: str,
    work: str,
    revision: str,
    readings: Output[Dataset],
    quarantine: Output[Dataset],
    summary: Output[Metrics],
) -> None:
    """Reads raw readings and sets aside what can't be used.

    Args:
        dataset: text of the dataset file.
        data: a path, a folder, or a database URL.
        data_digest: digest of what `data` holds, so that the same path with new content is read anew.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of older code are not taken for this one's.
        readings: Parquet of clean readings, by series and time.
        quarantine: Parquet of the rows and cells set aside, with reasons.
        summary: rows in, kept and quarantined, cells quarantined; the file holds them as JSON.
    """
    import dataclasses
    import json
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.ingest.step import IngestRequest, ingest_readings
    from components.journal import Journal

    del revision
    with Journal(work, "ingest").step_events() as journal:
        parsed = parse_dataset(dataset, "dataset")
        request = IngestRequest(parsed, data, Path(readings.path), Path(quarantine.path))
        figures = dataclasses.asdict(ingest_readings(request, journal))
        for name, value in figures.items():
            summary.log_metric(name, value)
        Path(summary.path).parent.mkdir(parents=True, exist_ok=True)
        Path(summary.path).write_text(json.dumps(figures))
        readings.metadata["rows"] = figures["rows_kept"]
        readings.metadata["data_digest"] = data_digest
        quarantine.metadata["rows"] = figures["rows_quarantined"]
        quarantine.metadata["cells"] = figures["cells_quarantined"]
        journal.finished(**figures)
