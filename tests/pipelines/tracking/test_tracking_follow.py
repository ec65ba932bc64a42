"""A run that is told of while it works, by a process that may be slow, stuck or killed."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from pipelines.run.folder import locked
from pipelines.tracking.deliver import deliver
from pipelines.tracking.outbox import Outbox
from pipelines.tracking.recorded import recorded, tracking_line

if TYPE_CHECKING:
    from tests.pipelines.tracking.conftest import Run, Server


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that takes connections and never says a word."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(50)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 90
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_progress_is_at_the_server_while_the_run_works_and_the_rest_when_it_has_ended(run: Run, server: Server) -> None:
    run.begin().progress("train linear", 0).progress("train linear", 0.4)
    with recorded(run.folder, server.address, every_seconds=0.2):
        wait_for(lambda: bool(server.runs()) and "linear" in server.members())
        assert server.runs()[0].info.status == "RUNNING"
        run.end()
    (parent,) = server.runs()
    assert parent.info.status == "FINISHED"
    assert parent.data.metrics["progress/train linear"] == 40
    assert parent.data.metrics["test/rmse"] == 0.25
    assert server.members()["linear"].data.metrics["final/validation_rmse"] == 0.5
    assert server.client.get_model_version_by_alias("reservoir", "champion").tags["sluice.store_version"] == "1"
    assert tracking_line(run.root) == f"tracked in {server.address}"


def test_a_server_that_never_answers_holds_a_run_up_no_longer_than_its_patience(
    run: Run, silent: str, server: Server
) -> None:
    run.begin()
    with recorded(run.folder, silent, every_seconds=0.2, patience_seconds=1.0):
        run.end()
        began = time.monotonic()
    assert time.monotonic() - began < 10
    assert tracking_line(run.root).startswith(f"warning: not all was sent to {silent}")
    assert f"sluice track {run.root}" in tracking_line(run.root)
    # Nobody holds the outbox: what was missed can be sent.
    assert deliver(Outbox.of(run.root), server.address) == ()
    assert server.runs()[0].info.status == "FINISHED"


def test_a_run_whose_process_was_killed_is_told_as_killed(run: Run, server: Server) -> None:
    run.begin().progress("train linear", 0)
    command = [sys.executable, "-m", "pipelines.tracking.follow", str(run.root), server.address, "60"]
    follower = subprocess.Popen(command, stdin=subprocess.PIPE)
    wait_for(lambda: bool(Outbox.of(run.root).entries()))
    follower.communicate(timeout=90)
    assert server.runs()[0].info.status == "KILLED"
    assert server.members()["linear"].info.status == "KILLED"


def test_steps_that_end_after_a_kill_are_waited_for(run: Run, server: Server) -> None:
    run.begin().progress("train linear", 0)
    with locked(run.folder):
        command = [sys.executable, "-m", "pipelines.tracking.follow", str(run.root), server.address, "60"]
        follower = subprocess.Popen(command, stdin=subprocess.PIPE)
        wait_for(lambda: bool(Outbox.of(run.root).entries()))
        assert follower.stdin is not None
        follower.stdin.close()
        time.sleep(1.5)
        assert follower.poll() is None
    assert follower.wait(90) == 0
    assert server.runs()[0].info.status == "KILLED"


def test_an_error_of_the_run_passes_through_and_is_told(run: Run, server: Server) -> None:
    run.begin()
    with pytest.raises(ZeroDivisionError), recorded(run.folder, server.address, every_seconds=60):
        raise ZeroDivisionError
    assert server.runs()[0].info.status == "KILLED"


def test_a_folder_that_holds_nothing_to_tell_stops_no_run(run: Run, server: Server) -> None:
    done = threading.Event()
    with recorded(run.folder, server.address, patience_seconds=60):
        done.set()
    assert done.is_set()
    assert tracking_line(run.root) == ""


def test_without_an_address_nothing_is_written(run: Run) -> None:
    with recorded(run.begin().folder, ""):
        run.end()
    assert not (run.root / "tracking").exists()
