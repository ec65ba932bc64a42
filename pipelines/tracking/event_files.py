"""`python -m pipelines.tracking.event_files OUT`: event files for TensorBoard, one folder per member.

Written from the histories of the members, by TensorFlow's own writer; TensorBoard itself isn't needed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from pipelines.run.folder import RunFolder
from pipelines.tracking.read import read_run
from pipelines.tracking.record import MemberRecord, Point

FOLDER = "tensorboard"
_PATIENCE_SECONDS = 120.0


def write_event_files(out: Path) -> tuple[Path, ...]:
    """Writes `<out>/tensorboard/<member>` for each member that has a history; what lay there before is replaced.

    Raises:
        InputError: there is no run in the folder.
    """
    members = [member for member in read_run(RunFolder(out)).members if member.history or member.figures]
    return tuple(_write_member(out / FOLDER / member.name, member) for member in members)


def ask_for_event_files(out: Path) -> bool:
    """Has a process of its own write them, as TensorFlow has no place in the one that runs the job; whether it did."""
    command = [sys.executable, "-m", "pipelines.tracking.event_files", str(out)]
    try:
        return subprocess.run(command, capture_output=True, timeout=_PATIENCE_SECONDS, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _write_member(folder: Path, member: MemberRecord) -> Path:
    import tensorflow as tf

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    v1 = tf.compat.v1
    # The writer of files belongs to graphs; it also takes the time of an event, which the newer one doesn't.
    with tf.Graph().as_default():
        writer = v1.summary.FileWriter(str(folder))
        points = sorted((*member.history, *member.figures), key=_moment)
        for (step, at), same in groupby(points, key=_moment):
            values = [v1.Summary.Value(tag=point.key, simple_value=point.value) for point in same]
            writer.add_event(v1.Event(wall_time=at, step=step, summary=v1.Summary(value=values)))
        writer.close()
    return folder


def _moment(point: Point) -> tuple[int, float]:
    return point.step, point.at


def main(arguments: Sequence[str]) -> int:
    """Writes the files of the run in the folder named first."""
    write_event_files(Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
