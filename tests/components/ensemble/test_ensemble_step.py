import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from components.dataset.load import dump_dataset
from components.dataset.schema import Query
from components.ensemble.calibrate import bands_of_test, fit_on_validation, mixed_members
from components.ensemble.card import published
from components.ensemble.conformal import Band
from components.ensemble.export import read_warmup
from components.ensemble.members import load_members
from components.ensemble.servable import OUTPUTS, load_servable
from components.ensemble.step import EnsembleRequest, fit_ensemble
from components.journal import Journal, read_events
from components.preprocess.windows import gather_targets, origins


@pytest.fixture(scope="module")
def fitted(basin, tmp_path_factory):
    """The step's request, done, its summary, and the folder of its journal."""
    folder = tmp_path_factory.mktemp("candidate")
    request = EnsembleRequest(
        dataset=basin.dataset,
        series=basin.series_folder,
        members=basin.members,
        seed=1,
        revision="abc",
        candidate=folder / "candidate",
        forecasts=folder / "forecasts.parquet",
    )
    summary = fit_ensemble(request, Journal(str(folder / "work"), "ensemble"))
    return request, summary, folder / "work"


@pytest.fixture(scope="module")
def rows(basin):
    return origins(basin.series, "test", basin.dataset.window, basin.dataset.horizons)[:300:7]


@pytest.fixture(scope="module")
def keras_answer(fitted, basin, rows):
    servable = load_servable(fitted[0].candidate / "model.keras")
    answer = servable.predict(basin.inputs(rows), batch_size=16, verbose=0)
    return {name: np.asarray(values) for name, values in answer.items()}


@pytest.fixture(scope="module")
def forecasts(fitted):
    return pd.read_parquet(fitted[0].forecasts)


def assert_equal_answers(basin, answer, wanted):
    """Equal to 1e-5 of the target's training standard deviation plus 4 ulps, as contracts.md says."""
    assert set(answer) == set(OUTPUTS)
    for name in OUTPUTS:
        allowed = 1e-5 * basin.series.scaler.scale[0] + 4 * np.spacing(np.abs(wanted[name]).astype(np.float32))
        assert answer[name].shape == wanted[name].shape, name
        assert (np.abs(answer[name] - wanted[name]) <= allowed).all(), name


def ask_in_session(folder, signature, inputs):
    with tf.compat.v1.Session(graph=tf.Graph()) as session:
        graph = tf.compat.v1.saved_model.load(session, ["serve"], str(folder))
        definition = graph.signature_def[signature]
        feed = {definition.inputs[name].name: values for name, values in inputs.items()}
        return session.run({name: info.name for name, info in definition.outputs.items()}, feed)


@pytest.mark.parametrize("signature", ["serving_default", "serving_xla"])
def test_session_loader_answers_as_keras_does(fitted, basin, rows, keras_answer, signature):
    answer = ask_in_session(fitted[0].candidate, signature, basin.inputs(rows))
    assert_equal_answers(basin, answer, keras_answer)


def test_an_answer_does_not_depend_on_the_batch_it_came_in(fitted, basin, rows, keras_answer):
    loaded = tf.saved_model.load(str(fitted[0].candidate))
    for size in (1, 5):
        inputs = {name: tf.constant(values[:size]) for name, values in basin.inputs(rows).items()}
        answer = {name: value.numpy() for name, value in loaded.signatures["serving_default"](**inputs).items()}
        assert_equal_answers(basin, answer, {name: values[:size] for name, values in keras_answer.items()})


def test_shapes_and_weights_are_as_the_contract_says(basin, rows, keras_answer):
    count, members, horizons = len(rows), len(basin.members), len(basin.dataset.horizons)
    assert keras_answer["forecast"].shape == (count, horizons)
    assert keras_answer["members"].shape == (count, members, horizons)
    assert keras_answer["spike_probability"].shape == (count,)
    assert keras_answer["weights"].sum(axis=1) == pytest.approx(1.0, abs=1e-5)
    assert (keras_answer["weights"] >= 0).all()
    assert (keras_answer["lower"] <= keras_answer["forecast"]).all()
    assert (keras_answer["forecast"] <= keras_answer["upper"]).all()
    assert ((keras_answer["spike_probability"] >= 0) & (keras_answer["spike_probability"] <= 1)).all()


def test_forecast_is_the_weighted_sum_until_a_rule_or_a_limit_acts(fitted, basin, rows, keras_answer):
    mixed = (keras_answer["members"] * keras_answer["weights"]).sum(axis=1)
    window = basin.inputs(rows)["window"]
    held = ((window[:, -2:, 1] > 20) & (window[:, -2:, 0] > 2)).all(axis=1)
    assert keras_answer["forecast"][~held] == pytest.approx(np.clip(mixed[~held], 0, 6), abs=1e-5)


