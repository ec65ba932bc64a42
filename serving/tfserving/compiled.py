"""Whether a version's compiled signature answers single windows as well, and faster."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np

from serving.server.arrays import Arrays
from serving.server.errors import BackendError
from serving.server.signature import SIGNATURE_NAME
from serving.tfserving.remote import RemoteBackend
from serving.tfserving.status import ServerStatus

XLA_SIGNATURE_NAME = "serving_xla"
_TIMED_CALLS = 9
# A tenth of what answers may differ by (1e-5 of the target's spread) and four float32 ulps.
_TOLERANCE = 1e-6
_ULPS = 4


def with_faster_single(backend: RemoteBackend, status: ServerStatus) -> RemoteBackend:
    """The backend with `serving_xla` for single windows, where the server answers it, equally, and measured faster.

    The first of these calls compiles for seconds; nobody waits for it.
    """
    probe = _probe(backend)
    try:
        plain, plain_seconds = _measured(backend, status, probe, SIGNATURE_NAME)
        compiled, compiled_seconds = _measured(backend, status, probe, XLA_SIGNATURE_NAME)
    except BackendError:
        return backend
    if compiled_seconds >= plain_seconds or not _equal(plain, compiled):
        return backend
    return replace(backend, one_by=XLA_SIGNATURE_NAME)


def _probe(backend: RemoteBackend) -> Arrays:
    return _warmup_window(backend.folder.path) or {
        spec.name: np.zeros((1, *spec.shape), np.float32) for spec in backend.signature.inputs
    }


def _warmup_window(folder: Path) -> Arrays | None:
    import tensorflow as tf

    from components.ensemble.export import WARMUP_FILE, read_warmup

    if not (folder / WARMUP_FILE).is_file():
        return None
    request = read_warmup(folder)[0]
    return {name: np.ascontiguousarray(tf.make_ndarray(tensor)[:1]) for name, tensor in request.inputs.items()}


def _measured(backend: RemoteBackend, status: ServerStatus, probe: Arrays, signature_name: str) -> tuple[Arrays, float]:
    outputs: Arrays = {}
    seconds = []
    for _ in range(1 + _TIMED_CALLS):
        outputs, taken = status.timed_answer(backend.name, backend.version, probe, signature_name, backend.signature)
        seconds.append(taken)
    return outputs, statistics.median(seconds[1:])


def _equal(plain: Arrays, compiled: Arrays) -> bool:
    spread = float(np.std(plain["members"])) + float(np.ptp(plain["forecast"]))
    return all(
        np.all(np.abs(compiled[name] - value) <= _TOLERANCE * spread + _ULPS * np.spacing(np.abs(value)))
        for name, value in plain.items()
    )
