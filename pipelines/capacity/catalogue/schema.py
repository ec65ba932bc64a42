"""The catalogue as a whole: what the file may hold, how its parts refer to each other, and how one looks a thing up."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, TypeVar

from pydantic import model_validator

from components.dataset.errors import Key, WrongKeyError, choose
from components.errors import InputError
from pipelines.capacity.catalogue.card import Card, Generation
from pipelines.capacity.catalogue.figures import Entry, Span
from pipelines.capacity.catalogue.machines import Discounts, Instance, Server, ServerSize
from pipelines.capacity.catalogue.names import find_card, shared_names
from pipelines.capacity.catalogue.stated import Contradiction, Stated, StatedFigure, find_stated

Found = TypeVar("Found")


class Catalogue(Entry):
    """Cards, machines and prices, and beside them what the founding documents state.

    Attributes:
        sources: titles of sources by the short key that figures name.
        generations: by compute capability, `major.minor`.
        cards: by key.
        instances: by key.
        discounts: on an instance's price on demand.
        servers: by key.
        running_costs: of an owned server, USD a month, by what they are for.
        server_sizes: by key.
        stated: groups, whose names hold the unit, of entries of statements.
        contradictions: by key.
    """

    sources: dict[str, str]
    generations: dict[str, Generation]
    cards: dict[str, Card]
    instances: dict[str, Instance]
    discounts: Discounts
    servers: dict[str, Server]
    running_costs: dict[str, Span]
    server_sizes: dict[str, ServerSize]
    stated: Stated
    contradictions: dict[str, Contradiction]

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> Self:
        holders: list[tuple[Key, str]] = [
            (("instances", key, "shape", "card"), each.shape.card) for key, each in self.instances.items()
        ]
        holders += [(("servers", key, "cards", "card"), each.cards.card) for key, each in self.servers.items()]
        holders += [
            (("server_sizes", key, "cards"), card) for key, size in self.server_sizes.items() for card in size.cards
        ]
        for where, card in holders:
            if card not in self.cards:
                raise WrongKeyError(where, f"there is no card {card}", choose(card, self.cards))
        for key, contradiction in self.contradictions.items():
            for about in contradiction.about:
                group, _, item = about.partition(".")
                if item not in self.stated.get(group, {}):
                    raise WrongKeyError(
                        ("contradictions", key, "about"),
                        f"nothing is stated as {about}",
                        "name a group and an entry of stated",
                    )
        return self

    @model_validator(mode="after")
    def _cards_belong_to_a_generation(self) -> Self:
        for key, card in self.cards.items():
            where = ("cards", key, "chip", "compute_capability")
            capability = card.chip.compute_capability
            generation = self.generations.get(capability)
            if generation is None:
                raise WrongKeyError(where, f"{capability} is no generation", choose(capability, self.generations))
            modern = (card.rates.tensor_bfloat16_tflops, card.rates.tensor_float32_tflops)
            if not generation.bfloat16 and any(rate is not None for rate in modern):
                problem = f"{generation.architecture} has neither bfloat16 nor TensorFloat-32"
                raise WrongKeyError(("cards", key, "rates"), problem, "leave both rates out")
        for name, keys in shared_names(self.cards).items():
            raise WrongKeyError(("cards",), f"{' and '.join(keys)} are both called {name}", "rename one of them")
        return self

    def card(self, name: str) -> Card:
        """The card of a key, alias, title or node label, however it is written.

        Raises:
            InputError: no card has the name, or several do.
        """
        return find_card(self.cards, name)

    def generation(self, card: Card) -> Generation:
        """What CUDA does for a card."""
        return self.generations[card.chip.compute_capability]

    def instance(self, name: str) -> Instance:
        """An instance by its key.

        Raises:
            InputError: there is none.
        """
        return _entry(self.instances, name, "instance")

    def instances_with(self, card: Card) -> tuple[Instance, ...]:
        """Those that hold such a card."""
        return tuple(each for each in self.instances.values() if each.shape.card == card.key)

    def server(self, name: str) -> Server:
        """A server by its key.

        Raises:
            InputError: there is none.
        """
        return _entry(self.servers, name, "server")

    def figure(self, key: str) -> StatedFigure:
        """What the documents state under a key such as `cycle_hours.t4x4`, and what contradicts it.

        Raises:
            InputError: nothing is stated under it.
        """
        return find_stated(self.stated, self.contradictions, key)

    def source_title(self, source: str) -> str:
        """A figure's source with its short key written out."""
        key, comma, details = source.partition(",")
        return f"{self.sources.get(key, key)}{comma}{details}"


def _entry(entries: Mapping[str, Found], name: str, what: str) -> Found:
    by_name = {key.casefold(): entry for key, entry in entries.items()}
    found = by_name.get(name.strip().casefold())
    if found is None:
        raise InputError(f"{what} {name}", f"the catalogue has no such {what}", choose(name, entries))
    return found
