from __future__ import annotations

import keras
import pytest
from keras import layers

from components.errors import InputError
from components.train.architecture import Layer
from components.train.architecture_reader import architecture_of


def _named(model: keras.Model) -> dict[str, Layer]:
    return {layer.name: layer for layer in architecture_of(model, "own").layers}


def _count(variables: list[keras.Variable]) -> int:
    return sum(int(variable.numpy().size) for variable in variables)


def _sequential() -> keras.Model:
    return keras.Sequential(
        [
            layers.Input((30, 5)),
            layers.Conv1D(16, 5, padding="causal", activation="relu", name="scan"),
            layers.Bidirectional(layers.LSTM(8, return_sequences=True), name="both"),
            layers.GRU(6, name="last"),
            layers.Dropout(0.1, name="drop"),
            layers.Dropout(0.0, name="no_drop"),
            layers.Dense(2, name="answer"),
        ]
    )


def test_layers_of_a_sequential_model_come_in_order_with_their_sizes() -> None:
    model = _sequential()
    own = architecture_of(model, "own")
    assert [layer.kind for layer in own.layers] == ["conv1d", "elementwise", "lstm", "lstm", "gru", "dropout", "dense"]
    scan, relu, forward, backward, last, drop, answer = own.layers
    assert (scan.rows, scan.inputs, scan.outputs, scan.kernel, scan.passes_gradient) == (30, 5, 16, 5, False)
    # What comes after a layer's own weights is on the way back.
    assert relu.passes_gradient
    assert (forward.rows, forward.inputs, forward.outputs, forward.last_row) == (30, 16, 8, False)
    assert forward.parameters == backward.parameters == 4 * 8 * (16 + 8 + 1)
    assert (last.inputs, last.outputs, last.last_row) == (16, 6, True)
    # A random number and an answer for each value.
    assert drop.outputs == 2 * 6
    assert (answer.rows, answer.inputs, answer.outputs) == (1, 6, 2)
    assert (own.input_values, own.output_values) == (150, 2)
    assert own.parameters == _count(model.trainable_variables)


def test_pictures_points_and_pools() -> None:
    model = keras.Sequential(
        [
            layers.Input((8, 6, 3)),
            layers.Conv2D(4, (3, 2), padding="same", name="scan"),
            layers.BatchNormalization(name="norm"),
            layers.MaxPooling2D((2, 3), name="pool"),
            layers.Flatten(),
            layers.Dense(1, name="answer"),
        ]
    )
    own = _named(model)
    assert set(own) == {"scan", "norm", "pool", "answer"}
    assert (own["scan"].kind, own["scan"].rows, own["scan"].kernel) == ("conv2d", 48, 6)
    # Moving means and variances are weights that no gradient moves.
    assert (own["norm"].kind, own["norm"].parameters, own["norm"].frozen) == ("normalization", 8, 8)
    assert (own["pool"].rows, own["pool"].kernel) == (8, 6)
    assert own["answer"].inputs == 8 * 4


def test_attention_to_other_rows_and_its_dropout() -> None:
    queries, others = layers.Input((7, 12)), layers.Input((20, 12))
    answer = layers.MultiHeadAttention(3, 4, dropout=0.2, name="heads")(queries, others)
    model = keras.Model([queries, others], answer)
    own = _named(model)
    heads, dropped = own["heads"], own["heads/dropout"]
    assert (heads.rows, heads.attended, heads.heads, heads.key_size, heads.outputs) == (7, 20, 3, 4, 12)
    assert heads.parameters == _count(model.trainable_variables)
    assert (dropped.rows, dropped.outputs) == (3 * 7, 2 * 20)
    itself = keras.Model(queries, layers.MultiHeadAttention(3, 4, name="heads")(queries, queries))
    assert _named(itself)["heads"].attended == 0


def test_models_within_models_are_opened() -> None:
    inner = keras.Sequential([layers.Input((10, 4)), layers.LSTM(3, name="lstm")], name="inner")
    rows = layers.Input((10, 2))
    wide = layers.TimeDistributed(layers.Dense(4, activation="tanh", name="dense"), name="each")(rows)
    model = keras.Model(rows, layers.Dense(1, name="answer")(inner(wide)))
    own = architecture_of(model, "own")
    assert [layer.name for layer in own.layers] == ["dense", "dense/tanh", "inner/lstm", "answer"]
    assert own.layers[0].rows == 10
    # Something before the inner model is trained, though nothing within it is.
    assert [layer.passes_gradient for layer in own.layers] == [False, True, True, True]
    assert own.parameters == _count(model.trainable_variables)


def test_a_shared_layer_counts_where_this_model_calls_it() -> None:
    shared = layers.Dense(3, name="shared")
    first, second = layers.Input((4,)), layers.Input((4,))
    shared(layers.Input((4,)))
    once = keras.Model(first, shared(first))
    twice = keras.Model([first, second], layers.Add(name="sum")([shared(first), shared(second)]))
    assert len(architecture_of(once, "once").layers) == 1
    own = architecture_of(twice, "twice")
    assert [layer.name for layer in own.layers] == ["shared", "shared", "sum"]
    # It computes twice with one set of weights.
    assert own.parameters == shared.count_params()


def test_frozen_layers_pass_no_gradient_and_are_no_parameters() -> None:
    model = keras.Sequential(
        [
            layers.Input((6,), dtype="int32"),
            layers.Embedding(50, 8, name="table", trainable=False),
            layers.SimpleRNN(5, name="plain"),
            layers.Dense(1, name="answer"),
        ]
    )
    own = _named(model)
    assert (own["table"].kind, own["table"].parameters, own["table"].frozen) == ("other", 0, 400)
    assert (own["plain"].kind, own["plain"].passes_gradient) == ("rnn", False)
    assert architecture_of(model, "own").weights == _count(model.weights)


def test_sums_without_a_layer_are_read_too() -> None:
    rows = layers.Input((5, 3))
    model = keras.Model(rows, keras.ops.tanh(layers.Dense(3, name="dense")(rows)) + rows)
    kinds = [layer.kind for layer in architecture_of(model, "own").layers]
    assert kinds == ["dense", "elementwise", "elementwise"]


def test_windows_of_any_length_are_refused() -> None:
    rows = layers.Input((None, 3))
    model = keras.Model(rows, layers.LSTM(2)(rows))
    with pytest.raises(InputError, match="fixed size"):
        architecture_of(model, "own")


def test_a_model_whose_layers_cannot_be_followed_is_refused() -> None:
    class Own(keras.Model):  # type: ignore[misc]
        def call(self, inputs: object) -> object:
            return inputs

    with pytest.raises(InputError, match="followed"):
        architecture_of(Own(name="own"), "own")
