from __future__ import annotations

import subprocess
import sys
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.train.architecture import Architecture, Kind, Layer
from pipelines.capacity.duration.operations import CELLS, Work, inference_work, layer_works, training_work

# What a graph holds beside what it computes.
NOT_COUNTED = ("Const", "Identity", "NoOp", "Placeholder")
KERAS_CELLS = {"lstm": "LSTM", "gru": "GRU", "rnn": "SimpleRNN"}


def layers() -> st.SearchStrategy[Layer]:
    sizes = st.integers(1, 64)
    kinds = st.sampled_from(["lstm", "gru", "rnn", "dense", "conv1d", "attention", "normalization", "elementwise"])
    return st.builds(
        lambda kind, rows, inputs, outputs, heads: Layer(
            "layer", kind, rows, inputs, outputs, parameters=inputs * outputs, heads=heads, key_size=8
        ),
        kinds,
        sizes,
        sizes,
        sizes,
        sizes,
    )


def test_the_stated_lstm_multiplies_each_weight_once_a_row(recurrent: Architecture) -> None:
    # Gates x (inputs + units) x units of requirements.md section 4, without the biases, and the dense layer's 64.
    weights = 4 * (128 * (12 + 128) + 128 * (128 + 128) + 64 * (128 + 64))
    assert inference_work(recurrent).multiply_adds == 100 * weights + 64


def test_attention_multiplies_projections_and_scores(attentive: Architecture) -> None:
    attention, _ = layer_works(attentive)
    projections, scores = 4 * 50 * 32 * 32, 2 * 50 * 50 * 32
    assert attention.forward.multiply_adds == projections + scores
    assert attention.backward.multiply_adds == 2 * (projections + scores)
    assert attention.forward.serial_rows == 0


def test_a_convolution_meets_each_row_with_its_whole_kernel() -> None:
    layer = Layer("conv", "conv1d", 100, 12, 64, parameters=12 * 64 * 5 + 64, kernel=5)
    (work,) = layer_works(Architecture("one", 1200, 6400, (layer,)))
    assert work.forward.multiply_adds == 100 * 12 * 64 * 5


@pytest.mark.parametrize(("kind", "gates"), [("lstm", 4), ("gru", 3), ("rnn", 1)])
def test_a_recurrent_layer_is_as_many_serial_rows_as_it_reads(kind: Kind, gates: int) -> None:
    (work,) = layer_works(Architecture("one", 0, 0, (Layer("cell", kind, 30, 8, 16),)))
    assert work.forward.serial_rows == work.backward.serial_rows == 30
    assert work.forward.multiply_adds == 30 * gates * 16 * (8 + 16)


def test_no_gradient_goes_on_before_the_first_trained_layer() -> None:
    layer = Layer("dense", "dense", 10, 8, 16, parameters=144)
    first = Layer("dense", "dense", 10, 8, 16, parameters=144, passes_gradient=False)
    scaled = Layer("scale", "elementwise", 10, 8, 8, passes_gradient=False)
    inner, outer, before = layer_works(Architecture("three", 80, 160, (layer, first, scaled)))
    assert outer.backward.multiply_adds == inner.backward.multiply_adds // 2 == outer.forward.multiply_adds
    assert before.backward == Work()


@given(st.lists(layers(), min_size=1, max_size=5), st.integers(1, 500))
def test_a_step_is_the_sum_of_its_layers_and_the_update(given_layers: list[Layer], batch: int) -> None:
    architecture = Architecture("any", 10, 1, tuple(given_layers))
    step, works = training_work(architecture), layer_works(architecture)
    assert step.backward.multiply_adds == sum(work.backward.multiply_adds for work in works)
    assert step.forward == inference_work(architecture)
    assert step.total == step.forward + step.backward + step.update
    assert all(amount >= 0 for amount in astuple(step.total))
    assert step.total.floating_point_operations(batch) == batch * step.total.floating_point_operations(1)
    assert step.total.bytes_moved(batch, fused=True) <= step.total.bytes_moved(batch, fused=False)


@pytest.mark.parametrize("kind", sorted(CELLS))
def test_cells_dispatch_what_the_graph_of_their_keras_layer_holds(kind: Kind) -> None:
    forward, back = _loop_nodes(KERAS_CELLS[kind])
    assert (CELLS[kind].operations_forward, CELLS[kind].operations_back) == (forward, back)


def test_the_model_of_time_is_imported_without_tensorflow() -> None:
    names = ("operations", "rates", "calibration", "calibrate", "cards", "predict", "history")
    imports = "; ".join(f"import pipelines.capacity.duration.{name}" for name in names)
    command = f"{imports}; import sys; print('tensorflow' in sys.modules or 'keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def _loop_nodes(layer: str) -> tuple[int, int]:
    """Nodes in the loop of a Keras layer and in that of its gradient."""
    import keras
    import tensorflow as tf

    inputs = keras.Input((10, 16))
    model = keras.Model(inputs, getattr(keras.layers, layer)(8, return_sequences=True)(inputs))

    def gradients(window: Any) -> Any:
        weights = [variable.value for variable in model.trainable_variables]
        with tf.GradientTape() as tape:
            answer = tf.reduce_sum(model(window, training=True))
        return tape.gradient(answer, weights)

    graph = tf.function(gradients).get_concrete_function(tf.TensorSpec((4, 10, 16))).graph
    bodies = {
        operation.name: graph._get_function(operation.get_attr("body").name).graph.get_operations()
        for operation in graph.get_operations()
        if "While" in operation.type
    }
    nodes = {name: sum(node.type not in NOT_COUNTED for node in body) for name, body in bodies.items()}
    back = next(name for name in nodes if "grad" in name)
    return next(count for name, count in nodes.items() if name != back), nodes[back]
