"""`sluice serve`: every model of a store, each from its champion, over four protocols."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError
from serving.quiet_tensorflow import import_quietly
from serving.server.ports import check_ports

if TYPE_CHECKING:
    from serving.server.logs import LogForm


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
    """

    store: Path
    http_port: int = 8080
    grpc_port: int = 8081
    predict_port: int = 8500
    poll_seconds: float = 1.0
    say: Callable[[str], None] = print
    log_form: LogForm = "text"


def serve(options: ServeOptions) -> None:
    """Serves until SIGTERM or SIGINT; returns when all requests in flight are answered and every server is down.

    Raises:
        InputError: no champion in the store can be served, or a port is taken.
    """
    check_ports(
        {
            "--http-port": options.http_port,
            "--grpc-port": options.grpc_port,
            "--predict-port": options.predict_port,
        }
    )
    _check_store(options.store)
    import_quietly()
    from components.deploy.store import ModelStore
    from serving.local.inprocess import in_process
    from serving.local.watcher import StoreWatcher
    from serving.server.logs import configure_logs
    from serving.server.model_server import ForecastServer

    configure_logs(options.log_form)
    stop = threading.Event()
    with ThreadPoolExecutor(max_workers=max(2, os.cpu_count() or 1), thread_name_prefix="model") as executor:
        server = ForecastServer(options.http_port, options.grpc_port, options.predict_port)
        watcher = StoreWatcher(ModelStore(options.store), lambda servable: server.show(in_process(servable, executor)))
        watcher.check()
        models = server.registered_models.get_models()
        if not models:
            raise _nothing_to_serve(options.store, watcher.failures)
        thread = threading.Thread(target=watcher.run, args=(stop, options.poll_seconds), name="watcher")
        thread.start()
        lines = _announcement(options, {name: model.stable.version for name, model in sorted(models.items())})
        try:
            server.run(_announce(options, lines))
        finally:
            stop.set()
            # Ending the process while TensorFlow compiles in a thread is a segmentation fault.
            thread.join()


def _check_store(store: Path) -> None:
    if not store.is_dir():
        raise InputError(str(store), "there is no such store", "run `sluice run` first, or give its --store")


def _nothing_to_serve(store: Path, failures: tuple[str, ...]) -> InputError:
    if failures:
        return InputError(str(store), failures[0], "promote another version with `sluice models promote`")
    return InputError(str(store), "holds no model with a champion", "run `sluice run` first, or give another --store")


def _announcement(options: ServeOptions, versions: dict[str, int]) -> list[str]:
    name = next(iter(versions))
    base = f"http://localhost:{options.http_port}"
    return [
        f"Serving {', '.join(f'{model} version {version}' for model, version in versions.items())}; Ctrl-C stops.",
        f"  V1 REST            {base}/v1/models/{name}:predict",
        f"  V2 REST            {base}/v2/models/{name}/infer",
        f"  V2 gRPC            grpc://localhost:{options.grpc_port}",
        f"  PredictionService  grpc://localhost:{options.predict_port}",
        f"  metrics            {base}/metrics",
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
