import io

import pytest
from rich.console import Console

from pipelines.run.board import Board, step_names
from pipelines.run.screen import LineScreen, LiveScreen, choose_screen, duration_text, figure_text

EVENTS = (
    {"at": 1.0, "step": "ingest", "event": "started"},
    {"at": 2.0, "step": "ingest", "event": "progress", "done": 1, "total": 4, "text": "1,000 rows"},
    {"at": 15.0, "step": "ingest", "event": "progress", "done": 2, "total": 4, "text": "2,000 rows"},
    {"at": 16.0, "step": "ingest", "event": "note", "text": "3 stamps twice"},
    {"at": 17.5, "step": "ingest", "event": "finished", "figures": {"rows_in": 45000, "path": "/a/b", "share": 0.125}},
)


def shown(terminal: bool) -> str:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, width=100)
    board = Board(step_names(("linear",), simulated=False))
    screen = choose_screen(console, board, lines=False)
    for event in EVENTS:
        board.apply(event)
        screen.event(board, event)
        screen.refresh(board)
    board.close(succeeded=False, passed=False)
    screen.close(board)
    return output.getvalue()


def test_without_a_terminal_each_thing_is_one_line_and_progress_comes_now_and_then():
    assert [line.split(maxsplit=1) for line in shown(terminal=False).splitlines()] == [
        ["ingest", "started"],
        ["ingest", "50 % 2,000 rows"],
        ["ingest", "3 stamps twice"],
        ["ingest", "done in 16.5 s: rows in 45,000, share 0.125"],
    ]


def test_in_a_terminal_there_is_a_table_with_every_step():
    text = shown(terminal=True)
    assert all(name in text for name in ("ingest", "train linear", "deploy", "3 stamps twice", "rows in 45,000"))


def test_lines_can_be_asked_for_in_a_terminal():
    console = Console(file=io.StringIO(), force_terminal=True)
    board = Board(("ingest",))
    assert isinstance(choose_screen(console, board, lines=True), LineScreen)
    live = choose_screen(console, board, lines=False)
    assert isinstance(live, LiveScreen)
    live.close(board)


@pytest.mark.parametrize(("seconds", "text"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (65.0, "1 min 05 s")])
def test_durations(seconds: float, text: str):
    assert duration_text(seconds) == text


def test_figures_leave_paths_and_nested_values_out():
    assert figure_text({"a": {"b": 1}, "path": "/x/y", "flag": True, "rmse": 0.01234567}) == "flag yes, rmse 0.01235"
