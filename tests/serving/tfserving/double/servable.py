"""A version that is served: its model, its batches, and how many are asking it now."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf
from double.batching import Batcher, BatchingLimits, batching_limits
from double.flags import Flags
from double.saved_model import LoadedModel, Tensors, answer, fed, fetched, signature_of
from double.text_files import batching_parameters, read_text


@dataclass(frozen=True)
class Loading:
    """How versions are loaded and asked.

    Attributes:
        tags: of the graph.
        session_config: threads of TensorFlow.
        warmup_iterations: how often each warm-up request is asked; 0 for no warm-up.
        batching: None where requests aren't joined.
        as_content: answers carry bytes in place of typed values.
    """

    tags: list[str]
    session_config: Any
    warmup_iterations: int
    batching: BatchingLimits | None
    as_content: bool


def loading(flags: Flags) -> Loading:
    """What the flags say about loading.

    Raises:
        StatusError: a file of parameters is missing or broken.
    """
    config = tf.compat.v1.ConfigProto()
    config.intra_op_parallelism_threads = flags.tensorflow_intra_op_parallelism or flags.tensorflow_session_parallelism
    config.inter_op_parallelism_threads = flags.tensorflow_inter_op_parallelism or flags.tensorflow_session_parallelism
    config.gpu_options.per_process_gpu_memory_fraction = flags.per_process_gpu_memory_fraction
    batching = None
    if flags.enable_batching:
        parameters = batching_parameters()
        if flags.batching_parameters_file:
            read_text(flags.batching_parameters_file, parameters)
        batching = batching_limits(parameters)
    iterations = max(1, flags.num_request_iterations_for_warmup) if flags.enable_model_warmup else 0
    as_content = flags.enable_serialization_as_tensor_content
    return Loading(flags.saved_model_tags.split(","), config, iterations, batching, as_content)


class Servable:
    """A loaded and warm version.

    Args:
        version: its number.
        path: its folder.
        how: batches, warm-up and threads.

    Attributes:
        version: its number.
        model: what was loaded.

    Raises:
        StatusError: it can't be loaded, or its warm-up fails.
    """

    def __init__(self, version: int, path: Path, how: Loading) -> None:
        self.version = version
        self.model = LoadedModel(path, how.tags, how.session_config)
        self._how = how
        self._asking = 0
        self._idle = threading.Condition()
        self._batchers: dict[tuple[str, ...], Batcher] = {}
        try:
            if how.warmup_iterations:
                self.model.warm_up(self.predict, how.warmup_iterations)
        except BaseException:
            self.close()
            raise

    def predict(self, request: Any, timeout_ms: int = 0) -> Any:
        """The PredictResponse to a PredictRequest.

        Raises:
            StatusError: the request doesn't fit, or what the graph said.
        """
        signature = signature_of(self.model, request)
        feeds = fed(signature, request.inputs)
        fetches = fetched(signature, request.output_filter)
        values = self._values(signature, feeds, list(fetches.values()), timeout_ms)
        outputs = {alias: values[name] for alias, name in fetches.items()}
        return answer(request, self.version, outputs, self._how.as_content)

    @contextmanager
    def asked(self) -> Iterator[Servable]:
        """Holds the version in memory as long as somebody asks it."""
        with self._idle:
            self._asking += 1
        try:
            yield self
        finally:
            with self._idle:
                self._asking -= 1
                self._idle.notify_all()

    def close(self) -> None:
        """Frees it when nobody asks it any more."""
        with self._idle:
            while self._asking:
                self._idle.wait()
        for batcher in self._batchers.values():
            batcher.close()
        self.model.close()

    def _values(self, signature: Any, feeds: Tensors, names: list[str], timeout_ms: int) -> Tensors:
        if self._how.batching is None:
            return dict(zip(names, self.model.run(feeds, names, timeout_ms), strict=True))
        return self._batcher(signature).ask(feeds)

    def _batcher(self, signature: Any) -> Batcher:
        outputs = tuple(sorted(info.name for info in signature.outputs.values()))
        with self._idle:
            if outputs not in self._batchers:
                assert self._how.batching is not None
                self._batchers[outputs] = Batcher(self._how.batching, list(outputs), self.model.run)
            return self._batchers[outputs]
