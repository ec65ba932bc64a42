"""The `observed` column: how much memory a process really takes for training steps, operation by operation.

Steps of one window come first: what tracing them takes is the framework's, whatever the batch. What the process then
takes beyond is the step's. On a GPU the device's own count is read instead.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from pipelines.capacity.memory.subject import Subject, real_step

_STATUS = Path("/proc/self/status")
_CLEAR = Path("/proc/self/clear_refs")
# Written there it sets the most memory so far to what is held now (Linux, proc_pid_clear_refs(5)).
_RESET_PEAK = "5"
# Two batches of different sizes make TensorFlow trace once more for any size; from then on nothing is traced.
_WARM_UP = (1, 2, 1)
_STEPS = 3


@dataclass(frozen=True)
class ObservedMemory:
    """What a process was seen to take, in bytes of host memory.

    Attributes:
        batch: windows or chunks.
        import_bytes: held once TensorFlow has computed something.
        built_bytes: taken by the network with its optimiser and moving average.
        traced_bytes: taken by the first steps, of one window.
        step_bytes: taken at the fullest moment of the steps of the batch, beyond all that.
        device_peak_bytes: most taken of a GPU; 0 without one.
        device: that was measured: name of the GPU, or of the CPU with its threads.
    """

    batch: int
    import_bytes: int
    built_bytes: int
    traced_bytes: int
    step_bytes: int
    device_peak_bytes: int
    device: str

    @property
    def peak_bytes(self) -> int:
        """All that was taken at the fullest moment: of a GPU, or by the process of host memory."""
        held = self.import_bytes + self.built_bytes + self.traced_bytes
        return self.device_peak_bytes or held + self.step_bytes


def observed_memory(subject: Subject, batch: int, environment: Mapping[str, str]) -> ObservedMemory:
    """Runs some training steps in a process of their own, and says what it took; Linux only.

    Raises:
        InputError: there is no such member or file.
        RuntimeError: the process failed; its last words are in the message.
    """
    subject.check()
    own = {**environment, "TF_CPP_MIN_LOG_LEVEL": "3", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    request = json.dumps({"subject": subject.to_json(), "batch": batch})
    command = [sys.executable, "-m", "pipelines.capacity.memory.observed"]
    done = subprocess.run(command, input=request, env=own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"observing {subject.member or subject.model} failed: {done.stderr[-2000:]}")
    return ObservedMemory(**json.loads(done.stdout.splitlines()[-1]))


def _observe(subject: Subject, batch: int) -> ObservedMemory:
    import tensorflow as tf

    from components.train.device_report import device_name
    from components.train.runtime import Runtime, prepare

    prepare(Runtime(), seed=0)
    float(tf.constant(1.0) + 1.0)
    imported = _resident("VmRSS")
    real = real_step(subject)
    built = _resident("VmRSS")
    for size in _WARM_UP:
        real.step(real.batch(size), size, 1e-3, 0.9)
    traced, data = _resident("VmRSS"), real.batch(batch)
    before = _resident("VmRSS")
    _CLEAR.write_text(_RESET_PEAK)
    for _ in range(_STEPS):
        real.step(data, batch, 1e-3, 0.9)
    step = _resident("VmHWM") - before
    device = device_name(Runtime().threads_used)
    return ObservedMemory(batch, imported, built - imported, traced - built, step, _device_peak_bytes(), device)


def _resident(name: str) -> int:
    lines = _STATUS.read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def _device_peak_bytes() -> int:
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return 0
    return int(tf.config.experimental.get_memory_info("GPU:0")["peak"])


def _main() -> None:
    request = json.loads(sys.stdin.read())
    print(json.dumps(asdict(_observe(Subject.from_json(request["subject"]), request["batch"]))))


if __name__ == "__main__":
    _main()
