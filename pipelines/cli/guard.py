"""How a command ends: an exit code, and one short block on stderr instead of a traceback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from components.errors import InputError

FAILED = 1
WRONG_INPUT = 2
REFUSED = 3


class CommandError(Exception):
    """Something failed that is no mistake of the input; the command exits with 1."""


@contextmanager
def guarded(debug: bool = False) -> Iterator[None]:
    """Turns errors into exit codes: 2 for wrong input, 1 for anything else; with `debug` they keep their traceback."""
    try:
        yield
    except InputError as error:
        if debug:
            raise
        tell(str(error))
        raise SystemExit(WRONG_INPUT) from None
    except (KeyboardInterrupt, BrokenPipeError):
        raise SystemExit(FAILED) from None
    except Exception as error:
        if debug:
            raise
        text = str(error) if isinstance(error, CommandError) else f"{type(error).__name__}: {error}"
        tell(text if isinstance(error, CommandError) else f"{text}\n  (run again with --debug for the traceback)")
        raise SystemExit(FAILED) from None


def tell(text: str) -> None:
    """Writes an error to stderr."""
    sys.stderr.write(f"error: {text}\n")
