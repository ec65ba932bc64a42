"""Search for ensemble weights: in the stored forecasts of a cross-validation, or with trainings of its own.

stored forecasts -> weight search
readings -> ingest -> preprocess -> train x (experiments x members x folds) -> score folds -> weight search
"""

from typing import Any, NamedTuple

from kfp import dsl

from components.weight_search.component import weight_search
from pipelines.cross_validation import FOLDS, Source, scored_folds, with_folds
from pipelines.platform.graph import for_platform
from pipelines.platform.platform import LOCAL, Platform
from pipelines.platform.profile import MEMBER_LISTS

TRIALS = 64


class Results(NamedTuple):
    """Outputs of the search in stored forecasts."""

    search_metrics: dsl.Metrics
    weights: dsl.Dataset
    search_report: dsl.HTML


class RetrainedResults(NamedTuple):
    """Outputs of the search that trains again."""

    metrics: dsl.Metrics
    folds: dsl.Dataset
    report: dsl.HTML
    search_metrics: dsl.Metrics
    weights: dsl.Dataset
    search_report: dsl.HTML


def _stored_search(
    platform: Platform,
    dataset: str,
    stored: str,
    stored_digest: str,
    trials: int = TRIALS,
    seed: int = 0,
    work: str = "",
    revision: str = "",
) -> Results:
    """Searches weights in stored out-of-fold forecasts.

    Args:
        platform: what the step asks for; no parameter of the pipeline.
        dataset: text of the dataset file.
        stored: folder of the cross-validation's out-of-fold forecasts.
        stored_digest: digest of that folder; caches go by path, so other forecasts must show here.
        trials: experiments with weights.
        seed: of the experiments.
        work: folder for the journal; empty for none.
        revision: digest of the steps' code.
    """
    step = weight_search(
        dataset=dataset,
        stored=stored,
        stored_digest=stored_digest,
        trials=trials,
        seed=seed,
        work=work,
        revision=revision,
    )
    found = platform.place(step, "weight_search")
    return Results(found.outputs["metrics"], found.outputs["weights"], found.outputs["report"])


def _retrained_search(
    platform: Platform,
    dataset: str,
    data: str,
    data_digest: str,
    members: list[dict],  # type: ignore[type-arg]  # KFP knows no type of the values
    folds: int = FOLDS,
    trials: int = TRIALS,
    seed: int = 0,
    work: str = "",
    revision: str = "",
    members_2: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006
    members_3: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006
    members_4: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006
    batch: int = 0,
    micro_batch: int = 0,
    precision: str = "auto",
) -> RetrainedResults:
    """Trains every experiment on every fold, and searches weights among all that was trained.

    Args:
        platform: what the steps ask for, and the loops of trainings; no parameter of the pipeline.
        dataset: text of the dataset file.
        data: path, folder or SQL URL of the readings.
        data_digest: digest of the readings; caches go by path, so new readings must show here.
        members: [{"member", "fold" (from 1), "experiment", "seed", "window" (0 for the dataset), "budget_seconds"}].
        folds: how many folds there are.
        trials: experiments with weights.
        seed: of these.
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
    asked = {"batch": batch, "micro_batch": micro_batch, "precision": precision}
    scored = scored_folds(platform, Source(dataset, data, data_digest, folds, work, revision, trainings, asked))
    step = weight_search(
        dataset=dataset, folds=scored.outputs["folds"], trials=trials, seed=seed, work=work, revision=revision
    )
    found = platform.place(step, "weight_search")
    return RetrainedResults(
        metrics=scored.outputs["metrics"],
        folds=scored.outputs["folds"],
        report=scored.outputs["report"],
        search_metrics=found.outputs["metrics"],
        weights=found.outputs["weights"],
        search_report=found.outputs["report"],
    )


def weight_search_graph(platform: Platform) -> Any:
    """The search in stored forecasts as a KFP pipeline."""
    job = for_platform(_stored_search, platform)
    return dsl.pipeline(name="sluice-weight-search", description="Ensemble weights from out-of-fold forecasts.")(job)


def retrained_search_graph(platform: Platform) -> Any:
    """The search that trains again as a KFP pipeline."""
    job = for_platform(_retrained_search, with_folds(platform))
    return dsl.pipeline(
        name="sluice-weight-search-retrain", description="Ensemble weights from trainings of several experiments."
    )(job)


weight_search_pipeline = weight_search_graph(LOCAL)
retrained_search_pipeline = retrained_search_graph(LOCAL)
