"""`sluice serve`: answer callers from the store's champions."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded

LogForm = Literal["text", "json"]


def serve(
    store: options.Store = None,
    http_port: Annotated[int, typer.Option(help="V1 and V2 REST.")] = 8080,
    grpc_port: Annotated[int, typer.Option(help="V2 gRPC.")] = 8081,
    predict_port: Annotated[int, typer.Option(help="TensorFlow Serving's PredictionService.")] = 8500,
    log: Annotated[LogForm, typer.Option(help="Log lines for a person, or JSON with a line for each request.")] = "text",
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

        serve_store(
            ServeOptions(
                store=find_store(store),
                http_port=http_port,
                grpc_port=grpc_port,
                predict_port=predict_port,
                log_form=log,
            )
        )
