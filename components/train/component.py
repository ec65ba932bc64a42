"""The train step as a pipeline component."""

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train(
    dataset: str,
    member: str,
    budget_seconds: float,
    seed: int,
    work: str,
    revision: str,
    series: Input[Dataset],
    member_model: Output[Model],
    summary: Output[Metrics],
) -> None:
    """Trains one member within its budget and forecasts all validation and test windows with it.

    Args:
        dataset: text of the dataset file.
        member: name in the registry of members.
        budget_seconds: wall clock for this member, its forecasts included.
        seed: of weights and batches.
        work: folder of the run's journal and checkpoints, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        series: the prepared series.
        member_model: the member's folder.
        summary: errors, seconds, memory.
    """
    import dataclasses
    import json
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.journal import Journal
    from components.train.step import TrainRequest, train_member

    journal = Journal(work, f"train {member}")
    with journal.step_events():
        request = TrainRequest(
            dataset=parse_dataset(dataset, "dataset"),
            series=Path(series.path),
            member=member,
            budget_seconds=budget_seconds,
            seed=seed,
            work=Path(work) if work else None,
            out=Path(member_model.path),
        )
        figures = dataclasses.asdict(train_member(request, journal))
        for name, figure in figures.items():
            if not isinstance(figure, str):
                summary.log_metric(name, float(figure))
        member_model.metadata.update(figures)
        Path(summary.path).write_text(json.dumps(figures, indent=1), encoding="utf-8")
        journal.finished(**figures)
