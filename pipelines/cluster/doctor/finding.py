"""What was found about one thing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Level = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What was found about one thing.

    Attributes:
        subject: the thing.
        level: ok; warn: something is weaker or optional; fail: something won't work.
        what: what is so, in a sentence.
        fix: the command that mends it, or what to do; empty where nothing is wrong.
    """

    subject: str
    level: Level
    what: str
    fix: str = ""

    def as_dict(self) -> dict[str, Any]:
        """For scripts."""
        return asdict(self)


def ok(subject: str, what: str) -> Finding:
    """All is well."""
    return Finding(subject, "ok", what)


def warn(subject: str, what: str, fix: str) -> Finding:
    """Something is weaker than it could be, or optional and missing."""
    return Finding(subject, "warn", what, fix)


def fail(subject: str, what: str, fix: str) -> Finding:
    """Something won't work."""
    return Finding(subject, "fail", what, fix)
