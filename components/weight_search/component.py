"""The weight search as a pipeline component."""

from kfp import dsl
from kfp.dsl import HTML, Dataset, Input, Metrics, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def weight_search(
    dataset: str,
    trials: int,
    seed: int,
    work: str,
    revision: str,
    weights: Output[Dataset],
    report: Output[HTML],
    metrics: Output[Metrics],
    stored: str = "",
    stored_digest: str = "",
    folds: Input[Dataset] = None,
) -> None:
    """Searches ensemble weights in out-of-fold forecasts.

    Args:
        dataset: text of the dataset file.
        trials: how many experiments with weights.
        seed: of the experiments.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        weights: weights.json and the tables.
        report: the page.
        metrics: the facts as JSON.
        stored: folder of a cross-validation that lies there already; empty where `folds` is given.
        stored_digest: digest of that folder; caches go by path, so other forecasts must show here.
        folds: of a cross-validation in the same pipeline.
    """
    import json
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.journal import Journal
    from components.weight_search.step import SearchRequest, search_stored

    journal = Journal(work, "weight search")
    with journal.step_events():
        request = SearchRequest(
            dataset=parse_dataset(dataset, "dataset"),
            folds=Path(stored or folds.path),
            trials=trials,
            seed=seed,
            folder=Path(weights.path),
            page=Path(report.path),
        )
        facts = search_stored(request, journal)
        kept = facts["methods"][facts["kept"]]
        metrics.log_metric("relative_check", kept["relative_check"])
        metrics.log_metric("gain_on_mean_check", kept["gain_on_mean_check"])
        Path(metrics.path).parent.mkdir(parents=True, exist_ok=True)
        Path(metrics.path).write_text(json.dumps(facts, indent=1), encoding="utf-8")
        journal.finished(experiments=facts["trials"], kept=facts["kept"], **kept)
