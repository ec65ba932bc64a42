"""Where the command line prints, and what it keeps from being printed there."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

# Columns of a table that goes into a file or a pipe, which have no width of their own.
_WIDTH = 120


def open_console(stderr: bool = False) -> Console:
    """A console without colours for numbers; tables are not cut where the output is no terminal."""
    from rich.console import Console

    terminal = (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, soft_wrap=True, width=None if terminal else _WIDTH)


@contextmanager
def quiet_libraries(debug: bool) -> Iterator[None]:
    """Keeps what TensorFlow's native code says of CPUs and GPUs off the terminal; Python's stderr stays.

    TF_CPP_MIN_LOG_LEVEL alone does not: its first lines come before the level is known.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if debug:
        yield
        return
    sys.stderr.flush()
    kept, python = os.dup(2), sys.stderr
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with os.fdopen(kept, "w", buffering=1, encoding="utf-8", closefd=False) as text:
        os.dup2(nowhere, 2)
        sys.stderr = text
        try:
            yield
        finally:
            sys.stderr = python
            os.dup2(kept, 2)
    os.close(kept)
    os.close(nowhere)
