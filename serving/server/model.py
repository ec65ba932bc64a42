"""KServe's model, repository and data plane over the versions that answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from serving.kserve_sdk import DataPlane, InvalidInput, Model, ModelRepository
from serving.server.admission import Admission
from serving.server.arrays import Arrays
from serving.server.backend import Answered, Backend, Replaceable
from serving.server.errors import NotServedError, RequestError
from serving.server.request_record import current_record
from serving.server.signature import TensorSpec

PLATFORM = "tensorflow_savedmodel"
STABLE, CANDIDATE = "stable", "candidate"


@dataclass(frozen=True)
class Question:
    """Checked inputs, and the version whose signature they were checked against: that one answers."""

    backend: Backend
    inputs: Arrays


class ServedModel(Model):  # type: ignore[misc]  # KServe carries no types
    """One model name; the version behind it can be replaced at any moment.

    A question holds its own version, so a swap never changes what is being answered, and the old version is freed
    when its last question is.

    Attributes:
        stable: the champion.
        candidate: the version that is on trial beside it, asked by its number or label only.
    """

    def __init__(self, stable: Backend) -> None:
        super().__init__(stable.name)
        self.stable = stable
        self.candidate: Backend | None = None
        self.ready = True

    async def predict(self, payload: Any, headers: Mapping[str, str] | None = None) -> Answered:
        """The answer to a Question.

        Raises:
            InvalidInput: the payload came past our decoding.
            RequestError: the answer isn't finite.
        """
        if not isinstance(payload, Question):
            raise InvalidInput("expected a request to :predict or /infer")
        answered = await payload.backend.answer(payload.inputs)
        if not all(np.isfinite(array).all() for array in answered.outputs.values()):
            raise RequestError("no finite forecast follows from these readings: check their units and sizes")
        return answered

    def get_input_types(self) -> list[dict[str, Any]]:
        """The inputs, as V2 metadata names them."""
        return [_metadata(spec) for spec in self.stable.signature.inputs]

    def get_output_types(self) -> list[dict[str, Any]]:
        """The outputs, as V2 metadata names them."""
        return [_metadata(spec) for spec in self.stable.signature.outputs]


class StoreRepository(ModelRepository):  # type: ignore[misc]
    """Models of a store."""


class ClosedRepository:
    """KServe's model repository extension, through which callers can't load or unload: champions decide."""

    def __init__(self, repository: StoreRepository) -> None:
        self._repository = repository

    async def load(self, model_name: str) -> None:
        """Refuses."""
        self._refuse(model_name)

    async def unload(self, model_name: str) -> None:
        """Refuses."""
        self._refuse(model_name)

    def _refuse(self, name: str) -> None:
        if self._repository.get_model(name) is None:
            raise NotServedError(f"{name[:100]} isn't served here")
        raise RequestError(f"{name} is served because it is in the store; `sluice models` changes that")


class StoreDataPlane(DataPlane):  # type: ignore[misc]
    """KServe's data plane, whose metadata name the version.

    Args:
        registry: the models.
        admission: whose turn it is; None where each question is asked at once.

    Attributes:
        draining: the server takes its leave: it isn't ready any longer, but answers.
    """

    def __init__(self, registry: Any, admission: Admission | None = None) -> None:
        super().__init__(registry)
        self._admission = admission
        self.draining = False

    async def ready(self) -> bool:
        """Whether new callers should come."""
        return not self.draining and bool(await super().ready())

    async def model_metadata(self, model_name: str) -> dict[str, Any]:
        """V2 model metadata."""
        metadata: dict[str, Any] = await super().model_metadata(model_name)
        model = self.model_registry.get_model(model_name)
        backends = (model.stable, model.candidate) if model.candidate else (model.stable,)
        return {**metadata, "platform": PLATFORM, "versions": [str(backend.version) for backend in backends]}

    async def ask(self, question: Question, headers: Mapping[str, str]) -> Answered:
        """The answer, through KServe's own timing and metrics."""
        windows = len(next(iter(question.inputs.values())))

        async def work() -> Any:
            return await self.infer(question.backend.name, question, dict(headers))

        answered, _ = await (work() if self._admission is None else self._admission.turn(windows, work))
        assert isinstance(answered, Answered)
        record = current_record()
        if record is not None:
            record.answered(question.backend.name, answered.version, windows)
        return answered


def served(plane: DataPlane, name: str, version: str = "", label: str = "") -> Backend:
    """The version that answers for a model now.

    Args:
        plane: the server's models.
        name: of the model.
        version: its number as text; empty for the champion's.
        label: `stable` or `candidate`, in place of a number.

    Raises:
        NotServedError: there is no such model, or that version isn't loaded.
        RequestError: a label that no version has.
    """
    model = plane.model_registry.get_model(name)
    if model is None:
        names = ", ".join(sorted(plane.model_registry.get_models()))
        raise NotServedError(f"Servable not found for request: Latest({name}); served here: {names}")
    stable: Backend = model.stable
    candidate: Backend | None = model.candidate
    if label:
        return _labelled(stable, candidate, label)
    if not version:
        return stable
    if version == str(stable.version):
        return stable.pinned() if isinstance(stable, Replaceable) else stable
    if candidate is not None and version == str(candidate.version):
        return candidate
    raise NotServedError(
        f"Servable not found for request: Specific({name}, {version}); the champion is version {stable.version}"
    )


def _labelled(stable: Backend, candidate: Backend | None, label: str) -> Backend:
    found = {STABLE: stable, CANDIDATE: candidate}.get(label)
    if found is None:
        known = STABLE if candidate is None else f"{STABLE} and {CANDIDATE}"
        raise RequestError(f"Unrecognized servable version label: {label}; labels here: {known}")
    return found


def _metadata(spec: TensorSpec) -> dict[str, Any]:
    return {"name": spec.name, "datatype": "FP32", "shape": [-1, *spec.shape]}
