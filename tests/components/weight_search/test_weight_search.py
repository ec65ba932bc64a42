"""Weights from stored forecasts: known optima are found, and the check judges on a fold that chose nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.cross_validate.out_of_fold import OutOfFold, write_out_of_fold
from components.dataset.schema import Column, Dataset
from components.errors import InputError
from components.journal import Journal
from components.weight_search.methods import METHODS
from components.weight_search.products import products_of
from components.weight_search.search import search
from components.weight_search.step import SearchRequest, search_stored
from components.weight_search.trials import search_weights

HORIZONS = (1, 4)
FOLDS = 4


def forecasts(spreads: dict[str, float], rows: int = 200, seed: int = 1) -> OutOfFold:
    """Members with errors of their own of these standard deviations; persistence errs by 2."""
    generator = np.random.default_rng(seed)
    count = rows * FOLDS
    actual = generator.normal(size=(count, len(HORIZONS))).astype(np.float32)

    def off(spread: float) -> np.ndarray:
        return (actual + generator.normal(scale=spread, size=actual.shape)).astype(np.float32)

    return OutOfFold(
        horizons=HORIZONS,
        folds=np.repeat(np.arange(1, FOLDS + 1), rows),
        series=np.full(count, "a", object),
        stamps=np.datetime64("2024-01-01", "ns") + np.arange(count) * np.timedelta64(1, "h"),
        actual=actual,
        baselines={"persistence": off(2.0), "seasonal_naive": off(3.0)},
        members={name: off(spread) for name, spread in spreads.items()},
    )


SPREADS = {"linear": 1.0, "rule_based": 0.5, "cnn_lstm": 2.0}


def test_weights_of_independent_errors_are_the_inverse_of_their_variance() -> None:
    products = products_of(forecasts(SPREADS, rows=20_000), range(1, FOLDS + 1))
    best = 1 / np.array([1.0, 0.25, 4.0])
    expected = np.repeat((best / best.sum())[:, None], 2, axis=1)
    np.testing.assert_allclose(METHODS["nnls"](products), expected, atol=0.02)
    np.testing.assert_allclose(METHODS["greedy"](products), expected, atol=0.03)
    assert METHODS["single"](products)[1].tolist() == [1, 1]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), members=st.integers(1, 5), alike=st.booleans())
def test_weights_lie_on_the_simplex_and_the_fitted_ones_beat_mean_and_single(
    seed: int, members: int, alike: bool
) -> None:
    generator = np.random.default_rng(seed)
    table = forecasts({f"m{at}": float(generator.uniform(0.1, 3)) for at in range(members)}, rows=10, seed=seed)
    if alike:
        # Two members that say the same leave many weights equally good.
        table = replace(table, members={**table.members, "twin": table.members["m0"]})
    products = products_of(table, (1, 2))
    found = {name: choose(products) for name, choose in METHODS.items()}
    for weights in found.values():
        assert (weights >= -1e-9).all()
        np.testing.assert_allclose(weights.sum(axis=0), 1, atol=1e-6)
    least = min(products.relative(found["mean"]), products.relative(found["single"]))
    assert products.relative(found["nnls"]) <= least + 1e-6


def test_an_error_from_products_is_the_error_from_forecasts() -> None:
    table = forecasts(SPREADS)
    table.actual[5] = np.nan
    weights = np.array([[0.2, 0.5], [0.5, 0.5], [0.3, 0.0]])
    combined = np.einsum("mh,mnh->nh", weights, np.stack(list(table.members.values())))
    error = (combined - table.actual)[table.folds == 2]
    assert products_of(table, [2]).rmse(weights) == pytest.approx(np.sqrt(np.nanmean(error**2)), rel=1e-5)


def test_a_search_ends_no_worse_than_its_first_trials_and_repeats_itself() -> None:
    products = products_of(forecasts(SPREADS), (1, 2))
    trials = search_weights(products, 24, seed=3)
    assert [trial.number for trial in trials] == list(range(24))
    assert min(trial.relative for trial in trials) < products.relative(METHODS["mean"](products))
    assert min(trial.relative for trial in trials) <= 1.001 * products.relative(METHODS["single"](products))
    again = search_weights(products, 24, seed=3)
    assert [trial.relative for trial in again] == [trial.relative for trial in trials]


def test_what_happens_in_the_last_fold_changes_neither_the_choice_nor_the_weights_of_the_check() -> None:
    table = forecasts(SPREADS)
    before = search(table, 4, seed=0)
    members = {name: values.copy() for name, values in table.members.items()}
    members["rule_based"][table.folds == FOLDS] += 50
    after = search(replace(table, members=members), 4, seed=0)
    assert after.kept.name == before.kept.name
    assert [method.choosing for method in after.methods] == [method.choosing for method in before.methods]
    assert after.kept.check > 10 * before.kept.check
    assert after.method("nnls").inside < after.method("nnls").check


def test_tables_weights_and_page_are_written(tmp_path: Path) -> None:
    table = forecasts({**SPREADS, "linear_experiment_1": 0.8})
    write_out_of_fold(table, tmp_path)
    timing = {"fold": 1, "seconds": 2.0, "mode": "ridge", "peak_memory_bytes": 1}
    rows = [
        {"experiment": 0, "member": "linear", "seed": 0, "window": 0, **timing},
        {"experiment": 1, "member": "linear", "seed": 1, "window": 8, **timing},
    ]
    pd.DataFrame(rows).to_parquet(tmp_path / "timings.parquet")
    dataset = Dataset(
        name="x", time="time", step="1h", columns={"level": Column()}, target="level", window=4, horizons=HORIZONS
    )
    facts = search_stored(
        SearchRequest(dataset, tmp_path, 8, 0, tmp_path / "w", tmp_path / "page.html"), Journal("", "s")
    )
    assert json.loads((tmp_path / "w" / "weights.json").read_text()) == facts
    assert np.sum(facts["weights"], axis=0) == pytest.approx([1, 1], abs=1e-4)
    trials = pd.read_csv(tmp_path / "w" / "trials.csv")
    assert len(trials) == 8 * FOLDS == facts["trials"] + facts["trials_of_the_check"]
    assert pd.read_csv(tmp_path / "w" / "experiments.csv").trainings.tolist() == [1, 1]
    assert pd.read_parquet(tmp_path / "w" / "methods.parquet").method.tolist() == list(facts["methods"])
    assert "Trained again" in (tmp_path / "page.html").read_text()


def test_one_fold_or_no_forecasts_are_refused(tmp_path: Path) -> None:
    table = forecasts(SPREADS)
    with pytest.raises(InputError, match="two folds"):
        search(replace(table, folds=np.ones_like(table.folds)), 4, seed=0)
    with pytest.raises(InputError, match="--trials"):
        search(table, 1, seed=0)
