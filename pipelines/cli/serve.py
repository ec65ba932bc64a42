"""`sluice serve`: answer callers from the store's champions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded

LogForm = Literal["text", "json"]
Runtime = Literal["inprocess", "tfserving"]


def serve(
    store: options.Store = None,
    http_port: Annotated[int, typer.Option(help="V1 and V2 REST.")] = 8080,
    grpc_port: Annotated[int, typer.Option(help="V2 gRPC.")] = 8081,
    predict_port: Annotated[int, typer.Option(help="TensorFlow Serving's PredictionService.")] = 8500,
    log: Annotated[
        LogForm, typer.Option(help="Log lines for a person, or JSON with a line for each request.")
    ] = "text",
    runtime: Annotated[
        Runtime, typer.Option(help="What computes: this process, or a tensorflow_model_server found on PATH.")
    ] = "inprocess",
    readings: Annotated[
        str | None,
        typer.Option(metavar="[MODEL=]PATH", help="Growing file or folder of readings, forecast on the page at /."),
    ] = None,
    max_age_seconds: Annotated[
        float | None, typer.Option(help="Refuse raw readings whose last is older than this.", min=0)
    ] = None,
    keys: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Answer only who has a key: see `sluice keys new`.")
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Speak TLS on all ports: certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key.")] = None,
    max_body_bytes: Annotated[int, typer.Option(help="Largest body or message.")] = 256 * 1024 * 1024,
    max_batch: Annotated[int, typer.Option(help="Windows in one request.")] = 4096,
    max_in_flight: Annotated[int, typer.Option(help="Requests answered at the same time.")] = 32,
    max_queue: Annotated[int, typer.Option(help="Requests that wait; more are told to come again.")] = 128,
    max_connections: Annotated[int, typer.Option(help="HTTP connections at the same time.")] = 1024,
    request_timeout_seconds: Annotated[float, typer.Option(help="From the request's last byte.")] = 30.0,
    drain_delay_seconds: Annotated[
        float, typer.Option(help="Not ready, but answering, before the ports close on SIGTERM.")
    ] = 0.0,
    debug: options.Debug = False,
) -> None:
    """Serve every model in a store.

    A new champion is swapped in without a failed request.

    Example: sluice serve --store runs/reservoir/store
    """
    with guarded(debug):
        import os

        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        from pipelines.cli.source import find_store
        from serving.serve import ServeOptions
        from serving.serve import serve as serve_store
        from serving.server.limits import Limits
        from serving.server.security import Security

        serve_store(
            ServeOptions(
                store=find_store(store),
                http_port=http_port,
                grpc_port=grpc_port,
                predict_port=predict_port,
                log_form=log,
                runtime=runtime,
                readings=readings,
                max_age_seconds=max_age_seconds,
                security=Security(keys, tls_cert, tls_key),
                limits=Limits(
                    max_body_bytes=max_body_bytes,
                    max_bodies_bytes=4 * max_body_bytes,
                    max_batch=max_batch,
                    max_in_flight=max_in_flight,
                    max_queue=max_queue,
                    max_connections=max_connections,
                    request_timeout_seconds=request_timeout_seconds,
                    drain_delay_seconds=drain_delay_seconds,
                ),
            )
        )
