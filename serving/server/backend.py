"""What answers: one version of a model, in this process or in TensorFlow Serving."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from components.dataset.load import load_dataset
from components.dataset.schema import Dataset
from serving.server.arrays import Arrays
from serving.server.signature import Signature


@dataclass(frozen=True)
class Answered:
    """Outputs [batch, ...] by name, and the version that gave them."""

    version: int
    outputs: Arrays


@dataclass(frozen=True)
class VersionFolder:
    """What a version of the store says about itself.

    Attributes:
        path: its folder.
    """

    path: Path

    @cached_property
    def dataset(self) -> Dataset:
        """What its columns are and what it forecasts.

        Raises:
            InputError: the dataset file is missing or broken.
        """
        return load_dataset(self.path / "dataset.yaml")

    @cached_property
    def card(self) -> dict[str, Any]:
        """Its model card."""
        return dict(json.loads((self.path / "model_card.json").read_text(encoding="utf-8")))

    @property
    def members(self) -> tuple[str, ...]:
        """Names of its members, in the order of the output `members`."""
        return tuple(self.card["members"])

    @property
    def series(self) -> tuple[str, ...]:
        """Names of the series that it was trained on; none where its card doesn't say."""
        return tuple(self.card.get("series", ()))


class Backend(Protocol):
    """One version of a model, ready to answer.

    Attributes:
        name: the model's name.
        version: its number in the store.
        signature: what it takes and gives.
        folder: what it says about itself.
    """

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def version(self) -> int: ...  # noqa: D102
    @property
    def signature(self) -> Signature: ...  # noqa: D102
    @property
    def folder(self) -> VersionFolder: ...  # noqa: D102

    async def answer(self, inputs: Arrays) -> Answered:
        """The outputs for checked inputs [batch, ...] by name.

        Raises:
            NotServedError: this version is gone from its server.
            BusyError: its server has no room for more now.
        """
        ...


@runtime_checkable
class Replaceable(Protocol):
    """A backend in whose place its model's next version answers when it is gone between the choice and the question."""

    def pinned(self) -> Backend:
        """The same, asked for by its number: no other version answers in its place."""
        ...
