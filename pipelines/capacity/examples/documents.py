"""Rows out of what the catalogue says that the documents state."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.catalogue.stated import Contradiction
from pipelines.capacity.examples.comparison import Row, Statement
from pipelines.capacity.ranges import Range

HOUR_SECONDS = 3_600


@dataclass(frozen=True)
class Documents:
    """The founding documents, as the catalogue has them.

    Attributes:
        catalogue: with its stated figures and contradictions.
    """

    catalogue: Catalogue

    def stated(self, key: str) -> Range:
        """A figure from the least to the most that is stated.

        Raises:
            InputError: nothing is stated under the key.
        """
        return self.catalogue.figure(key).range

    def states(self, key: str) -> bool:
        """Whether anything is stated under a key such as `cycle_hours.t4x4`."""
        group, _, item = key.partition(".")
        return item in self.catalogue.stated.get(group, {})

    def items(self, group: str, without: Iterable[str] = ()) -> tuple[str, ...]:
        """The entries of a group of stated figures."""
        left_out = set(without)
        return tuple(item for item in self.catalogue.stated[group] if item not in left_out)

    def row(
        self, what: str, unit: str, key: str = "", computed: Range | float | str | None = None, how: str = ""
    ) -> Row:
        """A row of one stated figure, with all its contradictions; of none where the key is empty or unknown."""
        if not key or not self.states(key):
            return Row(what, unit, (), _as_range(computed), how)
        figure = self.catalogue.figure(key)
        statements = tuple(Statement(each.range, each.source, each.note) for each in figure.statements)
        return Row(what, unit, statements, _as_range(computed), how, figure.contradictions)

    def naming(self, row: Row, *keys: str) -> Row:
        """A row with only these of all contradictions, where its figure has others that don't concern the example."""
        return replace(row, contradictions=self.contradictions(*keys))

    def contradictions(self, *keys: str) -> tuple[Contradiction, ...]:
        """Contradictions by their keys; those that a user's catalogue has taken away are left out."""
        known = self.catalogue.contradictions
        return tuple(known[key] for key in keys if key in known)


def _as_range(computed: Range | float | str | None) -> Range | str | None:
    return Range.exactly(computed) if isinstance(computed, int | float) else computed
