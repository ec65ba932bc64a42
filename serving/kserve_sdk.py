"""KServe's SDK, imported without letting it read our command line.

`import kserve` runs `parse_known_args` on `sys.argv` and ends the process where an option of ours has a name of its own
(`--protocol v2-grpc`). Every module here that needs KServe takes it from this one.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _no_arguments() -> Iterator[None]:
    given = sys.argv
    sys.argv = given[:1]
    try:
        yield
    finally:
        sys.argv = given


with _no_arguments():
    from kserve import Model, ModelRepository, ModelServer
    from kserve.errors import InvalidInput, ModelNotFound
    from kserve.model_server import app
    from kserve.protocol.dataplane import DataPlane
    from kserve.protocol.grpc import grpc_predict_v2_pb2, grpc_predict_v2_pb2_grpc
    from kserve.protocol.grpc.interceptors import ExceptionToStatusInterceptor
    from kserve.protocol.grpc.servicer import InferenceServicer
    from kserve.protocol.rest.timeseries import (
        ForecastOptions,
        ForecastOutput,
        ForecastRequest,
        ForecastResponse,
        Status,
        TimeSeriesDataPlane,
        TimeSeriesForecast,
        TimeSeriesInput,
        TimeSeriesType,
    )
    from kserve.protocol.rest.timeseries.endpoints import TimeSeriesEndpoints
    from kserve.protocol.rest.timeseries.error import create_error_response
    from kserve.protocol.rest.timeseries.types import Error, ErrorResponse

__all__ = [
    "DataPlane",
    "Error",
    "ErrorResponse",
    "ExceptionToStatusInterceptor",
    "ForecastOptions",
    "ForecastOutput",
    "ForecastRequest",
    "ForecastResponse",
    "InferenceServicer",
    "InvalidInput",
    "Model",
    "ModelNotFound",
    "ModelRepository",
    "ModelServer",
    "Status",
    "TimeSeriesDataPlane",
    "TimeSeriesEndpoints",
    "TimeSeriesForecast",
    "TimeSeriesInput",
    "TimeSeriesType",
    "app",
    "create_error_response",
    "grpc_predict_v2_pb2",
    "grpc_predict_v2_pb2_grpc",
]
