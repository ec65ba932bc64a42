"""Checks of a dataset that a type alone can't make; each raises a WrongKeyError with the key and the fix."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from components.dataset.errors import WrongKeyError, choose, nearest
from components.dataset.steps import step_seconds

if TYPE_CHECKING:
    from components.dataset.schema import Dataset, Melt, Rule

# Names that ingest gives to its own columns of the readings file.
RESERVED = ("series", "time")
# Fractions written with two decimals, such as three times 0.33, are not meant to leave a hundredth out.
SUM_TOLERANCE = 1e-6


def check_limits(limits: tuple[float | None, float | None]) -> None:
    """The low limit lies under the high one."""
    low, high = limits
    if low is not None and high is not None and low >= high:
        raise WrongKeyError(
            ("limits",),
            f"no value lies between {low:g} and {high:g}",
            f"write [lowest, highest], such as [{min(low, high):g}, {max(low, high):g}], null for none",
        )


def check_split(parts: dict[str, float | int]) -> None:
    """All parts are fractions that add up to one, or all are numbers of rows."""
    values = list(parts.values())
    fix = "write three fractions that add up to 1 (0.7, 0.15, 0.15) or three numbers of rows (8640, 2880, 2880)"
    for part, value in parts.items():
        if value <= 0:
            raise WrongKeyError((part,), f"part is empty ({value:g})", fix)
    rows = [isinstance(value, int) for value in values]
    if all(rows):
        return
    if any(rows):
        raise WrongKeyError((), "fractions and numbers of rows are mixed", fix)
    if not math.isclose(sum(values), 1, abs_tol=SUM_TOLERANCE):
        raise WrongKeyError((), f"the parts add up to {sum(values):g}, not 1", fix)


def check_then(lowest: float | None, highest: float | None, shift: float | None) -> None:
    """A rule does exactly one thing."""
    given = [value for value in (lowest, highest, shift) if value is not None]
    if len(given) != 1:
        problem = "nothing is done" if not given else "more than one thing is done"
        raise WrongKeyError(
            (), problem, "write exactly one of {min: VALUE}, {max: VALUE}, {add: VALUE}; one rule for each"
        )


def check_condition(when: str) -> None:
    """A rule's condition parses and looks at a column."""
    from components.dataset.rules import columns_of, parse_rule

    if not columns_of(parse_rule(when)):
        raise WrongKeyError((), f"condition '{when}' looks at no column", "compare a column, such as 'rain > 5'")


def check_step(step: str) -> None:
    """The step is a length of time."""
    try:
        step_seconds(step)
    except ValueError as error:
        raise WrongKeyError((), str(error), "write 30s, 5min, 1h, 1d or business_day") from None


def _is_timezone(name: str) -> bool:
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _timezones() -> frozenset[str]:
    from zoneinfo import available_timezones

    return frozenset(available_timezones())


def check_timezone(timezone: str) -> None:
    """The time zone is in the IANA database."""
    if not _is_timezone(timezone):
        near = nearest(timezone, _timezones()) if "/" in timezone else None
        fix = f"did you mean '{near}'?" if near else "write an IANA name, such as UTC, Asia/Seoul or Europe/Paris"
        raise WrongKeyError((), f"'{timezone}' is no time zone", fix)


def check_dataset(dataset: Dataset) -> None:
    """Everything that takes more than one key to check."""
    _check_columns(dataset)
    _check_target(dataset)
    if dataset.melt is not None:
        _check_melt(dataset, dataset.melt)
    _check_segment(dataset)
    _check_split_length(dataset)
    _check_spike(dataset)
    for index, rule in enumerate(dataset.rules):
        _check_rule(dataset, index, rule)


def _check_columns(dataset: Dataset) -> None:
    reserved = {dataset.time: "time column", dataset.series_column: "series column"}
    for name in dataset.columns:
        if name in reserved:
            raise WrongKeyError(("columns", name), f"'{name}' is the {reserved[name]}", "leave it out of columns")
        if name in RESERVED:
            raise WrongKeyError(
                ("columns", name), f"'{name}' is a name of the readings file itself", "rename the column"
            )
        if name in dataset.calendar:
            raise WrongKeyError(
                ("columns", name),
                f"'{name}' is also a calendar column",
                "rename the column or leave it out of calendar",
            )
    if dataset.series_column == dataset.time:
        raise WrongKeyError(
            ("series",), f"'{dataset.time}' is the time column", "name the column that tells series apart"
        )
    if len(set(dataset.calendar)) < len(dataset.calendar):
        raise WrongKeyError(("calendar",), "a calendar column is named twice", "name each once")


def _check_target(dataset: Dataset) -> None:
    if dataset.target not in dataset.columns:
        raise WrongKeyError(
            ("target",), f"'{dataset.target}' is not in columns", choose(dataset.target, dataset.columns)
        )
    role = dataset.columns[dataset.target].role
    if role != "observed":
        raise WrongKeyError(
            ("columns", dataset.target, "role"),
            f"the target is {role}, so there is nothing to forecast",
            "make it observed",
        )


def _check_melt(dataset: Dataset, melt: Melt) -> None:
    if melt.into not in dataset.columns:
        raise WrongKeyError(("series", "into"), f"'{melt.into}' is not in columns", choose(melt.into, dataset.columns))
    if len(set(melt.melt)) < len(melt.melt):
        raise WrongKeyError(("series", "melt"), "a column is named twice", "name each once")
    both = [name for name in melt.melt if name == dataset.time or (name in dataset.columns and name != melt.into)]
    if both:
        raise WrongKeyError(
            ("series", "melt"),
            f"'{both[0]}' is melted and is also a column of its own",
            f"keep only '{melt.into}' in columns",
        )


def _check_segment(dataset: Dataset) -> None:
    if dataset.segment != "auto" and dataset.segment > dataset.window:
        problem = f"{dataset.segment} rows are more than the window of {dataset.window}"
        raise WrongKeyError(("segment",), problem, "give a divisor of the window, or auto")


def _check_split_length(dataset: Dataset) -> None:
    if not dataset.split.in_rows:
        return
    longest = max(dataset.horizons)
    for part, rows in dataset.split.parts.items():
        needed = longest + (dataset.window if part == "train" else 1)
        if rows < needed:
            reach = f"a window of {dataset.window} and " if part == "train" else ""
            raise WrongKeyError(
                ("split", part),
                f"{rows} rows are fewer than {reach}the longest horizon of {longest} need ({needed})",
                f"make {part} at least {needed} rows, or horizons shorter",
            )


def _check_spike(dataset: Dataset) -> None:
    longest = max(dataset.horizons)
    if dataset.spike is not None and dataset.spike.within > longest:
        raise WrongKeyError(
            ("spike", "within"),
            f"{dataset.spike.within} steps reach past the longest horizon of {longest}",
            f"make it {longest} or less, or add a longer horizon",
        )


def _check_rule(dataset: Dataset, index: int, rule: Rule) -> None:
    from components.dataset.rules import columns_of, parse_rule

    if rule.steps > dataset.window:
        raise WrongKeyError(
            ("rules", index, "for"),
            f"{rule.steps} steps are longer than the window of {dataset.window}",
            f"make it {dataset.window} or less, or the window longer",
        )
    for name in sorted(columns_of(parse_rule(rule.when))):
        if name not in dataset.inputs:
            raise WrongKeyError(("rules", index, "when"), f"there is no column '{name}'", choose(name, dataset.inputs))
