"""How this program was called, so that a command it prints can be pasted as it is."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path


def program() -> str:
    """`sluice` where a shell finds this very program by that name, else the path to it."""
    called = Path(sys.argv[0])
    if called.name != "sluice":
        return f"{shlex.quote(sys.executable)} -m pipelines"
    found = shutil.which("sluice")
    if found and Path(found).resolve() == called.resolve():
        return "sluice"
    path = called if called.is_absolute() else Path.cwd() / called
    inside = path.is_relative_to(Path.cwd())
    return shlex.quote(os.path.relpath(path) if inside else str(path))


def command(arguments: Sequence[str]) -> str:
    """A command line of this program that can be pasted into a shell."""
    return f"{program()} {shlex.join(arguments)}"


def same_command() -> str:
    """The command line that is being run."""
    return command(sys.argv[1:])
