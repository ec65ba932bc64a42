"""The validate step as a pipeline component."""

from kfp import dsl
from kfp.dsl import HTML, Artifact, Dataset, Input, Metrics, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def validate(
    dataset: str,
    store: str,
    champion: int,
    work: str,
    revision: str,
    ingested: Input[Metrics],
    series: Input[Dataset],
    forecasts: Input[Dataset],
    candidate: Input[Model],
    serving: Input[Artifact],
    metrics: Output[Metrics],
    gate: Output[Artifact],
    report: Output[HTML],
    old_until: str = "",
) -> bool:
    """Scores the candidate on the test part, compares it with the champion and applies the gate.

    Args:
        dataset: text of the dataset file.
        store: folder of the model store.
        champion: the champion's version when the run began, 0 for none, -1 for the one of now.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        ingested: what the ingest step counted.
        series: the prepared series.
        forecasts: the test part's forecasts.
        candidate: the servable.
        serving: verdict of the serving check.
        metrics: scores, counts and the gate's outcome.
        gate: each rule's outcome with its explanation.
        report: the report, one HTML page.
        old_until: of a retrained candidate, stamp of the last reading that the champion knew; empty for others.

    Returns:
        Whether the candidate passed the gate.
    """
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.deploy.step import open_store
    from components.journal import Journal
    from components.validate.champion import version_to_beat
    from components.validate.step import ValidateRequest, validate_candidate

    journal = Journal(work, "validate")
    with journal.step_events():
        described, opened = parse_dataset(dataset, "dataset"), open_store(store)
        request = ValidateRequest(
            dataset=described,
            ingested=Path(ingested.path),
            series=Path(series.path),
            forecasts=Path(forecasts.path),
            candidate=Path(candidate.path),
            serving=Path(serving.path),
            store=opened,
            champion=version_to_beat(opened, described.name, champion),
            metrics=Path(metrics.path),
            gate=Path(gate.path),
            report=Path(report.path),
            old_until=old_until,
        )
        verdict = validate_candidate(request, journal)
        for name, figure in verdict.figures().items():
            metrics.log_metric(name, figure)
        gate.metadata.update(passed=verdict.passed, failed=", ".join(rule.name for rule in verdict.gate.failures))
        journal.finished(passed=verdict.passed, **verdict.figures())
    return verdict.passed
