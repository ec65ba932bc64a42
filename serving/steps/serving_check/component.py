"""The serving check as a pipeline component."""

from kfp import dsl
from kfp.dsl import Artifact, Dataset, Input, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def serving_check(
    dataset: str,
    work: str,
    revision: str,
    series: Input[Dataset],
    candidate: Input[Model],
    verdict: Output[Artifact],
) -> None:
    """Loads the candidate in TensorFlow Serving where it is installed, in KServe's ModelServer elsewhere, and asks it.

    Args:
        dataset: text of the dataset file.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        series: the prepared series; its test part gives the windows.
        candidate: the servable.
        verdict: whether it was served equal to Keras, with latency and memory, JSON.
    """
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.journal import Journal
    from serving.steps.serving_check.runtimes import choose_runtime
    from serving.steps.serving_check.step import ServingCheckRequest, check_serving

    journal = Journal(work, "serving check")
    with journal.step_events():
        runtime = choose_runtime()
        request = ServingCheckRequest(
            dataset=parse_dataset(dataset, "dataset"),
            series=Path(series.path),
            candidate=Path(candidate.path),
            verdict=Path(verdict.path),
            runtime=runtime.name,
            runner=runtime.runner,
        )
        found = check_serving(request, journal)
        verdict.metadata.update(passed=found.passed, runtime=found.runtime, problem=found.problem)
        journal.finished(passed=found.passed, runtime=found.runtime, **found.figures())
