"""What is asked of the planner: which cards there are, what is trained and served on them, and when."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Literal

from components.errors import InputError
from components.train.architecture import Architecture
from components.train.recipe import recipe_of
from components.train.registry import DEFAULT_MEMBERS, MEMBERS, default_members, width_of
from components.train.wishes import AskedPrecision
from pipelines.capacity.catalogue.card import Card
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.duration.history import Epochs
from pipelines.capacity.memory.members import NETWORKS, Setting, mode_of
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.windows import DAY_SECONDS, Window, windows_of

if TYPE_CHECKING:
    from components.train.memory import Optimizer
    from components.train.network import Mode

Place = Literal["auto", "card", "cpu"]

# The stacked LSTM's ten minutes on one core over 781,163 rows: 6.9 million targets, 13 passes of its training part, for
# the error of an hour's on single windows (docs/performance.md, Window by window).
MEASURED_PASSES = Range(1, 13)
MEASURED_PASSES_SOURCE = "docs/performance.md, Window by window: 13 passes at most"
# `t4 x4`, `t4x4`, `4 x T4 16 GB`; but `rtx 3060` is a name.
_COUNT = re.compile(
    r"^(?:(?P<before>\d+)\s*x\s+)?(?P<name>.*?)(?:(?:^|\s+|(?<=\d))x\s*(?P<after>\d+))?$", re.IGNORECASE
)
_MOST_CARDS = 4096


@dataclass(frozen=True)
class CardCount:
    """So many cards of one kind."""

    card: Card
    count: int


@dataclass(frozen=True)
class OwnModel:
    """A saved Keras model that is planned like a member: trained on the same windows, asked for the same answers.

    Attributes:
        path: of its file.
        architecture: as the file says, by the name that it is planned under.
        uncounted: layers that the formula counts by their weights and answers alone.
    """

    path: str
    architecture: Architecture
    uncounted: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """That it is planned under."""
        return self.architecture.name


@dataclass(frozen=True)
class Trained:
    """What is trained.

    Attributes:
        members: networks of the registry.
        models: saved Keras models, beside the members or in their place.
        rows: of the table.
        setting: sizes of windows and networks.
        batch: windows or chunks of a step; 0 for what each is trained with where nobody says otherwise.
        accumulation: micro-batches in which a step is computed.
        precision: of the members' own layers; `auto` is half precision where the card gains from it.
        optimizer: what moves the weights.
        passes: over the rows until a member has learnt what it can, where `learnt` says nothing of it.
        passes_source: who says so.
        learnt: by member, the passes that its earlier trainings took.
        folds: of a cross-validation; 0 for none.
        experiments: weight combinations that are tried; 0 for none.
        retrain_experiments: each trains all members again, as the documents price it, in place of stored forecasts.
    """

    members: tuple[str, ...] = tuple(name for name in DEFAULT_MEMBERS if name in NETWORKS)
    models: tuple[OwnModel, ...] = ()
    rows: int = 781_163
    setting: Setting = field(default_factory=Setting)
    batch: int = 0
    accumulation: int = 1
    precision: AskedPrecision = "auto"
    optimizer: Optimizer = "adamw"
    passes: Range = MEASURED_PASSES
    passes_source: str = MEASURED_PASSES_SOURCE
    learnt: tuple[tuple[str, Epochs], ...] = ()
    folds: int = 0
    experiments: int = 0
    retrain_experiments: bool = False

    def __post_init__(self) -> None:
        _members(self.members, self.models)
        least = {"rows": self.setting.window + self.setting.horizons, "accumulation": 1}
        for name, value in least.items():
            _at_least(name, getattr(self, name), value)
        for name in ("batch", "folds", "experiments"):
            _at_least(name, getattr(self, name), 0)
        if self.accumulation > self.largest_batch:
            problem, fix = f"{self.accumulation} is above the batch", f"give at most {self.largest_batch}"
            raise InputError("accumulation", problem, fix)

    @property
    def names(self) -> tuple[str, ...]:
        """Members, then models."""
        return (*self.members, *(model.name for model in self.models))

    @property
    def windows(self) -> int:
        """Rows at which windows end."""
        return self.rows - self.setting.window + 1

    @property
    def largest_batch(self) -> int:
        """Of all members and models."""
        return max(map(self.batch_of, self.names))

    def mode_of(self, name: str) -> Mode:
        """How a member is trained; a model is on windows."""
        return mode_of(name, self.setting) if name in self.members else "windows"

    def batch_of(self, name: str) -> int:
        """Windows or chunks of a step of a member or model."""
        return self.batch or recipe_of(self.setting.segment).batch_of(self.mode_of(name))

    def micro_batch_of(self, name: str) -> int:
        """As many of them as are computed at once."""
        return ceil(self.batch_of(name) / self.accumulation)

    def epochs_of(self, name: str) -> Epochs:
        """Passes of a member or model, and who says so."""
        return dict(self.learnt).get(name) or Epochs(self.passes, self.passes_source)


@dataclass(frozen=True)
class Served:
    """What is served.

    Attributes:
        windows: of a batch that is answered at once.
        every_seconds: from one batch to the next.
        versions: in memory at once; two while a new champion takes the old one's place.
        place: on a card, on the CPU, or wherever it is better.
    """

    windows: int = 1_000
    every_seconds: int = 600
    versions: int = 2
    place: Place = "auto"

    def __post_init__(self) -> None:
        for name in ("windows", "every_seconds", "versions"):
            _at_least(name, getattr(self, name), 1)


@dataclass(frozen=True)
class FixedWorkload:
    """Something else that holds memory of a card all the time, by a number that somebody states."""

    name: str
    memory_bytes: int
    source: str


@dataclass(frozen=True)
class Request:
    """All that a plan has to settle.

    Attributes:
        cards: that there are.
        trained: what is trained, every night anew.
        served: what is served, day and night.
        retrain: when training may run.
        fixed: other workloads on the same cards.
    """

    cards: tuple[CardCount, ...]
    trained: Trained = field(default_factory=Trained)
    served: Served = field(default_factory=Served)
    retrain: Window = field(default_factory=lambda: windows_of("02:00-10:00")[0])
    fixed: tuple[FixedWorkload, ...] = ()

    def __post_init__(self) -> None:
        if self.retrain.every_s != DAY_SECONDS:
            raise InputError("--dawn", "doesn't come daily", "give hours of the day, such as 02:00-10:00")

    @property
    def title(self) -> str:
        """The cards in words; `no card` where there is none."""
        return ", ".join(f"{each.count} x {each.card.title}" for each in self.cards) or "no card"


def parse_cards(text: str, catalogue: Catalogue) -> tuple[CardCount, ...]:
    """Cards from text such as `v100-32gb x2, t4`; `none` for no card.

    Raises:
        InputError: a card is unknown or ambiguous, or there are none or too many of it.
    """
    if text.strip().lower() in ("none", "cpu", "0"):
        return ()
    counts: dict[str, CardCount] = {}
    for part in text.split(","):
        found = _COUNT.match(part.strip())
        name = found["name"].strip() if found else ""
        if not name:
            raise InputError(f"--cards {text!r}", f"{part.strip()!r} names no card", 'write e.g. "v100-32gb x2, t4"')
        card, count = _counted(name, int(found["before"] or found["after"] or 1) if found else 1, catalogue)
        before = counts[card.key].count if card.key in counts else 0
        counts[card.key] = CardCount(card, before + count)
    return tuple(counts.values())


def members_for(rows: int, named: str = "") -> tuple[str, ...]:
    """The networks that are trained on so many rows, or those that are named, separated by commas.

    Raises:
        InputError: one of them is unknown.
    """
    names = tuple(name.strip() for name in named.split(",") if name.strip()) or default_members(rows)
    for name in names:
        if name not in MEMBERS:
            raise InputError("--members", f"there is no member {name}", f"choose from {', '.join(MEMBERS)}")
    return tuple(name for name in names if name in NETWORKS)


def setting_for(rows: int, window: int, columns: int, horizons: int) -> Setting:
    """Sizes of the networks on so many rows: light from a million on.

    Raises:
        InputError: a size is less than 1.
    """
    for name, value in (("window", window), ("columns", columns), ("horizons", horizons)):
        _at_least(name, value, 1)
    return Setting(window=window, columns=columns, horizons=horizons, width=width_of(rows))


def _counted(name: str, count: int, catalogue: Catalogue) -> tuple[Card, int]:
    if not 1 <= count <= _MOST_CARDS:
        raise InputError("--cards", f"{count} x {name} can't be planned", f"give 1 to {_MOST_CARDS}")
    return catalogue.card(name), count


def _members(names: tuple[str, ...], models: tuple[OwnModel, ...]) -> None:
    unknown = [name for name in names if name not in NETWORKS]
    if unknown or not (names or models):
        problem = f"there is no network {unknown[0]}" if unknown else "no network is named"
        raise InputError("members", problem, f"choose from {', '.join(NETWORKS)}")
    both = (*names, *(model.name for model in models))
    twice = [name for name in both if both.count(name) > 1]
    if twice:
        fix = "give the file another name: --model NAME=FILE.keras"
        raise InputError("--model", f"two networks are called {twice[0]}", fix)


def _at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(name, f"{value} is too few", f"give {least} or more")
