"""`sluice track`, aliases after `sluice models`, and event files."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner, Result

from pipelines.cli.main import app
from pipelines.tracking.event_files import write_event_files

if TYPE_CHECKING:
    from tests.pipelines.tracking.conftest import Run, Server


def sluice(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is in effect but the one that a test names."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_a_run_that_was_not_tracked_is_sent_afterwards(run: Run, server: Server) -> None:
    told = sluice("track", str(run.begin().end().root), "--to", server.address, "--json")
    assert json.loads(told.stdout) == {"run": str(run.root), "sent": 1, "to": server.address}
    assert server.runs()[0].info.status == "FINISHED"
    # The address is remembered.
    assert f"tracked in {server.address}" in sluice("track", str(run.root)).stdout
    assert len(server.runs()) == 1


def test_a_server_that_is_not_there_exits_1_and_says_why(run: Run) -> None:
    told = sluice("track", str(run.begin().end().root), "--to", "http://127.0.0.1:9")
    assert told.exit_code == 1
    assert "not sent to http://127.0.0.1:9" in told.stderr
    assert (run.root / "tracking" / "kkkkkkkkkkkkkkkk" / "artifacts" / "report.html").is_file()


def test_a_folder_without_a_run_exits_2(run: Run, server: Server) -> None:
    told = sluice("track", str(run.root.parent), "--to", server.address)
    assert told.exit_code == 2
    assert "holds no run" in told.stderr


@pytest.mark.parametrize("command", [["track", "runs/x"], ["run", "reservoir", "--track"]])
def test_without_the_extra_the_commands_say_what_to_install(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    told = sluice(*command)
    assert told.exit_code == 2
    assert "pip install 'sluice[tracking]'" in told.stderr


def test_aliases_move_with_promote_rollback_and_stage(run: Run, server: Server) -> None:
    sluice("track", str(run.begin().end().root), "--to", server.address)
    run.key, run.graph = "l" * 64, "graph 2"
    sluice("track", str(run.begin().end().root), "--to", server.address)
    store = ["--store", str(run.folder.store)]
    assert sluice("models", "rollback", "reservoir", *store).exit_code == 0
    assert server.contents_of_registry() == {"champion": "1"}
    assert sluice("models", "stage", "reservoir", "2", *store).exit_code == 0
    assert server.contents_of_registry() == {"champion": "1", "candidate": "2"}
    assert sluice("models", "promote", "reservoir", "2", *store).exit_code == 0
    assert server.contents_of_registry() == {"champion": "2"}


def test_a_registry_that_is_not_there_stops_no_promotion(run: Run) -> None:
    run.begin().end()
    run.key, run.graph = "l" * 64, "graph 2"
    run.begin().end()
    store = ["--store", str(run.folder.store)]
    told = sluice("models", "promote", "reservoir", "1", *store, "--track-to", "http://127.0.0.1:9")
    assert told.exit_code == 0
    assert "warning: the aliases in http://127.0.0.1:9 could not be moved" in told.stderr
    assert run.store.champion("reservoir").version == 1  # type: ignore[union-attr]


def test_a_store_of_an_untracked_run_has_no_aliases_to_move(run: Run) -> None:
    run.begin().end()
    told = sluice("models", "promote", "reservoir", "1", "--store", str(run.folder.store))
    assert (told.exit_code, told.stderr) == (0, "")


def test_event_files_hold_each_member_s_history(run: Run) -> None:
    import tensorflow as tf

    write_event_files(run.begin().end().root)
    write_event_files(run.root)
    (path,) = (run.root / "tensorboard" / "linear").iterdir()
    told = {
        (value.tag, event.step): (value.simple_value, event.wall_time)
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert told["validation_loss", 0][0] == 1.0
    assert told["validation_loss", 20][0] == pytest.approx(1 / 3)
    assert told["validation_loss", 20][1] - told["validation_loss", 0][1] == pytest.approx(2)
    assert told["final/validation_rmse", 0][0] == 0.5
