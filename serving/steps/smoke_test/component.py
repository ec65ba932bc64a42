"""The smoke test as a pipeline component."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def smoke_test(
    dataset: str,
    store: str,
    version: int,
    service: str,
    service_grpc: str,
    deadline_seconds: int,
    tolerance: float,
    key_file: str,
    ca: str,
    work: str,
    revision: str,
    series: Input[Dataset],
    verdict: Output[Artifact],
) -> None:
    """Waits until a server serves the new champion, asks it real windows, and rolls back if it isn't right.

    Args:
        dataset: text of the dataset file.
        store: folder of the model store.
        version: the new champion.
        service: the server's REST address; empty skips the test.
        service_grpc: its PredictionService address, empty for REST alone.
        deadline_seconds: how long it may take until the version answers.
        tolerance: how far answers may be from Keras', in parts of what is allowed on a CPU.
        key_file: file with the server's API key, empty for none.
        ca: PEM file of the authority that signed the server's certificate, empty for the system's.
        work: folder of the run's journal, empty for none.
        revision: digest of the code.
        series: the prepared series; its test part gives the windows.
        verdict: what the server did, JSON.
    """
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.deploy.step import open_store
    from components.journal import Journal
    from serving.steps.smoke_test.step import Service, SmokeTestRequest, run_smoke_test

    del revision
    journal = Journal(work, "smoke test")
    with journal.step_events():
        request = SmokeTestRequest(
            dataset=parse_dataset(dataset, "dataset"),
            series=Path(series.path),
            store=open_store(store),
            version=version,
            service=Service(
                rest=service,
                grpc=service_grpc,
                key=Path(key_file).read_text(encoding="utf-8").strip() if key_file else "",
                ca=Path(ca) if ca else None,
            ),
            verdict=Path(verdict.path),
            deadline_seconds=deadline_seconds,
            tolerance=tolerance,
        )
        found = run_smoke_test(request, journal)
        verdict.metadata.update(passed=found.passed, skipped=found.skipped, version=found.version)
        journal.finished(version=found.version, waited_seconds=found.waited_seconds)
