"""A saved Keras model is read from its file as Keras itself has it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from components.errors import InputError
from components.train.architecture_reader import architecture_of
from pipelines.capacity.memory.model_file import read_model


def _branches() -> Any:
    given = layers.Input((40, 6))
    rows = layers.GRU(8, return_sequences=True)(given)
    both = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(rows)
    joined = layers.LayerNormalization()(layers.Add()([both, layers.MultiHeadAttention(2, 3, dropout=0.1)(both, both)]))
    joined = layers.BatchNormalization()(layers.Dropout(0.2)(joined * 2.0))
    joined = layers.TimeDistributed(layers.Dense(5, activation="relu"))(joined)
    pooled = layers.MaxPooling1D(2)(layers.Conv1D(7, 3, padding="causal", activation="gelu")(joined))
    one = layers.Dense(3, activation="tanh")(layers.GlobalAveragePooling1D()(pooled))
    return keras.Model(given, [one, layers.Dense(2)(layers.Flatten()(pooled))])


def _shared() -> Any:
    inside = keras.Sequential([layers.Input((10, 4)), layers.LSTM(6), layers.Dense(4)])
    first, second = layers.Input((10, 4), name="a"), layers.Input((10, 4), name="b")
    answer = layers.Dense(1)(layers.Concatenate()([inside(first), inside(second)]))
    return keras.Model({"a": first, "b": second}, {"answer": answer})


def _pictures() -> Any:
    convolution = layers.Conv2D(8, 3, strides=2, activation="relu")
    convolution.trainable = False
    chain = [layers.Input((28, 28, 1)), convolution, layers.MaxPooling2D(2), layers.Dropout(0.5), layers.Flatten()]
    return keras.Sequential([*chain, layers.Dense(10, activation="softmax")])


def _steps() -> Any:
    chain = [layers.Input((30, 3)), layers.LSTM(5), layers.RepeatVector(4), layers.Bidirectional(layers.GRU(3))]
    return keras.Sequential([*chain, layers.Reshape((3, -1)), layers.SimpleRNN(2, return_sequences=True)])


def saved(model: Any, folder: Path) -> Path:
    path = folder / "own.keras"
    model.save(path)
    return path


@pytest.mark.parametrize("build", [_branches, _shared, _pictures, _steps])
def test_a_file_says_what_keras_itself_says(build: Callable[[], Any], tmp_path: Path) -> None:
    model = build()
    found, real = read_model(saved(model, tmp_path), "own"), architecture_of(model, "own")
    assert found.uncounted == ()
    assert (found.architecture.input_values, found.architecture.output_values) == (
        real.input_values,
        real.output_values,
    )
    assert Counter(found.architecture.layers) == Counter(real.layers)


def test_a_layer_without_a_closed_form_is_named(tmp_path: Path) -> None:
    given = layers.Input((8, 4))
    mixed = layers.EinsumDense("abc,cd->abd", output_shape=(8, 6), name="mixed")(given)
    found = read_model(saved(keras.Model(given, layers.Dense(1)(layers.Flatten()(mixed))), tmp_path), "own")
    assert found.uncounted == ("mixed (EinsumDense)",)
    assert found.architecture.parameters == 4 * 6 + 8 * 6 + 1


def test_an_answer_of_unknown_shape_is_refused(tmp_path: Path) -> None:
    given = layers.Input((8, 4))
    path = saved(keras.Model(given, layers.UpSampling1D(2, name="longer")(given)), tmp_path)
    with pytest.raises(InputError, match=r"layer longer \(UpSampling1D\) answers in a shape"):
        read_model(path, "own")


def test_an_open_size_is_refused(tmp_path: Path) -> None:
    path = saved(keras.Sequential([layers.Input((None, 4)), layers.LSTM(3)]), tmp_path)
    with pytest.raises(InputError, match="is open"):
        read_model(path, "own")


def test_what_is_no_saved_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_model(tmp_path / "nowhere.keras", "own")
    (tmp_path / "text.keras").write_text("no model")
    with pytest.raises(InputError, match="is no saved Keras model"):
        read_model(tmp_path / "text.keras", "own")
    with zipfile.ZipFile(tmp_path / "half.keras", "w") as archive:
        archive.writestr("config.json", "{}")
    with pytest.raises(InputError, match="is no saved Keras model"):
        read_model(tmp_path / "half.keras", "own")


def test_reading_needs_neither_keras_nor_tensorflow(tmp_path: Path) -> None:
    path = saved(_pictures(), tmp_path)
    code = "import sys; from pathlib import Path; from pipelines.capacity.memory.model_file import read_model"
    code += f"; read_model(Path({str(path)!r}), 'own'); print({{'keras', 'tensorflow'}} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"
