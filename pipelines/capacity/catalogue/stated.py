"""What the founding documents state, said as such, with the contradictions that their figures are part of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from components.dataset.errors import choose
from components.errors import InputError
from pipelines.capacity.catalogue.figures import Entry, Span
from pipelines.capacity.ranges import Range


def _as_list(given: Any) -> Any:
    return [given] if isinstance(given, Mapping) else given


# A figure that is stated once is written without a list.
Statements = Annotated[tuple[Span, ...], BeforeValidator(_as_list), Field(min_length=1)]
Stated = dict[str, dict[str, Statements]]


class Contradiction(Entry):
    """Figures that can't all be right, or a fact that is missing.

    Attributes:
        key: its name in the catalogue.
        point: of requirements, section 20.
        text: what contradicts what, in one sentence.
        sources: keys of the documents.
        about: keys of the stated figures that it concerns, such as `cycle_hours.t4x4`.
    """

    key: str
    point: int = Field(ge=1, le=13)
    text: str = Field(min_length=1)
    sources: tuple[str, ...] = Field(min_length=1)
    about: tuple[str, ...] = ()


@dataclass(frozen=True)
class StatedFigure:
    """Everything that is stated about one figure.

    Attributes:
        key: such as `cycle_hours.t4x4`; the unit is in the first part.
        statements: each value with its source, in the order of the documents.
        contradictions: that it is part of.
    """

    key: str
    statements: tuple[Span, ...]
    contradictions: tuple[Contradiction, ...] = ()

    @property
    def range(self) -> Range:
        """From the least to the most that is stated."""
        return Range(min(each.low for each in self.statements), max(each.high for each in self.statements))

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of all statements, each once."""
        return tuple(dict.fromkeys(each.source for each in self.statements))

    @property
    def contradiction(self) -> str:
        """All contradictions in words; empty for none."""
        return " ".join(each.text for each in self.contradictions)


def find_stated(stated: Stated, contradictions: Mapping[str, Contradiction], key: str) -> StatedFigure:
    """A stated figure by its key.

    Raises:
        InputError: nothing is stated under it.
    """
    group, _, item = key.partition(".")
    if group not in stated:
        raise InputError(f"stated figure {key}", f"there is no group {group}", choose(group, stated))
    if item not in stated[group]:
        raise InputError(f"stated figure {key}", f"{group} has no {item or 'such entry'}", choose(item, stated[group]))
    concerned = tuple(each for each in contradictions.values() if key in each.about)
    return StatedFigure(key, stated[group][item], concerned)
