"""The ensemble step as a KFP component."""

from typing import List  # noqa: UP035  kfp reads `List` of artifacts from typing only

from kfp import dsl
from kfp.dsl import Dataset, Input, Metrics, Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def ensemble(
    dataset: str,
    seed: int,
    work: str,
    revision: str,
    series: Input[Dataset],
    members: Input[List[Model]],  # noqa: UP006
    candidate: Output[Model],
    forecasts: Output[Dataset],
    summary: Output[Metrics],
    members_2: Input[List[Model]] = None,  # noqa: UP006  kfp's way to say optional
    members_3: Input[List[Model]] = None,  # noqa: UP006
    members_4: Input[List[Model]] = None,  # noqa: UP006
) -> None:
    """Fits the members' weights, bands and spike probability on validation, and exports the servable.

    Args:
        dataset: text of the dataset file.
        seed: of the gating network.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of older code are not reused.
        series: the prepared series.
        members: trained members.
        candidate: the servable as a version folder, without checksums.
        forecasts: the test part's forecasts, Parquet.
        summary: which weights were kept and what they are worth.
        members_2: trained members of another loop; KFP can't join lists.
        members_3: of a third one.
        members_4: of a fourth one.
    """
    import dataclasses
    import json
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.ensemble.step import EnsembleRequest, fit_ensemble
    from components.journal import Journal

    journal = Journal(work, "ensemble")
    loops = (members, members_2, members_3, members_4)
    with journal.step_events():
        request = EnsembleRequest(
            dataset=parse_dataset(dataset, "dataset"),
            series=Path(series.path),
            members=tuple(Path(one.path) for loop in loops for one in loop or ()),
            seed=seed,
            revision=revision,
            candidate=Path(candidate.path),
            forecasts=Path(forecasts.path),
        )
        result = fit_ensemble(request, journal)
        figures = {"coverage": result.coverage, "parameters": float(result.parameters), "seconds": result.seconds}
        figures |= {f"rmse_{kind}": rmse for kind, rmse in result.candidates.items()}
        for name, value in figures.items():
            summary.log_metric(name, value)
        candidate.metadata.update(kind=result.kind, framework="tensorflow", members=", ".join(result.members))
        forecasts.metadata.update(rows=result.test_rows)
        Path(summary.path).parent.mkdir(parents=True, exist_ok=True)
        Path(summary.path).write_text(json.dumps(dataclasses.asdict(result), indent=1), encoding="utf-8")
        journal.finished(kind=result.kind, rmse=result.candidates[result.kind], **figures)
