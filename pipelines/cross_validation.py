"""Cross-validation with a rolling origin: every member on every fold.

readings -> ingest -> preprocess -> train x (members x folds) -> score folds

Readings are ingested and laid on the grid once; each training fits scalers on its own fold's training rows.
"""

from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from kfp import dsl

from components.cross_validate.component import score_folds, train_fold
from components.ingest.component import ingest
from components.preprocess.component import preprocess
from pipelines.platform.graph import for_platform
from pipelines.platform.platform import LOCAL, Platform
from pipelines.platform.profile import MEMBER_LISTS

FOLDS = 5


class Results(NamedTuple):
    """Outputs of the pipeline."""

    metrics: dsl.Metrics
    folds: dsl.Dataset
    report: dsl.HTML


@dataclass(frozen=True)
class Source:
    """Parameters of the graph up to the folds' scores; see `_cross_validation`."""

    dataset: Any
    data: Any
    data_digest: Any
    folds: Any
    work: Any
    revision: Any
    trainings: dict[str, Any]
    step: dict[str, Any]


def scored_folds(platform: Platform, source: Source) -> Any:
    """The task that scores all folds, with everything before it."""
    place = platform.place
    common = {"dataset": source.dataset, "work": source.work, "revision": source.revision}
    ingested = place(ingest(data=source.data, data_digest=source.data_digest, **common), "ingest")
    prepared = place(preprocess(readings=ingested.outputs["readings"], **common), "preprocess")
    series = prepared.outputs["series"]
    models = {}
    for kind in platform.kinds:
        # KFP takes no parameter for the parallelism.
        items = source.trainings[kind.parameter]
        with dsl.ParallelFor(items=items, parallelism=kind.at_once, name=kind.parameter) as training:
            trained = platform.place_training(
                train_fold(training=training, folds=source.folds, series=series, **source.step, **common), kind
            )
        models[kind.parameter] = dsl.Collected(trained.outputs["member_model"])
    return place(score_folds(series=series, **common, **models), "score_folds")


def _cross_validation(
    platform: Platform,
    dataset: str,
    data: str,
    data_digest: str,
    members: list[dict],  # type: ignore[type-arg]  # KFP knows no type of the values
    folds: int = FOLDS,
    work: str = "",
    revision: str = "",
    members_2: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006
    members_3: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006
    members_4: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006
    batch: int = 0,
    micro_batch: int = 0,
    precision: str = "auto",
) -> Results:
    """Trains every member on every fold and scores what they forecast.

    Args:
        platform: what the steps ask for, and the loops of trainings; no parameter of the pipeline.
        dataset: text of the dataset file.
        data: path, folder or SQL URL of the readings.
        data_digest: digest of the readings; caches go by path, so new readings must show here.
        members: [{"member", "fold" (from 1), "experiment", "seed", "window" (0 for the dataset), "budget_seconds"}].
        folds: how many folds there are.
        work: folder for the journal and for checkpoints; empty for none.
        revision: digest of the steps' code; caches know nothing of modules that a step imports.
        members_2: trainings that ask a cluster for something else; a list of their own, as KFP can't join lists.
        members_3: a third list.
        members_4: a fourth list.
        batch: windows or chunks of a training step; 0 for the recipe's own.
        micro_batch: most of them in memory at once; 0 for as many as fit.
        precision: of the members' layers: auto, float32, mixed_float16 or mixed_bfloat16.
    """
    trainings = dict(zip(MEMBER_LISTS, (members, members_2, members_3, members_4), strict=True))
    step = {"batch": batch, "micro_batch": micro_batch, "precision": precision}
    scored = scored_folds(platform, Source(dataset, data, data_digest, folds, work, revision, trainings, step))
    return Results(scored.outputs["metrics"], scored.outputs["folds"], scored.outputs["report"])


def with_folds(platform: Platform) -> Platform:
    """The platform with its lists of members multiplied by the folds, each training with its share of the budget."""
    lists = {
        parameter: [
            {**item, "budget_seconds": round(item["budget_seconds"] / FOLDS, 3)} | _first(fold)
            for fold in range(1, FOLDS + 1)
            for item in items
        ]
        for parameter, items in platform.defaults.items()
        if parameter in MEMBER_LISTS
    }
    return replace(platform, defaults={**platform.defaults, **lists})


def _first(fold: int) -> dict[str, int]:
    return {"fold": fold, "experiment": 0, "seed": 0, "window": 0}


def cross_validation_graph(platform: Platform) -> Any:
    """The cross-validation as a KFP pipeline; each step asks for what the platform says."""
    job = for_platform(_cross_validation, with_folds(platform))
    return dsl.pipeline(
        name="sluice-cross-validation", description="Every member on every fold of a rolling origin, scored."
    )(job)


cross_validation_pipeline = cross_validation_graph(LOCAL)
