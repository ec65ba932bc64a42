"""Text-format protobuf files that the server is given, also of messages that no package on the registry carries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from double.status import StatusError, invalid
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

_FIELD = descriptor_pb2.FieldDescriptorProto
_WRAPPED = {
    "int": ".google.protobuf.Int64Value",
    "text": ".google.protobuf.StringValue",
    "yes": ".google.protobuf.BoolValue",
}


def read_text(path: str, message: Any) -> Any:
    """A text file as the message.

    Raises:
        StatusError: no such file, or not that message.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise StatusError("NOT_FOUND", f"{path}; {error.strerror}") from error
    try:
        return text_format.Parse(text, message)
    except text_format.ParseError as error:
        raise invalid(f"Invalid protobuf file: '{path}': {error}") from error


def monitoring_config() -> Any:
    """An empty MonitoringConfig (tensorflow_serving/config/monitoring_config.proto)."""
    return _CLASSES["double.MonitoringConfig"]()


def batching_parameters() -> Any:
    """Empty BatchingParameters (tensorflow_serving/servables/tensorflow/session_bundle_config.proto)."""
    return _CLASSES["double.BatchingParameters"]()


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="double/text_files.proto", package="double", syntax="proto3")
    file.dependency.append("google/protobuf/wrappers.proto")
    prometheus = file.message_type.add(name="PrometheusConfig")
    _add(prometheus, "enable", 1, _FIELD.TYPE_BOOL)
    _add(prometheus, "path", 2, _FIELD.TYPE_STRING)
    monitoring = file.message_type.add(name="MonitoringConfig")
    _add(monitoring, "prometheus_config", 1, _FIELD.TYPE_MESSAGE, ".double.PrometheusConfig")
    batching = file.message_type.add(name="BatchingParameters")
    for name, number, kind in (
        ("max_batch_size", 1, "int"),
        ("batch_timeout_micros", 2, "int"),
        ("max_enqueued_batches", 3, "int"),
        ("num_batch_threads", 4, "int"),
        ("thread_pool_name", 5, "text"),
        ("enable_large_batch_splitting", 8, "yes"),
        ("max_execution_batch_size", 9, "int"),
    ):
        _add(batching, name, number, _FIELD.TYPE_MESSAGE, _WRAPPED[kind])
    _add(batching, "allowed_batch_sizes", 6, _FIELD.TYPE_INT64).label = _FIELD.LABEL_REPEATED
    _add(batching, "pad_variable_length_inputs", 7, _FIELD.TYPE_BOOL)
    return file


def _add(message: Any, name: str, number: int, kind: int, type_name: str = "") -> Any:
    field = message.field.add(name=name, number=number, type=kind, label=_FIELD.LABEL_OPTIONAL)
    if type_name:
        field.type_name = type_name
    return field


def _classes() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(wrappers_pb2.DESCRIPTOR.serialized_pb)
    pool.Add(_file())
    names = ("double.MonitoringConfig", "double.BatchingParameters")
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names}


_CLASSES = _classes()
