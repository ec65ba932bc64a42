"""Which settings a compiled pipeline holds beside its steps, and where each is honoured.

Local columns: kfp 2.17's SubprocessRunner and DockerRunner (kfp/local), which never see what is asked of Kubernetes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from components.errors import InputError

Place = Literal["cluster", "docker", "subprocess"]
Honoured = Literal["yes", "no", "partly"]

# What makes a task and a container what they are; all else is asked of the platform.
_TASK = frozenset(
    ("componentRef", "inputs", "dependentTasks", "taskInfo", "triggerPolicy", "parameterIterator", "artifactIterator")
)
_CONTAINER = frozenset(("args", "command"))


@dataclass(frozen=True)
class PlatformSetting:
    """One kind of setting.

    Attributes:
        name: as people say.
        keys: where it stands in the compiled pipeline.
        cluster: whether Kubeflow Pipelines does it.
        docker: whether `sluice run --runner docker` does.
        subprocess: whether `sluice run` does.
        remark: what is done in its place, or what to know.
    """

    name: str
    keys: tuple[str, ...]
    cluster: Honoured
    docker: Honoured
    subprocess: Honoured
    remark: str = ""

    def honoured(self, place: Place) -> Honoured:
        """Whether a place does it."""
        found: Honoured = getattr(self, place)
        return found


def _kubernetes(name: str, *keys: str, remark: str = "") -> PlatformSetting:
    return PlatformSetting(name, tuple(f"kubernetes.{key}" for key in keys), "yes", "no", "no", remark)


SETTINGS: tuple[PlatformSetting, ...] = (
    PlatformSetting("image", ("container.image",), "yes", "yes", "no", "a subprocess runs in this Python"),
    PlatformSetting("environment", ("container.env",), "yes", "yes", "yes"),
    PlatformSetting(
        "CPU",
        tuple(
            f"container.resources.{key}" for key in ("cpuRequest", "cpuLimit", "resourceCpuRequest", "resourceCpuLimit")
        ),
        "yes",
        "no",
        "no",
        "locally a step has all cores, or half of them in a loop",
    ),
    PlatformSetting(
        "memory",
        tuple(
            f"container.resources.{key}"
            for key in ("memoryRequest", "memoryLimit", "resourceMemoryRequest", "resourceMemoryLimit")
        ),
        "yes",
        "no",
        "no",
    ),
    PlatformSetting("accelerator", ("container.resources.accelerator",), "yes", "no", "no", "a limit of the container"),
    PlatformSetting("retry", ("task.retryPolicy",), "yes", "yes", "yes"),
    PlatformSetting(
        "parallelism of a loop", ("task.iteratorPolicy",), "yes", "partly", "partly", "locally two at once, always"
    ),
    PlatformSetting(
        "caching", ("task.cachingOptions",), "yes", "yes", "yes", "a cluster goes by names, a local run by paths"
    ),
    _kubernetes("node selector", "nodeSelector"),
    _kubernetes("node affinity", "nodeAffinity", remark="which products of a card will do"),
    _kubernetes("pod affinity", "podAffinity"),
    _kubernetes("toleration", "tolerations"),
    _kubernetes("timeout", "activeDeadlineSeconds", remark="counted from when the pod was placed on a node"),
    _kubernetes("labels and annotations", "podMetadata", remark="Kueue reads its queue and priority here"),
    _kubernetes("claim", "pvcMount", remark="locally the folders of --out"),
    _kubernetes("secret", "secretAsVolume", "secretAsEnv"),
    _kubernetes("config map", "configMapAsVolume", "configMapAsEnv"),
    _kubernetes("field of the pod", "fieldPathAsEnv"),
    _kubernetes("other volume", "genericEphemeralVolume", "emptyDirMounts", "enabledSharedMemory"),
    _kubernetes("image pull policy", "imagePullPolicy"),
    _kubernetes("image pull secret", "imagePullSecret"),
    _kubernetes("security context", "securityContext"),
    _kubernetes("workspace, deadline and clean-up of a run", "pipelineConfig"),
)


@dataclass(frozen=True)
class Asked:
    """A setting that a pipeline holds.

    Attributes:
        setting: which.
        steps: that hold it, as the compiled pipeline names them.
    """

    setting: PlatformSetting
    steps: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        facts = asdict(self.setting)
        return {**facts, "keys": list(facts["keys"]), "steps": list(self.steps)}


def asked_of_platforms(documents: Sequence[Mapping[str, Any]]) -> tuple[Asked, ...]:
    """The settings in a compiled pipeline's documents, in the order of the table.

    Raises:
        InputError: it holds one that the table doesn't know.
    """
    found: dict[str, set[str]] = {}
    for key, step in _found(documents):
        found.setdefault(key, set()).add(step)
    known = {key: setting for setting in SETTINGS for key in setting.keys}
    unknown = sorted(set(found) - set(known))
    if unknown:
        raise InputError(
            "the pipeline", f"holds settings of unknown effect: {', '.join(unknown)}", "add them to SETTINGS, tried"
        )
    return tuple(
        Asked(setting, tuple(sorted(steps)))
        for setting in SETTINGS
        if (steps := set().union(*(found.get(key, set()) for key in setting.keys)))
    )


def ignored(asked: Sequence[Asked], place: Place) -> tuple[str, ...]:
    """Names of the settings that a place does not honour at all."""
    return tuple(one.setting.name for one in asked if one.setting.honoured(place) == "no")


def ignored_line(asked: Sequence[Asked], place: Place) -> str:
    """One line on what a local run ignores; empty where it ignores nothing."""
    names = ignored(asked, place)
    return f"This run ignores, as only a cluster can do it: {', '.join(names)}." if names else ""


def _found(documents: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Key and step of each setting."""
    for document in documents:
        yield from _of_containers(document)
        yield from _of_tasks(document)
        for platform, spec in document.get("platforms", {}).items():
            yield from _of_platform(platform, spec)


def _of_containers(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, executor in document.get("deploymentSpec", {}).get("executors", {}).items():
        step = name.removeprefix("exec-")
        for key, value in executor.get("container", {}).items():
            if key == "resources":
                yield from ((f"container.resources.{resource}", step) for resource in value)
            elif key not in _CONTAINER:
                yield f"container.{key}", step


def _of_tasks(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    components = [document.get("root", {}), *document.get("components", {}).values()]
    for component in components:
        for name, task in component.get("dag", {}).get("tasks", {}).items():
            yield from ((f"task.{key}", name) for key in task if key not in _TASK)


def _of_platform(platform: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in spec:
        if key not in ("deploymentSpec", "platform"):
            yield f"{platform}.{key}", "the run"
    for name, settings in spec.get("deploymentSpec", {}).get("executors", {}).items():
        yield from ((f"{platform}.{key}", name.removeprefix("exec-")) for key in settings)
