"""In which precision a member's own layers compute: half only where the device gains by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]

# Tensor cores: float16 from compute capability 7 (Volta) on, bfloat16, which needs no scaled loss, from 8 (Ampere) on.
_FLOAT16_FROM = (7, 0)
_BFLOAT16_FROM = (8, 0)


def precision_of(capability: tuple[int, int] | None) -> Precision:
    """The precision for a GPU's compute capability; None for a CPU, which computes steps faster in float32."""
    if capability is None or capability < _FLOAT16_FROM:
        return "float32"
    return "mixed_bfloat16" if capability >= _BFLOAT16_FROM else "mixed_float16"


def compute_capability() -> tuple[int, int] | None:
    """Compute capability of the weakest GPU that TensorFlow uses; None without one."""
    if keras.backend.backend() != "tensorflow":
        return None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    found = [tf.config.experimental.get_device_details(gpu).get("compute_capability") for gpu in gpus]
    known = [(int(each[0]), int(each[1])) for each in found if each is not None]
    return min(known) if known else None


@contextmanager
def layers_in(precision: Precision) -> Iterator[None]:
    """Layers made meanwhile compute in this precision; their weights stay float32."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
