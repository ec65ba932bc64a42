"""What trained, how fast, and what held it up: the figures of one member's training."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path

from components.journal import peak_memory_bytes
from components.train.checkpoint import Progress


@dataclass(frozen=True)
class DeviceReport:
    """How a member's training used its device.

    Attributes:
        device: name of the CPU or GPU, with the threads of a CPU.
        precision: of the member's own layers.
        steps: steps of the way of training that was chosen.
        micro_batch: windows or chunks that were in memory at once.
        rows_per_second: rows of windows and chunks per second of training steps.
        targets_per_second: forecast targets per second of training steps.
        waiting_share: share of the steps' time in which they waited for their batch.
        peak_memory_bytes: most memory that the process has held.
        peak_device_memory_bytes: most memory taken of a GPU; 0 without one.
    """

    device: str
    precision: str = "float32"
    steps: int = 0
    micro_batch: int = 0
    rows_per_second: float = 0.0
    targets_per_second: float = 0.0
    waiting_share: float = 0.0
    peak_memory_bytes: int = 0
    peak_device_memory_bytes: int = 0


def report_of(progress: Progress, micro_batch: int, precision: str, threads: int) -> DeviceReport:
    """The figures of a training that is done."""
    seconds = max(progress.training_seconds, 1e-9)
    return DeviceReport(
        device=device_name(threads),
        precision=precision,
        steps=progress.step,
        micro_batch=micro_batch,
        rows_per_second=progress.rows / seconds,
        targets_per_second=progress.targets / seconds,
        waiting_share=min(1.0, progress.waiting_seconds / seconds),
        peak_memory_bytes=peak_memory_bytes(),
        peak_device_memory_bytes=_peak_device_memory_bytes(),
    )


def device_name(threads: int) -> str:
    """The first GPU's name, or the CPU's with its threads."""
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        name = tf.config.experimental.get_device_details(gpus[0]).get("device_name", "GPU")
        return f"{len(gpus)} x {name}" if len(gpus) > 1 else str(name)
    return f"{_cpu_name()}, {threads} thread{'s' if threads > 1 else ''}"


def _peak_device_memory_bytes() -> int:
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return 0
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
