"""`sluice serve`: every model of a store, each from its champion, over four protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError
from serving.live.source import parse_source
from serving.quiet_tensorflow import import_quietly
from serving.server.limits import Limits
from serving.server.ports import check_ports
from serving.server.security import Security
from serving.tfserving.binary import required_binary

if TYPE_CHECKING:
    from serving.server.logs import LogForm
    from serving.server.model_server import ForecastServer

RUNTIMES = ("inprocess", "tfserving")


@dataclass(frozen=True)
class ServeOptions:
    """What to serve, and where.

    Attributes:
        store: the model store.
        http_port: V1 and V2 REST, health and metrics.
        grpc_port: V2 gRPC.
        predict_port: TensorFlow Serving's PredictionService.
        poll_seconds: how often the store is looked at.
        say: takes each line for the person who started the server.
        log_form: `text`, or `json` with a line for each request.
        runtime: what computes the answers, one of RUNTIMES.
        limits: how much is taken on at once.
        security: keys and certificate.
        readings: file or folder of readings to follow, `PATH` or `MODEL=PATH`.
        max_age_seconds: raw readings whose last is older than this are refused; None takes any.
    """

    store: Path
    http_port: int = 8080
    grpc_port: int = 8081
    predict_port: int = 8500
    poll_seconds: float = 1.0
    say: Callable[[str], None] = print
    log_form: LogForm = "text"
    runtime: str = "inprocess"
    limits: Limits = field(default_factory=Limits)
    security: Security = field(default_factory=Security)
    readings: str | None = None
    max_age_seconds: float | None = None


def serve(options: ServeOptions) -> None:
    """Serves until SIGTERM or SIGINT; returns when all requests in flight are answered and every server is down.

    Raises:
        InputError: no champion in the store can be served, a port is taken, or the runtime isn't there.
    """
    check_ports(
        {
            "--http-port": options.http_port,
            "--grpc-port": options.grpc_port,
            "--predict-port": options.predict_port,
        }
    )
    _check_store(options.store)
    source = parse_source(options.readings)
    check_runtime(options.runtime)
    options.security.check()
    import_quietly()
    from serving.server.logs import configure_logs
    from serving.server.model_server import ForecastServer

    configure_logs(options.log_form)
    server = ForecastServer(
        options.http_port, options.grpc_port, options.predict_port, options.limits, options.security
    )
    server.forecaster.max_age_seconds = options.max_age_seconds
    with _runtime(options, server) as failures:
        models = server.registered_models.get_models()
        if not models:
            raise _nothing_to_serve(options.store, failures())
        lines = _announcement(options, {name: model.stable.version for name, model in sorted(models.items())})
        server.run(_announce(options, lines), server.live.follow(source))


def check_runtime(name: str) -> None:
    """Raises InputError unless a runtime is known and what it needs is here."""
    if name not in RUNTIMES:
        raise InputError("--runtime", f"there is no runtime {name!r}", f"choose one of {', '.join(RUNTIMES)}")
    if name == "tfserving":
        required_binary()


def _runtime(options: ServeOptions, server: ForecastServer) -> AbstractContextManager[Callable[[], tuple[str, ...]]]:
    if options.runtime == "tfserving":
        from serving.tfserving.supervisor import tensorflow_serving

        return tensorflow_serving(options.store, server, options.poll_seconds)
    from serving.local.runtime import in_this_process

    return in_this_process(options.store, server, options.poll_seconds)


def _check_store(store: Path) -> None:
    if not store.is_dir():
        raise InputError(str(store), "there is no such store", "run `sluice run` first, or give its --store")


def _nothing_to_serve(store: Path, failures: tuple[str, ...]) -> InputError:
    if failures:
        return InputError(str(store), failures[0], "promote another version with `sluice models promote`")
    return InputError(str(store), "holds no model with a champion", "run `sluice run` first, or give another --store")


def _announcement(options: ServeOptions, versions: dict[str, int]) -> list[str]:
    name = next(iter(versions))
    secured = "s" if options.security.tls else ""
    base = f"http{secured}://localhost:{options.http_port}"
    return [
        f"Serving {', '.join(f'{model} version {version}' for model, version in versions.items())}; Ctrl-C stops.",
        f"  V1 REST            {base}/v1/models/{name}:predict",
        f"  V2 REST            {base}/v2/models/{name}/infer",
        f"  V2 gRPC            grpc{secured}://localhost:{options.grpc_port}",
        f"  PredictionService  grpc{secured}://localhost:{options.predict_port}",
        f"  metrics            {base}/metrics",
        f"  live page          {base}/",
        f"Ask it: sluice predict READINGS.csv --url {base} --model {name} --store {options.store}",
    ]


async def _announce(options: ServeOptions, lines: list[str]) -> None:
    for port in (options.http_port, options.grpc_port, options.predict_port):
        await _listening(port)
    for line in lines:
        options.say(line)


async def _listening(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
            continue
        writer.close()
        return
