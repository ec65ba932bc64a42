"""What `sluice plan` knows of this machine: rates of a calibration, and memory that was compiled and observed."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from components.errors import InputError

if TYPE_CHECKING:
    from pipelines.capacity.duration.calibration import Calibration
    from pipelines.capacity.plan.answer import Answer

_MEASURED = "measured"


def calibration(anew: bool) -> Calibration | None:
    """The one that was kept, or a new one; None where there is none.

    Args:
        anew: measure for a minute.
    """
    from pipelines.capacity.duration.calibration import default_path, load_calibration

    path = default_path(os.environ, Path.home())
    if anew:
        return _calibrated(path)
    return load_calibration(path) if path.is_file() else None


def measured(answer: Answer, anew: bool) -> Answer:
    """The answer with the columns compiled and observed, as far as they were measured.

    Args:
        answer: without them.
        anew: measure what is missing, for a minute or so.

    Raises:
        InputError: there is nothing to measure.
    """
    from pipelines.capacity.duration.calibration import cache_folder
    from pipelines.capacity.memory.measured import Measurements
    from pipelines.capacity.plan.measuring import measure_missing, wanted_of, with_measured

    kept = Measurements(cache_folder(os.environ, Path.home()) / _MEASURED)
    if anew:
        if not wanted_of(answer):
            raise InputError("--measure", "a plan without a card shows no memory", "name a card (--cards)")
        sys.stderr.write("compiling and running training steps, for a minute or so\n")
        measure_missing(answer, kept, os.environ, _tell)
    return with_measured(answer, kept)


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _calibrated(path: Path) -> Calibration:
    import logging

    from pipelines.capacity.duration.calibrate import CalibrationRequest, calibrate
    from pipelines.capacity.duration.calibration import save_calibration
    from pipelines.cli.console import quiet_libraries

    sys.stderr.write("measuring this machine for a minute\n")
    # It traces each network anew on purpose, which TensorFlow warns of.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    with quiet_libraries(debug=False):
        found = calibrate(CalibrationRequest())
    save_calibration(found, path)
    sys.stderr.write(f"calibrated: {path}\n")
    return found
