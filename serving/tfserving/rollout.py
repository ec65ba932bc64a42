"""From the versions that a TensorFlow Serving has to those that it shall have, without a moment in which none answers.

A label can only be given to a version that is available, and a config that does otherwise is refused as a whole
(tensorflow_serving/model_servers/server_core.cc, UpdateModelVersionLabelMap), so a swap takes three configs:

    stable 1 available: versions 1     labels stable=1
    1. both             versions 1 2   labels stable=1
    2. moved            versions 1 2   labels stable=2
    3. dropped          versions 2     labels stable=2
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

STABLE, CANDIDATE = "stable", "candidate"


@dataclass(frozen=True)
class Wanted:
    """The versions of a model that shall be served.

    Attributes:
        stable: the champion.
        candidate: a version beside it.
    """

    stable: int
    candidate: int | None = None

    @property
    def labels(self) -> dict[str, int]:
        """Version by label."""
        return {STABLE: self.stable} | ({} if self.candidate is None else {CANDIDATE: self.candidate})


@dataclass(frozen=True)
class ModelState:
    """What a server has of a model.

    Attributes:
        available: versions that answer.
        labels: version by label, as the server resolves them.
        failed: why a version couldn't be loaded.
    """

    available: frozenset[int] = frozenset()
    labels: Mapping[str, int] = field(default_factory=dict)
    failed: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ModelPlan:
    """One model's part of a config: versions to load, ascending, and labels of those that are available."""

    versions: tuple[int, ...]
    labels: Mapping[str, int] = field(default_factory=dict)


def next_plan(wanted: Wanted, state: ModelState) -> ModelPlan:
    """The next config of a model on its way to what is wanted; the same again while the server is on its way to it."""
    labels = {
        label: version if version in state.available else state.labels[label]
        for label, version in wanted.labels.items()
        if version in state.available or state.labels.get(label) in state.available
    }
    versions = set(wanted.labels.values()) | set(labels.values())
    if wanted.stable not in state.available or dict(state.labels) != labels:
        versions |= state.available
    return ModelPlan(tuple(sorted(versions)), labels)


def next_config(wanted: Mapping[str, Wanted], states: Mapping[str, ModelState], base_path: str) -> str:
    """Text of the next config of all models; `base_path` is the store's absolute folder as the server sees it."""
    return config_text(
        {name: next_plan(versions, states.get(name, ModelState())) for name, versions in wanted.items()}, base_path
    )


def config_text(plans: Mapping[str, ModelPlan], base_path: str) -> str:
    """ModelServerConfig (tensorflow_serving/config/model_server_config.proto) in protobuf text form."""
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.SetInParent()
    for name, plan in sorted(plans.items()):
        one = config.model_config_list.config.add(
            name=name, base_path=f"{base_path.rstrip('/')}/{name}", model_platform="tensorflow"
        )
        one.model_version_policy.specific.versions.extend(plan.versions)
        for label, version in sorted(plan.labels.items()):
            one.version_labels[label] = version
    return str(text_format.MessageToString(config))


class Rollout:
    """Brings a server to what is wanted, one config at a time.

    Args:
        base_path: the store's absolute folder as the server sees it.
        status: what the server has of a model.
        write: replaces the config that the server polls.
    """

    def __init__(
        self, base_path: str, status: Callable[[str], ModelState], write: Callable[[str], object], written: str = ""
    ) -> None:
        self._base_path = base_path
        self._status = status
        self._write = write
        self._written = written

    def step(self, wanted: Mapping[str, Wanted]) -> Mapping[str, ModelState]:
        """Writes the next config if it differs from the last; what the server has now."""
        states = {name: self._status(name) for name in wanted}
        text = next_config(wanted, states, self._base_path)
        if text != self._written:
            self._write(text)
            self._written = text
        return states


def reached(wanted: Mapping[str, Wanted], states: Mapping[str, ModelState]) -> bool:
    """Whether a server has exactly what is wanted."""
    return all(
        states[name].available == frozenset(versions.labels.values()) and dict(states[name].labels) == versions.labels
        for name, versions in wanted.items()
    )
