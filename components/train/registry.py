"""The registry of members: where each is built, its share of the training budget, and who is trained by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

Width = Literal["stated", "light"]

# From so many rows on PatchTST is trained by default, and the five networks before it are light ones.
LARGE_ROWS = 1_000_000


@dataclass(frozen=True)
class MemberEntry:
    """One member.

    Attributes:
        name: as users and artifacts name it.
        module: module that builds it, imported only when it is trained.
        causal: whether its answer at a row depends on earlier rows alone, so that it may train on chunks.
        cost: share of the training budget, relative to the other members.
        look_back: rows that the linear forecast looks back from which the member starts. They differ so that the
            members err in different ways: one for the long run, one for the short.
        rate: its highest learning rate, relative to the recipe's.
    """

    name: str
    module: str
    causal: bool
    cost: float
    look_back: int
    rate: float = 1.0


def _entry(name: str, causal: bool, cost: float, look_back: int, rate: float = 1.0) -> tuple[str, MemberEntry]:
    return name, MemberEntry(name, f"components.train.members.{name}", causal, cost, look_back, rate)


# Costs follow the time of one training step measured on a CPU core, dampened so that every member gets its chance.
MEMBERS: Mapping[str, MemberEntry] = MappingProxyType(
    dict(
        [
            _entry("stacked_lstm", causal=True, cost=1.0, look_back=24),
            _entry("residual_gru", causal=True, cost=1.0, look_back=6),
            _entry("cnn_lstm", causal=True, cost=1.0, look_back=12),
            _entry("spike_detector", causal=False, cost=1.6, look_back=3),
            _entry("rule_based", causal=True, cost=0.5, look_back=2),
            # Error after 500 steps on simulated readings: .295 of the scale at a third of the rate, .306 at the rate.
            _entry("patchtst", causal=False, cost=1.0, look_back=8, rate=1 / 3),
            _entry("linear", causal=True, cost=0.1, look_back=0),
        ]
    )
)
LARGE_MEMBERS: tuple[str, ...] = tuple(MEMBERS)
DEFAULT_MEMBERS: tuple[str, ...] = tuple(name for name in LARGE_MEMBERS if name != "patchtst")


def default_members(rows: int | None) -> tuple[str, ...]:
    """Who is trained where nobody is named; `rows` of readings, None where their number isn't known."""
    return LARGE_MEMBERS if rows is not None and rows >= LARGE_ROWS else DEFAULT_MEMBERS


def width_of(rows: int) -> Width:
    """How wide the five networks are on a series of so many rows."""
    return "light" if rows >= LARGE_ROWS else "stated"


def budget_shares(members: tuple[str, ...], budget_seconds: float, parallel: int) -> dict[str, float]:
    """Seconds of wall clock for each member, so that all end within `budget_seconds` with `parallel` at once.

    The members are taken in their order by whichever worker is free, as the pipeline's loop does.
    """
    costs = [MEMBERS[name].cost for name in members]
    free = [0.0] * min(max(parallel, 1), max(len(members), 1))
    for cost in costs:
        earliest = free.index(min(free))
        free[earliest] += cost
    span = max(free) or 1.0
    return {name: budget_seconds * cost / span for name, cost in zip(members, costs, strict=True)}
