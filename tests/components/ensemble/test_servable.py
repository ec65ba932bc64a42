import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from components.ensemble.calibrate import evidence_of, fit_on_validation
from components.ensemble.export import export_saved_model
from components.ensemble.forecasts import ask_head
from components.ensemble.gating import GateTrainer
from components.ensemble.members import load_members
from components.ensemble.servable import OUTPUTS, build_head, build_servable, load_servable
from components.ensemble.step import EnsembleRequest, fit_ensemble
from components.journal import Journal
from components.preprocess.windows import origins


@pytest.fixture(scope="module")
def gated(basin):
    """Members, and what was fitted on validation with a gating network made to be kept."""
    dataset, series = basin.dataset, basin.series
    parts = (origins(series, part, dataset.window, dataset.horizons) for part in ("validation", "test"))
    members = load_members(basin.members, *parts)
    fitted, _ = fit_on_validation(dataset, series, members, seed=1)
    evidence = evidence_of(dataset, series, members, fitted.signals)
    gate = GateTrainer(evidence, seed=1).train(epochs=5)
    weighting = dataclasses.replace(fitted.weighting, kind="gating", fixed=None, gate=gate)
    return members, dataclasses.replace(fitted, weighting=weighting), evidence


@pytest.fixture(scope="module")
def gated_servable(basin, gated):
    members, fitted, _ = gated
    head = build_head(basin.dataset, members, fitted)
    return head, build_servable(basin.dataset, members, head)


def ask(model, inputs):
    return {name: np.asarray(values) for name, values in model.predict(inputs, verbose=0).items()}


def test_gated_weights_differ_from_window_to_window(basin, gated, gated_servable):
    weights = ask(gated_servable[1], basin.inputs(gated[0].test.origins[:300:10]))["weights"]
    assert weights.std(axis=0).max() > 1e-4
    assert weights.sum(axis=1) == pytest.approx(1.0, abs=1e-5)


def test_the_graph_weighs_as_the_fit_did(basin, gated, gated_servable):
    members, fitted, evidence = gated
    rows = members.validation.origins[:200]
    wanted = fitted.weighting.weights(evidence.signals(np.arange(200)))
    assert ask(gated_servable[1], basin.inputs(rows))["weights"] == pytest.approx(wanted, abs=1e-4)


def test_head_on_stored_forecasts_equals_the_servable(basin, gated, gated_servable):
    members, _, _ = gated
    head, servable = gated_servable
    _, part = next(members.test.pieces(64))
    stored = ask_head(head, basin.dataset, basin.series, part)
    asked = ask(servable, basin.inputs(part.origins))
    for name in OUTPUTS:
        assert stored[name] == pytest.approx(asked[name], abs=1e-5), name


@pytest.mark.parametrize("signature", ["serving_default", "serving_xla"])
def test_gated_servable_is_the_same_as_saved_and_as_exported(basin, gated, gated_servable, tmp_path, signature):
    inputs = basin.inputs(gated[0].test.origins[:20])
    export_saved_model(gated_servable[1], tmp_path)
    wanted = ask(gated_servable[1], inputs)
    again = ask(load_servable(tmp_path / "model.keras"), inputs)
    tensors = {name: tf.constant(values) for name, values in inputs.items()}
    exported = tf.saved_model.load(str(tmp_path)).signatures[signature](**tensors)
    for name in OUTPUTS:
        assert again[name] == pytest.approx(wanted[name], abs=1e-6), name
        assert exported[name].numpy() == pytest.approx(wanted[name], abs=4e-6), name


def test_one_member_with_nothing_known_ahead_is_served_from_the_window_alone(plain_basin, tmp_path):
    request = EnsembleRequest(
        dataset=plain_basin.dataset,
        series=plain_basin.series_folder,
        members=plain_basin.members,
        seed=1,
        revision="",
        candidate=tmp_path / "candidate",
        forecasts=tmp_path / "forecasts.parquet",
    )
    summary = fit_ensemble(request, Journal("", "ensemble"))
    assert summary.members == ("linear",)
    assert summary.weights == (1.0,)
    signature = tf.saved_model.load(str(request.candidate)).signatures["serving_default"]
    assert set(signature.structured_input_signature[1]) == {"window"}
    rows = origins(plain_basin.series, "test", plain_basin.dataset.window, plain_basin.dataset.horizons)[:5]
    answer = signature(window=tf.constant(plain_basin.inputs(rows)["window"]))
    assert answer["forecast"].numpy() == pytest.approx(answer["members"].numpy()[:, 0], abs=1e-6)
    card = json.loads((request.candidate / "model_card.json").read_text())
    assert len(card["spike"]["coefficients"]) == 2
    assert "gating" not in card["ensemble"]["candidates"]
