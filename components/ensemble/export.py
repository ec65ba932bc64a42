"""Writes the servable as TF Serving and Keras load it: a SavedModel, warm-up requests, model.keras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

from components.ensemble.servable import OUTPUTS

SIGNATURES = ("serving_default", "serving_xla")
KERAS_FILE = "model.keras"
WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
WARMUP_BATCHES = (1, 2, 8)


class _Signatures(tf.Module):  # type: ignore[misc]
    """Holds what a SavedModel must track: the functions, and every variable that they read."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        # Keras 3 variables are no tf.Variables, so tf.Module would save none of them.
        self.tracked = [variable.value for variable in model.variables]
        specs = {
            name: tf.TensorSpec((None, *tensor.shape[1:]), tf.float32, name=name)
            for name, tensor in model.input.items()
        }

        def answer(**inputs: Any) -> dict[str, Any]:
            outputs = model(inputs, training=False)
            return {name: outputs[name] for name in OUTPUTS}

        compiled = tf.function(answer, jit_compile=True)
        self.serve = tf.function(answer).get_concrete_function(**specs)
        self.serve_xla = tf.function(lambda **inputs: compiled(**inputs)).get_concrete_function(**specs)


def export_saved_model(model: Any, folder: Path) -> None:
    """Writes `model.keras` and a SavedModel with `serving_default` (plain graph) and `serving_xla` (compiled)."""
    module = _Signatures(model)
    signatures = dict(zip(SIGNATURES, (module.serve, module.serve_xla), strict=True))
    tf.saved_model.save(module, str(folder), signatures=signatures)
    model.save(folder / KERAS_FILE)


def write_warmup(folder: Path, name: str, inputs: Mapping[str, NDArray[np.float32]]) -> None:
    """Writes the requests that TF Serving asks before it calls a version ready.

    They ask `serving_default` only: a server without XLA fails to load a version whose warm-up asks for it.

    Args:
        folder: the version's folder.
        name: the model's name.
        inputs: real inputs [n, ...] by name, repeated where a batch is larger than n.
    """
    path = folder / WARMUP_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for size in WARMUP_BATCHES:
            batch = {key: np.resize(values, (size, *values.shape[1:])) for key, values in inputs.items()}
            writer.write(_prediction_log(name, batch).SerializeToString())


def read_warmup(folder: Path) -> Sequence[predict_pb2.PredictRequest]:
    """The requests of a version's warm-up file."""
    records = tf.data.TFRecordDataset(str(folder / WARMUP_FILE))
    logs = (prediction_log_pb2.PredictionLog.FromString(record.numpy()) for record in records)
    return [log.predict_log.request for log in logs]


def _prediction_log(name: str, inputs: Mapping[str, NDArray[np.float32]]) -> prediction_log_pb2.PredictionLog:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = name
    request.model_spec.signature_name = SIGNATURES[0]
    for key, values in inputs.items():
        request.inputs[key].CopyFrom(tf.make_tensor_proto(values))
    return prediction_log_pb2.PredictionLog(predict_log=prediction_log_pb2.PredictLog(request=request))
