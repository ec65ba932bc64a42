"""Trainings of all folds become one table of forecasts, and that becomes scores."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.cross_validate.fold_scores import score_out_of_fold
from components.cross_validate.folds import Fold, fold_series
from components.cross_validate.out_of_fold import (
    Trained,
    gather_out_of_fold,
    read_out_of_fold,
    write_out_of_fold,
)
from components.cross_validate.step import ScoreRequest, score_folds
from components.cross_validate.train_fold import FoldRequest, Training, train_fold
from components.dataset.schema import Dataset
from components.errors import InputError
from components.journal import Journal
from components.preprocess.series import Series
from components.preprocess.storage import save_series
from components.preprocess.windows import gather_targets, origins

FOLDS = 3
DETAIL = {"seconds": 2.0, "mode": "ridge", "peak_memory_bytes": 1}


def answered(dataset: Dataset, series: Series, training: Training, off: float) -> Trained:
    """A training whose forecasts miss by `off` at every horizon."""
    own = training.dataset(dataset)
    fold = fold_series(own, series, Fold(training.fold, FOLDS))
    rows = origins(fold, "test", own.window, own.horizons)
    return Trained(training, DETAIL, rows, gather_targets(series, rows, own.horizons) + np.float32(off))


@pytest.fixture
def creek(make_series) -> tuple[Dataset, Series]:
    return make_series({"a": 300, "b": 300})


def trainings(creek: tuple[Dataset, Series]) -> list[Trained]:
    """Members that miss by 1 and by -2, the second with a longer window."""
    return [
        answered(*creek, Training(member, fold, 0, 0, window, 1.0), off)
        for fold in range(1, FOLDS + 1)
        for member, window, off in (("linear", 0, 1.0), ("rule_based", 8, -2.0))
    ]


def test_errors_by_model_fold_and_horizon_are_what_they_are(creek) -> None:
    table = gather_out_of_fold(creek[1], creek[0].horizons, trainings(creek))
    scores = score_out_of_fold(table, trainings(creek))
    assert scores.figure("linear", fold="2", horizon="3", name="rmse") == pytest.approx(1, abs=1e-5)
    assert scores.figure("rule_based", name="mae") == pytest.approx(2, abs=1e-5)
    assert scores.figure("mean", name="rmse") == pytest.approx(0.5, abs=1e-5)
    assert scores.figure("linear", fold="spread", name="rmse") == pytest.approx(0, abs=1e-5)
    assert scores.figure("persistence") == 0
    persistence = table.baselines["persistence"] - table.actual
    assert scores.figure("linear") == pytest.approx(1 - 1 / np.sqrt((persistence**2).mean()), rel=1e-4)
    assert scores.models[0] == "mean"
    assert scores.timings.seconds.sum() == 2.0 * 2 * FOLDS


def test_every_fold_has_its_own_origins_and_the_file_reads_back_equal(creek, tmp_path: Path) -> None:
    table = gather_out_of_fold(creek[1], creek[0].horizons, trainings(creek))
    keys = pd.DataFrame({"series": table.series, "origin": table.stamps})
    assert not keys.duplicated().any()
    assert np.bincount(table.folds)[1:].min() > 0
    write_out_of_fold(table, tmp_path)
    read = read_out_of_fold(tmp_path)
    assert read.horizons == table.horizons
    for name in ("folds", "series", "actual"):
        np.testing.assert_array_equal(getattr(read, name), getattr(table, name))
    assert list(read.members) == ["linear", "rule_based"]
    np.testing.assert_array_equal(read.members["rule_based"], table.members["rule_based"])


def test_a_member_without_a_fold_is_refused(creek) -> None:
    with pytest.raises(InputError, match="rule_based of fold 3"):
        gather_out_of_fold(creek[1], creek[0].horizons, trainings(creek)[:-1])


def test_linear_forecasts_are_made_and_scored_from_the_shared_series(creek, tmp_path: Path) -> None:
    dataset, series = creek
    save_series(series, tmp_path / "series")
    folders = tuple(tmp_path / f"fold{fold}" for fold in (1, 2))
    for fold, out in enumerate(folders, start=1):
        training = Training("linear", fold, 0, 0, 0, 30.0)
        train_fold(FoldRequest(dataset, tmp_path / "series", training, 2, None, out), Journal("", "t"))
    request = ScoreRequest(dataset, tmp_path / "series", folders, tmp_path / "folds", tmp_path / "page.html")
    facts = score_folds(request, Journal("", "t"))
    # The level is 0.9 of what it was, and the noise can't be known.
    assert 0 < facts["models"]["linear"]["skill"] < 0.5
    assert facts["trainings"] == 2
    assert facts == json.loads((tmp_path / "folds" / "cross_validation.json").read_text())
    scores = pd.read_csv(tmp_path / "folds" / "scores.csv")
    assert set(scores.fold) == {"1", "2", "all", "mean", "spread"}
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "folds" / "scores.parquet"), scores, check_dtype=False)
    page = (tmp_path / "page.html").read_text()
    assert "Plotly.newPlot" in page
    assert 'src="http' not in page
