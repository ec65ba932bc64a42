"""Resource definitions of nothing but a name, for controllers that aren't there."""

from __future__ import annotations

from typing import Any

from control_plane import ControlPlane


def define(plane: ControlPlane, group: str, plural: str, version: str = "v1") -> None:
    """Makes the API serve a kind whose objects may hold anything."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    names = {"plural": plural, "kind": plural[:-1].capitalize()}
    versions = [{"name": version, "served": True, "storage": True, "schema": schema}]
    metadata: dict[str, Any] = {"name": f"{plural}.{group}"}
    if group.endswith(".k8s.io") or group.endswith("x-k8s.io"):
        metadata["annotations"] = {"api-approved.kubernetes.io": "unapproved, for a test"}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": metadata,
        "spec": {"group": group, "scope": "Namespaced", "names": names, "versions": versions},
    }
    said = plane.create("default", definition)
    assert said == "" or "AlreadyExists" in said
    plane.wait("it is served", lambda: plural in plane.kubectl("api-resources", "--api-group", group).stdout)


def forget(plane: ControlPlane, group: str, *plurals: str) -> None:
    """Takes the kinds away again."""
    plane.kubectl("delete", "crd", *(f"{plural}.{group}" for plural in plurals))
