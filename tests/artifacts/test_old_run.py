"""A run folder kept from version 0.1.0 still loads and answers as it did; `make_old_run.py` says how it was made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.dataset.load import load_dataset
from components.deploy.store import ModelStore
from components.validate.scores import score

OLD = Path(__file__).parent / "sluice-0.1.0"


@pytest.fixture(scope="module")
def version() -> Path:
    return OLD / "store" / "pond" / "1"


@pytest.fixture(scope="module")
def asked() -> dict[str, np.ndarray]:
    with np.load(OLD / "asked.npz") as file:
        return dict(file)


def check_same(answers: dict[str, np.ndarray], asked: dict[str, np.ndarray]) -> None:
    for name in ("forecast", "lower", "upper", "members", "weights", "spike_probability"):
        tolerance = 1e-5 * float(asked["target_std"])
        np.testing.assert_allclose(answers[name], asked[name], rtol=4 * 2**-23, atol=tolerance, err_msg=name)


def test_the_saved_model_answers_as_it_did(version: Path, asked: dict[str, np.ndarray]) -> None:
    from serving.local.servable import load_servable

    check_same(load_servable("pond", 1, version).answer({"window": asked["window"]}), asked)


def test_the_keras_model_answers_as_it_did(version: Path, asked: dict[str, np.ndarray]) -> None:
    from components.ensemble.servable import load_servable

    answers = load_servable(version / "model.keras")({"window": asked["window"]})
    check_same({name: np.asarray(value) for name, value in answers.items()}, asked)


def test_the_store_knows_its_champion_and_its_checksums_hold(tmp_path: Path) -> None:
    shutil.copytree(OLD / "store", tmp_path / "store")
    store = ModelStore(tmp_path / "store", lambda: 0.0)
    champion = store.champion("pond")
    assert champion is not None
    assert champion.version == 1
    store.verify("pond", 1)


def test_the_dataset_file_and_the_model_card_can_be_read(version: Path) -> None:
    dataset = load_dataset(version / "dataset.yaml")
    card = json.loads((version / "model_card.json").read_text())
    assert dataset.name == card["name"] == "pond"
    assert list(dataset.inputs) == card["inputs"]


def test_its_figures_can_be_computed_again_from_its_forecasts() -> None:
    metrics = json.loads((OLD / "metrics.json").read_text())
    scores = score(pd.read_parquet(OLD / "forecasts.parquet"), metrics["coverage_nominal"])
    assert scores.models["ensemble"]["rmse"] == pytest.approx(metrics["models"]["ensemble"]["rmse"])
