"""KServe's model, repository and data plane over the servables of a store."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.kserve_sdk import DataPlane, InvalidInput, Model, ModelRepository
from serving.local.arrays import Arrays
from serving.local.errors import NotServedError, RequestError
from serving.local.servable import Servable
from serving.local.signature import TensorSpec

PLATFORM = "tensorflow_savedmodel"


@dataclass(frozen=True)
class Question:
    """Checked inputs, and the version whose signature they were checked against: that one answers."""

    servable: Servable
    inputs: Arrays


@dataclass(frozen=True)
class Answered:
    """Outputs [batch, ...] by name, and the version that gave them."""

    version: int
    outputs: Arrays


class ServedModel(Model):  # type: ignore[misc]  # KServe carries no types
    """One model name; the version behind it can be replaced at any moment.

    A question holds its own servable, so a swap never changes what is being answered, and the old version is freed
    when its last question is.
    """

    def __init__(self, servable: Servable, executor: Executor) -> None:
        super().__init__(servable.name)
        self.servable = servable
        self.ready = True
        self._executor = executor

    def swap(self, servable: Servable) -> None:
        """Answers all further questions with another version."""
        self.servable = servable

    async def predict(self, payload: Any, headers: Mapping[str, str] | None = None) -> Answered:
        """The answer to a Question; the call runs in a thread, so that other requests go on meanwhile.

        Raises:
            InvalidInput: the payload came past our decoding, or the answer isn't finite.
        """
        if not isinstance(payload, Question):
            raise InvalidInput("expected a request to :predict or /infer")
        loop = asyncio.get_running_loop()
        outputs = await loop.run_in_executor(self._executor, payload.servable.answer, payload.inputs)
        if not all(np.isfinite(array).all() for array in outputs.values()):
            raise RequestError("no finite forecast follows from these readings: check their units and sizes")
        return Answered(payload.servable.version, outputs)

    def get_input_types(self) -> list[dict[str, Any]]:
        """The inputs, as V2 metadata names them."""
        return [_metadata(spec) for spec in self.servable.signature.inputs]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs, as V2 metadata names them."""
        return [_metadata(spec) for spec in self.servable.signature.outputs]


class StoreRepository(ModelRepository):  # type: ignore[misc]
    """Models of a store; callers can't load or unload them, champions decide."""

    def unload(self, name: str) -> None:
        """Refuses: which models are served is decided by the store."""
        raise InvalidInput(f"{name} is served because it is in the store; `sluice models` changes that")


class StoreDataPlane(DataPlane):  # type: ignore[misc]
    """KServe's data plane, whose metadata name the version."""

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        """V2 model metadata."""
        metadata: dict[str, Any] = await super().model_metadata(model_name)
        version = str(served(self, model_name).version)
        return {**metadata, "platform": PLATFORM, "versions": [version]}

    async def ask(self, question: Question, headers: Mapping[str, str]) -> Answered:
        """The answer, through KServe's own timing and metrics."""
        answered, _ = await self.infer(question.servable.name, question, dict(headers))
        assert isinstance(answered, Answered)
        return answered


def served(plane: DataPlane, name: str, version: str = "") -> Servable:
    """The servable that answers for a model now.

    Raises:
        NotServedError: there is no such model, or another version is its champion.
    """
    model = plane.model_registry.get_model(name)
    if model is None:
        names = ", ".join(sorted(plane.model_registry.get_models()))
        raise NotServedError(f"Servable not found for request: Latest({name}); served here: {names}")
    servable: Servable = model.servable
    if version and version != str(servable.version):
        raise NotServedError(
            f"Servable not found for request: Specific({name}, {version}); the champion is version {servable.version}"
        )
    return servable


def _metadata(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": "FP32", "shape": [-1, *spec.shape]}
