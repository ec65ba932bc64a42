"""Dynamic weights: a small network that shifts the greedy weights by what the window shows."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from numpy.typing import NDArray

from components.ensemble.evidence import Evidence, mean_squares
from components.ensemble.folds import Fold
from components.ensemble.static_weights import caruana_weights, eligible_members

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]

HIDDEN = 16
MOST_EPOCHS = 60
PATIENCE = 6
LEARNING_RATE = 3e-3
# In units of the greedy mixture's mean square: leaving it must pay in error.
KL_STRENGTH = 0.02
L2_STRENGTH = 1e-4
# Share spread over all eligible members, so that the softmax can move away from a weight of zero.
PRIOR_FLOOR = 0.02
NEVER = -1e4
# Signals whose copy is made at once.
_GROUP = 4
# Windows that a gate is fitted on, evenly spread. Those a minute apart show the same, and more take memory and time.
MOST_WINDOWS = 65_536


@keras.saving.register_keras_serializable(package="sluice")
class Standardise(keras.layers.Layer):  # type: ignore[misc]
    """asinh((x - center) / scale), [batch, signals]: asinh keeps a cloudburst from drowning the other signals."""

    def __init__(self, center: list[float], scale: list[float], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.center = [float(value) for value in center]
        self.scale = [float(value) for value in scale]

    def call(self, signals: Any) -> Any:
        """Standardises each signal."""
        center = ops.convert_to_tensor(np.array(self.center, np.float32))
        scale = ops.convert_to_tensor(np.array(self.scale, np.float32))
        return ops.arcsinh((signals - center) / scale)

    def get_config(self) -> dict[str, Any]:
        """Constants as plain lists."""
        return {**super().get_config(), "center": self.center, "scale": self.scale}


@keras.saving.register_keras_serializable(package="sluice")
class HorizonSoftmax(keras.layers.Layer):  # type: ignore[misc]
    """[batch, hidden] -> weights [batch, members, horizons] that add up to one over the members.

    A member's logit is its bias at that horizon plus a part that varies over the horizons as a straight line,
    so that the number of weights doesn't grow with the number of horizons.
    """

    def __init__(self, members: int, horizons: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.members = members
        self.horizons = horizons

    def build(self, shape: tuple[int | None, ...]) -> None:
        """The kernel starts at zero: the first weights are the bias's."""
        ranks = min(self.horizons, 2)
        decay = keras.regularizers.L2(L2_STRENGTH)
        self.kernel = self.add_weight(
            shape=(shape[-1], self.members * ranks), initializer="zeros", regularizer=decay, name="kernel"
        )
        self.bias = self.add_weight(shape=(self.members, self.horizons), initializer="zeros", name="bias")

    def call(self, hidden: Any) -> Any:
        """Softmax over the members at each horizon."""
        basis = np.stack([np.ones(self.horizons), np.linspace(-1, 1, self.horizons)])[: min(self.horizons, 2)]
        shift = ops.reshape(ops.matmul(hidden, self.kernel), (-1, self.members, len(basis)))
        logits = ops.matmul(shift, ops.convert_to_tensor(basis.astype(np.float32))) + self.bias
        return ops.softmax(logits, axis=1)

    def get_config(self) -> dict[str, Any]:
        """Sizes."""
        return {**super().get_config(), "members": self.members, "horizons": self.horizons}


@dataclass(frozen=True)
class Gate:
    """A fitted gating network.

    Attributes:
        network: keras.Model, signals [batch, signals] in their own units -> weights [batch, members, horizons].
        epochs: epochs it was trained for.
    """

    network: Any
    epochs: int

    def weights(self, signals: NDArray[np.float32]) -> NDArray[np.float32]:
        """[n, members, horizons] for signals [n, signals]."""
        return np.asarray(self.network.predict(signals, batch_size=4096, verbose=0), dtype=np.float32)


@dataclass(frozen=True)
class _Shown:
    """What windows show at those origins that gates are fitted on.

    Attributes:
        positions: [m] among the evidence's origins, ascending.
        values: [m, signals].
    """

    positions: Rows
    values: Floats

    @classmethod
    def of(cls, evidence: Evidence) -> _Shown:
        """At all origins, or at MOST_WINDOWS of them."""
        count = len(evidence.times)
        positions = np.linspace(0, count - 1, min(count, MOST_WINDOWS)).astype(np.int64)
        return cls(positions, evidence.signals(positions))

    def among(self, positions: Rows) -> Rows:
        """Those of some positions that are here."""
        return np.intersect1d(positions, self.positions, assume_unique=True)

    def at(self, positions: Rows, group: slice = slice(None)) -> Floats:
        """[positions, signals of the group] at positions that are here."""
        return self.values[np.searchsorted(self.positions, positions), group]


