"""The main job: readings become a served model.

readings -> ingest -> preprocess -> train x N -> ensemble -> serving check -> validate -> (passed?) -> deploy
                                                                                   -> (served?) -> smoke test
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kfp import dsl

from components.deploy.component import deploy
from components.ensemble.component import ensemble
from components.ingest.component import ingest
from components.preprocess.component import preprocess
from components.train.component import train
from components.validate.component import validate
from pipelines.platform.graph import for_platform
from pipelines.platform.platform import LOCAL, Platform
from pipelines.platform.profile import MEMBER_LISTS
from serving.steps.serving_check.component import serving_check
from serving.steps.smoke_test.component import smoke_test


class Results(NamedTuple):
    """Outputs of the pipeline."""

    metrics: dsl.Metrics
    gate: dsl.Artifact
    serving: dsl.Artifact
    report: dsl.HTML
    forecasts: dsl.Dataset
    candidate: dsl.Model
    passed: bool


@dataclass(frozen=True)
class Publication:
    """What follows training, in the parameters and outputs of a graph; see `_main_job`.

    Attributes:
        ingested: task that read the readings.
        series: the prepared series.
        models: by parameter of the ensemble step, the trained members.
        old_until: of a retraining, stamp of the last reading that the champion knew.
    """

    dataset: Any
    store: Any
    champion: Any
    seed: Any
    work: Any
    revision: Any
    serving_revision: Any
    keep: Any
    smoke: Any
    service: Any
    service_grpc: Any
    service_seconds: Any
    service_tolerance: Any
    service_key_file: Any
    service_ca: Any
    ingested: Any
    series: Any
    models: dict[str, Any]
    old_until: Any = ""


def _main_job(
    platform: Platform,
    dataset: str,
    data: str,
    data_digest: str,
    members: list[dict],  # type: ignore[type-arg]  # KFP knows no type of the values
    store: str,
    champion: int = 0,
    seed: int = 0,
    work: str = "",
    revision: str = "",
    serving_revision: str = "",
    keep: int = 10,
    members_2: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006
    members_3: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006
    members_4: list[dict] = [],  # type: ignore[type-arg]  # noqa: B006
    smoke: bool = False,
    service: str = "",
    service_grpc: str = "",
    service_seconds: int = 600,
    service_tolerance: float = 1.0,
    service_key_file: str = "",
    service_ca: str = "",
    steps: int = 0,
    deterministic: bool = False,
    deadline: float = 0.0,
    memory_mb: int = 0,
    batch: int = 0,
    micro_batch: int = 0,
    precision: str = "auto",
) -> Results:
    """Trains the members, combines them, and publishes what passes the gate.

    Args:
        platform: what the steps ask for, and the loops of trainings; no parameter of the pipeline.
        dataset: text of the dataset file.
        data: path, folder or SQL URL of the readings.
        data_digest: digest of the readings; caches go by path, so new readings must show here.
        members: [{"member": name, "budget_seconds": seconds}, ...].
        store: folder of the model store.
        champion: version that serves when the run starts; 0 for none, -1 for the one that serves when it is judged.
        seed: seed of all randomness.
        work: folder for the journal and for checkpoints; empty for none.
        revision: digest of the steps' code; caches know nothing of modules that a step imports.
        serving_revision: digest of the code of the server that tries the candidate.
        keep: how many of the newest versions stay in the store, besides champion, previous and staged.
        members_2: members that ask a cluster for something else; a list of their own, as KFP can't join lists.
        members_3: a third list.
        members_4: a fourth list.
        smoke: whether the new champion is tried in the server that serves it, and rolled back if it isn't right.
        service: that server's REST address.
        service_grpc: its PredictionService address; empty for REST alone.
        service_seconds: how long it may take until the new champion answers.
        service_tolerance: how far answers may be from Keras', in parts of what is allowed on a CPU.
        service_key_file: file with the server's API key; empty for none.
        service_ca: PEM file of the authority that signed the server's certificate; empty for the system's.
        steps: steps of each network's training in place of its seconds; 0 to train by the clock.
        deterministic: whether the same steps give the same weights to the last bit; needs `steps`.
        deadline: epoch seconds by which the run must have ended; training gets what that leaves; 0 for none.
        memory_mb: memory that one training may take of its device; 0 for what is free.
        batch: windows or chunks of a training step; 0 for the recipe's own.
        micro_batch: most of them in memory at once; 0 for as many as fit.
        precision: of the members' layers: auto, float32, mixed_float16 or mixed_bfloat16.
    """
    place = platform.place
    ingested = place(
        ingest(dataset=dataset, data=data, data_digest=data_digest, work=work, revision=revision), "ingest"
    )
    prepared = place(
        preprocess(dataset=dataset, work=work, revision=revision, readings=ingested.outputs["readings"]), "preprocess"
    )
    series = prepared.outputs["series"]
    models = trained_members(
        platform,
        (members, members_2, members_3, members_4),
        dataset=dataset,
        seed=seed,
        work=work,
        revision=revision,
        series=series,
        steps=steps,
        deterministic=deterministic,
        deadline=deadline,
        memory_mb=memory_mb,
        batch=batch,
        micro_batch=micro_batch,
        precision=precision,
    )
    return publish(
        platform,
        Publication(
            dataset=dataset,
            store=store,
            champion=champion,
            seed=seed,
            work=work,
            revision=revision,
            serving_revision=serving_revision,
            keep=keep,
            smoke=smoke,
            service=service,
            service_grpc=service_grpc,
            service_seconds=service_seconds,
            service_tolerance=service_tolerance,
            service_key_file=service_key_file,
            service_ca=service_ca,
            ingested=ingested,
            series=series,
            models=models,
        ),
    )


def trained_members(platform: Platform, lists: Sequence[Any], **common: Any) -> dict[str, Any]:
    """Trains the members of each list, and collects them by parameter of the ensemble step.

    Args:
        platform: the loops of trainings and what each asks for.
        lists: members by loop, as `_main_job` has them.
        common: arguments of the train step that are the same for all members.
    """
    by_parameter = dict(zip(MEMBER_LISTS, lists, strict=True))
    models = {}
    for kind in platform.kinds:
        items = by_parameter[kind.parameter]
        # KFP takes no parameter for the parallelism.
        with dsl.ParallelFor(items=items, parallelism=kind.at_once, name=kind.parameter) as chosen:
            trained = platform.place_training(
                train(
                    member=chosen.member,
                    budget_seconds=chosen.budget_seconds,
                    beside=items,
                    at_once=kind.at_once,
                    **common,
                ),
                kind,
            )
        models[kind.parameter] = dsl.Collected(trained.outputs["member_model"])
    return models


def publish(platform: Platform, wanted: Publication) -> Results:
    """Combines trained members, tries and judges the candidate, and publishes what passes the gate."""
    place = platform.place
    combined = place(
        ensemble(
            dataset=wanted.dataset,
            seed=wanted.seed,
            work=wanted.work,
            revision=wanted.revision,
            series=wanted.series,
            **wanted.models,
        ),
        "ensemble",
    )
    checked = place(
        serving_check(
            dataset=wanted.dataset,
            work=wanted.work,
            revision=wanted.serving_revision,
            series=wanted.series,
            candidate=combined.outputs["candidate"],
        ),
        "serving_check",
    )
    judged = place(
        validate(
            dataset=wanted.dataset,
            store=wanted.store,
            champion=wanted.champion,
            work=wanted.work,
            revision=wanted.revision,
            ingested=wanted.ingested.outputs["summary"],
            series=wanted.series,
            forecasts=combined.outputs["forecasts"],
            candidate=combined.outputs["candidate"],
            serving=checked.outputs["verdict"],
            old_until=wanted.old_until,
        ),
        "validate",
    )
    # Locally the champion of the start is named, and the key of the cache; on a cluster it is the one of now.
    judged.set_caching_options(platform.profile is None)
    with dsl.If(judged.outputs["Output"] == True, name="passed"):  # noqa: E712 - an expression for KFP, no comparison
        # Never from a cache: a store emptied by hand must be filled again. Publishing twice makes no second version.
        deployed = place(
            deploy(
                store=wanted.store,
                work=wanted.work,
                revision=wanted.revision,
                candidate=combined.outputs["candidate"],
                keep=wanted.keep,
            ),
            "deploy",
        )
        deployed.set_caching_options(enable_caching=False)
        with dsl.If(wanted.smoke == True, name="served"):  # noqa: E712
            # Never from a cache: the server of today is asked.
            place(
                smoke_test(
                    dataset=wanted.dataset,
                    store=wanted.store,
                    version=deployed.outputs["Output"],
                    service=wanted.service,
                    service_grpc=wanted.service_grpc,
                    deadline_seconds=wanted.service_seconds,
                    tolerance=wanted.service_tolerance,
                    key_file=wanted.service_key_file,
                    ca=wanted.service_ca,
                    work=wanted.work,
                    revision=wanted.serving_revision,
                    series=wanted.series,
                ),
                "smoke_test",
            ).set_caching_options(enable_caching=False)
    return Results(
        metrics=judged.outputs["metrics"],
        gate=judged.outputs["gate"],
        serving=checked.outputs["verdict"],
        report=judged.outputs["report"],
        forecasts=combined.outputs["forecasts"],
        candidate=combined.outputs["candidate"],
        passed=judged.outputs["Output"],
    )


def training_graph(platform: Platform) -> Any:
    """The main job as a KFP pipeline; each step asks for what the platform says."""
    job = for_platform(_main_job, platform)
    return dsl.pipeline(name="sluice-training", description="Readings to a gated, published forecast model.")(job)


training_pipeline = training_graph(LOCAL)
