"""The gRPC face. Source: tensorflow_serving/model_servers/{prediction,model}_service_impl.cc, server.cc."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from double.answers import Answers
from double.flags import Flags
from double.status import StatusError, invalid
from google.protobuf import wrappers_pb2
from tensorflow_serving.apis import model_management_pb2, model_service_pb2_grpc, prediction_service_pb2_grpc

_NO_LIMIT = 2**31 - 1
_SERVING = 1
# grpc.health.v1's messages have each one field with number 1, a text and an enum: on the wire these wrappers.
_HEALTH = "grpc.health.v1.Health"
_KNOWN_TO_HEALTH = ("", "ModelService", "PredictionService")


def grpc_server(flags: Flags, answers: Answers) -> grpc.Server:
    """The server, not yet started; a port of 0 isn't listened on."""
    options = [
        ("grpc.max_receive_message_length", _NO_LIMIT),
        ("grpc.max_send_message_length", _NO_LIMIT),
        ("grpc.so_reuseport", 0),
        *_channel_arguments(flags.grpc_channel_arguments),
    ]
    # Two threads more, which say no to what the others have no room for.
    server = grpc.server(ThreadPoolExecutor(flags.grpc_max_threads + 2, thread_name_prefix="grpc"), options=options)
    room = threading.BoundedSemaphore(flags.grpc_max_threads)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(_PredictionService(answers, room), server)
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_ModelService(answers, room), server)
    if flags.enable_grpc_healthcheck_service:
        server.add_generic_rpc_handlers((_health_handler(),))
    for address in (f"0.0.0.0:{flags.port}" * bool(flags.port), f"unix:{flags.grpc_socket_path}"):
        if address and address != "unix:":
            server.add_insecure_port(address)
    return server


class _Face:
    def __init__(self, answers: Answers, room: threading.BoundedSemaphore) -> None:
        self._answers = answers
        self._room = room

    def _told(self, context: Any, work: Callable[..., Any], *arguments: Any) -> Any:
        if not self._room.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted")
        try:
            return work(*arguments)
        except StatusError as error:
            context.abort(error.grpc, error.details)
        finally:
            self._room.release()


class _PredictionService(_Face, prediction_service_pb2_grpc.PredictionServiceServicer):  # type: ignore[misc]
    def Predict(self, request: Any, context: Any) -> Any:  # noqa: N802
        left = context.time_remaining()
        timeout_ms = min(int(left * 1000), _NO_LIMIT) if left is not None else 0
        return self._told(context, self._answers.predict, request, "GRPC", timeout_ms)

    def GetModelMetadata(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._told(context, self._answers.metadata, request)


class _ModelService(_Face, model_service_pb2_grpc.ModelServiceServicer):  # type: ignore[misc]
    def GetModelStatus(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._told(context, self._status, request)

    def HandleReloadConfigRequest(self, request: Any, context: Any) -> Any:  # noqa: N802
        return self._told(context, self._reload, request)

    def _status(self, request: Any) -> Any:
        if not request.HasField("model_spec"):
            raise invalid("Missing ModelSpec")
        return self._answers.core.status(request.model_spec)

    def _reload(self, request: Any) -> Any:
        if request.config.WhichOneof("config") != "model_config_list":
            raise invalid(
                "ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently "
                "supported"
            )
        self._answers.core.reload(request.config)
        return model_management_pb2.ReloadConfigResponse()


def _channel_arguments(text: str) -> list[tuple[str, Any]]:
    pairs = [one.split("=", 1) for one in text.split(",") if one]
    return [(key, int(value) if value.lstrip("-").isdecimal() else value) for key, value in pairs]


def _health_handler() -> Any:
    def check(request: Any, context: Any) -> Any:
        if request.value not in _KNOWN_TO_HEALTH:
            context.abort(grpc.StatusCode.NOT_FOUND, "")
        return wrappers_pb2.Int32Value(value=_SERVING)

    def watch(request: Any, context: Any) -> Iterator[Any]:
        ended = threading.Event()
        context.add_callback(ended.set)
        yield check(request, context)
        ended.wait()

    codec = {
        "request_deserializer": wrappers_pb2.StringValue.FromString,
        "response_serializer": wrappers_pb2.Int32Value.SerializeToString,
    }
    return grpc.method_handlers_generic_handler(
        _HEALTH,
        {
            "Check": grpc.unary_unary_rpc_method_handler(check, **codec),
            "Watch": grpc.unary_stream_rpc_method_handler(watch, **codec),
        },
    )
