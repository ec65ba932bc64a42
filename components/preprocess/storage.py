"""A series on disk: arrays that are memory-mapped when read, and `series.json`, written last."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError
from components.preprocess.series import Scaler, Series, Span

FILE_NAME = "series.json"
ARRAYS = ("values", "stamps", "observed", "usable")
FORMAT = 1
_BLOCK_ROWS = 65_536


def save_series(series: Series, folder: Path) -> None:
    """Writes a series; a folder without `series.json` holds none, so a killed writer leaves nothing to load."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FILE_NAME).unlink(missing_ok=True)
    for name in ARRAYS:
        np.save(folder / f"{name}.npy", getattr(series, name))
    text = json.dumps({"format": FORMAT, **_facts(series), "digest": series.digest}, indent=1)
    aside = folder / f".{FILE_NAME}"
    with aside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    aside.replace(folder / FILE_NAME)


def load_series(folder: Path) -> Series:
    """Reads a series; its arrays are memory-mapped and can't be written to.

    Raises:
        InputError: if the folder holds no whole series.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise InputError(str(folder), "holds no prepared series", "run the preprocess step again")
    facts = json.loads(path.read_text(encoding="utf-8"))
    if facts.get("format") != FORMAT:
        raise InputError(str(path), f"has format {facts.get('format')}, not {FORMAT}", "run the preprocess step again")
    arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in ARRAYS}
    return Series(
        **arrays,
        inputs=tuple(facts["inputs"]),
        target=facts["target"],
        spans=tuple(Span(**span) for span in facts["spans"]),
        scaler=Scaler(tuple(facts["scaler"]["center"]), tuple(facts["scaler"]["scale"])),
        spike_rise=facts["spike_rise"],
        spike_within=facts["spike_within"],
        step_seconds=facts["step_seconds"],
        season=facts["season"],
        known=tuple(facts["known"]),
        digest=facts["digest"],
    )


def digest_of(series: Series) -> str:
    """SHA-256 of a series' content, whatever digest it carries."""
    digest = hashlib.sha256(json.dumps(_facts(series), sort_keys=True).encode())
    for name in ARRAYS:
        array: NDArray[Any] = getattr(series, name)
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        for first in range(0, len(array), _BLOCK_ROWS):
            digest.update(np.ascontiguousarray(array[first : first + _BLOCK_ROWS]).view(np.uint8).data)
    return digest.hexdigest()


def _facts(series: Series) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(series) if field.name not in (*ARRAYS, "digest")]
    return {name: _plain(getattr(series, name)) for name in names}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return dataclasses.asdict(value) if dataclasses.is_dataclass(value) and not isinstance(value, type) else value
