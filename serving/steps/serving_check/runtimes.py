"""Which server a candidate is tried in: the real one where it is installed."""

from __future__ import annotations

from dataclasses import dataclass

from serving.steps.serving_check.servers import Runner, model_server, tensorflow_serving
from serving.tfserving.binary import find_binary


@dataclass(frozen=True)
class Runtime:
    """A kind of server.

    Attributes:
        name: `tfserving` or `inprocess`.
        runner: starts it.
    """

    name: str
    runner: Runner


def choose_runtime() -> Runtime:
    """TensorFlow Serving where `tensorflow_model_server` is on PATH, KServe's ModelServer otherwise."""
    binary = find_binary()
    if binary is None:
        return Runtime("inprocess", model_server)
    return Runtime("tfserving", lambda store, model, log: tensorflow_serving(binary, store, model))
