"""A SavedModel in a session of its own, so that all it takes is freed with it.

`tf.saved_model.load` would run it in TensorFlow's one eager context, whose cache of compiled programs is never emptied
(tensorflow/compiler/jit/device_compilation_cache.h): each version that ever served would leave tens of megabytes. A
session has its own cache, which ends with it, and answers alike and as fast.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

_SERVE = "serve"


@dataclass(frozen=True)
class GraphCall:
    """A signature, asked by name; any thread may call it.

    Attributes:
        inputs: shape by name, without the batch; -1 for any size.
        outputs: shape by name, without the batch.
        ask: takes the inputs' arrays in the order of `inputs`, gives the outputs' in the order of `outputs`.
    """

    inputs: Mapping[str, tuple[int, ...]]
    outputs: Mapping[str, tuple[int, ...]]
    ask: Any

    def __call__(self, **inputs: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
        """The outputs [batch, ...] by name."""
        return dict(zip(self.outputs, self.ask(*(inputs[name] for name in self.inputs)), strict=True))


@dataclass(frozen=True)
class SavedGraph:
    """A loaded SavedModel.

    Attributes:
        signatures: by name; they keep the session, which ends with the last of them.
    """

    signatures: Mapping[str, GraphCall]


def load_graph(folder: Path) -> SavedGraph:
    """Loads a SavedModel.

    Raises:
        OSError: there is none.
        ValueError: it is none for serving.
        RuntimeError: it isn't made for serving.
        tensorflow.errors.OpError: its graph or its variables can't be read.
    """
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default(), _without_advice():
        meta = tf.compat.v1.saved_model.load(session, [_SERVE], str(folder))
    return SavedGraph({name: _call(session, definition) for name, definition in meta.signature_def.items()})


@contextmanager
def _without_advice() -> Iterator[None]:
    """TensorFlow advises its eager loader, once to each process that loads otherwise."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel("ERROR")
    try:
        yield
    finally:
        logger.setLevel(level)


def _call(session: Any, definition: Any) -> GraphCall:
    inputs, outputs = dict(definition.inputs), dict(definition.outputs)
    fetched = [outputs[name].name for name in outputs]
    ask = session.make_callable(fetched, [inputs[name].name for name in inputs])
    return GraphCall(_shapes(inputs), _shapes(outputs), ask)


def _shapes(tensors: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(int(one.size) for one in info.tensor_shape.dim[1:]) for name, info in tensors.items()}
