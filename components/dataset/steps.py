"""The length of a step as a dataset file writes it: `30s`, `5min`, `1h`, `1d`, `business_day`."""

from __future__ import annotations

import re

BUSINESS_DAY = "business_day"
DAY_SECONDS = 86_400

_UNIT_SECONDS = {
    "s": 1,
    "sec": 1,
    "second": 1,
    "seconds": 1,
    "min": 60,
    "minute": 60,
    "minutes": 60,
    "h": 3600,
    "hour": 3600,
    "hours": 3600,
    "d": DAY_SECONDS,
    "day": DAY_SECONDS,
    "days": DAY_SECONDS,
}
_STEP = re.compile(r"\s*(\d*)\s*([A-Za-z]+)\s*")


def step_seconds(step: str) -> int:
    """Length of a step in seconds; a business day is 86,400.

    Raises:
        ValueError: `step` is no length of time.
    """
    if step == BUSINESS_DAY:
        return DAY_SECONDS
    match = _STEP.fullmatch(step)
    unit = _UNIT_SECONDS.get(match[2].lower()) if match else None
    if match is None or unit is None:
        raise ValueError(f"'{step}' is no length of time")
    seconds = int(match[1] or 1) * unit
    if seconds == 0:
        raise ValueError(f"'{step}' has no length")
    return seconds


def step_text(seconds: int) -> str:
    """The shortest way to write a step of so many seconds: `900` is `15min`."""
    for unit, length in (("d", DAY_SECONDS), ("h", 3600), ("min", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
