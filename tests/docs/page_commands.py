"""The commands of docs/kubernetes.md, and which of them it says are not tried."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "kubernetes.md"
_BLOCK = re.compile(r"^( *)```bash\n(.*?)^\1```", flags=re.DOTALL | re.MULTILINE)
_HERE = re.compile(r"<<'(\w+)'$")


def commands(text: str = "") -> list[str]:
    """Each command of a text's `bash` blocks (the page's): continued lines joined, a here-document with its content."""
    blocks = [textwrap.dedent(match[2]) for match in _BLOCK.finditer(text or PAGE.read_text())]
    return [command for block in blocks for command in _split(block)]


def untried() -> list[str]:
    """Parts of commands that the page lists as not tried."""
    section = PAGE.read_text().split("## Not tried here")[1]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return [part for row in rows for part in re.findall(r"`([^`]+)`", row)]


def is_untried(command: str) -> bool:
    """Whether the page says so of a command."""
    return any(part in command for part in untried())


def _split(block: str) -> list[str]:
    found: list[str] = []
    lines = iter(block.replace("\\\n", " ").splitlines())
    for line in lines:
        command, here = line, _HERE.search(line)
        while here:
            following = next(lines)
            command += f"\n{following}"
            if following == here[1]:
                break
        if command.strip():
            found.append(command)
    return found
