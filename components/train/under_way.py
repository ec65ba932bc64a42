"""The note that a training leaves while it is under way, so that the next try knows how the last one ended.

A training that runs out of memory often can't say so: the kernel kills it (exit 137), or its allocator aborts it (134);
in Kubernetes its whole pod is gone with it. What it was doing is therefore written down beside its checkpoint before
it begins, and crossed out when it ends in any way that it can see: done, stopped by SIGTERM, an error. The next try,
started by the local runner or by the cluster's retry, finds a note that is not crossed out and asks what happened.
"""

from __future__ import annotations

import faulthandler
import json
import os
import platform
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TextIO

from components.errors import InputError
from components.train.memory_room import memory_share

NOTE_FILE = "under_way.json"
CRASH_FILE = "crash.txt"
# A process that held this share of its memory limit when it was last looked at, and was then killed, died of memory.
NEAR_LIMIT = 0.9


@dataclass(frozen=True)
class Machine:
    """Which process on which machine; how many processes the kernel had killed for memory by then, None if unknown."""

    host: str
    boot: str
    pid: int
    started: str
    memory_kills: int | None

    @classmethod
    def here(cls) -> Machine:
        """This process, now."""
        boot, pid = _text("/proc/sys/kernel/random/boot_id"), os.getpid()
        return cls(platform.node(), boot, pid, _started(pid), _memory_kills())


@dataclass(frozen=True)
class UnderWay:
    """What is being trained.

    Attributes:
        machine: where, and by which process.
        mode: way of training.
        micro_batch: chunks or windows at once.
        step: last step known to be done.
        stepped: whether a step with this micro-batch has been done; the first one takes the most memory there is.
        memory_share: share of the memory limit in use when last looked at.
        deaths: tries that ended unseen at this very step before this one.
    """

    machine: Machine
    mode: str
    micro_batch: int
    step: int
    stepped: bool
    memory_share: float
    deaths: int


class TrainingNote:
    """The note in a folder of checkpoints, and the micro-batches that were found too large there."""

    def __init__(self, folder: Path) -> None:
        self.path, self._crash_path = folder / NOTE_FILE, folder / CRASH_FILE
        self._crash: TextIO | None = None
        content = _read(self.path)
        self.most: dict[str, int] = dict(content.get("most", {}))
        self.left = _under_way(content.get("under_way"))
        self._now: UnderWay | None = None
        self._fitted: set[tuple[str, int]] = set()

    def took_over(self) -> str:
        """Looks at what the last try left; halves its micro-batch if it died of memory. What to tell, or nothing.

        Raises:
            InputError: it died with the smallest micro-batch there is.
        """
        left = self.left
        if left is None:
            return ""
        reason = died_of_memory(left, Machine.here(), _text(self._crash_path))
        if not reason:
            return ""
        self.most[left.mode] = halved(left.micro_batch)
        self.left = None
        return f"{reason} with micro-batches of {left.micro_batch}: going on with {self.most[left.mode]}"

    def begin(self, mode: str, micro_batch: int, step: int) -> None:
        """Training begins, or goes on, with this micro-batch."""
        left = self.left
        again = left is not None and (left.mode, left.micro_batch, left.step) == (mode, micro_batch, step)
        deaths = left.deaths + 1 if left is not None and again else 0
        stepped = (mode, micro_batch) in self._fitted
        self._now = UnderWay(Machine.here(), mode, micro_batch, step, stepped, memory_share(), deaths)
        self._watch_crashes()
        self._write()

    def stepped(self, step: int) -> None:
        """A step was done, or a checkpoint written."""
        if self._now is not None:
            self._fitted.add((self._now.mode, self._now.micro_batch))
            self._now = replace(self._now, step=step, stepped=True, memory_share=memory_share())
            self._write()

    @property
    def first(self) -> bool:
        """Whether no step with this micro-batch has been done yet."""
        return self._now is not None and not self._now.stepped

    def too_large(self, mode: str, micro_batch: int) -> int:
        """A micro-batch was too large: the one to go on with.

        Raises:
            InputError: there is no smaller one.
        """
        self.most[mode] = halved(micro_batch)
        self._write()
        return self.most[mode]

    def cross_out(self) -> None:
        """Training has ended in a way that was seen."""
        self._now = self.left = None
        if self._crash is not None:
            faulthandler.disable()
            self._crash.close()
            self._crash = None
        self._crash_path.unlink(missing_ok=True)
        if self.most or self.path.exists():
            self._write()

    def _watch_crashes(self) -> None:
        """Has the interpreter write a line when it is aborted, unless somebody else has it do so already."""
        if self._crash is None and not faulthandler.is_enabled():
            self._crash = self._crash_path.open("w")
            faulthandler.enable(self._crash, all_threads=False)

    def _write(self) -> None:
        content = {"most": self.most, "under_way": None if self._now is None else asdict(self._now)}
        aside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        aside.write_text(json.dumps(content), encoding="utf-8")
        aside.replace(self.path)


