"""The registered model: one of its versions per version of the store, and the store's pointers as aliases."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from components.deploy.checksums import published_content
from components.deploy.store import ModelStore
from pipelines.tracking.record import RunRecord

CHAMPION, CANDIDATE = "champion", "candidate"
# The same content is the same version, whatever number a store gives it.
CONTENT_TAG, VERSION_TAG, STORE_TAG = "sluice.content", "sluice.store_version", "sluice.store"
MODEL_ARTIFACT = "model"


def register(client: Any, record: RunRecord, run: Any) -> None:
    """Registers the version that a run published, with its files as artifacts of the run.

    Args:
        client: MLflow's.
        record: the run, which published a version.
        run: MLflow's info of the run.
    """
    folder = record.published
    content = published_content(folder) if folder else ""
    if folder is None or not content or _version_of(client, record.model, content):
        return
    _make_model(client, record.model)
    client.log_artifacts(run.run_id, str(folder), MODEL_ARTIFACT)
    client.create_model_version(
        record.model,
        source=f"{run.artifact_uri}/{MODEL_ARTIFACT}",
        run_id=run.run_id,
        tags={CONTENT_TAG: content, VERSION_TAG: str(record.version), STORE_TAG: record.store},
        await_creation_for=0,
    )


def set_aliases(client: Any, store: Path, model: str) -> tuple[str, ...]:
    """Moves the aliases `champion` and `candidate` to where the store's pointers are.

    Returns:
        A line for each pointer to a version that is not registered; no alias points elsewhere instead.
    """
    opened = ModelStore(store)
    champion = opened.champion(model)
    wanted = {CHAMPION: champion.version if champion else None, CANDIDATE: opened.candidate(model)}
    if not any(wanted.values()) and not _has_model(client, model):
        return ()
    present = dict(client.get_registered_model(model).aliases) if _has_model(client, model) else {}
    missing = []
    for alias, number in wanted.items():
        content = published_content(opened.root / model / str(number)) if number else ""
        version = _version_of(client, model, content) if content else None
        if number and version is None:
            missing.append(
                f"version {number} of {model}, the {alias}, isn't registered: send its run with `sluice track`"
            )
        pointed = present.get(alias)
        if version is None and pointed is not None and _is_from(client, model, pointed, opened.root):
            client.delete_registered_model_alias(model, alias)
        elif version is not None and str(pointed) != str(version):
            client.set_registered_model_alias(model, alias, str(version))
    return tuple(missing)


def _is_from(client: Any, model: str, version: Any, store: Path) -> bool:
    """Whether a registered version came from a store: the aliases of another one are not this one's to remove."""
    tags = client.get_model_version(model, str(version)).tags
    return bool(tags.get(STORE_TAG) == str(store.resolve()))


def _version_of(client: Any, model: str, content: str) -> Any:
    found = client.search_model_versions(f"name = '{model}' and tags.`{CONTENT_TAG}` = '{content}'")
    return min((version.version for version in found), key=int, default=None)


def _has_model(client: Any, model: str) -> bool:
    return bool(client.search_registered_models(f"name = '{model}'"))


def _make_model(client: Any, model: str) -> None:
    if not _has_model(client, model):
        client.create_registered_model(model)
