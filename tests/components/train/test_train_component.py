from __future__ import annotations

import json
from pathlib import Path

from kfp import dsl

from components.dataset.load import dump_dataset
from components.dataset.schema import Dataset
from components.journal import read_events
from components.train.component import train


def test_the_component_writes_member_and_metrics(dataset: Dataset, series_folder: Path, tmp_path: Path) -> None:
    series = dsl.Dataset(uri=str(series_folder))
    member = dsl.Model(uri=str(tmp_path / "member"))
    summary = dsl.Metrics(uri=str(tmp_path / "summary"))
    train.python_func(
        dataset=dump_dataset(dataset),
        member="linear",
        budget_seconds=5.0,
        seed=0,
        work=str(tmp_path / "work"),
        revision="1",
        series=series,
        member_model=member,
        summary=summary,
    )
    assert (tmp_path / "member" / "model.keras").is_file()
    figures = json.loads((tmp_path / "summary").read_text())
    assert summary.metadata["validation_rmse"] == figures["validation_rmse"] > 0
    assert member.metadata["mode"] == "ridge"
    kinds = [event["event"] for event in read_events(str(tmp_path / "work"))[0]]
    assert kinds[0] == "started"
    assert kinds[-1] == "finished"
