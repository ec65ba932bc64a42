"""How far training may go: minutes are the budget; steps, a time of day and memory bound it further."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from components.errors import InputError

if TYPE_CHECKING:
    from components.dataset.schema import Dataset

# More than any deadline leaves: the budget of who asks for all the time until then.
MINUTES_OF_A_DAY = 24 * 60.0
_TIME_OF_DAY = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True)
class Limits:
    """Bounds of training besides its minutes.

    Attributes:
        steps: steps of each network in place of minutes; 0 to train by the clock.
        deterministic: whether the same steps give the same weights to the last bit.
        deadline: epoch seconds by which the whole run is to end; 0 for none.
        memory_mb: memory that one training may take; 0 for what is free.
    """

    steps: int = 0
    deterministic: bool = False
    deadline: float = 0.0
    memory_mb: int = 0

    def check(self) -> None:
        """Finds what can't be.

        Raises:
            InputError: negative limits, or bits that are to be the same though a clock says when training ends.
        """
        if self.steps < 0:
            raise InputError("--steps", "there is no negative number of steps", "give a number above 0")
        if self.memory_mb < 0:
            raise InputError("--memory", "there is no negative memory", "give gigabytes above 0")
        if self.deterministic and not self.steps:
            raise InputError(
                "--deterministic",
                "training by minutes ends at another step every time",
                "say how many steps: --deterministic --steps 500",
            )

    def arguments(self) -> dict[str, Any]:
        """The pipeline's parameters, those that say something."""
        return {name: value for name, value in vars(self).items() if value}

    def told(self, dataset: Dataset) -> str:
        """One line on the deadline; empty without one."""
        if not self.deadline:
            return ""
        zone = deadline_zone(dataset)
        at = datetime.fromtimestamp(self.deadline, UTC).astimezone(zone)
        return f"deadline: {at:%Y-%m-%d %H:%M %Z}; training gets what the other steps leave until then"


def next_time_of_day(text: str, dataset: Dataset, now: datetime) -> float:
    """Epoch seconds of the next HH:MM, in the dataset's time zone if it names one, else in this machine's.

    Args:
        text: HH:MM.
        dataset: may name a time zone.
        now: with its time zone.

    Raises:
        InputError: no time of day.
    """
    found = _TIME_OF_DAY.fullmatch(text.strip())
    if not found:
        raise InputError("--deadline", f"'{text}' is no time of day", "write it as HH:MM, for example 06:00")
    zone = deadline_zone(dataset)
    here = now.astimezone(zone)
    at = here.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)
    if at <= here:
        # By the calendar, not by 24 hours: a clock may be put forward or back that night.
        at = (at.replace(tzinfo=None) + timedelta(days=1)).replace(tzinfo=zone)
    return at.timestamp()


def deadline_zone(dataset: Dataset) -> tzinfo | None:
    """The zone in which a time of day is meant; None for this machine's."""
    return ZoneInfo(dataset.timezone) if "timezone" in dataset.model_fields_set else None
