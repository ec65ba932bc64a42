"""The device report: which member trained on what, how fast, and what held it up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from pipelines.run.screen import duration_text

STEP = "train "
# Figures of a training that tell how its device was used.
FIGURES = (
    "device",
    "mode",
    "precision",
    "steps",
    "micro_batch",
    "rows_per_second",
    "targets_per_second",
    "waiting_share",
    "peak_memory_bytes",
    "peak_device_memory_bytes",
    "seconds",
    "cut_seconds",
)


def device_facts(figures: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """By member what its training did with its device, from the figures of the run's steps by the step's name."""
    return {
        step.removeprefix(STEP): {name: own[name] for name in FIGURES if name in own}
        for step, own in figures.items()
        if step.startswith(STEP) and "device" in own
    }


def device_table(facts: Mapping[str, Mapping[str, Any]]) -> Table:
    """One row a member."""
    table = Table(title="Training", title_justify="left", box=None, pad_edge=False)
    table.add_column("member")
    for heading in ("steps", "rows/s", "targets/s", "waiting", "memory", "at once"):
        table.add_column(heading, justify="right")
    table.add_column("device")
    for name, own in facts.items():
        trained = bool(own.get("steps"))
        memory = own.get("peak_device_memory_bytes") or own.get("peak_memory_bytes", 0)
        table.add_row(
            name,
            f"{own['steps']:,}" if trained else "–",
            f"{own['rows_per_second']:,.0f}" if trained else "–",
            f"{own['targets_per_second']:,.0f}" if trained else "–",
            f"{own['waiting_share']:.1%}" if trained else "–",
            f"{memory / 1e6:,.0f} MB",
            f"{own['micro_batch']} {own['mode']}" if trained else "–",
            _device(own),
        )
    return table


def cut_line(facts: Mapping[str, Mapping[str, Any]], planned: bool = True) -> str:
    """What the deadline took from training; empty where it took nothing.

    Args:
        facts: by member.
        planned: whether the members were promised their seconds; without, only those that came too late are told.
    """
    cut = {name: own for name, own in facts.items() if own.get("cut_seconds", 0.0) > 1.0 and name != "linear"}
    told = [
        f"{name} {duration_text(own['cut_seconds'])}" if own.get("steps") else f"{name} wholly (it is its linear start)"
        for name, own in cut.items()
        if planned or not own.get("steps")
    ]
    return f"The deadline cut training short: {', '.join(told)}." if told else ""


def _device(own: Mapping[str, Any]) -> str:
    precision = own.get("precision", "float32")
    return str(own["device"]) if precision == "float32" else f"{own['device']}, {precision}"
