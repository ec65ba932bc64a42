"""One step of training: gradients of a batch, whole or in micro-batches, one move of the weights, their average."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from components.train.checkpoint import Arrays
from components.train.sampling import Batch


class GradientStep:
    """Moves a model's weights by a batch; what is in memory at once is a micro-batch.

    A loss is a mean over rows, so the batch's gradient is the mean of its micro-batches' gradients, each with its share
    of rows: the step is the same for every micro-batch but for rounding. The moving average of the weights stays on
    the device; copying all weights out after each step took up to 4 % of a step.
    """

    def __init__(self, model: keras.Model, losses: Mapping[str, keras.losses.Loss], optimizer: Any) -> None:
        self.model, self.losses, self.optimizer = model, dict(losses), optimizer
        optimizer.build(model.trainable_variables)
        self._average = [tf.Variable(variable.value, trainable=False) for variable in model.weights]
        self._sums: list[Any] = []
        # XLA was measured slower for the steps of recurrent layers on CPUs (182 ms against 148 ms for a stacked LSTM).
        self._whole = tf.function(self._whole_batch, reduce_retracing=True)
        self._add = tf.function(self._add_micro_batch, reduce_retracing=True)
        self._move = tf.function(self._move_by_sums)

    def __call__(self, batch: Batch, micro_batch: int, rate: float, decay: float) -> float:
        """Loss of the batch, before the weights have moved.

        Args:
            batch: its data.
            micro_batch: most chunks or windows at once.
            rate: learning rate.
            decay: of the moving average of the weights.

        Raises:
            tensorflow.errors.ResourceExhaustedError: a micro-batch is too large; the weights have not moved.
        """
        self.optimizer.learning_rate = rate
        size = len(next(iter(batch.inputs.values())))
        given = (batch.inputs, batch.wanted, batch.weights)
        moved = tf.constant(decay, tf.float32)
        if micro_batch >= size:
            return float(self._whole(_tensors(given), moved))
        self._empty_sums()
        pieces = [slice(first, first + micro_batch) for first in range(0, size, micro_batch)]
        loss = sum(float(self._add(_tensors(given, piece), _share(piece, size))) for piece in pieces)
        self._move(moved)
        return float(loss)

    @property
    def average(self) -> Arrays:
        """The moving average, as `set_weights` takes it."""
        return [variable.numpy() for variable in self._average]

    @average.setter
    def average(self, arrays: Arrays) -> None:
        for variable, array in zip(self._average, arrays, strict=True):
            variable.assign(array)

    @property
    def state(self) -> Arrays:
        """The optimiser's variables."""
        return [np.asarray(variable) for variable in self.optimizer.variables]

    @state.setter
    def state(self, arrays: Arrays) -> None:
        for variable, array in zip(self.optimizer.variables, arrays, strict=True):
            variable.assign(array)

    def _whole_batch(self, given: Any, decay: Any) -> Any:
        loss, gradients = self._gradients(given, 1.0)
        self._move_by(gradients, decay)
        return loss

    def _add_micro_batch(self, given: Any, share: Any) -> Any:
        loss, gradients = self._gradients(given, share)
        for total, gradient in zip(self._sums, gradients, strict=True):
            total.assign_add(tf.cast(gradient, total.dtype))
        return loss

    def _move_by_sums(self, decay: Any) -> None:
        self._move_by([tf.convert_to_tensor(total) for total in self._sums], decay)

    def _move_by(self, gradients: list[Any], decay: Any) -> None:
        self.optimizer.apply(gradients, self.model.trainable_variables)
        for mean, variable in zip(self._average, self.model.weights, strict=True):
            mean.assign(mean * decay + (1.0 - decay) * variable.value)

    def _gradients(self, given: Any, share: Any) -> tuple[Any, list[Any]]:
        inputs, wanted, weights = given
        variables = [variable.value for variable in self.model.trainable_variables]
        with tf.GradientTape() as tape:
            answers = self.model(inputs, training=True)
            losses = [loss(wanted[name], answers[name], weights[name]) for name, loss in self.losses.items()]
            loss = share * tf.add_n([tf.cast(each, tf.float32) for each in losses + list(self.model.losses)])
            scaled = self.optimizer.scale_loss(loss)
        return loss, tape.gradient(scaled, variables, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    def _empty_sums(self) -> None:
        if not self._sums:
            variables = self.model.trainable_variables
            self._sums = [tf.Variable(tf.zeros(variable.shape), trainable=False) for variable in variables]
        for total in self._sums:
            total.assign(tf.zeros_like(total))


def _tensors(given: Any, piece: slice = slice(None)) -> Any:
    return tuple({name: tf.convert_to_tensor(array[piece]) for name, array in arrays.items()} for arrays in given)


def _share(piece: slice, size: int) -> Any:
    return tf.constant((min(piece.stop, size) - piece.start) / size, tf.float32)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that there is not enough memory, or was raised since another one said so.

    While a step is traced, Keras and AutoGraph raise errors of their own in place of what went wrong.
    """
    return any(_says_out_of_memory(each) for each in _with_reasons(error))


def _with_reasons(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    while id(error) not in seen:
        yield error
        seen.add(id(error))
        error = error.__cause__ or error.__context__ or error


def _says_out_of_memory(error: BaseException) -> bool:
    """Libraries of GPUs, and threads, say so in words alone."""
    # A SystemError, "error return without exception set", is what Python says when C code got no memory.
    if isinstance(error, MemoryError | SystemError | tf.errors.ResourceExhaustedError):
        return True
    text = str(error).lower()
    # oneDNN tells of its errors by number: 1 is `dnnl_out_of_memory` (dnnl_common_types.h).
    words = ("out of memory", "alloc_failed", "failed to allocate", "can't start new thread", "status: 1, message:")
    vague = RuntimeError | tf.errors.InternalError | tf.errors.UnknownError | tf.errors.AbortedError
    return isinstance(error, vague) and any(word in text for word in words)
