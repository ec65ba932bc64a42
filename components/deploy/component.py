"""The deploy step as a pipeline component."""

from kfp import dsl
from kfp.dsl import Input, Model

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def deploy(store: str, work: str, revision: str, candidate: Input[Model], keep: int = 10) -> int:
    """Publishes a candidate as a new version of its model, makes it champion, and removes old versions.

    Args:
        store: folder of the model store.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        candidate: the servable that passed the gate.
        keep: how many of the newest versions stay; the champion, the one before it and a staged one always do.

    Returns:
        The version.
    """
    import dataclasses
    from pathlib import Path

    from components.deploy.step import DeployRequest, deploy_candidate, open_store
    from components.journal import Journal

    journal = Journal(work, "deploy")
    with journal.step_events():
        summary = deploy_candidate(DeployRequest(open_store(store), Path(candidate.path), keep), journal)
        journal.finished(**dataclasses.asdict(summary))
    return summary.version
