"""Incremental retraining: the champion's networks are trained further on newer readings, old ones replayed.

champion + readings -> take champion -> ingest -> preprocess -> train x N (from the champion's weights) -> ensemble
-> serving check -> validate (old and new readings apart) -> (passed?) -> deploy -> (served?) -> smoke test
"""

from typing import Any

from kfp import dsl

from components.ingest.component import ingest
from components.preprocess.component import preprocess
from components.retrain.component import take_champion
from pipelines.platform.graph import for_platform
from pipelines.platform.platform import LOCAL, Platform
from pipelines.training import Publication, Results, publish, trained_members


def _retraining(
    platform: Platform,
    dataset: str,
    data: str,
    data_digest: str,
    members: list[dict],  # type: ignore[type-arg]  # KFP knows no type of the values
    store: str,
    champion: int = -1,
    replay: float = 0.5,
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
    """Trains the champion's members further, combines them, and publishes what passes the gate.

    Args:
        platform: what the steps ask for, and the loops of trainings; no parameter of the pipeline.
        dataset: text of the dataset file, as the champion has it.
        data: path, folder or SQL URL of all readings, old and new.
        data_digest: digest of the readings; caches go by path, so new readings must show here.
        members: [{"member": name, "budget_seconds": seconds}, ...], the champion's; `linear` is fitted anew.
        store: folder of the model store.
        champion: version to go on from; -1 for the one that serves when the run starts.
        replay: share of each batch from readings that the champion knows.
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
    common = {"dataset": dataset, "work": work, "revision": revision}
    taken = place(take_champion(store=store, champion=champion, **common), "validate")
    # The champion of now is another one every night.
    taken.set_caching_options(platform.profile is None)
    ingested = place(ingest(data=data, data_digest=data_digest, **common), "ingest")
    prepared = place(
        preprocess(readings=ingested.outputs["readings"], generations=taken.outputs["generations"], **common),
        "preprocess",
    )
    series = prepared.outputs["series"]
    models = trained_members(
        platform,
        (members, members_2, members_3, members_4),
        series=series,
        seed=seed,
        steps=steps,
        deterministic=deterministic,
        deadline=deadline,
        memory_mb=memory_mb,
        batch=batch,
        micro_batch=micro_batch,
        precision=precision,
        champion=taken.outputs["champion_members"],
        replay=replay,
        **common,
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
            old_until=taken.outputs["old_until"],
        ),
    )


def retraining_graph(platform: Platform) -> Any:
    """Incremental retraining as a KFP pipeline; each step asks for what the platform says."""
    job = for_platform(_retraining, platform)
    return dsl.pipeline(name="sluice-retraining", description="The champion, trained further on newer readings.")(job)


retraining_pipeline = retraining_graph(LOCAL)
