from pipelines.run.board import Board, step_names


def event(step: str, kind: str, at: float = 1.0, **fields: object) -> dict[str, object]:
    return {"at": at, "step": step, "event": kind, **fields}


def board_of(*events: dict[str, object]) -> Board:
    board = Board(step_names(("a", "b"), simulated=False))
    for one in events:
        board.apply(one)
    return board


def test_the_steps_stand_in_the_order_of_the_flow():
    assert step_names(("a",), simulated=True) == (
        "simulate",
        "ingest",
        "preprocess",
        "train a",
        "ensemble",
        "serving check",
        "validate",
        "deploy",
    )


def test_a_step_runs_then_is_done_with_its_figures():
    board = board_of(event("ingest", "started", 10.0), event("ingest", "finished", 12.5, figures={"rows": 3}))
    assert board.ran() == {"ingest": {"seconds": 2.5, "figures": {"rows": 3}}}


def test_a_step_that_said_nothing_before_a_later_one_started_came_from_the_cache():
    board = board_of(event("ensemble", "started"))
    assert [step.state for step in board.steps.values()] == ["cached"] * 4 + ["running"] + ["waiting"] * 3


def test_trainings_that_have_not_begun_wait_while_another_runs():
    board = board_of(event("train b", "started"))
    assert board.steps["train a"].state == "waiting"
    assert board.steps["preprocess"].state == "cached"


def test_the_first_failure_is_kept_with_its_fix():
    board = board_of(
        event("ingest", "started"),
        event("ingest", "failed", input_error=True, where="x.csv", problem="is empty", fix="fill it"),
        event("train a", "failed", input_error=False, problem="SystemExit: 143"),
    )
    assert board.failure is not None
    assert (board.failure.step, board.failure.fix, board.failure.input_error) == ("ingest", "fill it", True)


def test_a_refused_run_skips_deploy():
    board = board_of(event("validate", "started"), event("validate", "finished", figures={}))
    board.close(succeeded=True, passed=False)
    assert board.steps["deploy"].state == "skipped"
    assert board.steps["ingest"].state == "cached"


def test_a_step_that_was_running_when_the_run_ended_was_stopped():
    board = board_of(event("train a", "started"))
    board.close(succeeded=False, passed=False)
    assert board.steps["train a"].state == "stopped"
    assert board.steps["ensemble"].state == "waiting"