def halved(micro_batch: int) -> int:
    """Half the micro-batch.

    Raises:
        InputError: it is 1 already.
    """
    if micro_batch > 1:
        return micro_batch // 2
    raise InputError(
        "memory",
        "training runs out of memory with a single window at a time",
        "give the step more memory, or shorten `window` in the dataset file",
    )


def died_of_memory(left: UnderWay, here: Machine, crash: str) -> str:
    """Why the training that left this note is taken to have died of memory; empty if it lives or died of another cause.

    Evidence, the strongest first: the interpreter was aborted, or fell over memory that it did not get; the kernel's
    count of processes killed for memory rose on this machine since. On another machine that count says nothing: a
    process that had not come through a single step, or was near its limit, is taken to have died of memory. A third
    unseen end at the very same step is taken so as well. Any other kill leaves the micro-batch as it was.
    """
    if _alive(left.machine, here):
        return ""
    if "Fatal Python error" in crash:
        return "the last try was aborted, as for want of memory,"
    same_boot = left.machine.boot != "" and left.machine.boot == here.boot
    before, now = left.machine.memory_kills, here.memory_kills
    if same_boot and before is not None and now is not None:
        if now > before:
            return "the last try was killed for want of memory"
    elif not left.stepped or left.memory_share >= NEAR_LIMIT:
        return "the last try ended unseen, likely for want of memory,"
    return "the last tries ended unseen at the same step" if left.deaths >= 2 else ""


def trainings_cut_off(work: Path) -> bool:
    """Whether a training with its checkpoints in this work folder ended unseen."""
    here = Machine.here()
    for path in work.glob(f"checkpoints/*/{NOTE_FILE}"):
        left = _under_way(_read(path).get("under_way"))
        if left is not None and not _alive(left.machine, here):
            return True
    return False


def _alive(then: Machine, here: Machine) -> bool:
    same = (then.host, then.boot) == (here.host, here.boot)
    return same and then.started != "" and _started(then.pid) == then.started


def _started(pid: int) -> str:
    """When a process was started, in ticks since boot: a number that is used again never has the same."""
    text = _text(f"/proc/{pid}/stat")
    fields = text.rpartition(")")[2].split()
    # A zombie is gone; its parent has not asked yet.
    return fields[19] if len(fields) > 19 and fields[0] not in ("Z", "X") else ""


def _memory_kills() -> int | None:
    counts = [
        int(line.split()[1])
        for path in ("/proc/vmstat", "/sys/fs/cgroup/memory.events")
        for line in _text(path).splitlines()
        if line.startswith("oom_kill ")
    ]
    return max(counts) if counts else None


def _under_way(content: Any) -> UnderWay | None:
    try:
        return UnderWay(**{**content, "machine": Machine(**content["machine"])}) if content else None
    except (KeyError, TypeError):
        return None


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
