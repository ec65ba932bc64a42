"""Machines that hold cards: instances to rent, servers to buy, and the sizes that the documents want."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from pipelines.capacity.catalogue.figures import Entry, Figure, Span
from pipelines.capacity.ranges import Range


class Shape(Entry):
    """What an instance consists of.

    Attributes:
        vcpu: virtual processors.
        ram_gb: main memory.
        card: key of its cards in the catalogue.
        cards: how many it has.
        disk_gb: None where no document says it.
        source: of all of them.
        note: what one should know before using it.
    """

    vcpu: int = Field(gt=0)
    ram_gb: float = Field(gt=0)
    card: str
    cards: int = Field(default=1, ge=1)
    disk_gb: float | None = Field(default=None, gt=0)
    source: str = Field(min_length=1)
    note: str = ""


class Instance(Entry):
    """A machine of a cloud.

    Attributes:
        key: its name in the catalogue.
        provider: who lets it.
        fit: what the document recommends it for.
        shape: what it consists of.
        monthly_usd: price of a month as a document states it.
        list_usd_per_hour: the provider's own price on demand, where it is known.
    """

    key: str
    provider: str = Field(min_length=1)
    fit: str = ""
    shape: Shape
    monthly_usd: Figure
    list_usd_per_hour: Figure | None = None


class Discounts(Entry):
    """Parts of the on-demand price that are saved, between 0 and 1.

    Attributes:
        reserved: by paying for the whole term, used or not.
        spot: by taking what is left over, which may be taken back at any time.
    """

    reserved: Span
    spot: Span

    @model_validator(mode="after")
    def _parts_of_the_price(self) -> Self:
        if max(self.reserved.high, self.spot.high) > 1:
            raise ValueError("a discount is a part of the price, from 0 to 1")
        return self


class Part(Entry):
    """A part of a server.

    Attributes:
        name: what it is.
        usd: price of all pieces together.
        source: of the price.
    """

    name: str = Field(min_length=1)
    usd: float = Field(ge=0)
    source: str = Field(min_length=1)


class Cards(Entry):
    """The cards of a server, and what may feed them.

    Attributes:
        card: key of its cards in the catalogue.
        count: how many.
        power_supply_watts: what the power supply can give to the whole server.
        source: of all of them.
    """

    card: str
    count: int = Field(default=1, ge=1)
    power_supply_watts: float = Field(gt=0)
    source: str = Field(min_length=1)


class Server(Entry):
    """A server to buy.

    Attributes:
        key: its name in the catalogue.
        title: its name in words.
        cards: its cards.
        parts: its parts with their prices.
        stated_monthly_usd: running costs as the document's comparison counts them; its own list of them says more.
    """

    key: str
    title: str = Field(min_length=1)
    cards: Cards
    parts: dict[str, Part] = Field(min_length=1)
    stated_monthly_usd: Span

    @property
    def price_usd(self) -> float:
        """All parts together."""
        return sum(part.usd for part in self.parts.values())


class ServerSize(Entry):
    """A size that a document wants.

    Attributes:
        title: its name in words.
        cpu_cores: at least so many; None where it isn't said.
        ram_gb: from least to preferred.
        card_memory_gb: of each card, at least.
        cards: keys of the cards that would do.
        count: how many of them.
        disk_gb: from least to preferred.
        network_mbps: None where it isn't said.
        cloud_usd_per_month: what renting it may cost; None where it isn't said.
        own_usd: what buying it may cost; None where it isn't said.
        source: of all of them.
    """

    title: str = Field(min_length=1)
    cpu_cores: int | None = None
    ram_gb: tuple[float, float]
    card_memory_gb: float
    cards: tuple[str, ...]
    count: int = Field(default=1, ge=1)
    disk_gb: tuple[float, float]
    network_mbps: float | None = None
    cloud_usd_per_month: tuple[float, float] | None = None
    own_usd: tuple[float, float] | None = None
    source: str = Field(min_length=1)

    @property
    def ram_range_gb(self) -> Range:
        """Main memory from least to preferred."""
        return Range(*self.ram_gb)
