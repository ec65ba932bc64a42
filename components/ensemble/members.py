"""What the training steps left: each member's model, and its stored forecasts on validation and test windows."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.errors import InputError
from components.preprocess.series import PartName
from components.train.forecasts import FILE_NAME as FORECASTS_FILE
from components.train.forecasts import opened_rows

POINT, LOWER, UPPER = 0, 1, 2
# Origins of one piece: their windows of 100 x 12 float32 are 39 MB.
BATCH = 8192


@dataclass(frozen=True)
class PartForecasts:
    """The members' forecasts of some origins, side by side.

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
class StoredPart:
    """The members' forecasts of one part, left in their folders: read piece by piece, when they are asked for.

    Attributes:
        name: of the part.
        origins: [n] rows of the series.
        folders: of the members.
        spike_folder: of the member whose spike logit is used, or None.
    """

    name: PartName
    origins: NDArray[np.int64]
    folders: tuple[Path, ...]
    spike_folder: Path | None

    def pieces(self, size: int) -> Iterator[tuple[slice, PartForecasts]]:
        """All of them in order, `size` origins at a time, each with its place among the origins."""
        spike = self.spike()
        with ExitStack() as stack:
            read = [stack.enter_context(opened_rows(each / FORECASTS_FILE, self.name)) for each in self.folders]
            for start in range(0, len(self.origins), size):
                piece = slice(start, min(start + size, len(self.origins)))
                values = np.stack([own(piece.stop - start) for own in read], axis=1)
                yield piece, PartForecasts(self.origins[piece], values, None if spike is None else spike[piece])

    def points(self) -> NDArray[np.float32]:
        """Point forecasts, [n, members, horizons]."""
        joined = np.empty(0, np.float32)
        for piece, part in self.pieces(BATCH):
            if piece.start == 0:
                joined = np.empty((len(self.origins), *part.points.shape[1:]), np.float32)
            joined[piece] = part.points
        return joined

    def spike(self) -> NDArray[np.float32] | None:
        """Spike logits, [n]; None where no member gives any."""
        if self.spike_folder is None:
            return None
        with np.load(self.spike_folder / FORECASTS_FILE) as file:
            return np.asarray(file[f"{self.name}_spike"].reshape(-1), np.float32)


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
    validation: StoredPart
    test: StoredPart
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Stored:
    folder: Path
    detail: dict[str, Any]
    finite: bool
    gives_spikes: bool

    @property
    def name(self) -> str:
        return str(self.detail["name"])


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
    origins: dict[PartName, NDArray[np.int64]] = {"validation": validation_origins, "test": test_origins}
    stored = [_read(Path(folder), origins) for folder in folders]
    kept = [member for member in stored if member.finite]
    if not kept:
        raise InputError(
            "members",
            f"none of {len(stored)} members gives finite forecasts",
            "train at least one member on this series; `linear` is the quickest",
        )
    spike = next((member for member in kept if member.gives_spikes), None)
    used, spike_folder = tuple(member.folder for member in kept), spike.folder if spike else None
    return Members(
        names=tuple(member.name for member in kept),
        folders=used,
        details=tuple(member.detail for member in kept),
        spike_member=spike.name if spike else None,
        validation=StoredPart("validation", validation_origins, used, spike_folder),
        test=StoredPart("test", test_origins, used, spike_folder),
        notes=tuple(f"{m.name} is left out: some of its forecasts are no number" for m in stored if not m.finite),
    )


def _read(folder: Path, origins: Mapping[PartName, NDArray[np.int64]]) -> _Stored:
    try:
        detail = json.loads((folder / "member.json").read_text())
        with np.load(folder / FORECASTS_FILE) as file:
            for part, wanted in origins.items():
                _check_origins(folder, detail["name"], part, np.array_equal(file[f"{part}_origins"], wanted))
            finite = all(_is_finite(file, part) for part in origins)
            gives_spikes = all(_is_finite(file, f"{part}_spike") for part in origins)
    except (OSError, ValueError) as error:
        raise InputError(
            str(folder), f"can't be read as a member ({error})", "train the member again, then run this step again"
        ) from error
    return _Stored(folder, detail, finite, gives_spikes)


def _is_finite(file: Mapping[str, NDArray[Any]], key: str) -> bool:
    return key in file and bool(np.isfinite(file[key]).all())


def _check_origins(folder: Path, name: str, part: str, same: bool) -> None:
    if same:
        return
    raise InputError(
        str(folder),
        f"the {part} forecasts of {name} are not of the windows of this series",
        "train the member on this series, with the same window and horizons",
    )
