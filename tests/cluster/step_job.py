"""A step of a compiled pipeline as a Job: image, command, arguments, placement and claims are the step's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from node import image_pod

from pipelines.compile import compile_pipeline
from pipelines.platform.platform import on_cluster
from pipelines.platform.profile import load_profile

# A node of two cores has no room for what the profile asks.
RESOURCES = {"requests": {"cpu": "200m", "memory": "1Gi"}, "limits": {"cpu": "2", "memory": "4Gi"}}
ARTIFACTS = "/mnt/work/artifacts"


@dataclass(frozen=True)
class Call:
    """What a step is called with.

    Attributes:
        parameters: values by name.
        inputs: folders or files of artifacts that it reads, by name.
    """

    parameters: dict[str, Any]
    inputs: dict[str, str]

    def executor_input(self, component: dict[str, Any]) -> str:
        """As Kubeflow Pipelines hands it over to a component."""
        taken, made = (component[key]["artifacts"] for key in ("inputDefinitions", "outputDefinitions"))
        given = {name: _artifact(name, taken[name], uri) for name, uri in self.inputs.items()}
        wanted = {name: _artifact(name, kind, f"{ARTIFACTS}/{name}") for name, kind in made.items()}
        return json.dumps(
            {
                "inputs": {"parameterValues": self.parameters, "artifacts": given},
                "outputs": {"artifacts": wanted, "outputFile": f"{ARTIFACTS}/executor_output.json"},
            }
        )


def compiled(profile: str, folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The training pipeline for a profile: what it is, and what it asks of Kubernetes."""
    path = compile_pipeline("training", folder / f"{profile}.yaml", on_cluster(load_profile(profile)))
    pipeline, platform = yaml.safe_load_all(path.read_text())
    return pipeline, platform


def step_job(documents: tuple[dict[str, Any], dict[str, Any]], step_name: str, name: str, call: Call) -> dict[str, Any]:
    """The Job; its pods are made again when they are pre-empted, and fail once."""
    pipeline, platform = documents
    executor, component = f"exec-{step_name}", pipeline["components"][f"comp-{step_name}"]
    step = pipeline["deploymentSpec"]["executors"][executor]["container"]
    asked = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"][executor]
    claims = [(each["constant"], each["mountPath"]) for each in asked["pvcMount"]]
    volumes = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim, _ in claims]
    pod = image_pod(name, volumes, [{"name": claim, "mountPath": path} for claim, path in claims], step["command"])
    (container,) = pod["spec"]["containers"]
    assert container["image"] == step["image"]
    container["args"] = [call.executor_input(component) if each == "{{$}}" else each for each in step["args"]]
    container["env"] = [{"name": "HOME", "value": "/tmp"}, *step.get("env", [])]
    container["resources"] = _resources(step)
    pod["spec"] |= _placement(asked) | {"terminationGracePeriodSeconds": 5}
    return _job(name, {"metadata": asked["podMetadata"], "spec": pod["spec"]})


def _resources(step: dict[str, Any]) -> dict[str, Any]:
    cards = step["resources"].get("accelerator")
    own = {cards["resourceType"]: cards["resourceCount"]} if cards else {}
    return {kind: {**sizes, **own} for kind, sizes in RESOURCES.items()}


def _placement(asked: dict[str, Any]) -> dict[str, Any]:
    terms = [{"matchExpressions": each["matchExpressions"]} for each in asked.get("nodeAffinity", [])]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    selector = asked.get("nodeSelector", {}).get("labels", {})
    return {
        "nodeSelector": selector,
        "tolerations": asked.get("tolerations", []),
        **({"affinity": {"nodeAffinity": required}} if terms else {}),
    }


def _job(name: str, template: dict[str, Any]) -> dict[str, Any]:
    ignored = [{"type": "DisruptionTarget", "status": "True"}]
    spec = {
        "backoffLimit": 0,
        # A pre-empted pod is no failure of the step.
        "podFailurePolicy": {"rules": [{"action": "Ignore", "onPodConditions": ignored}]},
        "template": template,
    }
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}


def _artifact(name: str, definition: dict[str, Any], uri: str) -> dict[str, Any]:
    return {"artifacts": [{"name": name, "type": definition["artifactType"], "uri": uri, "metadata": {}}]}