def test_a_rule_raises_the_forecast_and_its_band(fitted, basin, rows):
    servable = load_servable(fitted[0].candidate / "model.keras")
    inputs = {name: values[:1].copy() for name, values in basin.inputs(rows).items()}
    inputs["window"][:, -2:, 0] = 2.01
    inputs["window"][:, -2:, 1] = 20.5
    with_rule = {name: np.asarray(values) for name, values in servable(inputs).items()}
    assert (with_rule["forecast"] >= 2.1 - 1e-6).all()
    assert (with_rule["lower"] >= 2.1 - 1e-6).all()
    inputs["window"][:, -2, 1] = 19.5  # held at the last reading only, not for two
    without = {name: np.asarray(values) for name, values in servable(inputs).items()}
    mixed = (without["members"] * without["weights"]).sum(axis=1)
    assert without["forecast"] == pytest.approx(np.clip(mixed, 0, 6), abs=1e-5)


def test_limits_bound_an_absurd_window(fitted, basin, rows):
    servable = load_servable(fitted[0].candidate / "model.keras")
    inputs = {name: values[:1].copy() for name, values in basin.inputs(rows).items()}
    inputs["window"][..., 0] = 50.0
    answer = {name: np.asarray(values) for name, values in servable(inputs).items()}
    assert answer["members"].max() > 6.0
    assert (answer["forecast"] <= 6.0).all()
    assert (answer["upper"] <= 6.0).all()
    assert (answer["lower"] >= 0.0).all()


