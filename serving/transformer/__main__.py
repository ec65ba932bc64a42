"""`python -m serving.transformer`: the entry of the transformer's container, with the arguments that KServe gives."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError

if TYPE_CHECKING:
    from serving.transformer.container import TransformerOptions

WRONG_INPUT = 2


def main(arguments: Sequence[str]) -> int:
    """Serves; 0 when stopped by a signal, 2 where an argument is wrong."""
    options = parse(arguments)
    from serving.quiet_tensorflow import import_quietly
    from serving.transformer.container import run

    import_quietly()
    try:
        run(options)
    except InputError as error:
        print(error, file=sys.stderr)
        return WRONG_INPUT
    return 0


def parse(arguments: Sequence[str]) -> TransformerOptions:
    """The options that arguments stand for; what KServe gives to every transformer and has no use here is ignored."""
    from serving.server.security import Security
    from serving.transformer.container import TransformerOptions

    given, _ = _parser().parse_known_args(arguments)
    return TransformerOptions(
        predictor=given.predictor_host,
        store=given.store,
        model_name=given.model_name,
        http_port=given.http_port,
        grpc_port=given.grpc_port,
        predict_port=given.predict_port,
        predictor_port=given.predictor_port,
        poll_seconds=given.poll_seconds,
        max_age_seconds=given.max_age_seconds,
        log_form=given.log,
        security=Security(given.api_keys, given.tls_cert, given.tls_key),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m serving.transformer", description=__doc__, allow_abbrev=False)
    parser.add_argument("--predictor_host", required=True, help="Host of TensorFlow Serving, as KServe gives it.")
    parser.add_argument("--predictor_port", type=int, default=9000, help="Its gRPC port, where the host has none.")
    parser.add_argument("--store", type=Path, default=Path("/mnt/models"), help="The mounted model store.")
    parser.add_argument("--model_name", default="", help="Name of the InferenceService.")
    parser.add_argument("--http_port", type=int, default=8080, help="V1 and V2 REST, health and metrics.")
    parser.add_argument("--grpc_port", type=int, default=8081, help="V2 gRPC.")
    parser.add_argument("--predict_port", type=int, default=8500, help="PredictionService.")
    parser.add_argument("--poll_seconds", type=float, default=1.0, help="How often the store is looked at.")
    parser.add_argument("--max_age_seconds", type=float, help="Older last readings are refused.")
    parser.add_argument("--api_keys", type=Path, help="File of hashed API keys.")
    parser.add_argument("--tls_cert", type=Path, help="PEM file of the certificate.")
    parser.add_argument("--tls_key", type=Path, help="PEM file of its key.")
    parser.add_argument("--log", choices=("json", "text"), default="json", help="Form of the log's lines.")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
