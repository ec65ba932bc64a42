"""A stand-in for `tensorflow_model_server` where there is none: the same command line, ports, answers and errors.

Everything is computed from the SavedModels that it is given, by TensorFlow's own session. It doesn't classify, regress,
read tf.Example, take TLS or compressed bodies; those parts of TensorFlow Serving aren't used here.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from pathlib import Path
from typing import Any

from double.flags import FlagError, Flags, usage

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def main(arguments: list[str]) -> int:
    """Serves until SIGTERM, which ends it at once as it does the real one; 255 where it can't be started."""
    try:
        flags = Flags(arguments)
    except FlagError as error:
        print(f"{error}\n{usage()}")
        return 255
    if flags.version:
        print("TensorFlow ModelServer: test server over real SavedModels")
        return 0
    from double.status import StatusError

    try:
        _serve(flags)
    except StatusError as error:
        print(f"Failed to start server. Error: {error}", flush=True)
        os._exit(255)
    return 0


def _serve(flags: Flags) -> None:
    _check(flags)
    config, monitoring_path = _first_config(flags), _monitoring_path(flags)
    # Only now: importing TensorFlow takes seconds, which a wrong command line needn't wait for.
    from double.answers import Answers
    from double.core import ServerCore
    from double.metrics import Metrics
    from double.rest import RestServer
    from double.services import grpc_server
    from double.status import invalid

    if not (flags.xla_cpu_compilation_enabled or flags.xla_gpu_compilation_enabled):
        disable_xla()
    metrics = Metrics()
    core = ServerCore(flags, config)
    core.start()
    answers = Answers(core, metrics)
    server = grpc_server(flags, answers)
    server.start()
    print(f"Running gRPC ModelServer at 0.0.0.0:{flags.port} ...", flush=True)
    if flags.rest_api_port == flags.port and flags.port:
        print("server_options.http_port cannot be same as grpc_port.", flush=True)
    elif flags.rest_api_port:
        try:
            rest = RestServer(flags.rest_api_port, answers, flags.rest_api_timeout_in_ms, metrics, monitoring_path)
        except OSError as error:
            raise invalid(f"Failed to start HTTP Server at localhost:{flags.rest_api_port}: {error}") from error
        threading.Thread(target=rest.serve_forever, daemon=True).start()
        print(f"Exporting HTTP/REST API at:localhost:{flags.rest_api_port} ...", flush=True)
    _follow_config(flags, core)


def disable_xla() -> None:
    """Refuses compilation in this process by the switch that TensorFlow Serving itself throws."""
    import tensorflow as tf

    library = ctypes.CDLL(str(Path(tf.__file__).parent / "libtensorflow_cc.so.2"))
    library["_ZN10tensorflow21DisableXlaCompilationEv"]()


def _check(flags: Flags) -> None:
    from double.status import invalid

    if not flags.port and not flags.grpc_socket_path:
        raise invalid("At least one of server_options.grpc_port or server_options.grpc_socket_path must be set.")
    if not flags.model_base_path and not flags.model_config_file:
        raise invalid("Both server_options.model_base_path and server_options.model_config_file are empty!")
    if flags.batching_parameters_file and not flags.enable_batching:
        raise invalid(
            "server_options.batching_parameters_file is set without setting server_options.enable_batching to true."
        )
    parallelisms = ("session", "intra_op", "inter_op")
    if all(getattr(flags, f"tensorflow_{name}_parallelism") > 0 for name in parallelisms):
        raise invalid(
            "Either configure server_options.tensorflow_session_parallelism or "
            "(server_options.tensorflow_intra_op_parallelism, server_options.tensorflow_inter_op_parallelism) "
            "separately. You cannot configure all."
        )


def _first_config(flags: Flags) -> Any:
    from double.text_files import read_text
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    if flags.model_config_file:
        return read_text(flags.model_config_file, config)
    config.model_config_list.config.add(
        name=flags.model_name, base_path=flags.model_base_path, model_platform="tensorflow"
    )
    return config


def _monitoring_path(flags: Flags) -> str:
    from double.text_files import monitoring_config, read_text

    if not flags.monitoring_config_file:
        return ""
    prometheus = read_text(flags.monitoring_config_file, monitoring_config()).prometheus_config
    return (prometheus.path or "/monitoring/prometheus/metrics") if prometheus.enable else ""


def _follow_config(flags: Flags, core: Any) -> None:
    from double.status import StatusError

    wait = flags.model_config_file_poll_wait_seconds if flags.model_config_file else 0
    ended = threading.Event()
    while not ended.wait(wait if wait > 0 else None):
        try:
            core.reload(_first_config(flags))
        except StatusError as error:
            print(f"PollFilesystemAndReloadConfig failed to ReloadConfig: {error.message}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
