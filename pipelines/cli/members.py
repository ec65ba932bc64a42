"""The members that a command line means."""

from __future__ import annotations


def asked_members(given: str | None, data: str | None = None) -> tuple[str, ...]:
    """The members named, else those that are trained by default on so many readings.

    Args:
        given: names with commas between them; None where the user names nobody.
        data: path or URL of the readings; None where they can't be seen from here.
    """
    from components.train.registry import default_members

    if given is not None:
        return tuple(name for part in given.split(",") if (name := part.strip()))
    from pipelines.run.readings_size import rows_of

    return default_members(rows_of(data))
