from __future__ import annotations

import importlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from components.dataset.schema import Dataset
from components.journal import Journal
from components.preprocess.series import Series
from components.train import registry
from components.train.network import Start, assemble
from components.train.registry import DEFAULT_MEMBERS, LARGE_ROWS, MEMBERS, default_members, width_of
from components.train.step import TrainRequest, train_member
from components.train.task import Task


@pytest.mark.parametrize("rows", [None, 0, 781_163, LARGE_ROWS - 1])
def test_below_a_million_rows_the_usual_members_are_trained_as_stated(rows: int | None) -> None:
    assert default_members(rows) == DEFAULT_MEMBERS
    assert "patchtst" not in DEFAULT_MEMBERS
    assert width_of(rows or 0) == "stated"


@pytest.mark.parametrize("rows", [LARGE_ROWS, 1_500_000])
def test_from_a_million_rows_on_patchtst_joins_lighter_networks(rows: int) -> None:
    assert set(default_members(rows)) == {*DEFAULT_MEMBERS, "patchtst"}
    assert width_of(rows) == "light"


@pytest.mark.parametrize("member", [name for name in DEFAULT_MEMBERS if name != "linear"])
def test_a_light_network_has_half_the_units(member: str, task: Task, start: Start) -> None:
    stated, light = (_units(member, replace(task, width=width), start) for width in ("stated", "light"))
    assert light == [units // 2 for units in stated]


def test_patchtst_is_as_wide_on_every_series(task: Task, start: Start) -> None:
    light = replace(task, width="light")
    assert _units("patchtst", task, start) == _units("patchtst", light, start)


def test_a_series_s_rows_decide_and_the_member_s_file_says_so(
    dataset: Dataset, series: Series, series_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert Task.of(dataset, series).width == "stated"
    monkeypatch.setattr(registry, "LARGE_ROWS", len(series.values))
    assert Task.of(dataset, series).width == "light"
    out = tmp_path / "rule_based"
    request = TrainRequest(dataset, series_folder, "rule_based", 60.0, 1, None, out, steps=2)
    train_member(request, Journal(str(tmp_path), "train rule_based"))
    assert json.loads((out / "member.json").read_text())["width"] == "light"


def test_a_task_keeps_its_width_as_text(task: Task) -> None:
    light = replace(task, width="light")
    assert Task.from_json(light.to_json()) == light
    assert Task.from_json(task.to_json()).units(128) == 128


def _units(member: str, task: Task, start: Start) -> list[int]:
    parts = importlib.import_module(MEMBERS[member].module).parts(task)
    layers = assemble(task, parts, start, "windows").training.layers
    # What they answer has as many numbers at any width.
    own = [layer for layer in layers if layer.name not in ("output", "spike_logit")]
    sizes = [getattr(layer, name) for layer in own for name in ("units", "filters", "key_dim") if hasattr(layer, name)]
    both = [layer.forward_layer.units for layer in own if hasattr(layer, "forward_layer")]
    return [*both, *sizes]
