"""What a run leaves in its folder, taken from the artifacts of its steps.

kfp.local passes an artifact that was never written on as if it were there, and its docker runner may call a failed
container a success: so what the run says it made is looked at before anyone is told that it is there.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.atomic import copy_atomically, write_atomically
from pipelines.run.folder import RunFolder


class IncompleteRunError(Exception):
    """The pipeline said that it ended well, yet something is missing."""


@dataclass(frozen=True)
class Artifacts:
    """Outputs of the training pipeline: paths, and whether the gate let the candidate pass."""

    metrics: Path
    gate: Path
    serving: Path
    report: Path
    forecasts: Path
    candidate: Path
    passed: bool


def read_artifacts(result: Path) -> Artifacts:
    """The outputs that `pipelines.local_run` wrote.

    Raises:
        IncompleteRunError: one is missing.
    """
    try:
        outputs = json.loads(result.read_text())
    except (OSError, json.JSONDecodeError):
        raise IncompleteRunError("the pipeline left no result") from None
    if not isinstance(outputs.get("passed"), bool):
        raise IncompleteRunError("the gate gave no verdict")
    paths = {name: Path(outputs[name]) for name in ("metrics", "gate", "serving", "report", "forecasts", "candidate")}
    missing = [name for name, path in paths.items() if not path.exists()]
    if missing:
        raise IncompleteRunError(f"a step ended without writing its output: {', '.join(missing)}")
    return Artifacts(passed=outputs["passed"], **paths)


def publish_outputs(
    folder: RunFolder, artifacts: Artifacts, seconds: Mapping[str, float], training: Mapping[str, Any]
) -> dict[str, Any]:
    """Puts metrics.json, forecasts.parquet and report.html into the run's folder; the metrics.

    Args:
        folder: the run's folder.
        artifacts: what the steps made.
        seconds: by step.
        training: by member how its training used its device.
    """
    metrics: dict[str, Any] = json.loads(artifacts.metrics.read_text())
    metrics["seconds"] = dict(seconds)
    metrics["training"] = dict(training)
    metrics["serving"] = json.loads(artifacts.serving.read_text())
    copy_atomically(artifacts.forecasts, folder.root / "forecasts.parquet")
    copy_atomically(artifacts.report, folder.root / "report.html")
    write_atomically(folder.root / "metrics.json", json.dumps(metrics, indent=1))
    return metrics


def keep_refused(folder: RunFolder, candidate: Path, known: str, now: datetime) -> Path:
    """Copies a refused candidate to `<out>/refused/<time>`, unless this very one already lies in `known`."""
    if known and Path(known).is_dir():
        return Path(known)
    target = folder.refused / now.strftime("%Y%m%dT%H%M%SZ")
    aside = target.with_name(f".{target.name}")
    shutil.rmtree(aside, ignore_errors=True)
    shutil.copytree(candidate, aside)
    aside.replace(target)
    return target
