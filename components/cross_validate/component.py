"""The steps of a cross-validation as pipeline components."""

from typing import List  # noqa: UP035  kfp reads `List` of artifacts from typing only

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Metrics, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def train_fold(
    dataset: str,
    training: dict,
    folds: int,
    work: str,
    revision: str,
    series: Input[Dataset],
    member_model: Output[Model],
    summary: Output[Metrics],
    batch: int = 0,
    micro_batch: int = 0,
    precision: str = "auto",
) -> None:
    """Trains one member on the rows before one block, and forecasts the block.

    Args:
        dataset: text of the dataset file.
        training: member, fold, experiment, seed, window, budget_seconds.
        folds: how many folds there are.
        work: folder of the run's journal and checkpoints, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        series: the prepared series, shared by all folds.
        member_model: the member's folder.
        summary: errors, seconds, memory.
        batch: windows or chunks of a step; 0 for the recipe's own.
        micro_batch: most of them in memory at once; 0 for as many as fit.
        precision: of the member's layers: auto, float32, mixed_float16 or mixed_bfloat16.
    """
    import dataclasses
    import json
    from pathlib import Path

    from components.cross_validate.train_fold import FoldRequest, Training, train_fold
    from components.dataset.load import parse_dataset
    from components.journal import Journal
    from components.train.wishes import StepWishes

    # KFP carries all numbers of a dictionary as floats.
    whole = {name: int(training[name]) for name in ("fold", "experiment", "seed", "window")}
    asked = Training(**{**training, **whole})
    journal = Journal(work, asked.name)
    with journal.step_events():
        request = FoldRequest(
            dataset=parse_dataset(dataset, "dataset"),
            series=Path(series.path),
            training=asked,
            folds=folds,
            work=Path(work) if work else None,
            out=Path(member_model.path),
            wishes=StepWishes(batch, micro_batch, precision),
        )
        figures = dataclasses.asdict(train_fold(request, journal))
        for name, figure in figures.items():
            if not isinstance(figure, str):
                summary.log_metric(name, float(figure))
        member_model.metadata.update(figures)
        Path(summary.path).write_text(json.dumps(figures, indent=1), encoding="utf-8")
        journal.finished(**figures)


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def score_folds(
    dataset: str,
    work: str,
    revision: str,
    series: Input[Dataset],
    members: Input[List[Model]],  # noqa: UP006
    folds: Output[Dataset],
    report: Output[HTML],
    metrics: Output[Metrics],
    members_2: Input[List[Model]] = None,  # noqa: UP006  kfp's way to say optional
    members_3: Input[List[Model]] = None,  # noqa: UP006
    members_4: Input[List[Model]] = None,  # noqa: UP006
) -> None:
    """Scores all folds: errors by model, fold and horizon, wall time by training.

    Args:
        dataset: text of the dataset file.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        series: the prepared series.
        members: the trainings of all folds.
        folds: out-of-fold forecasts and the tables.
        report: the page.
        metrics: the facts as JSON.
        members_2: trainings of another loop; KFP can't join lists.
        members_3: of a third one.
        members_4: of a fourth one.
    """
    import json
    from pathlib import Path

    from components.cross_validate.step import ScoreRequest, score_folds
    from components.dataset.load import parse_dataset
    from components.journal import Journal

    journal = Journal(work, "score folds")
    loops = (members, members_2, members_3, members_4)
    with journal.step_events():
        request = ScoreRequest(
            dataset=parse_dataset(dataset, "dataset"),
            series=Path(series.path),
            trainings=tuple(Path(one.path) for loop in loops for one in loop or ()),
            folder=Path(folds.path),
            page=Path(report.path),
        )
        facts = score_folds(request, journal)
        best = facts["models"][facts["best"]]
        for name in ("rmse", "mae", "skill"):
            metrics.log_metric(name, best[name])
        Path(metrics.path).parent.mkdir(parents=True, exist_ok=True)
        Path(metrics.path).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        journal.finished(trainings=facts["trainings"], best=facts["best"], **{k: best[k] for k in ("rmse", "skill")})
