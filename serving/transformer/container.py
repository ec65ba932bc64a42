"""The transformer's container: the protocol front, over a TensorFlow Serving in the predictor's pod."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError
from serving.server.limits import Limits
from serving.server.logs import LogForm, configure_logs
from serving.server.ports import check_ports
from serving.server.security import Security

if TYPE_CHECKING:
    from serving.server.model_server import ForecastServer
    from serving.tfserving.follower import Follower

LOGGER = logging.getLogger("sluice.serving")
# Where KServe's runtime for TensorFlow listens.
PREDICTOR_GRPC_PORT = 9000


@dataclass(frozen=True)
class TransformerOptions:
    """What the container answers for, and where.

    Attributes:
        predictor: host of TensorFlow Serving, with its gRPC port or without.
        store: the model store, for dataset files, model cards and champions.
        model_name: name of the InferenceService; empty where nobody says.
        http_port: V1 and V2 REST, health and metrics.
        grpc_port: V2 gRPC.
        predict_port: PredictionService.
        predictor_port: TensorFlow Serving's gRPC port, where `predictor` doesn't say.
        poll_seconds: how often store and predictor are looked at.
        max_age_seconds: a last reading older than this is refused; None takes any.
        log_form: `json`, or `text`.
        limits: how much is taken on at once.
        security: keys and certificate.
    """

    predictor: str
    store: Path
    model_name: str = ""
    http_port: int = 8080
    grpc_port: int = 8081
    predict_port: int = 8500
    predictor_port: int = PREDICTOR_GRPC_PORT
    poll_seconds: float = 1.0
    max_age_seconds: float | None = None
    log_form: LogForm = "json"
    limits: Limits = field(default_factory=Limits)
    security: Security = field(default_factory=Security)

    @property
    def target(self) -> str:
        """`host:port` of TensorFlow Serving's gRPC."""
        host = self.predictor.split("://")[-1].rstrip("/")
        return host if ":" in host else f"{host}:{self.predictor_port}"


def run(options: TransformerOptions) -> None:
    """Serves until SIGTERM or SIGINT; its ports open when the predictor has a version of the store ready.

    Raises:
        InputError: there is no store, a port is taken, or a key or certificate can't be used.
    """
    check_ports(
        {
            "--http_port": options.http_port,
            "--grpc_port": options.grpc_port,
            "--predict_port": options.predict_port,
        }
    )
    if not options.store.is_dir():
        raise InputError(str(options.store), "there is no such store", "mount the claim that holds the model store")
    options.security.check()
    configure_logs(options.log_form)
    from components.deploy.store import ModelStore
    from serving.server.model_server import ForecastServer
    from serving.tfserving.follower import Follower

    server = ForecastServer(
        options.http_port, options.grpc_port, options.predict_port, options.limits, options.security
    )
    server.forecaster.max_age_seconds = options.max_age_seconds
    with Follower(ModelStore(options.store), options.target, server) as follower:
        _wait(options, server, follower)
        _follow(options, server, follower)


def _wait(options: TransformerOptions, server: ForecastServer, follower: Follower) -> None:
    """Until the predictor has something: a probe finds closed ports, and the pod isn't ready."""
    told = ""
    while True:
        follower.check()
        if server.registered_models.get_models():
            return
        why = "; ".join(follower.problems) or "it has no version of the store ready"
        if why != told:
            LOGGER.info("waiting for %s: %s", options.target, why)
            told = why
        threading.Event().wait(options.poll_seconds)


def _follow(options: TransformerOptions, server: ForecastServer, follower: Follower) -> None:
    names = sorted(server.registered_models.get_models())
    LOGGER.info("serving %s, answered by %s", ", ".join(names), options.target)
    if options.model_name and options.model_name not in names:
        LOGGER.warning("no model is named %s: ask for %s", options.model_name, ", ".join(names))
    stop = threading.Event()
    thread = threading.Thread(target=follower.run, args=(stop, options.poll_seconds), name="follower")
    thread.start()
    try:
        server.run()
    finally:
        stop.set()
        thread.join()
