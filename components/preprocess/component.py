"""The preprocess step as a pipeline component."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def preprocess(
    dataset: str,
    work: str,
    revision: str,
    readings: Input[Dataset],
    series: Output[Dataset],
    summary: Output[Metrics],
    generations: str = "",
) -> None:
    """Puts readings on a regular grid, splits them by time and fits the scaler on the training part.

    Args:
        dataset: text of the dataset file.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        readings: cleaned readings of the ingest step.
        series: the series, as memory-mapped arrays.
        summary: rows, windows, gaps.
        generations: parts that a champion was trained on, JSON; empty to split all readings afresh.
    """
    import dataclasses
    import json
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.journal import Journal
    from components.preprocess.generations import from_text
    from components.preprocess.step import PrepareRequest, prepare_series

    journal = Journal(work, "preprocess")
    with journal.step_events():
        request = PrepareRequest(
            parse_dataset(dataset, "dataset"), Path(readings.path), Path(series.path), from_text(generations)
        )
        figures = dataclasses.asdict(prepare_series(request, journal))
        for name, figure in figures.items():
            summary.log_metric(name, float(figure))
        series.metadata.update(figures)
        Path(summary.path).write_text(json.dumps(figures, indent=1), encoding="utf-8")
        journal.finished(**figures)
