"""The `compiled` column: the compiler's own buffer assignment for the very training step, or for an answer.

XLA compiles the step for the CPU in a process of its own and writes down which buffers it will allocate; nothing is
run. What it will allocate is what it will take: a compiled step asks for no memory beside it. Of half precision it says
little: for a CPU bfloat16 is compiled as float32 (stacked LSTM, 64 chunks: 269 MB, 275 in float32, 147 in float16).
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from pipelines.capacity.memory.subject import Subject, member_networks, real_step

What = Literal["training", "inference"]

_TOTAL = re.compile(r"^Total bytes used: (\d+)", re.MULTILINE)
_ALLOCATION = re.compile(r"^allocation \d+: size (\d+), (parameter|preallocated-temp)", re.MULTILINE)
_REPORT = "*buffer-assignment.txt"
# Where XLA is told to write; an environment's own flags stay.
_DUMP = "--xla_dump_to={folder} --xla_dump_hlo_as_text"


@dataclass(frozen=True)
class CompiledMemory:
    """What the compiler allocates for one batch, in bytes.

    Attributes:
        batch: windows or chunks.
        total_bytes: all buffers.
        parameter_bytes: what is handed in: weights, the optimiser's state, the batch; moved weights replace them.
        temporary_bytes: what the step holds meanwhile: gradients, activations, workspace.
    """

    batch: int
    total_bytes: int
    parameter_bytes: int
    temporary_bytes: int


def compiled_memory(
    subject: Subject, batches: Sequence[int], environment: Mapping[str, str], what: What = "training"
) -> tuple[CompiledMemory, ...]:
    """Compiles a step for each batch in one process, and reads what the compiler allocates.

    Args:
        subject: the network.
        batches: windows or chunks of each.
        environment: of the process that compiles.
        what: a training step, or an answer to windows as a server gives it.

    Raises:
        InputError: there is no such member or file.
        RuntimeError: the process failed; its last words are in the message.
    """
    subject.check()
    with tempfile.TemporaryDirectory() as folder:
        flags = f"{environment.get('XLA_FLAGS', '')} {_DUMP.format(folder=folder)}".strip()
        # Buffers of a GPU's compiler are others, so that the column would mean something else where there is one.
        own = {**environment, "XLA_FLAGS": flags, "CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}
        request = json.dumps({"subject": subject.to_json(), "batches": list(batches), "folder": folder, "what": what})
        command = [sys.executable, "-m", "pipelines.capacity.memory.compiled"]
        done = subprocess.run(command, input=request, env=own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"compiling {subject.member or subject.model} failed: {done.stderr[-2000:]}")
    return tuple(CompiledMemory(**each) for each in json.loads(done.stdout.splitlines()[-1]))


def read_buffer_assignment(text: str, batch: int) -> CompiledMemory:
    """What XLA's report of its buffer assignment adds up to."""
    total = _TOTAL.search(text)
    if total is None:
        raise ValueError("XLA's buffer assignment has no line 'Total bytes used'")
    sums = {"parameter": 0, "preallocated-temp": 0}
    for size, kind in _ALLOCATION.findall(text):
        sums[kind] += int(size)
    return CompiledMemory(batch, int(total[1]), sums["parameter"], sums["preallocated-temp"])


def _compile(subject: Subject, batches: Sequence[int], folder: Path, what: What) -> list[CompiledMemory]:
    import tensorflow as tf

    run, given = _training(subject) if what == "training" else _inference(subject)
    found = []
    for batch in batches:
        compiled = tf.function(run, jit_compile=True)
        for stale in folder.glob("*"):
            stale.unlink()
        # The optimised program can't be had without its buffers being assigned.
        compiled.experimental_get_compiler_ir(*given(batch))(stage="optimized_hlo")
        reports = [read_buffer_assignment(path.read_text(), batch) for path in folder.glob(_REPORT)]
        found.append(max(reports, key=lambda report: report.total_bytes))
    return found


def _training(subject: Subject) -> tuple[Any, Any]:
    import tensorflow as tf

    real = real_step(subject)

    def given(size: int) -> tuple[Any, ...]:
        batch = real.batch(size)
        parts = (batch.inputs, batch.wanted, batch.weights)
        return _tensors(parts), tf.constant(0.9)

    # The very function that the trainer calls for a whole batch.
    return real.step._whole_batch, given


def _inference(subject: Subject) -> tuple[Any, Any]:
    model = member_networks(subject).serving if subject.member else real_step(subject).model

    def given(size: int) -> tuple[Any, ...]:
        import numpy as np

        zeros = {name: np.zeros((size, *each.shape[1:]), each.dtype) for name, each in model.input.items()}
        return _tensors((zeros,))

    return lambda inputs: model(inputs, training=False), given


def _tensors(parts: Sequence[Mapping[str, Any]]) -> tuple[Any, ...]:
    import tensorflow as tf

    return tuple({name: tf.convert_to_tensor(array) for name, array in part.items()} for part in parts)


def _main() -> None:
    request = json.loads(sys.stdin.read())
    subject = Subject.from_json(request["subject"])
    found = _compile(subject, request["batches"], Path(request["folder"]), request["what"])
    print(json.dumps([asdict(each) for each in found]))


if __name__ == "__main__":
    _main()
