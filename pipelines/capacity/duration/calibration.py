"""What a calibration found: the rates of this machine, as a file."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from components.errors import InputError
from pipelines.atomic import write_atomically
from pipelines.capacity.duration.rates import Rates

FORMAT = 1
FILE = "calibration.json"
# Where the slow quarter of the steps took so much longer than their median, something else was running.
BUSY = 1.2
_AGAIN = "run `sluice plan --calibrate` again"


@dataclass(frozen=True)
class Timed:
    """One network at one batch, as measured and as the rates say.

    Attributes:
        member: its name.
        width: of the network.
        training: whether steps were timed, else forecasts.
        batch: windows at once.
        seconds: median of a step or a forecast.
        slow_seconds: upper quartile of them.
        fitted_seconds: what the rates alone give.
    """

    member: str
    width: str
    training: bool
    batch: int
    seconds: float
    slow_seconds: float
    fitted_seconds: float


@dataclass(frozen=True)
class Calibration:
    """A machine, measured.

    Attributes:
        taken_at: when, as ISO 8601.
        device: name of the CPU or GPU, with the threads of a CPU.
        threads: of each operation.
        precision: of the members' own layers.
        versions: of TensorFlow and Keras.
        window: rows of the windows.
        columns: columns of the windows.
        training: rates of training steps.
        inference: rates of forecasts by the plain graph, as TensorFlow Serving answers by default.
        timed: what was measured.
    """

    taken_at: str
    device: str
    threads: int
    precision: str
    versions: Mapping[str, str]
    window: int
    columns: int
    training: Rates
    inference: Rates
    timed: tuple[Timed, ...] = field(default=())

    def correction(self, member: str, training: bool, batch: int) -> float:
        """By how much the rates miss a member that was measured itself; 1 for any other network.

        Between two batches that were measured it goes from one's ratio to the other's with the batch's logarithm.
        """
        ratios = {
            math.log(seen.batch): math.log(seen.seconds / seen.fitted_seconds)
            for seen in sorted(self.timed, key=lambda seen: seen.batch)
            if seen.member == member and seen.width == "stated" and seen.training == training
        }
        return math.exp(np.interp(math.log(batch), list(ratios), list(ratios.values()))) if ratios else 1.0

    @property
    def disturbance(self) -> float:
        """How many times as long as their median the slow quarter of steps took: the median over all networks."""
        ratios = sorted(seen.slow_seconds / seen.seconds for seen in self.timed)
        return ratios[len(ratios) // 2] if ratios else 1.0

    @property
    def busy(self) -> bool:
        """Whether something else was running, so that times are those of a busy machine."""
        return self.disturbance > BUSY

    @property
    def basis(self) -> str:
        """In words, where a time predicted from it comes from."""
        busy = ", while the machine was busy" if self.busy else ""
        return f"calibrated {self.taken_at[:10]} on {self.device} in {self.precision}{busy}"


def cache_folder(environment: Mapping[str, str], home: Path) -> Path:
    """Where what was measured of this machine lies (XDG Base Directory Specification 0.8).

    Args:
        environment: variables of the process; `XDG_CACHE_HOME` counts where it is an absolute path.
        home: the user's home folder.
    """
    named = Path(environment.get("XDG_CACHE_HOME", ""))
    return (named if named.is_absolute() else home / ".cache") / "sluice"


def default_path(environment: Mapping[str, str], home: Path) -> Path:
    """Where a calibration lies unless the user says otherwise; arguments as of `cache_folder`."""
    return cache_folder(environment, home) / FILE


def save_calibration(calibration: Calibration, path: Path) -> None:
    """Writes it whole or not at all; makes the folder.

    Raises:
        InputError: the file can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps({"format": FORMAT, **asdict(calibration)}, indent=1) + "\n")
    except OSError as error:
        raise InputError(str(path), f"can't be written ({error})", "name a file that you may write") from None


def load_calibration(path: Path) -> Calibration:
    """The calibration in a file.

    Raises:
        InputError: there is none, or it is damaged or of another version.
    """
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(str(path), f"can't be read ({error})", "run `sluice plan --calibrate` first") from None
    except ValueError:
        raise InputError(str(path), "is no JSON", _AGAIN) from None
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise InputError(str(path), f"is no calibration of format {FORMAT}", _AGAIN)
    try:
        return _calibration({name: value for name, value in facts.items() if name != "format"})
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(str(path), f"is damaged ({error})", _AGAIN) from None


def _calibration(facts: Mapping[str, Any]) -> Calibration:
    """The dataclasses of plain values; a missing or unknown key is a TypeError."""
    plain = dict(facts)
    for name in ("training", "inference"):
        plain[name] = Rates(**{key: _not_negative(value, f"{name}.{key}") for key, value in plain[name].items()})
    plain["timed"] = tuple(Timed(**each) for each in plain["timed"])
    if any(seen.seconds <= 0 or seen.fitted_seconds <= 0 for seen in plain["timed"]):
        raise ValueError("timed holds a step that took no time")
    return Calibration(**plain)


def _not_negative(value: Any, name: str) -> float:
    number = float(value)
    if not 0 <= number < float("inf"):
        raise ValueError(f"{name} is {number}")
    return number
