"""One version in memory: its graph in a TensorFlow session, run as TensorFlow Serving runs it.

The session's own run is called below Python's checks, so that a graph's errors are TensorFlow Serving's, letter by
letter. Source: tensorflow_serving/servables/tensorflow/predict_util.cc, saved_model_warmup_util.cc.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from double.status import StatusError, from_number, invalid
from numpy.typing import NDArray
from tensorflow.python.client import pywrap_tf_session
from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

Tensors = dict[str, NDArray[Any]]
DEFAULT_SIGNATURE = "serving_default"
_WARMUP_FILE = Path("assets.extra") / "tf_serving_warmup_requests"
_MOST_WARMUP_RECORDS = 1000


class LoadedModel:
    """A SavedModel in a session of its own.

    Args:
        path: the version's folder.
        tags: of the graph to load.
        session_config: threads.

    Attributes:
        signatures: what it takes and gives, by the signatures' names.

    Raises:
        StatusError: it can't be loaded.
    """

    def __init__(self, path: Path, tags: list[str], session_config: Any) -> None:
        self._path = path
        self._graph = tf.Graph()
        self._session = tf.compat.v1.Session(graph=self._graph, config=session_config)
        try:
            with self._graph.as_default():
                meta_graph = tf.compat.v1.saved_model.load(self._session, tags, str(path))
        except tf.errors.OpError as error:
            raise from_number(error.error_code, error.message) from error
        except (OSError, ValueError, RuntimeError) as error:
            raise StatusError("NOT_FOUND", str(error)) from error
        self.signatures = dict(meta_graph.signature_def.items())
        self._session._extend_graph()

    def run(self, inputs: Tensors, outputs: Iterable[str], timeout_ms: int = 0) -> list[NDArray[Any]]:
        """Values of the graph's tensors `outputs` for values of its tensors, both by name.

        Raises:
            StatusError: what the graph said.
        """
        feeds = {self._tensor(name): array for name, array in inputs.items()}
        fetches = [self._tensor(name) for name in outputs]
        run_options = tf.compat.v1.RunOptions(timeout_in_ms=timeout_ms).SerializeToString()
        options = pywrap_tf_session.TF_NewBufferFromString(run_options)
        try:
            handle = self._session._session
            return list(pywrap_tf_session.TF_SessionRun_wrapper(handle, options, feeds, fetches, [], None))
        except tf.errors.OpError as error:
            raise from_number(error.error_code, error.message) from error
        finally:
            pywrap_tf_session.TF_DeleteBuffer(options)

    def warm_up(self, ask: Any, iterations: int) -> None:
        """Asks the version's own warm-up requests; only those that predict are known here.

        Args:
            ask: takes each PredictRequest.
            iterations: how often each is asked.

        Raises:
            StatusError: one failed: the version isn't to be served.
        """
        path = self._path / _WARMUP_FILE
        if not path.is_file():
            return
        records = list(tf.compat.v1.io.tf_record_iterator(str(path)))
        if len(records) > _MOST_WARMUP_RECORDS:
            raise invalid(f"Number of warmup records exceeds the maximum ({_MOST_WARMUP_RECORDS}) at {path}")
        for record in records:
            log = prediction_log_pb2.PredictionLog.FromString(record)
            if log.WhichOneof("log_type") != "predict_log":
                raise StatusError("UNIMPLEMENTED", f"Unsupported log_type for warmup: {log.WhichOneof('log_type')}")
            for _ in range(iterations):
                ask(log.predict_log.request)

    def close(self) -> None:
        """Frees the session; nobody may be asking."""
        self._session.close()

    def _tensor(self, name: str) -> Any:
        return self._graph.get_tensor_by_name(name)._as_tf_output()


def signature_of(model: LoadedModel, request: Any) -> Any:
    """The SignatureDef that a PredictRequest asks for.

    Raises:
        StatusError: there is no such signature.
    """
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    if name not in model.signatures:
        raise StatusError("FAILED_PRECONDITION", f'Serving signature key "{name}" not found.')
    return model.signatures[name]


def fed(signature: Any, inputs: Mapping[str, Any]) -> Tensors:
    """The graph's inputs by their names in the graph, from TensorProtos by their names in the signature.

    Raises:
        StatusError: one is missing, or there is one too many, or it is no tensor.
    """
    _check_count(signature, inputs)
    feeds = {}
    for alias, info in signature.inputs.items():
        tensor = inputs.get(alias) or signature.defaults.get(alias)
        if tensor is None:
            raise invalid(
                f"Signature input alias: {alias}(feed name: {info.name}) not found in request and no default value "
                f"provided. Inputs expected to be in the request {{{_joined(inputs)}}}, or default input alias set: "
                f"{_joined(signature.defaults)}"
            )
        feeds[info.name] = _array(tensor, info.name)
    return feeds


def fetched(signature: Any, output_filter: Iterable[str]) -> dict[str, str]:
    """Names in the graph of the outputs that are asked for, by their names in the signature.

    Raises:
        StatusError: an output that isn't there, or one asked for twice.
    """
    names = list(output_filter)
    for position, alias in enumerate(names):
        if alias not in signature.outputs:
            known = _joined(signature.outputs)
            raise invalid(
                f"output tensor alias not found in signature: {alias} Outputs expected to be in the set {{{known}}}."
            )
        if alias in names[:position]:
            raise invalid(f"duplicate output tensor alias: {alias}")
    return {alias: signature.outputs[alias].name for alias in names or signature.outputs}


def answer(request: Any, version: int, outputs: Tensors, as_content: bool) -> Any:
    """The PredictResponse with the outputs, values in typed fields unless asked for as bytes."""
    response = predict_pb2.PredictResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.version.value = version
    response.model_spec.signature_name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    for alias, array in outputs.items():
        tensor = response.outputs[alias]
        tensor.CopyFrom(tf.make_tensor_proto(array))
        if not as_content and tensor.tensor_content:
            field = {"f": "float_val", "d": "double_val", "q": "int64_val", "?": "bool_val"}
            tensor.ClearField("tensor_content")
            getattr(tensor, field.get(array.dtype.char, "int_val")).extend(array.reshape(-1).tolist())
    return response


def _check_count(signature: Any, inputs: Mapping[str, Any]) -> None:
    given, known = len(inputs), len(signature.inputs)
    if given > known or (given < known and not signature.defaults):
        extra, missing = set(inputs) - set(signature.inputs), set(signature.inputs) - set(inputs)
        raise invalid(
            f"input size does not match signature: {given}!={known} len({{{_joined(inputs)}}}) != "
            f"len({{{_joined(signature.inputs)}}}). Sent extra: {{{_joined(extra)}}}. "
            f"Missing but required: {{{_joined(missing)}}}."
        )


def _array(tensor: Any, name: str) -> NDArray[Any]:
    try:
        return np.asarray(tf.make_ndarray(tensor))
    except (TypeError, ValueError, KeyError) as error:
        raise invalid(f"tensor parsing error: {name}") from error


def _joined(names: Iterable[str]) -> str:
    return ",".join(sorted(names))
