"""Figures of a plan in words."""

from __future__ import annotations

from pipelines.capacity.ranges import Range

_GB = 1e9
_UNITS = ((3_600.0, "h"), (60.0, "min"), (1.0, "s"))


def span(seconds: Range) -> str:
    """A range of seconds, each end in the unit that leaves a short number: `27.6 to 44.7 ms`, `7.08 s to 3.13 min`."""
    (low, low_unit), (high, high_unit) = _in_unit(seconds.low), _in_unit(seconds.high)
    if (low, low_unit) == (high, high_unit):
        return f"{low} {low_unit}"
    return f"{low} to {high} {high_unit}" if low_unit == high_unit else f"{low} {low_unit} to {high} {high_unit}"


def amount(value: Range) -> str:
    """A range of dollars or months: no more than three digits, but whole from a thousand on."""
    low, high = _short(value.low), _short(value.high)
    return low if low == high else f"{low} to {high}"


def gigabytes(count: float) -> str:
    """Bytes as 10^9 of them, without the unit."""
    return f"{count / _GB:.2f}"


def networks_in_words(members: int, models: int = 0) -> str:
    """So many members, and models beside them: `5 members and 1 model`."""
    counts = {"member": members, "model": models}
    said = [f"{count} {name}{'s' if count > 1 else ''}" for name, count in counts.items() if count]
    return " and ".join(said)


def _in_unit(seconds: float) -> tuple[str, str]:
    for length, unit in _UNITS:
        if seconds >= length:
            return _short(seconds / length), unit
    return _short(seconds * 1_000), "ms"


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1_000 else f"{value:.3g}"
