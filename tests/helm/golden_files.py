"""What helm prints, beside what it printed when somebody last looked at it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

GOLDEN = Path(__file__).parent / "golden"
# `UPDATE_GOLDEN=1 pytest tests/helm` writes them anew: read the difference before you commit it.
UPDATE = "UPDATE_GOLDEN"


def differences(text: str, name: str) -> list[str]:
    """Objects that differ from those of a golden file, by kind and name."""
    golden = GOLDEN / f"{name}.yaml"
    if os.environ.get(UPDATE):
        golden.write_text(text, encoding="utf-8")
    found, wanted = _objects(text), _objects(golden.read_text(encoding="utf-8"))
    return sorted(title for title in {*found, *wanted} if found.get(title) != wanted.get(title))


def _objects(text: str) -> dict[str, dict[str, Any]]:
    objects = [each for each in yaml.safe_load_all(text) if each]
    titled = {f"{each['kind']}/{each['metadata']['name']}": each for each in objects}
    assert len(titled) == len(objects), "two objects have the same kind and name"
    return titled