def test_warmup_requests_run_through_the_loaded_model(fitted, basin):
    folder = fitted[0].candidate
    requests = read_warmup(folder)
    sizes = []
    for request in requests:
        assert request.model_spec.name == basin.dataset.name
        assert request.model_spec.signature_name == "serving_default"
        inputs = {name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
        answer = ask_in_session(folder, request.model_spec.signature_name, inputs)
        assert np.isfinite(answer["forecast"]).all()
        sizes.append(len(answer["forecast"]))
    assert sizes[0] == 1
    assert max(sizes) > 1


def test_saved_model_cli_runs_the_servable(fitted, basin, rows, keras_answer, tmp_path):
    inputs = basin.inputs(rows[:2])
    pairs = []
    for name, values in inputs.items():
        np.save(tmp_path / f"{name}.npy", values)
        pairs.append(f"{name}={tmp_path / name}.npy")
    cli = f"{sys.prefix}/bin/saved_model_cli"
    options = ["--tag_set", "serve", "--signature_def", "serving_default", "--inputs", ";".join(pairs)]
    command = [cli, "run", "--dir", str(fitted[0].candidate), *options, "--outdir", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    answer = {name: np.load(tmp_path / f"{name}.npy") for name in OUTPUTS}
    assert_equal_answers(basin, answer, {name: values[:2] for name, values in keras_answer.items()})


def test_forecasts_file_holds_what_the_servable_answers(fitted, basin, rows, keras_answer, forecasts):
    names = json.loads((fitted[0].candidate / "model_card.json").read_text())["members"]
    by_key = forecasts.set_index(["origin", "horizon"])
    compared = 0
    for position, row in enumerate(rows):
        for column, horizon in enumerate(basin.dataset.horizons):
            key = (pd.Timestamp(basin.series.stamps[row], tz="UTC"), horizon)
            if key not in by_key.index:
                continue
            stored = by_key.loc[key]
            assert stored["forecast"] == pytest.approx(keras_answer["forecast"][position, column], abs=2e-6)
            for member, name in enumerate(names):
                assert stored[f"member_{name}"] == pytest.approx(
                    keras_answer["members"][position, member, column], abs=2e-6
                )
                assert stored[f"weight_{name}"] == pytest.approx(
                    keras_answer["weights"][position, member, column], abs=2e-5
                )
            assert stored["spike_probability"] == pytest.approx(keras_answer["spike_probability"][position], abs=2e-5)
            compared += 1
    assert compared > 100


def test_forecasts_file_has_one_row_per_origin_and_horizon_with_a_known_actual(basin, forecasts):
    every = origins(basin.series, "test", basin.dataset.window, basin.dataset.horizons)
    actual = gather_targets(basin.series, every, basin.dataset.horizons)
    assert 0 < np.isnan(actual).sum() < actual.size
    assert len(forecasts) == np.isfinite(actual).sum()
    assert not forecasts.duplicated(["series", "origin", "horizon"]).any()
    assert not forecasts.isna().any().any()
    assert str(forecasts["origin"].dtype) == "datetime64[ns, UTC]"
    assert set(forecasts["series"]) == {"basin"}
    first = forecasts.iloc[0]
    row = int(np.flatnonzero(basin.series.stamps == first["origin"].to_datetime64())[0])
    assert first["actual"] == basin.series.values[row + first["horizon"], 0]
    assert first["baseline_persistence"] == basin.series.values[row, 0]


def test_ensemble_is_at_least_as_good_as_every_member(basin, forecasts):
    errors = {
        name: np.sqrt(((forecasts[name] - forecasts["actual"]) ** 2).mean())
        for name in forecasts.columns
        if name.startswith("member_") or name in ("forecast", "baseline_persistence")
    }
    best = min(value for name, value in errors.items() if name.startswith("member_"))
    assert errors["forecast"] <= best * 1.01
    assert errors["forecast"] < errors["baseline_persistence"]


def test_band_covers_about_what_it_promises_on_the_test_part(basin, forecasts):
    inside = (forecasts["actual"] >= forecasts["lower"]) & (forecasts["actual"] <= forecasts["upper"])
    assert inside.mean() == pytest.approx(basin.dataset.band, abs=0.02)
    assert (forecasts["static_lower"] <= forecasts["forecast"]).all()
    assert (forecasts["forecast"] <= forecasts["static_upper"]).all()


def test_the_servable_carries_the_widths_after_every_truth(fitted, basin, keras_answer):
    card = json.loads((fitted[0].candidate / "model_card.json").read_text())
    calibration = card["calibration"]
    assert calibration["factors"] != calibration["factors_of_validation"]
    dataset, series = basin.dataset, basin.series
    parts = (origins(series, part, dataset.window, dataset.horizons) for part in ("validation", "test"))
    members = load_members(basin.members, *parts)
    on_validation, fit = fit_on_validation(dataset, series, members, seed=1)
    bands = bands_of_test(dataset, series, members, on_validation, fit)
    assert bands.last.factors == pytest.approx(calibration["factors"], abs=1e-5)
    assert fit.widths.factors == pytest.approx(calibration["factors_of_validation"], abs=1e-5)
    with_last = fitted_band(bands.last, members, on_validation)
    chosen = slice(0, 300, 7)
    free = (keras_answer["lower"] > 0) & (keras_answer["upper"] < 6) & no_rule(keras_answer)
    assert free.mean() > 0.5
    for name in ("lower", "upper"):
        assert keras_answer[name][free] == pytest.approx(getattr(with_last, name)[chosen][free], abs=1e-4)


def fitted_band(widths, members, fitted):
    mixed = mixed_members(members.test, np.broadcast_to(fitted.weighting.fixed, members.test.points().shape))
    return Band(mixed[..., 1], mixed[..., 2]).widened(widths)


def no_rule(answer):
    """Where the forecast is the weighted sum, no rule has acted."""
    return np.isclose((answer["members"] * answer["weights"]).sum(axis=1), answer["forecast"], atol=1e-5)


def test_every_kind_of_weights_stands_beside_the_kept_one(fitted, forecasts):
    kinds = set(json.loads((fitted[0].candidate / "model_card.json").read_text())["ensemble"]["candidates"])
    assert {f"combined_{kind}" for kind in kinds} == {name for name in forecasts if name.startswith("combined_")}
    members = forecasts[[name for name in forecasts if name.startswith("member_")]]
    assert forecasts["combined_mean"].to_numpy() == pytest.approx(members.mean(axis=1).clip(0, 6).to_numpy(), abs=1e-5)
    kept = forecasts[f"combined_{fitted[1].kind}"]
    assert (np.isclose(kept, forecasts["forecast"], atol=1e-5)).mean() > 0.9


def test_card_says_what_was_kept_and_by_how_much(fitted, basin):
    request, summary, _ = fitted
    card = json.loads((request.candidate / "model_card.json").read_text())
    assert card["name"] == "basin"
    assert card["code_version"] == "abc"
    assert card["data_digest"] == basin.series.digest
    assert card["members"] == ["linear", "residual_gru", "spike_detector"]
    assert card["series"] == []
    assert card["horizons"] == list(basin.dataset.horizons)
    assert card["inputs"] == ["level", "rain", "tide", "hour_of_day"]
    assert card["ensemble"]["kind"] == summary.kind
    assert set(card["ensemble"]["candidates"]) == {"inverse", "mean", "equal", "caruana", "single", "gating"}
    assert np.sum(card["ensemble"]["weights"], axis=0) == pytest.approx(1.0, abs=1e-5)
    assert card["calibration"]["nominal"] == basin.dataset.band
    assert card["calibration"]["coverage"] == pytest.approx([basin.dataset.band] * 3, abs=0.01)
    assert card["calibration"]["coverage_uncalibrated"] != card["calibration"]["coverage"]
    assert card["spike"]["method"] == "logistic"
    assert card["parameters"] == summary.parameters > 0
    assert len(card["members_detail"]) == 3


def test_candidate_is_a_version_folder(fitted, basin):
    folder = fitted[0].candidate
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    wanted = {"saved_model.pb", "model.keras", "dataset.yaml", "model_card.json"}
    assert wanted | {"assets.extra/tf_serving_warmup_requests"} <= names
    from components.dataset.load import parse_dataset

    assert parse_dataset((folder / "dataset.yaml").read_text(), "dataset.yaml") == basin.dataset


def test_journal_shows_progress(fitted):
    events, _ = read_events(str(fitted[2]))
    done = [event["done"] for event in events if event["event"] == "progress"]
    assert done == sorted(done)
    assert done[-1] == 3


def test_what_is_published_says_nothing_of_the_readings_source(basin):
    query = Query(url="postgresql://user:secret@host/db", query="select 1")
    assert "secret" not in dump_dataset(published(basin.dataset.model_copy(update={"source": query})))
