"""What the training steps left: each member's model, and its stored forecasts on validation and test windows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError

POINT, LOWER, UPPER = 0, 1, 2


@dataclass(frozen=True)
class PartForecasts:
    """The members' forecasts of one part, side by side.

    Attributes:
        origins: [n] rows of the series.
        values: [n, members, horizons, 3] float32: point, lower and upper quantile, the target's unit.
        spike: [n] float32 spike logit of the member that gives one, else None.
    """

    origins: NDArray[np.int64]
    values: NDArray[np.float32]
    spike: NDArray[np.float32] | None

    @property
    def points(self) -> NDArray[np.float32]:
        """Point forecasts, [n, members, horizons]."""
        return self.values[..., POINT]


@dataclass(frozen=True)
class Members:
    """Members that can be combined, in the order of the servable's outputs.

    Attributes:
        names: as in the registry.
        folders: where each member's model lies.
        details: each member's member.json.
        spike_member: name of the member whose spike logit is used, or None.
        validation: forecasts on validation windows.
        test: forecasts on test windows.
        notes: one line for each member that was left out.
    """

    names: tuple[str, ...]
    folders: tuple[Path, ...]
    details: tuple[dict[str, Any], ...]
    spike_member: str | None
    validation: PartForecasts
    test: PartForecasts
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Stored:
    folder: Path
    detail: dict[str, Any]
    arrays: dict[str, NDArray[Any]]

    @property
    def name(self) -> str:
        return str(self.detail["name"])

    @property
    def finite(self) -> bool:
        return all(bool(np.isfinite(self.arrays[part]).all()) for part in ("validation", "test"))

    @property
    def gives_spikes(self) -> bool:
        keys = ("validation_spike", "test_spike")
        return all(key in self.arrays and bool(np.isfinite(self.arrays[key]).all()) for key in keys)


def load_members(
    folders: Sequence[Path], validation_origins: NDArray[np.int64], test_origins: NDArray[np.int64]
) -> Members:
    """Reads member folders; a member with a forecast that is no number is left out with a note.

    Args:
        folders: one per member, as the training step writes them.
        validation_origins: [n] rows that every member must have forecast from.
        test_origins: [m] the same of the test part.

    Raises:
        InputError: no folder is given, a member was trained on other windows, or none gives finite forecasts.
    """
    stored = [_read(Path(folder)) for folder in folders]
    for member in stored:
        _check_origins(member, "validation", validation_origins)
        _check_origins(member, "test", test_origins)
    kept = [member for member in stored if member.finite]
    if not kept:
        raise InputError(
            "members",
            f"none of {len(stored)} members gives finite forecasts",
            "train at least one member on this series; `linear` is the quickest",
        )
    spike = next((member for member in kept if member.gives_spikes), None)
    return Members(
        names=tuple(member.name for member in kept),
        folders=tuple(member.folder for member in kept),
        details=tuple(member.detail for member in kept),
        spike_member=spike.name if spike else None,
        validation=_part("validation", validation_origins, kept, spike),
        test=_part("test", test_origins, kept, spike),
        notes=tuple(f"{m.name} is left out: some of its forecasts are no number" for m in stored if not m.finite),
    )


def _read(folder: Path) -> _Stored:
    try:
        detail = json.loads((folder / "member.json").read_text())
        with np.load(folder / "forecasts.npz") as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError) as error:
        raise InputError(
            str(folder), f"can't be read as a member ({error})", "train the member again, then run this step again"
        ) from error
    return _Stored(folder, detail, arrays)


def _check_origins(member: _Stored, part: str, origins: NDArray[np.int64]) -> None:
    if np.array_equal(member.arrays[f"{part}_origins"], origins):
        return
    raise InputError(
        str(member.folder),
        f"the {part} forecasts of {member.name} are not of the windows of this series",
        "train the member on this series, with the same window and horizons",
    )


def _part(part: str, origins: NDArray[np.int64], members: Sequence[_Stored], spike: _Stored | None) -> PartForecasts:
    values = np.stack([member.arrays[part] for member in members], axis=1, dtype=np.float32)
    logit = None if spike is None else spike.arrays[f"{part}_spike"].reshape(-1).astype(np.float32)
    return PartForecasts(origins, values, logit)
