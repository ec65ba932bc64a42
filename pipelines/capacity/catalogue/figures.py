"""A figure and where it comes from: the catalogue holds no number without a source."""

from __future__ import annotations

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.capacity.ranges import Range


class Entry(BaseModel):
    """A part of the catalogue: never changed once read, and closed, so that a misspelt key is noticed."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(Entry):
    """One number with its source.

    Attributes:
        value: the number; its unit is in the name of the field.
        source: a key of the catalogue's `sources`, with details after a comma; or any words that name a source.
        note: what one should know before using it.
    """

    value: float = Field(ge=0)
    source: str = Field(min_length=1)
    note: str = ""


class Span(Entry):
    """A number that is known as a range only, with its source; `value: 6` says low and high at once.

    Attributes:
        low: the least.
        high: the most.
        source: as of a figure.
        note: as of a figure.
    """

    low: float = Field(ge=0)
    high: float = Field(ge=0)
    source: str = Field(min_length=1)
    note: str = ""

    @model_validator(mode="before")
    @classmethod
    def _both_ends(cls, given: Any) -> Any:
        if not isinstance(given, dict) or "value" not in given:
            return given
        if "low" in given or "high" in given:
            raise ValueError("give either value, or low and high")
        rest = {key: part for key, part in given.items() if key != "value"}
        return {"low": given["value"], "high": given["value"], **rest}

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.low > self.high:
            raise ValueError(f"low ({self.low:g}) is above high ({self.high:g})")
        return self

    @property
    def range(self) -> Range:
        """The same without its source."""
        return Range(self.low, self.high)
