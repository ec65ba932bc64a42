"""A small candidate, as the ensemble step leaves it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

MakeCandidate = Callable[[str], Path]


@pytest.fixture
def make_candidate(tmp_path: Path) -> MakeCandidate:
    """Writes a candidate whose weights are the given text."""

    def make(weights: str) -> Path:
        folder = tmp_path / f"candidate-{weights}"
        (folder / "variables").mkdir(parents=True)
        (folder / "assets.extra").mkdir()
        (folder / "saved_model.pb").write_bytes(b"graph")
        (folder / "variables" / "variables.index").write_text(weights)
        (folder / "assets.extra" / "tf_serving_warmup_requests").write_bytes(b"\0warm")
        (folder / "model_card.json").write_text(json.dumps({"name": "creek"}))
        return folder

    return make
