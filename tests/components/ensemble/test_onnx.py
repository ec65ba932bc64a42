import json

import numpy as np
import pytest

from components.ensemble.export import export_saved_model, write_warmup
from components.errors import InputError

pytest.importorskip("tf2onnx")
ort = pytest.importorskip("onnxruntime")

WINDOW, COLUMNS, HORIZONS = 20, 3, 2
DATASET = """\
name: river
time: time
step: 10min
columns: {level: {unit: m}, rain: {unit: mm}, tide: {unit: m}}
target: level
window: 20
horizons: [1, 3]
"""


def recurrent_model():
    """Every kind of recurrent layer that the members have, and the six outputs."""
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(3)
    window = keras.Input((WINDOW, COLUMNS), name="window")
    scanned = layers.Conv1D(8, 3, padding="causal", activation="relu")(window)
    lstm = layers.LSTM(5)(layers.LSTM(6, return_sequences=True)(scanned))
    gru = layers.GRU(4, reset_after=True)(window)
    early = layers.GRU(4, reset_after=False, bias_initializer="random_normal")(window)
    both = layers.Bidirectional(layers.LSTM(3))(
        layers.add([scanned, layers.MultiHeadAttention(2, 4)(scanned, scanned)])
    )
    points = [layers.Dense(HORIZONS)(hidden) for hidden in (lstm, gru, early, both)]
    members = ops.stack(points, axis=1)
    weights = ops.softmax(layers.Reshape((4, HORIZONS))(layers.Dense(4 * HORIZONS)(lstm)), axis=1)
    forecast = ops.sum(members * weights, axis=1)
    spike = layers.Reshape(())(layers.Dense(1, "sigmoid")(both))
    values = (forecast, forecast - 0.5, forecast + 0.5, members, weights, spike)
    names = ("forecast", "lower", "upper", "members", "weights", "spike_probability")
    model = keras.Model({"window": window}, dict(zip(names, values, strict=True)))
    for layer in model._flatten_layers():
        if isinstance(layer, layers.LSTM | layers.GRU):
            layer.cell.bias.assign(np.random.default_rng(1).normal(size=layer.cell.bias.shape))
    return model


@pytest.fixture(scope="module")
def model():
    return recurrent_model()


@pytest.fixture(scope="module")
def version(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("version")
    export_saved_model(model, folder)
    windows = np.random.default_rng(0).normal(size=(8, WINDOW, COLUMNS)).astype(np.float32)
    write_warmup(folder, "river", {"window": windows})
    (folder / "dataset.yaml").write_text(DATASET)
    (folder / "model_card.json").write_text(json.dumps({"name": "river"}))
    return folder


@pytest.mark.parametrize("batch", [1, 2, 7, 33])
def test_onnx_answers_as_keras_does_for_any_batch(model, version, tmp_path, batch):
    from components.ensemble.onnx_file import export_onnx

    assert export_onnx(version, tmp_path / "deep" / "river.onnx") <= 1e-4
    session = ort.InferenceSession(str(tmp_path / "deep" / "river.onnx"))
    assert [value.name for value in session.get_inputs()] == ["window"]
    window = np.random.default_rng(batch).normal(size=(batch, WINDOW, COLUMNS)).astype(np.float32)
    expected = model({"window": window}, training=False)
    names = [value.name for value in session.get_outputs()]
    assert set(names) == set(expected)
    for name, value in zip(names, session.run(names, {"window": window}), strict=True):
        np.testing.assert_allclose(value, np.asarray(expected[name]), atol=1e-5, err_msg=name)


def test_a_version_that_answers_otherwise_leaves_no_file(model, version, tmp_path):
    import shutil

    from components.ensemble.onnx_file import export_onnx

    changed = shutil.copytree(version, tmp_path / "changed")
    before = model.get_weights()
    model.set_weights([value * 1.01 for value in before])
    model.save(changed / "model.keras")
    model.set_weights(before)
    with pytest.raises(InputError, match="the answers in ONNX differ by"):
        export_onnx(changed, tmp_path / "out" / "river.onnx")
    assert not (tmp_path / "out").exists()


def test_a_layer_without_a_form_in_onnx_is_told(tmp_path):
    import keras

    from components.ensemble.onnx import to_onnx

    window = keras.Input((WINDOW, COLUMNS), name="window")
    odd = keras.Model({"window": window}, {"forecast": keras.layers.LSTM(2, activation="relu", name="odd")(window)})
    with pytest.raises(InputError, match="odd: this recurrent layer has no form in ONNX"):
        to_onnx(odd)


def test_the_model_is_as_before_after_it_was_traced(model):
    from components.ensemble.onnx import to_onnx

    window = {"window": np.random.default_rng(0).normal(size=(3, WINDOW, COLUMNS)).astype(np.float32)}
    before = np.asarray(model(window)["members"])
    to_onnx(model)
    np.testing.assert_array_equal(np.asarray(model(window)["members"]), before)
