"""KServe's ModelServer with our gRPC services, drained as a whole."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

from serving.kserve_sdk import ModelServer, app, grpc_predict_v2_pb2_grpc
from serving.server.backend import Backend
from serving.server.grpc_server import GrpcServer
from serving.server.metrics import ServingMetrics
from serving.server.model import ServedModel, StoreDataPlane, StoreRepository
from serving.server.prediction_service import register_prediction_services
from serving.server.request_record import RecordCalls, RecordRequests
from serving.server.rest import add_routes
from serving.server.v2_grpc import CheckedInferenceServicer

# Shorter than the 30 s that Kubernetes waits by default, longer than the largest batch takes.
GRACE_SECONDS = 10


class ForecastServer(ModelServer):  # type: ignore[misc]
    """V1 and V2 REST, V2 gRPC and PredictionService in one event loop.

    KServe's own stop unloads the models before the requests in flight have ended, and knows no further server; here
    uvicorn drains first (it has the signal), then both gRPC servers, with all models in place.
    """

    def __init__(self, http_port: int, grpc_port: int, predict_port: int) -> None:
        super().__init__(
            http_port=http_port,
            registered_models=StoreRepository(),
            enable_grpc=False,
            enable_latency_logging=False,
            grace_period=GRACE_SECONDS,
        )
        self.dataplane = StoreDataPlane(self.registered_models)
        self.metrics = ServingMetrics()
        self._grpc_servers = (
            GrpcServer(grpc_port, self._register_inference, RecordCalls(self.metrics)),
            GrpcServer(
                predict_port,
                lambda server: register_prediction_services(server, self.dataplane),
                RecordCalls(self.metrics),
            ),
        )
        add_routes(app, self.dataplane)
        # Added last, so outermost: what limits or keys refuse is recorded too.
        app.add_middleware(RecordRequests, metrics=self.metrics)

    def show(self, backend: Backend) -> None:
        """Serves a version as its model's champion from now on; any thread may call this."""
        model = self.registered_models.get_model(backend.name)
        if model is None:
            self.register_model(ServedModel(backend))
        else:
            model.stable = backend

    def stage(self, name: str, candidate: Backend | None) -> None:
        """Serves a version beside a model's champion, or no longer; any thread may call this."""
        model = self.registered_models.get_model(name)
        if model is not None:
            model.candidate = candidate

    def run(self, *companions: Coroutine[Any, Any, None]) -> None:
        """Serves until SIGTERM or SIGINT has been received and every request in flight is answered."""
        self.servers.extend([*(server.run() for server in self._grpc_servers), *companions])
        self.start([])

    def register_signal_handler(self) -> None:
        """SIGTERM and SIGINT drain; uvicorn takes them first and passes them on when it has drained."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda sig, frame: self.stop(sig))

    def stop(self, sig: int) -> None:
        """Drains the gRPC servers."""
        loop = asyncio.get_running_loop()
        self._draining = [loop.create_task(server.stop(GRACE_SECONDS)) for server in self._grpc_servers]

    def _register_inference(self, server: Any) -> None:
        servicer = CheckedInferenceServicer(self.dataplane, self.model_repository_extension)
        grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
