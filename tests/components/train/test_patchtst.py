from __future__ import annotations

import copy
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from components.preprocess.series import Series
from components.preprocess.windows import origins
from components.train.loop import Trainer
from components.train.members import patchtst
from components.train.network import Start, assemble
from components.train.patches import Patches, gelu
from components.train.precision import Precision, layers_in
from components.train.recipe import Recipe, recipe_of
from components.train.sampling import sampler_of, window_inputs
from components.train.scoring import Scorer
from components.train.task import Task


def test_patches_overlap_and_the_last_row_is_repeated() -> None:
    rows = np.arange(5, dtype=np.float32).reshape(1, 5, 1)
    patches = np.asarray(Patches(rows=4, stride=2)(rows))
    np.testing.assert_array_equal(patches, [[[0, 1, 2, 3], [2, 3, 4, 4]]])


def test_a_patch_holds_all_columns_of_its_rows() -> None:
    window = np.random.default_rng(0).normal(size=(2, 100, 3)).astype(np.float32)
    patches = np.asarray(Patches(rows=16, stride=8)(window))
    # (100 - 16) // 8 + 2, as the paper counts them.
    assert patches.shape == (2, 12, 48)
    np.testing.assert_array_equal(patches[1, 3], window[1, 24:40].ravel())
    np.testing.assert_array_equal(patches[:, -1, -3:], window[:, -1])


@pytest.mark.parametrize("window", [1, 2, 7, 16, 40])
def test_windows_of_any_length_are_read_to_the_last_row(window: int, task: Task) -> None:
    keras.utils.set_random_seed(0)
    body = patchtst.parts(replace(task, window=window)).body
    features = np.random.default_rng(1).normal(size=(2, window, 4)).astype(np.float32)
    answer = np.asarray(body(features))
    for row in (0, -1):
        changed = features.copy()
        changed[:, row, 2] += 1.0
        assert np.abs(np.asarray(body(changed)) - answer).max() > 1e-3
    assert answer.shape[1] % patchtst.UNITS == 0
    assert np.isfinite(answer).all()


def test_layers_are_those_of_the_paper(task: Task, start: Start) -> None:
    model = assemble(task, patchtst.parts(task), start, "windows").serving
    attentions = [layer for layer in model.layers if isinstance(layer, keras.layers.MultiHeadAttention)]
    assert [(layer.num_heads, layer.key_dim) for layer in attentions] == [(16, 8)] * 3
    widths = [layer.units for layer in model.layers if isinstance(layer, keras.layers.Dense)]
    assert widths == [128, *(256, 128) * 3, 3 * len(task.horizons)]
    assert model.get_layer("positions").table.shape == (2, 128)


def test_its_patches_are_of_rows_where_others_read_segments(series: Series, task: Task, start: Start) -> None:
    segmented = replace(task, segment=4)
    networks = assemble(segmented, patchtst.parts(segmented), start, "segments")
    of_rows = assemble(task, patchtst.parts(task), start, "windows").training.get_layer("patch_projection")
    assert networks.training.get_layer("patch_projection").input.shape == of_rows.input.shape
    sampler = sampler_of(series, segmented, start, networks)
    scorer = Scorer(series, segmented, start.ridge)
    trainer = Trainer(networks, segmented, sampler, scorer, recipe_of(segmented.segment), 0)
    trainer.step(1e-3)
    assert np.isfinite(trainer._last_loss)


def test_training_improves_on_the_linear_start(series: Series, task: Task, start: Start) -> None:
    keras.utils.set_random_seed(0)
    networks = assemble(task, patchtst.parts(task), start, "windows")
    sampler, scorer = sampler_of(series, task, start, networks), Scorer(series, task, start.ridge)
    trainer = Trainer(networks, task, sampler, scorer, recipe_of(task.segment), 0)
    before = scorer.score(trainer.asker).choice
    for _ in range(60):
        trainer.step(1e-3)
    assert scorer.score(trainer.asker).choice < before


def test_a_process_that_only_serves_reads_it(series: Series, task: Task, start: Start, tmp_path: Path) -> None:
    model = assemble(task, patchtst.parts(task), start, "windows").serving
    given = window_inputs(series, task, origins(series, "test", task.window, task.horizons)[:3])
    model.save(tmp_path / "model.keras")
    np.savez(tmp_path / "given.npz", window=given["window"], future=given["future"])
    code = (
        "import sys, numpy as np; from pathlib import Path; from components.ensemble.servable import load_servable;"
        "folder = Path(sys.argv[1]); given = dict(np.load(folder / 'given.npz'));"
        "answer = load_servable(folder / 'model.keras').predict_on_batch(given)['forecast'];"
        "np.save(folder / 'answer.npy', answer)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, capture_output=True)
    expected = model.predict_on_batch(given)["forecast"]
    np.testing.assert_allclose(np.load(tmp_path / "answer.npy"), expected, rtol=1e-5, atol=1e-5)


def test_its_activation_is_keras_own() -> None:
    values = np.linspace(-6, 6, 101, dtype=np.float32)
    np.testing.assert_allclose(gelu(values), keras.activations.gelu(values, approximate=False), atol=1e-6)


def test_onnx_has_all_its_operations(series: Series, task: Task, start: Start, tmp_path: Path) -> None:
    tf2onnx, runtime = pytest.importorskip("tf2onnx"), pytest.importorskip("onnxruntime")
    model = assemble(task, patchtst.parts(task), start, "windows").serving
    given = window_inputs(series, task, origins(series, "test", task.window, task.horizons)[:3])
    signature = [
        {name: tf.TensorSpec((None, *array.shape[1:]), tf.float32, name=name) for name, array in given.items()}
    ]
    answer = tf.function(lambda inputs: model(inputs, training=False)["forecast"])
    tf2onnx.convert.from_function(answer, signature, opset=18, output_path=str(tmp_path / "model.onnx"))
    session = runtime.InferenceSession(str(tmp_path / "model.onnx"))
    (theirs,) = session.run(None, given)
    np.testing.assert_allclose(theirs, model.predict_on_batch(given)["forecast"], rtol=1e-4, atol=1e-4)


def test_it_goes_on_from_a_checkpoint_as_if_never_stopped(series: Series, task: Task, start: Start) -> None:
    whole, first, second = (_trainer(series, task, start, "float32") for _ in range(3))
    for _ in range(4):
        whole.step(1e-3)
    for _ in range(2):
        first.step(1e-3)
    second.restore(copy.deepcopy(first.snapshot()))
    for _ in range(2):
        second.step(1e-3)
    for expected, weights in zip(whole.model.get_weights(), second.model.get_weights(), strict=True):
        np.testing.assert_array_equal(weights, expected)


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_it_trains_in_half_precision_with_weights_in_full(
    precision: Precision, series: Series, task: Task, start: Start
) -> None:
    trainer = _trainer(series, task, start, precision)
    for _ in range(3):
        trainer.step(1e-3)
    assert np.isfinite(trainer._last_loss)
    assert trainer.model.get_layer("positions").compute_dtype == precision.removeprefix("mixed_")
    assert {str(variable.dtype) for variable in trainer.model.trainable_variables} == {"float32"}


def _trainer(series: Series, task: Task, start: Start, precision: Precision) -> Trainer:
    keras.utils.set_random_seed(0)
    with layers_in(precision):
        parts = patchtst.parts(task)
    networks = assemble(task, parts, start, "windows")
    recipe = Recipe(windows=8, precision=precision)
    sampler = sampler_of(series, task, start, networks)
    return Trainer(networks, task, sampler, Scorer(series, task, start.ridge), recipe, 0)
