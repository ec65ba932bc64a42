"""The deploy step as a pipeline component."""

from kfp import dsl
from kfp.dsl import Input, Model

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def deploy(store: str, work: str, revision: str, candidate: Input[Model]) -> int:
    """Publishes a candidate as a new version of its model and makes it champion.

    Args:
        store: folder of the model store.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        candidate: the servable that passed the gate.

    Returns:
        The version.
    """
    import dataclasses
    from pathlib import Path

    from components.deploy.step import DeployRequest, deploy_candidate, open_store
    from components.journal import Journal

    journal = Journal(work, "deploy")
    with journal.step_events():
        summary = deploy_candidate(DeployRequest(open_store(store), Path(candidate.path)), journal)
        journal.finished(**dataclasses.asdict(summary))
    return summary.version
