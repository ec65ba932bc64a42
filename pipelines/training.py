"""The main job: readings become a served model.

readings -> ingest -> preprocess -> train x N -> ensemble -> validate -> (passed?) -> deploy
"""

from typing import NamedTuple

from kfp import dsl

from components.deploy.component import deploy
from components.ensemble.component import ensemble
from components.ingest.component import ingest
from components.preprocess.component import preprocess
from components.train.component import train
from components.validate.component import validate

# A constant, because KFP takes no parameter here; the local runner never runs more than two at once.
TRAININGS_AT_ONCE = 2


class Results(NamedTuple):
    """Outputs of the pipeline."""

    metrics: dsl.Metrics
    gate: dsl.Artifact
    report: dsl.HTML
    forecasts: dsl.Dataset
    candidate: dsl.Model
    passed: bool


@dsl.pipeline(name="sluice-training", description="Readings to a gated, published forecast model.")  # type: ignore[untyped-decorator]
def training_pipeline(
    dataset: str,
    data: str,
    data_digest: str,
    members: list[dict],  # type: ignore[type-arg]  # KFP knows no type of the values
    store: str,
    champion: int = 0,
    seed: int = 0,
    work: str = "",
    revision: str = "",
) -> Results:
    """Trains the members, combines them, and publishes what passes the gate.

    Args:
        dataset: text of the dataset file.
        data: path, folder or SQL URL of the readings.
        data_digest: digest of the readings; caches go by path, so new readings must show here.
        members: [{"member": name, "budget_seconds": seconds}, ...].
        store: folder of the model store.
        champion: version that serves when the run starts; 0 for none.
        seed: seed of all randomness.
        work: folder for the journal and for checkpoints; empty for none.
        revision: digest of the steps' code; caches know nothing of modules that a step imports.
    """
    ingested = ingest(dataset=dataset, data=data, data_digest=data_digest, work=work, revision=revision)
    prepared = preprocess(dataset=dataset, work=work, revision=revision, readings=ingested.outputs["readings"])
    with dsl.ParallelFor(items=members, parallelism=TRAININGS_AT_ONCE, name="members") as chosen:
        trained = train(
            dataset=dataset,
            member=chosen.member,
            budget_seconds=chosen.budget_seconds,
            seed=seed,
            work=work,
            revision=revision,
            series=prepared.outputs["series"],
        )
    combined = ensemble(
        dataset=dataset,
        seed=seed,
        work=work,
        revision=revision,
        series=prepared.outputs["series"],
        members=dsl.Collected(trained.outputs["member_model"]),
    )
    judged = validate(
        dataset=dataset,
        store=store,
        champion=champion,
        work=work,
        revision=revision,
        ingested=ingested.outputs["summary"],
        series=prepared.outputs["series"],
        forecasts=combined.outputs["forecasts"],
        candidate=combined.outputs["candidate"],
    )
    with dsl.If(judged.outputs["Output"] == True, name="passed"):  # noqa: E712 - an expression for KFP, no comparison
        # Never from a cache: a store emptied by hand must be filled again. Publishing twice makes no second version.
        deploy(store=store, work=work, revision=revision, candidate=combined.outputs["candidate"]).set_caching_options(
            enable_caching=False
        )
    return Results(
        metrics=judged.outputs["metrics"],
        gate=judged.outputs["gate"],
        report=judged.outputs["report"],
        forecasts=combined.outputs["forecasts"],
        candidate=combined.outputs["candidate"],
        passed=judged.outputs["Output"],
    )
