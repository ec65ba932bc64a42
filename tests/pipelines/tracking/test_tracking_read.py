"""A run's folder as a record, while it runs and afterwards."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from components.errors import InputError
from pipelines.run.folder import RunFolder
from pipelines.tracking.read import artifact_files, read_run
from pipelines.tracking.record import RunRecord

if TYPE_CHECKING:
    from tests.pipelines.tracking.conftest import Run


def test_a_finished_run_has_what_it_follows_from_and_what_came_of_it(run: Run) -> None:
    record = read_run(run.begin().end().folder)
    assert record.status == "FINISHED"
    assert record.params["dataset"] == "reservoir"
    assert record.params["members"] == "rule_based,linear"
    assert record.params["seed"] == "7"
    points = {point.key: point.value for point in record.points}
    assert points["test/rmse"] == 0.25
    assert points["test/rmse_h10"] == 0.2
    assert points["test_persistence/mae"] == 0.125
    assert points["ingest/rows_in"] == 100
    assert points["seconds/ingest"] == 0.5
    assert points["gate/skill at 5_ alarms"] == 0.5
    assert record.tags["sluice.gate"] == "passed"
    assert record.version == 1
    assert record.published == run.folder.store / "reservoir" / "1"
    assert set(artifact_files(run.folder)) == {"metrics.json", "report.html", "gate.json", "model_card.json"}


def test_a_member_has_its_history_by_step_and_its_figures(run: Run) -> None:
    member = read_run(run.begin().end().folder).members[0]
    losses = [(point.step, point.value) for point in member.history if point.key == "validation_loss"]
    assert losses == [(0, 1.0), (10, 0.5), (20, pytest.approx(1 / 3))]
    assert {point.key for point in member.history} == {"validation_loss", "learning_rate", "seconds"}
    figures = {point.key: point.value for point in member.figures}
    assert figures["final/validation_rmse"] == 0.5
    assert figures["final/validation_rmse_by_horizon/h10"] == 0.25
    assert figures["test/rmse_h10"] == 0.2
    assert member.params["recipe.learning_rate"] == "0.003"
    assert member.params["mode"] == "windows"


def test_a_running_run_has_the_progress_of_its_steps_and_the_members_that_are_done(run: Run) -> None:
    run.begin().progress("train rule_based", 0).member_done("rule_based").progress("train linear", 0)
    record = read_run(run.progress("train linear", 0.42).folder)
    assert record.status == "RUNNING"
    progress = {point.key: point.step for point in record.points if point.key.startswith("progress/")}
    assert progress == {"progress/train rule_based": 100, "progress/train linear": 42}
    states = {member.name: (member.status, len(member.history)) for member in record.members}
    assert states == {"rule_based": ("FINISHED", 9), "linear": ("RUNNING", 0)}
    assert record.members[0].started_at == run.started_at + 1


def test_results_of_an_earlier_run_are_not_taken_for_those_of_the_one_that_runs(run: Run) -> None:
    run.begin().end()
    run.key = "l" * 64
    record = read_run(run.begin().folder)
    assert not [point for point in record.points if point.key.startswith("test")]
    assert record.version == 0
    assert artifact_files(run.folder) == {}


def test_a_refused_run_publishes_nothing_and_says_which_rule_it_broke(run: Run) -> None:
    record = read_run(run.begin().end("refused").folder)
    assert (record.status, record.published) == ("FINISHED", None)
    assert record.tags["sluice.gate"] == "refused: skill at 5% alarms"


def test_a_run_that_nobody_works_on_any_more_was_killed(run: Run) -> None:
    record = read_run(run.begin().progress("train linear", 0).folder).killed()
    assert (record.status, record.members[0].status) == ("KILLED", "KILLED")


def test_no_password_of_a_database_gets_into_a_record(run: Run, tmp_path: Path) -> None:
    read_run(run.begin().end().folder).save(tmp_path / "record.json")
    assert "secret" not in (tmp_path / "record.json").read_text()


def test_a_record_is_read_as_it_was_written(run: Run, tmp_path: Path) -> None:
    record = read_run(run.begin().end().folder)
    record.save(tmp_path / "record.json")
    assert RunRecord.load(tmp_path / "record.json") == record


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        read_run(RunFolder(tmp_path))


def test_a_member_file_that_is_being_written_is_left_for_later(run: Run) -> None:
    run.begin().progress("train linear", 0).member_done("linear")
    path = next(run.folder.pipeline_root.rglob("member.json"))
    path.write_text(json.dumps({"name": "linear"})[:-3])
    assert read_run(run.folder).members[0].history == ()
