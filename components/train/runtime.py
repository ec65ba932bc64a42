"""What a training process sets before it computes anything: threads, determinism, the GPU's memory."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Runtime:
    """How a process computes.

    Attributes:
        threads: of each operation; 0 for as many as the environment says, else as there are cores to use.
        deterministic: whether the same steps give the same bits; one thread then, as sums depend on their order.
        gpu_memory_bytes: most memory taken of a GPU, 0 for no cap; it is taken as it is needed either way.
    """

    threads: int = 0
    deterministic: bool = False
    gpu_memory_bytes: int = 0

    @property
    def threads_used(self) -> int:
        """Threads of each operation."""
        if self.deterministic:
            return 1
        told = os.environ.get("TF_NUM_INTRAOP_THREADS", "")
        return self.threads or (int(told) if told.isdigit() and int(told) else usable_cores())


def prepare(runtime: Runtime, seed: int) -> None:
    """Sets a process up; one that has already computed keeps the threads and the GPU memory that it has."""
    import keras

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() != "tensorflow":
        return
    os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")
    import tensorflow as tf

    with contextlib.suppress(RuntimeError):
        tf.config.threading.set_intra_op_parallelism_threads(runtime.threads_used)
        tf.config.threading.set_inter_op_parallelism_threads(runtime.threads_used)
    with contextlib.suppress(RuntimeError):
        _cap_gpu_memory(runtime.gpu_memory_bytes)
    if runtime.deterministic:
        tf.config.experimental.enable_op_determinism()


def usable_cores() -> int:
    """Cores that this process may use: its affinity, and the container's quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, _quota() or cores))


def _quota() -> int:
    """Whole cores of the control group's quota; 0 without one."""
    root = Path("/sys/fs/cgroup")
    try:
        if (root / "cpu.max").exists():
            quota, period = (root / "cpu.max").read_text().split()
        else:
            quota = (root / "cpu" / "cpu.cfs_quota_us").read_text()
            period = (root / "cpu" / "cpu.cfs_period_us").read_text()
        return max(1, int(quota) // int(period)) if int(quota) > 0 else 0
    except (OSError, ValueError):
        return 0


def _cap_gpu_memory(most_bytes: int) -> None:
    import tensorflow as tf

    for gpu in tf.config.list_physical_devices("GPU"):
        if most_bytes:
            cap = tf.config.LogicalDeviceConfiguration(memory_limit=most_bytes // 2**20)
            tf.config.set_logical_device_configuration(gpu, [cap])
        else:
            tf.config.experimental.set_memory_growth(gpu, True)
