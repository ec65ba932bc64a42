"""What is seen of a run while it works."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from components.journal import read_events
from pipelines.run.board import Board
from pipelines.run.screen import Screen


@dataclass
class Watch:
    """The journal of a run, read as it grows.

    Attributes:
        work: the run's working folder.
        board: where each step stands.
        screen: shows it.
        watch_log: looks at what the steps print.
        offset: byte of the journal to go on from.
    """

    work: str
    board: Board
    screen: Screen
    watch_log: Callable[[], None]
    offset: int = 0

    def look(self) -> bool:
        """Takes in what the journal says since the last look; whether a step has failed."""
        events, self.offset = read_events(self.work, self.offset)
        for event in events:
            self.board.apply(event)
            self.screen.event(self.board, event)
        self.watch_log()
        self.screen.refresh(self.board)
        return self.board.failure is not None
