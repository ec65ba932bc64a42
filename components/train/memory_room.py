"""How much memory a training step may take here: what the device, the container and the process' limits leave."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Of what is free when training begins; batches, forecasts and other processes need some of it too.
STEP_SHARE = 0.5
_CGROUP = Path("/sys/fs/cgroup")
_PROC = Path("/proc")


def step_room_bytes(given_bytes: int = 0) -> int:
    """Bytes for a training step: those given, else half of what is free on the accelerator, or without one here."""
    if given_bytes:
        return given_bytes
    device = accelerator_room_bytes()
    return int(STEP_SHARE * (device if device is not None else host_room_bytes()))


def host_room_bytes() -> int:
    """What this process can still take: free memory, the containers' limits, RLIMIT_AS and RLIMIT_DATA."""
    return max(0, min(_host_rooms(), default=0))


def memory_share() -> float:
    """Share in use of whichever limit is nearest, 0 to 1."""
    used = _status_bytes("VmRSS")
    room = host_room_bytes()
    return used / max(used + room, 1)


def accelerator_room_bytes() -> int | None:
    """What TensorFlow may still take on the first GPU; None without one."""
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return None
    from tensorflow.python.client import device_lib

    limits = [int(device.memory_limit) for device in device_lib.list_local_devices() if device.device_type == "GPU"]
    used: dict[str, Any] = tf.config.experimental.get_memory_info("GPU:0")
    return max(0, limits[0] - int(used["current"]))


def _host_rooms() -> Iterator[int]:
    if free := _field_bytes(_PROC / "meminfo", "MemAvailable"):
        yield free
    yield from _cgroup_rooms()
    for limit, field in ((resource.RLIMIT_AS, "VmSize"), (resource.RLIMIT_DATA, "VmData")):
        most = resource.getrlimit(limit)[0]
        if most != resource.RLIM_INFINITY:
            yield most - _status_bytes(field)


def _cgroup_rooms() -> Iterator[int]:
    """What the limits of the process' control groups leave, version 2 and 1; a container sees its own as the root."""
    for line in _lines(_PROC / "self" / "cgroup"):
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield from _group_rooms(_CGROUP, path, "memory.max", "memory.current")
        elif "memory" in controllers.split(","):
            yield from _group_rooms(_CGROUP / "memory", path, "memory.limit_in_bytes", "memory.usage_in_bytes")


def _group_rooms(root: Path, path: str, limit: str, usage: str) -> Iterator[int]:
    own = root / path.lstrip("/")
    for folder in {root, *(parent for parent in (own, *own.parents) if root in parent.parents)}:
        most, used = _number(folder / limit), _number(folder / usage)
        if most is not None and used is not None:
            # Pages of files count as used and are given back on demand.
            yield most - used + (_field(folder / "memory.stat", "inactive_file") or 0)


def _number(path: Path) -> int | None:
    text = next(iter(_lines(path)), "")
    return int(text) if text.isdigit() else None


def _field(path: Path, name: str) -> int | None:
    for line in _lines(path):
        parts = line.replace(":", " ").split()
        if len(parts) > 1 and parts[0] == name and parts[1].isdigit():
            return int(parts[1])
    return None


def _field_bytes(path: Path, name: str) -> int:
    return 1024 * (_field(path, name) or 0)


def _status_bytes(name: str) -> int:
    return _field_bytes(_PROC / "self" / "status", name)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []
