"""`sluice why`: why a pod, a step or a whole run waits."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.cli import options
from pipelines.cli.guard import guarded

if TYPE_CHECKING:
    from pipelines.cluster.pending.snapshot import Explanation


def why(
    name: Annotated[
        str, typer.Argument(metavar="[POD|RUN]", help="A pod, a KFP run, a Job or a service.  [all that waits]")
    ] = "",
    context: options.Context = "",
    namespace: options.Namespace = "",
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Say why a pod waits, and what to do about it.

    Example: sluice why train-7d9c --namespace kubeflow
    """
    with guarded(debug):
        from pipelines.cluster.kube import connect_kube
        from pipelines.cluster.pending.explain import explain_pod, explain_unmade
        from pipelines.cluster.pending.read import chosen, read_surroundings, read_unmade

        kube = connect_kube(context, namespace)
        around = read_surroundings(kube)
        pods, unmade = chosen(name, around, read_unmade(kube, around))
        found = [explain_pod(pod, around) for pod in pods] + [explain_unmade(one, around) for one in unmade]
        if as_json:
            facts = {"namespace": kube.namespace, "explanations": [one.as_dict() for one in found]}
            sys.stdout.write(json.dumps(facts) + "\n")
            return
        _tell(found, kube.namespace)


def _tell(found: list[Explanation], namespace: str) -> None:
    from pipelines.cli.console import open_console

    console = open_console()
    if not found:
        console.print(f"nothing waits in namespace {namespace}", markup=False)
    # What waits comes first; a run has many pods that have ended.
    for one in sorted(found, key=lambda one: not one.causes):
        if not one.causes:
            console.print(f"{one.subject} {one.state}.", markup=False)
        for number, cause in enumerate(one.causes):
            start = f"{one.subject} {one.state}" if number == 0 else "also"
            console.print(f"{start}: {cause.what}.", markup=False)
            console.print(f"  fix: {cause.fix}", markup=False)
