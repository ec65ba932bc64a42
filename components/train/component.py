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
    beside: list = [],  # noqa: B006
    at_once: int = 1,
    steps: int = 0,
    deterministic: bool = False,
    deadline: float = 0.0,
    memory_mb: int = 0,
    champion: Input[Model] = None,
    replay: float = 0.5,
    batch: int = 0,
    micro_batch: int = 0,
    precision: str = "auto",
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
        summary: errors, seconds, memory, speed.
        beside: all members of the loop with their budgets, in its order: {"member": name, "budget_seconds": seconds}.
        at_once: trainings that run side by side in the loop.
        steps: steps of training in place of seconds; 0 to train by the clock.
        deterministic: whether the same steps give the same weights to the last bit.
        deadline: epoch seconds by which the whole run must have ended; 0 for none.
        memory_mb: memory that training may take of its device; 0 for what is free.
        champion: the champion's members, to go on from; none begins with fresh weights.
        replay: share of each batch from readings that the champion knows.
        batch: windows or chunks of a step; 0 for the recipe's own.
        micro_batch: most of them in memory at once; 0 for as many as fit.
        precision: of the member's layers: auto, float32, mixed_float16 or mixed_bfloat16.
    """
    import dataclasses
    import json
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.journal import Journal
    from components.train.step import TrainRequest, train_member
    from components.train.warm_start import Replay
    from components.train.window_share import Timetable
    from components.train.wishes import StepWishes

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
            steps=steps,
            deterministic=deterministic,
            deadline=deadline,
            timetable=Timetable(tuple((each["member"], float(each["budget_seconds"])) for each in beside), at_once),
            memory_bytes=memory_mb * 2**20,
            warm_start=Path(champion.path) if champion else None,
            replay=Replay(replay),
            wishes=StepWishes(batch, micro_batch, precision),
        )
        figures = dataclasses.asdict(train_member(request, journal))
        for name, figure in figures.items():
            if not isinstance(figure, str):
                summary.log_metric(name, float(figure))
        member_model.metadata.update(figures)
        Path(summary.path).write_text(json.dumps(figures, indent=1), encoding="utf-8")
        journal.finished(**figures)
