"""The command line of `tensorflow_model_server`: its flags and defaults, read as it reads them.

Source: tensorflow/serving, tensorflow_serving/model_servers/main.cc and server.h (release 2.20).
"""

from __future__ import annotations

import os
from typing import Any

CPUS = len(os.sched_getaffinity(0))

DEFAULTS: dict[str, Any] = {
    "port": 8500,
    "grpc_socket_path": "",
    "rest_api_port": 0,
    "rest_api_num_threads": 4 * CPUS,
    "rest_api_timeout_in_ms": 30000,
    "rest_api_enable_cors_support": False,
    "enable_batching": False,
    "allow_version_labels_for_unavailable_models": False,
    "batching_parameters_file": "",
    "enable_per_model_batching_parameters": False,
    "model_config_file": "",
    "model_config_file_poll_wait_seconds": 0,
    "model_name": "default",
    "model_base_path": "",
    "num_load_threads": 0,
    "num_unload_threads": 0,
    "max_num_load_retries": 5,
    "load_retry_interval_micros": 60_000_000,
    "file_system_poll_wait_seconds": 1,
    "flush_filesystem_caches": True,
    "tensorflow_session_parallelism": 0,
    "tensorflow_session_config_file": "",
    "tensorflow_intra_op_parallelism": 0,
    "tensorflow_inter_op_parallelism": 0,
    "use_alts_credentials": False,
    "ssl_config_file": "",
    "platform_config_file": "",
    "per_process_gpu_memory_fraction": 0.0,
    "saved_model_tags": "serve",
    "grpc_channel_arguments": "",
    "grpc_max_threads": 4 * CPUS,
    "enable_model_warmup": True,
    "num_request_iterations_for_warmup": 0,
    "version": False,
    "monitoring_config_file": "",
    "remove_unused_fields_from_bundle_metagraph": True,
    "prefer_tflite_model": False,
    "num_tflite_pools": CPUS,
    "num_tflite_interpreters_per_pool": 1,
    "enable_signature_method_name_check": False,
    "xla_cpu_compilation_enabled": False,
    "xla_gpu_compilation_enabled": False,
    "enable_profiler": True,
    "thread_pool_factory_config_file": "",
    "mixed_precision": "",
    "skip_initialize_tpu": False,
    "enable_grpc_healthcheck_service": False,
    "enable_serialization_as_tensor_content": False,
}
# What changes answers and isn't done here: refused, so that no test believes that it was tried.
_NOT_HERE = frozenset(
    {
        "use_alts_credentials",
        "ssl_config_file",
        "platform_config_file",
        "enable_per_model_batching_parameters",
        "prefer_tflite_model",
        "thread_pool_factory_config_file",
        "mixed_precision",
        "tensorflow_session_config_file",
    }
)


class FlagError(ValueError):
    """A command line that isn't taken."""


class Flags:
    """The value of every flag, by its name as attribute.

    Args:
        arguments: the command line without the program's name; only `--name=value` (and `--name` for a boolean) are
            flags, as with TensorFlow's own parser.

    Raises:
        FlagError: an argument is no flag of the server. (The real one writes the same line and starts all the same; a
            mistyped flag would then pass every test.)
    """

    def __init__(self, arguments: list[str]) -> None:
        self._values = dict(DEFAULTS)
        for argument in arguments:
            name, equals, text = argument.removeprefix("--").partition("=")
            if not argument.startswith("--") or name not in DEFAULTS:
                raise FlagError(f"unknown argument: {argument}")
            self._values[name] = _value(name, text, bool(equals))
        unknown = [name for name in _NOT_HERE if self._values[name] != DEFAULTS[name]]
        if unknown:
            raise FlagError(f"--{unknown[0]} is a flag of TensorFlow Serving that this test server doesn't have")

    def __getattr__(self, name: str) -> Any:
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(name) from None


def usage() -> str:
    """The flags, one a line."""
    lines = [f"\t--{name}={value!r}\t{type(value).__name__}" for name, value in DEFAULTS.items()]
    return "\n".join(["usage: tensorflow_model_server", "Flags:", *lines])


def _value(name: str, text: str, given: bool) -> Any:
    kind = type(DEFAULTS[name])
    if kind is bool:
        known = {"": True, "true": True, "1": True, "false": False, "0": False}
        if text.lower() not in known:
            raise FlagError(f"Couldn't interpret value {text} for flag {name}.")
        return known[text.lower()]
    if not given:
        raise FlagError(f"unknown argument: --{name}")
    try:
        return kind(text)
    except ValueError:
        raise FlagError(f"Couldn't interpret value {text} for flag {name}.") from None