@dataclass(frozen=True)
class _Frame:
    """What a fit is relative to: constants of the origins fitted on.

    Attributes:
        center: [signals].
        scale: [signals].
        prior: [members, horizons] weights to start from and to stay near.
        reference: [horizons] root mean square error of the prior's mixture.
    """

    center: NDArray[np.float32]
    scale: NDArray[np.float32]
    prior: NDArray[np.float32]
    reference: NDArray[np.float32]

    @classmethod
    def of(cls, evidence: Evidence, shown: _Shown, positions: Rows) -> _Frame:
        """For a fit on some of the evidence."""
        fitted_on = evidence.errors_at(positions)
        eligible = eligible_members(fitted_on)
        spread = eligible / eligible.sum(axis=0)
        prior = ((1 - PRIOR_FLOOR) * caruana_weights(fitted_on) + PRIOR_FLOOR * spread).astype(np.float32)
        reference = np.sqrt(np.nan_to_num(mean_squares(fitted_on.combined(prior)), nan=1.0))
        center, deviation = _moments(shown, shown.among(positions))
        return cls(
            center=center,
            scale=np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32),
            prior=prior,
            reference=np.maximum(reference, 1e-12).astype(np.float32),
        )

    def example(self, standardised: Any, errors: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """A batch of tensors: what goes in, and what is wanted, no error and the prior's weights."""
        count, shape = tf.shape(errors)[0], self.prior.shape
        given = {
            "standardised": tf.ensure_shape(standardised, (None, len(self.center))),
            "errors": tf.ensure_shape(errors, (None, *shape)),
        }
        wanted = {
            "error": tf.zeros((count, shape[1])),
            "weights": tf.broadcast_to(self.prior, (count, *shape)),
        }
        return given, wanted


@dataclass(frozen=True)
class _Examples:
    """Inputs and wanted outputs of the training network at some of the evidence, made batch by batch.

    Keras would copy arrays that hold all of them: of many horizons, these are the largest of the step.
    """

    frame: _Frame
    evidence: Evidence
    shown: _Shown
    positions: Rows

    @property
    def batch_size(self) -> int:
        """Of a fit on these."""
        return int(np.clip(len(self.positions) // 20, 32, 4096))

    def batches(self, size: int, shuffled: bool) -> Any:
        """tf.data.Dataset of batches, in another order in each epoch where they are shuffled; lives as long as this."""
        count = len(self.positions)
        # TensorFlow keeps what numpy_function was given until the process ends, and the evidence with it.
        read = weakref.WeakMethod(self._read)

        def order(_: Any) -> Any:
            rows = tf.range(count, dtype=tf.int64)
            return tf.random.shuffle(rows) if shuffled else rows

        def cut(rows: Any) -> Any:
            return tf.data.Dataset.range(0, count, size).map(lambda first: rows[first : first + size])

        def read_now(rows: Rows) -> tuple[Floats, Floats]:
            reader = read()
            assert reader is not None
            return reader(rows)

        def at(rows: Any) -> Any:
            return self.frame.example(*tf.numpy_function(read_now, [rows], [tf.float32, tf.float32]))

        pieces = tf.data.Dataset.range(1).map(order).flat_map(cut)
        return pieces.map(at).apply(tf.data.experimental.assert_cardinality(-(-count // size))).prefetch(2)

    def _read(self, rows: Rows) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        chosen = self.positions[rows]
        errors = np.nan_to_num(self.evidence.errors[chosen] / self.frame.reference, nan=0.0)
        return np.arcsinh((self.shown.at(chosen) - self.frame.center) / self.frame.scale), errors


class GateTrainer:
    """Trains gates on some evidence; the network is traced once, and every fit starts from the same weights."""

    def __init__(self, evidence: Evidence, seed: int) -> None:
        """Builds the network for this evidence; `seed` fixes its first weights and the order of batches."""
        _, members, horizons = evidence.errors.shape
        self._evidence = evidence
        self._shown = _Shown.of(evidence)
        self._seed = seed
        self._core = _core_network(self._shown.values.shape[1], members, horizons, seed)
        errors = keras.Input((members, horizons), name="errors")
        weights = self._core.output
        combined = ops.sum(weights * errors, axis=1)
        self._trainer = keras.Model(
            {"standardised": self._core.input, "errors": errors}, {"error": combined, "weights": weights}
        )
        self._trainer.compile(
            optimizer=keras.optimizers.Adam(LEARNING_RATE, clipnorm=1.0),
            loss={"error": "mean_squared_error", "weights": _divergence},
            loss_weights={"error": 1.0, "weights": KL_STRENGTH},
            steps_per_execution=5,
            jit_compile=False,
        )
        self._trainer.optimizer.build(self._trainer.trainable_variables)
        self._first_state = [np.array(variable) for variable in self._trainer.optimizer.variables]
        self._first_weights = self._core.get_weights()

    def tune(self, fold: Fold) -> Gate:
        """Fits on `fold.fit` until the error on `fold.held` has stopped falling."""
        frame = _Frame.of(self._evidence, self._shown, fold.fit)
        fit, held = self._examples(frame, fold.fit), self._examples(frame, fold.held)
        shown = held.batches(fit.batch_size, shuffled=False)
        stop = keras.callbacks.EarlyStopping("val_loss", patience=PATIENCE, restore_best_weights=True)
        losses = self._fit(fit, epochs=MOST_EPOCHS, validation_data=shown, callbacks=[stop])["val_loss"]
        return self._gate(frame, epochs=int(np.argmin(losses)) + 1)

    def train(self, epochs: int) -> Gate:
        """Fits on all of the evidence, for a number of epochs found by `tune`."""
        every = np.arange(len(self._evidence.times))
        frame = _Frame.of(self._evidence, self._shown, every)
        self._fit(self._examples(frame, every), epochs=epochs)
        return self._gate(frame, epochs)

    def _fit(self, examples: _Examples, **options: Any) -> dict[str, list[float]]:
        self._restart(examples.frame)
        batches = examples.batches(examples.batch_size, shuffled=True)
        history = self._trainer.fit(batches, shuffle=False, verbose=0, **options)
        return dict(history.history)

    def _examples(self, frame: _Frame, positions: Rows) -> _Examples:
        return _Examples(frame, self._evidence, self._shown, self._shown.among(positions))

    def _restart(self, frame: _Frame) -> None:
        keras.utils.set_random_seed(self._seed)
        for variable, value in zip(self._trainer.optimizer.variables, self._first_state, strict=True):
            variable.assign(value)
        self._core.set_weights(self._first_weights)
        with np.errstate(divide="ignore"):
            self._core.get_layer("softmax").bias.assign(np.maximum(np.log(frame.prior), NEVER))

    def _gate(self, frame: _Frame, epochs: int) -> Gate:
        signals = keras.Input((len(frame.center),), name="signals")
        core = keras.models.clone_model(self._core)
        core.set_weights(self._core.get_weights())
        standard = Standardise(frame.center.tolist(), frame.scale.tolist(), name="standardise")(signals)
        return Gate(keras.Model(signals, core(standard), name="gating"), epochs)


def _moments(shown: _Shown, positions: Rows) -> tuple[Floats, Floats]:
    """Mean and standard deviation of each signal at some positions, a few signals at a time."""
    groups = [slice(first, first + _GROUP) for first in range(0, shown.values.shape[1], _GROUP)]
    found = [(own.mean(axis=0), own.std(axis=0)) for own in (shown.at(positions, group) for group in groups)]
    centers, deviations = zip(*found, strict=True)
    return np.concatenate(centers), np.concatenate(deviations)


def _core_network(signals: int, members: int, horizons: int, seed: int) -> Any:
    inputs = keras.Input((signals,), name="standardised")
    hidden = keras.layers.Dense(
        HIDDEN,
        activation="tanh",
        kernel_initializer=keras.initializers.GlorotUniform(seed),
        kernel_regularizer=keras.regularizers.L2(L2_STRENGTH),
        name="hidden",
    )(inputs)
    return keras.Model(inputs, HorizonSoftmax(members, horizons, name="softmax")(hidden), name="gate")


def _divergence(prior: Any, weights: Any) -> Any:
    """Kullback-Leibler divergence of the weights from the prior, mean over horizons; [batch]."""
    tiny = 1e-7
    terms = weights * (ops.log(weights + tiny) - ops.log(prior + tiny))
    return ops.mean(ops.sum(terms, axis=1), axis=-1)
