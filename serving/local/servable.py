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
from serving.local.saved_graph import GraphCall, load_graph
from serving.server.arrays import Arrays
from serving.server.signature import OUTPUTS, SIGNATURE_NAME, Signature, TensorSpec

XLA_SIGNATURE_NAME = "serving_xla"
WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
# Batches for which a compiled call is tried, in the order in which that pays; a smaller one is padded to the next.
# Each costs 2 to 4 s of compiling. Past 16 a window costs no less time, and a caller waits longer behind a batch.
COMPILED_SIZES = (1, 16, 4)
_TIMED_CALLS = 5
# The plain signature takes no less time a window past this.
_PLAIN_PIECE = 256
# Pieces smaller than this take the compiled signature longer than large ones take the plain one.
_LEAST_PIECE = 8
# A tenth of what answers may differ by (1e-5 of the target's spread) and four float32 ulps.
_XLA_TOLERANCE = 1e-6
_XLA_ULPS = 4

Call = Callable[..., Mapping[str, NDArray[np.float32]]]


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
        sizes: batches, ascending, for which the compiled signature is ready, equal and measured faster.
        untried: batches for which it isn't known yet whether it is.
    """

    name: str
    version: int
    folder: Path
    signature: Signature
    loaded: Any
    call: Call
    sizes: tuple[int, ...] = ()
    untried: tuple[int, ...] = ()

    @property
    def most(self) -> int:
        """Windows asked in one call; more are asked in pieces."""
        return self.sizes[-1] if self.sizes and self.sizes[-1] >= _LEAST_PIECE else _PLAIN_PIECE

    def answer(self, inputs: Mapping[str, NDArray[np.float32]]) -> Arrays:
        """The outputs [batch, ...] by name, for checked inputs [batch, ...] by name.

        A row's answer doesn't depend on the rows beside it.
        """
        starts = range(0, _batch(inputs), self.most)
        pieces = [self._answer_at_once(rows(inputs, start, start + self.most)) for start in starts]
        if len(pieces) == 1:
            return pieces[0]
        return {name: np.concatenate([piece[name] for piece in pieces]) for name in self.signature.output_names()}

    def _answer_at_once(self, inputs: Mapping[str, NDArray[np.float32]]) -> Arrays:
        batch = _batch(inputs)
        size = next((size for size in self.sizes if size >= batch), None)
        if size is None:
            return self._ask(self.call, inputs)
        outputs = self._ask(self.loaded.signatures[XLA_SIGNATURE_NAME], padded(inputs, size))
        return rows(outputs, 0, batch)

    def _ask(self, call: Call, inputs: Mapping[str, NDArray[np.float32]]) -> Arrays:
        outputs = call(**inputs)
        return {name: outputs[name] for name in self.signature.output_names()}


def load_servable(name: str, version: int, folder: Path) -> Servable:
    """Loads a version.

    Raises:
        InputError: it is no SavedModel, or not one of ours.
    """
    try:
        loaded = load_graph(folder)
    except (OSError, ValueError, RuntimeError, tf.errors.OpError) as error:
        raise _broken(folder, f"can't be loaded as a SavedModel: {str(error).splitlines()[0]}") from error
    if SIGNATURE_NAME not in loaded.signatures:
        raise _broken(folder, f"has no signature {SIGNATURE_NAME}")
    call = loaded.signatures[SIGNATURE_NAME]
    untried = COMPILED_SIZES if XLA_SIGNATURE_NAME in loaded.signatures else ()
    return Servable(name, version, folder, _signature(call, folder), loaded, call, untried=untried)


def warm_up(servable: Servable) -> None:
    """Asks one window of zeros, then the version's own warm-up requests, so that no caller waits for first calls.

    Raises:
        tensorflow.errors.OpError: the graph can't be run.
    """
    for inputs in (blank_inputs(servable.signature), *warmup_inputs(servable)):
        servable.answer(inputs)


def with_next_size(servable: Servable) -> Servable:
    """The servable after the next untried size: with it where the compiled signature is equal there and faster.

    Compiling takes seconds, so this is done on a servable that answers already, one size at a time.
    """
    if not servable.untried:
        return servable
    size, *untried = servable.untried
    rest = replace(servable, untried=tuple(untried))
    probes = [_resized(inputs, size) for inputs in warmup_inputs(servable)] or [
        _resized(blank_inputs(servable.signature), size)
    ]
    plain = replace(servable, sizes=())
    compiled = replace(servable, sizes=(size,))
    try:
        equal = all(_equal(plain, compiled, probe) for probe in probes)
    except tf.errors.OpError:
        return rest
    if not equal or not _faster(compiled, plain, probes[0]):
        return rest
    return replace(rest, sizes=tuple(sorted({*rest.sizes, size})))


def rows(arrays: Mapping[str, NDArray[np.float32]], start: int, stop: int) -> Arrays:
    """Rows of each array [batch, ...]."""
    return {name: array[start:stop] for name, array in arrays.items()}


def padded(inputs: Mapping[str, NDArray[np.float32]], size: int) -> Arrays:
    """Inputs with their last row repeated until there are `size` rows."""
    missing = size - _batch(inputs)
    if missing == 0:
        return dict(inputs)
    return {name: np.concatenate([array, np.repeat(array[-1:], missing, axis=0)]) for name, array in inputs.items()}


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


def _signature(call: GraphCall, folder: Path) -> Signature:
    taken = {name: TensorSpec(name, shape) for name, shape in call.inputs.items()}
    given = {name: TensorSpec(name, shape) for name, shape in call.outputs.items()}
    lacking = [name for name in OUTPUTS if name not in given] + ([] if "window" in taken else ["window"])
    if lacking:
        raise _broken(folder, f"lacks {', '.join(lacking)} in its signature {SIGNATURE_NAME}")
    inputs = sorted(taken.values(), key=lambda spec: spec.name != "window")
    return Signature(tuple(inputs), tuple(given[name] for name in OUTPUTS))


def _resized(inputs: Arrays, size: int) -> Arrays:
    return {name: np.resize(array, (size, *array.shape[1:])) for name, array in inputs.items()}


def _batch(inputs: Mapping[str, NDArray[np.float32]]) -> int:
    return len(next(iter(inputs.values())))


def _equal(plain: Servable, compiled: Servable, inputs: Arrays) -> bool:
    expected, got = plain.answer(inputs), compiled.answer(inputs)
    spread = float(np.std(expected["members"])) + float(np.ptp(expected["forecast"]))
    return all(
        np.all(np.abs(got[name] - value) <= _XLA_TOLERANCE * spread + _XLA_ULPS * np.spacing(np.abs(value)))
        for name, value in expected.items()
    )


def _faster(one: Servable, other: Servable, inputs: Arrays) -> bool:
    """Whether the first takes less time; asked in turn, so that what else the machine does slows both."""
    seconds = [(_seconds(one, inputs), _seconds(other, inputs)) for _ in range(_TIMED_CALLS)]
    return statistics.median(first for first, _ in seconds) < statistics.median(second for _, second in seconds)


def _seconds(servable: Servable, inputs: Arrays) -> float:
    start = time.perf_counter()
    servable.answer(inputs)
    return time.perf_counter() - start


def _broken(folder: Path, problem: str) -> InputError:
    return InputError(str(folder), problem, "publish it again with `sluice run`, or promote another version")
