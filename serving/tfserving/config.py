"""Every flag that tensorflow_model_server is started with.

Each is in tensorflow_serving/model_servers/main.cc of 2.20; defaults there in brackets.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from serving.tfserving.batching import BatchingParameters


@dataclass(frozen=True)
class ConfigFiles:
    """Files that the server reads, as it sees them; `models` is read again and again.

    Attributes:
        models: ModelServerConfig.
        monitoring: MonitoringConfig.
        batching: BatchingParameters, where batching is on.
    """

    models: Path
    monitoring: Path
    batching: Path | None = None


@dataclass(frozen=True)
class TfServingOptions:
    """How one tensorflow_model_server runs.

    Message sizes need no flag: server.cc takes messages up to 2 GiB; the limits of 4 MB are the callers' own.

    Attributes:
        binary: tensorflow_model_server.
        store_root: the model store, as the server sees it.
        grpc_port: PredictionService and ModelService on every interface; 0 for none. Whoever reaches it can ask
            ModelService to load any folder (HandleReloadConfigRequest), so it is for networks that are closed.
        rest_port: REST and metrics on every interface; 0 for none.
        grpc_socket: a UNIX socket in place of the port; its path may have 107 bytes.
        grpc_max_threads: [4 a core] 64: on 2 cores 16 callers exhaust the default.
        rest_timeout_ms: [30000] of one REST request.
        poll_seconds: [0, never] between two looks at the model config.
        load_threads: [0: loads in the manager's own loop, which may delay requests]; with 1 the file cache is flushed
            after each load.
        load_retries: [5] after a load that failed. Few, since the config isn't read again until a new model is loaded
            or given up (server_core.cc waits without an end).
        load_retry_micros: [one minute] between them.
        gpu_memory_fraction: [0: TensorFlow chooses] of the card's memory, taken at the start. Two versions live side
            by side during a swap: plan for both.
        intra_op_threads: [0: one a core] for one operation.
        inter_op_threads: [0: one a core] operations at once.
        batching: how requests are answered together, None for one by one.
        xla: lets `serving_xla` answer on a CPU; `serving_default` needs no XLA.
        tensor_content: answers as bytes in place of a list of numbers: faster, for callers that read both.
    """

    binary: Path
    store_root: Path
    grpc_port: int = 0
    rest_port: int = 0
    grpc_socket: Path | None = None
    grpc_max_threads: int = 64
    rest_timeout_ms: int = 60_000
    poll_seconds: int = 1
    load_threads: int = 1
    load_retries: int = 1
    load_retry_micros: int = 1_000_000
    gpu_memory_fraction: float = 0.0
    intra_op_threads: int = 0
    inter_op_threads: int = 0
    batching: BatchingParameters | None = None
    xla: bool = False
    tensor_content: bool = False

    def __post_init__(self) -> None:
        if not self.grpc_port and self.grpc_socket is None:
            raise ValueError("a gRPC port or socket is needed: the server doesn't start without one")
        if self.batching and self.xla:
            raise ValueError(
                "batching and xla exclude each other: requests that meet make a batch of a size that isn't compiled"
                " yet, and wait seconds for it"
            )

    @property
    def target(self) -> str:
        """Where gRPC clients on this machine find it."""
        return f"unix:{self.grpc_socket}" if self.grpc_socket else f"localhost:{self.grpc_port}"

    def arguments(self, files: ConfigFiles) -> tuple[str, ...]:
        """The command line, without the binary."""
        flags = self._faces() | self._loading() | self._running()
        flags |= {"model_config_file": files.models, "monitoring_config_file": files.monitoring}
        if self.batching:
            assert files.batching is not None
            flags |= {"enable_batching": "true", "batching_parameters_file": files.batching}
        return tuple(f"--{name}={value}" for name, value in flags.items())

    def _faces(self) -> dict[str, object]:
        flags: dict[str, object] = {
            "port": self.grpc_port,
            "rest_api_port": self.rest_port,
            "rest_api_timeout_in_ms": self.rest_timeout_ms,
            "grpc_max_threads": self.grpc_max_threads,
            # A second server on the same port would silently take half of the requests.
            "grpc_channel_arguments": "grpc.so_reuseport=0",
            "enable_grpc_healthcheck_service": "true",
            "enable_profiler": "false",
            "enable_serialization_as_tensor_content": str(self.tensor_content).lower(),
        }
        return flags | ({"grpc_socket_path": self.grpc_socket} if self.grpc_socket else {})

    def _loading(self) -> dict[str, object]:
        return {
            "model_config_file_poll_wait_seconds": self.poll_seconds,
            "file_system_poll_wait_seconds": 1,
            "enable_model_warmup": "true",
            "num_load_threads": self.load_threads,
            "num_unload_threads": 1,
            "max_num_load_retries": self.load_retries,
            "load_retry_interval_micros": self.load_retry_micros,
        }

    def _running(self) -> dict[str, object]:
        flags = {
            "per_process_gpu_memory_fraction": self.gpu_memory_fraction,
            "tensorflow_intra_op_parallelism": self.intra_op_threads,
            "tensorflow_inter_op_parallelism": self.inter_op_threads,
            "xla_cpu_compilation_enabled": "true" if self.xla else "",
        }
        return {name: value for name, value in flags.items() if value}
