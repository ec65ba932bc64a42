"""The six members as architectures in closed form: no framework is needed to say what they hold or compute.

What the members' own files say in Keras (components.train.members) is said here in numbers; a test holds the two equal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from components.errors import InputError
from components.train.architecture import Architecture, Layer
from components.train.registry import MEMBERS
from components.train.ridge import BLOCK_EDGES, LOOK_BACKS, MOST_FEATURES
from pipelines.capacity.memory.bodies import BODIES, HEADS
from pipelines.capacity.memory.layer_chain import Chain

if TYPE_CHECKING:
    from components.train.network import Mode
    from components.train.registry import Width

NETWORKS: tuple[str, ...] = tuple(BODIES)
# Answers for each lead time: point, lower, upper.
_BAND = 3


@dataclass(frozen=True)
class Setting:
    """What a member's sizes depend on.

    Attributes:
        window: rows of a window.
        columns: columns of it, all of them plain numbers: no calendar, none known in the future.
        horizons: lead times.
        segment: rows that recurrent members read as one; 1 for none.
        width: of the networks.
        own_unit: whether each window has a unit of its own, as in a panel whose series differ in size.
    """

    window: int = 100
    columns: int = 12
    horizons: int = 3
    segment: int = 1
    width: Width = "stated"
    own_unit: bool = False


def mode_of(member: str, setting: Setting) -> Mode:
    """How a member is trained: in segments where there are any, on chunks where it is causal, else on windows."""
    if setting.segment > 1:
        return "segments"
    return "chunks" if MEMBERS[member].causal and not setting.own_unit else "windows"


def member_architecture(member: str, setting: Setting, mode: Mode | None = None) -> Architecture:
    """A member's training network.

    Args:
        member: its name in the registry; the linear one is no network.
        setting: its sizes.
        mode: how it is trained; None for the usual way.

    Raises:
        InputError: there is no such network.
    """
    if member not in BODIES:
        raise InputError("members", f"there is no network '{member}'", f"choose from {', '.join(BODIES)}")
    mode = mode or mode_of(member, setting)
    build = _Network(member, setting, mode)
    layers = tuple(build.layers())
    spike = 1 if member == "spike_detector" else 0
    answers = build.scored * setting.horizons * _BAND + spike
    return Architecture(member, build.rows * setting.columns, answers, layers)


class _Network:
    """One member for one way of training: what lies around its own layers is the same for all."""

    def __init__(self, member: str, setting: Setting, mode: Mode) -> None:
        self.member, self.setting, self.mode = member, setting, mode
        self.linear_rows = _linear_rows(member, setting)
        self.scored = setting.window if mode == "chunks" else 1
        warm_up = max(setting.window // 2, self.linear_rows)
        self.rows = warm_up + setting.window - 1 if mode == "chunks" else setting.window
        # The linear start looks at compressed rows but where every one of the last rows counts by itself.
        self.compressed = bool(MEMBERS[member].look_back) and setting.segment == 1

    def layers(self) -> Iterator[Layer]:
        """In the order of the way forward."""
        columns = self.setting.columns
        yield from _fixed("normalise", self.rows, columns, columns)
        if self.setting.own_unit:
            yield from _fixed("window_unit", 1, columns, 1)
            yield from _fixed("from_last", self.rows, 2 * columns + 1, columns)
        if self.compressed or not self.setting.own_unit:
            yield from _fixed("compress", self.rows, columns, 2 * columns)
        chain = self._features()
        BODIES[self.member](chain, self._units)
        if MEMBERS[self.member].causal:
            chain.elementwise("last_rows", rows=self.scored)
        for number, units in enumerate(HEADS.get(self.member, ()), 1):
            chain.dense(f"head_{number}", self._units(units), "relu")
        yield from chain.layers
        yield from self._linear()
        yield from self._answers(chain.rows, chain.values)

    def _features(self) -> Chain:
        """What the member's own layers read: rows, or segments of them."""
        setting, columns = self.setting, self.setting.columns
        chain = Chain(self.rows, 2 * columns, trained=False)
        if setting.own_unit:
            chain = Chain(self.rows, columns, trained=False)
            chain.elementwise("features", values=columns)
        elif self.mode != "chunks":
            chain.elementwise("relative_to_last", values=2 * columns + 1, reads=3 * columns)
        if self.mode == "segments" and self.member != "patchtst":
            values = setting.segment * chain.values
            chain.elementwise("segments", rows=setting.window // setting.segment, values=values)
            chain.dense("segment_projection", self._units(128), "relu")
        return chain

    def _linear(self) -> Iterator[Layer]:
        """The linear forecast to which the network adds; no gradient moves it."""
        features, horizons, rows = self.setting.columns, self.setting.horizons, self.linear_rows
        if self.compressed:
            features *= 3
            yield from _fixed("linear_features", self.rows, features, features)
        yield from _fixed("linear_rows", self.scored + rows - 1, features, features)
        weights = (rows * features + 1) * horizons
        yield Layer("linear_forecast", "other", self.scored, features, horizons, frozen=weights, passes_gradient=False)
        if self.mode != "chunks":
            yield from _fixed("linear_last", 1, horizons, horizons)

    def _answers(self, rows: int, values: int) -> Iterator[Layer]:
        horizons = self.setting.horizons
        outputs = _BAND * horizons
        if self.member == "spike_detector":
            yield Layer("spike_logit", "dense", rows, values, 1, values + 1)
        yield Layer("output", "dense", rows, values, outputs, (values + 1) * outputs)
        yield Layer("band", "elementwise", rows * horizons, outputs + horizons, _BAND)

    def _units(self, stated: int) -> int:
        return stated if self.setting.width == "stated" else stated // 2


def _linear_rows(member: str, setting: Setting) -> int:
    """Rows that the linear start looks back, as `components.train.ridge.start_layout` has them."""
    look_back = MEMBERS[member].look_back
    if look_back and setting.segment == 1:
        return max(edge for edge in BLOCK_EDGES if edge <= max(1, min(look_back, setting.window // 2)))
    return max(1, min(setting.window, LOOK_BACKS[-1], (MOST_FEATURES - 1) // setting.columns))


def _fixed(name: str, rows: int, inputs: int, outputs: int) -> Iterator[Layer]:
    """A layer before all weights."""
    yield Layer(name, "elementwise", rows, inputs, outputs, passes_gradient=False)
