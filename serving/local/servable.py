"""One version of a model in memory: a SavedModel, its signature, and the call that answers."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from components.errors import InputError
from serving.server.arrays import Arrays
from serving.server.signature import OUTPUTS, SIGNATURE_NAME, Signature, TensorSpec

XLA_SIGNATURE_NAME = "serving_xla"
WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
_TIMED_CALLS = 9
# A tenth of what answers may differ by (1e-5 of the target's spread) and four float32 ulps.
_XLA_TOLERANCE = 1e-6
_XLA_ULPS = 4

Call = Callable[..., Mapping[str, Any]]


@dataclass(frozen=True)
class Servable:
    """A loaded version, ready to answer.

    Attributes:
        name: the model's name.
        version: its version in the store.
        folder: where it was loaded from.
        signature: what it takes and gives.
        loaded: the SavedModel, kept alive as long as the calls are.
        call: the plain signature.
        call_one: what answers a single window: the same, or the compiled signature where that is faster.
    """

    name: str
    version: int
    folder: Path
    signature: Signature
    loaded: Any
    call: Call
    call_one: Call

    def answer(self, inputs: Mapping[str, NDArray[np.float32]]) -> Arrays:
        """The outputs [batch, ...] by name, for checked inputs [batch, ...] by name."""
        batch = len(next(iter(inputs.values())))
        call = self.call_one if batch == 1 else self.call
        outputs = call(**{name: tf.constant(array) for name, array in inputs.items()})
        return {name: outputs[name].numpy() for name in self.signature.output_names()}


def load_servable(name: str, version: int, folder: Path) -> Servable:
    """Loads a version.

    Raises:
        InputError: it is no SavedModel, or not one of ours.
    """
    try:
        loaded = tf.saved_model.load(str(folder))
    except (OSError, ValueError, tf.errors.OpError) as error:
        raise _broken(folder, f"can't be loaded as a SavedModel: {str(error).splitlines()[0]}") from error
    if SIGNATURE_NAME not in loaded.signatures:
        raise _broken(folder, f"has no signature {SIGNATURE_NAME}")
    call = loaded.signatures[SIGNATURE_NAME]
    return Servable(name, version, folder, _signature(call, folder), loaded, call, call)


def warm_up(servable: Servable) -> None:
    """Asks one window of zeros, then the version's own warm-up requests, so that no caller waits for first calls.

    Raises:
        tensorflow.errors.OpError: the graph can't be run.
    """
    for inputs in (blank_inputs(servable.signature), *warmup_inputs(servable)):
        servable.answer(inputs)


def with_faster_single(servable: Servable) -> Servable:
    """The servable with its compiled signature for single windows, where that is there, equal and measured faster.

    Compiling takes seconds, so this is done on a servable that answers already.
    """
    if XLA_SIGNATURE_NAME not in servable.loaded.signatures:
        return servable
    compiled = replace(servable, call_one=servable.loaded.signatures[XLA_SIGNATURE_NAME])
    probes = [_first_window(inputs) for inputs in warmup_inputs(servable)] or [blank_inputs(servable.signature)]
    try:
        equal = all(_equal(servable, compiled, probe) for probe in probes)
    except tf.errors.OpError:
        return servable
    faster = equal and _median_seconds(compiled, probes[0]) < _median_seconds(servable, probes[0])
    return compiled if faster else servable


def blank_inputs(signature: Signature) -> Arrays:
    """One window of zeros."""
    return {spec.name: np.zeros((1, *spec.shape), np.float32) for spec in signature.inputs}


def warmup_inputs(servable: Servable) -> list[Arrays]:
    """Inputs of the version's warm-up requests that ask the plain signature; none where it has no such file."""
    path = servable.folder / WARMUP_FILE
    if not path.is_file():
        return []
    from tensorflow_serving.apis import prediction_log_pb2

    records = (bytes(record.numpy()) for record in tf.data.TFRecordDataset(str(path)))
    requests = [prediction_log_pb2.PredictionLog.FromString(record).predict_log.request for record in records]
    return [
        {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
        for request in requests
        if request.model_spec.signature_name in ("", SIGNATURE_NAME)
    ]


def _signature(call: Any, folder: Path) -> Signature:
    taken = {name: _spec(name, spec) for name, spec in call.structured_input_signature[1].items()}
    given = {name: _spec(name, spec) for name, spec in call.structured_outputs.items()}
    lacking = [name for name in OUTPUTS if name not in given] + ([] if "window" in taken else ["window"])
    if lacking:
        raise _broken(folder, f"lacks {', '.join(lacking)} in its signature {SIGNATURE_NAME}")
    inputs = sorted(taken.values(), key=lambda spec: spec.name != "window")
    return Signature(tuple(inputs), tuple(given[name] for name in OUTPUTS))


def _spec(name: str, spec: Any) -> TensorSpec:
    return TensorSpec(name, tuple(-1 if size is None else int(size) for size in spec.shape[1:]))


def _first_window(inputs: Arrays) -> Arrays:
    return {name: np.ascontiguousarray(array[:1]) for name, array in inputs.items()}


def _equal(plain: Servable, compiled: Servable, inputs: Arrays) -> bool:
    expected, got = plain.answer(inputs), compiled.answer(inputs)
    spread = float(np.std(expected["members"])) + float(np.ptp(expected["forecast"]))
    return all(
        np.all(np.abs(got[name] - value) <= _XLA_TOLERANCE * spread + _XLA_ULPS * np.spacing(np.abs(value)))
        for name, value in expected.items()
    )


def _median_seconds(servable: Servable, inputs: Arrays) -> float:
    seconds = []
    for _ in range(_TIMED_CALLS):
        start = time.perf_counter()
        servable.answer(inputs)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def _broken(folder: Path, problem: str) -> InputError:
    return InputError(str(folder), problem, "publish it again with `sluice run`, or promote another version")
