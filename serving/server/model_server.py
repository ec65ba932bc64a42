"""KServe's ModelServer with our gRPC services, drained as a whole."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Coroutine
from importlib.metadata import version
from typing import Any

from serving.forecast_api.plane import add_forecast_api
from serving.kserve_sdk import ModelServer, app, grpc_predict_v2_pb2_grpc
from serving.live.live import Live
from serving.server.admission import Admission
from serving.server.backend import Backend
from serving.server.draining import unready_on_signal
from serving.server.grpc_guard import GuardCalls
from serving.server.grpc_server import GrpcServer
from serving.server.http_connection import limit_connections
from serving.server.http_guard import GuardRequests
from serving.server.limits import Limits
from serving.server.metrics import ServingMetrics
from serving.server.model import ClosedRepository, ServedModel, StoreDataPlane, StoreRepository
from serving.server.openapi import describe
from serving.server.prediction_service import register_prediction_services
from serving.server.request_record import RecordCalls, RecordRequests
from serving.server.rest import add_routes
from serving.server.security import ApiKeys, Security
from serving.server.v2_grpc import CheckedInferenceServicer
from serving.server.version_routes import add_version_routes
from serving.transformer.forecaster import Forecaster

# Shorter than the 30 s that Kubernetes waits by default, longer than the largest batch takes.
GRACE_SECONDS = 10


class ForecastServer(ModelServer):  # type: ignore[misc]
    """V1 and V2 REST, V2 gRPC and PredictionService in one event loop.

    KServe's own stop unloads the models before the requests in flight have ended, and knows no further server; here
    uvicorn drains first (it has the signal), then both gRPC servers, with all models in place.
    """

    def __init__(
        self,
        http_port: int,
        grpc_port: int,
        predict_port: int,
        limits: Limits | None = None,
        security: Security | None = None,
    ) -> None:
        self._limits, self._security = limits or Limits(), security or Security()
        super().__init__(
            http_port=http_port,
            registered_models=StoreRepository(),
            enable_grpc=False,
            enable_latency_logging=False,
            grace_period=GRACE_SECONDS,
            timeout_keep_alive=self._limits.keep_alive_seconds,
            ssl_certfile=self._security.tls_cert,
            ssl_keyfile=self._security.tls_key,
        )
        # KServe moves 8080 to 8443 where there is a certificate; the port asked for is the port.
        self.http_port = http_port
        self.metrics = ServingMetrics()
        self.admission = Admission(self._limits, self.metrics)
        self.dataplane = StoreDataPlane(self.registered_models, self.admission)
        self.model_repository_extension = ClosedRepository(self.registered_models)
        self.forecaster = Forecaster(self.dataplane)
        self.forecaster.listeners.append(self.metrics.forecasted)
        keys = ApiKeys(self._security.keys) if self._security.keys else None
        interceptors = (RecordCalls(self.metrics), GuardCalls(self._limits, self.admission, keys))
        self._grpc_servers = tuple(
            GrpcServer(port, register, interceptors, self._limits, self._security)
            for port, register in (
                (grpc_port, self._register_inference),
                (predict_port, lambda server: register_prediction_services(server, self.dataplane)),
            )
        )
        self.live = Live(self.dataplane, self.forecaster)
        self.live.add_routes(app)
        add_routes(app, self.dataplane, self.forecaster)
        add_version_routes(app, self.dataplane)
        add_forecast_api(app, self.dataplane, self.forecaster)
        describe(app, version("sluice"))
        app.add_middleware(GuardRequests, limits=self._limits, admission=self.admission, keys=keys)
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
        limit_connections(self._rest_server.config, self._limits)
        unready_on_signal(self._rest_server._server, self.dataplane, self._limits.drain_delay_seconds)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda sig, frame: self.stop(sig))

    def stop(self, sig: int) -> None:
        """Ends the feed and drains the gRPC servers."""
        self.live.stop()
        loop = asyncio.get_running_loop()
        self._draining = [loop.create_task(server.stop(GRACE_SECONDS)) for server in self._grpc_servers]

    def _register_inference(self, server: Any) -> None:
        servicer = CheckedInferenceServicer(self.dataplane, self.model_repository_extension, self.forecaster)
        grpc_predict_v2_pb2_grpc.add_GRPCInferenceServiceServicer_to_server(servicer, server)
