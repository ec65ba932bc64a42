"""`sluice doctor`: what a cluster lacks."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from pipelines.cli import options
from pipelines.cli.guard import FAILED, guarded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipelines.cluster.doctor.finding import Finding

_MARKS = {"ok": "[green]ok[/]", "warn": "[yellow]warn[/]", "fail": "[bold red]FAIL[/]"}


def doctor(
    context: options.Context = "",
    namespace: options.Namespace = "",
    as_json: options.Json = False,
    debug: options.Debug = False,
) -> None:
    """Check a cluster for what Sluice needs; nothing is changed.

    Exits with 1 where something won't work.

    Example: sluice doctor --namespace kubeflow
    """
    with guarded(debug):
        from pipelines.cluster.doctor.examine import examine
        from pipelines.cluster.kube import connect_kube

        kube = connect_kube(context, namespace)
        findings = list(examine(kube))
        if as_json:
            facts = {
                "context": kube.context,
                "namespace": kube.namespace,
                "findings": [one.as_dict() for one in findings],
            }
            sys.stdout.write(json.dumps(facts) + "\n")
        else:
            _tell(findings)
        failed = any(one.level == "fail" for one in findings)
    raise SystemExit(FAILED if failed else 0)


def _tell(findings: Sequence[Finding]) -> None:
    from rich.markup import escape
    from rich.table import Table

    from pipelines.cli.console import open_console

    console = open_console()
    table = Table("", "what", "found", box=None, pad_edge=False)
    for one in findings:
        table.add_row(_MARKS[one.level], escape(one.subject), escape(one.what))
    console.print(table)
    # Below the table, each on a line of its own, so that it can be copied.
    for one in findings:
        if one.fix:
            console.print(f"{one.subject}: {one.fix}", markup=False)
