"""Incremental retraining against training from scratch, on the same parts of simulated readings.

A champion is trained on the first part of the readings. On all of them one network is then trained from scratch and
another from the champion's weights; both are scored on the same validation windows, old and new. Printed are the
errors, the seconds that each has trained, and after how many each first came within `--noise` of the error with which
training from scratch ended.

    python benchmarks/retraining.py --rows 45000 --new 0.15 --seconds 60 --again 20
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pandas as pd

from components.dataset.load import load_preset
from components.dataset.schema import Dataset
from components.ingest.step import IngestRequest, ingest_readings
from components.journal import Journal
from components.preprocess.generations import Generation, newer, older, with_spans
from components.preprocess.readings import readings_from_parquet
from components.preprocess.series import Series
from components.preprocess.step import series_of
from components.preprocess.storage import save_series
from components.simulate.write import write_simulation
from components.train.forecasts import write_forecasts
from components.train.scoring import Asker
from components.train.step import MODEL_FILE, TrainRequest, train_member
from components.train.task import Task
from components.train.warm_start import CARD_FILE, member_file


@dataclass(frozen=True)
class Asked:
    """What is compared."""

    member: str
    rows: int
    new: float
    seconds: float
    again: float
    noise: float
    seed: int


def compare(asked: Asked, folder: Path) -> dict[str, Any]:
    """Figures of the champion, of training from scratch and of the warm start."""
    dataset = load_preset("reservoir")
    write_simulation("reservoir", asked.rows, datetime(2025, 6, 1), asked.seed, folder / "raw.parquet")
    readings = folder / "readings.parquet"
    wanted = IngestRequest(dataset, str(folder / "raw.parquet"), readings, folder / "quarantine.parquet")
    ingest_readings(wanted, Journal("", "ingest"))
    table = pd.read_parquet(readings)
    table.iloc[: int(len(table) * (1 - asked.new))].to_parquet(folder / "known.parquet")
    first = series_of(dataset, readings_from_parquet(dataset, folder / "known.parquet"))
    save_series(first, folder / "first")
    champion = _trained(asked, dataset, folder, "first", "champion", asked.seconds)
    warm = folder / "taken"
    warm.mkdir()
    shutil.copyfile(folder / "champion" / MODEL_FILE, member_file(warm, asked.member))
    (warm / CARD_FILE).write_text(json.dumps({"members_detail": [champion]}))
    old = tuple(Generation(**each) for each in champion["warm_start"]["generations"])
    grown = series_of(dataset, readings_from_parquet(dataset, readings), old)
    save_series(grown, folder / "grown")
    scratch = _trained(asked, dataset, folder, "grown", "scratch", asked.seconds)
    again = _trained(asked, dataset, folder, "grown", "incremental", asked.again or asked.seconds, warm)
    level = min(line["validation_rmse"] for line in scratch["history"]) * (1 + asked.noise)
    seconds = {name: _reached(own["history"], level) for name, own in (("scratch", scratch), ("incremental", again))}
    trained = ("champion", "scratch", "incremental")
    errors = {name: _errors(dataset, grown, folder / name, old[-1].until) for name in trained}
    facts = dict(zip(trained, (champion, scratch, again), strict=True))
    return {"level": level, "seconds": seconds, "errors": errors, "facts": facts}


def _trained(
    asked: Asked, dataset: Dataset, folder: Path, series: str, out: str, seconds: float, warm: Path | None = None
) -> dict[str, Any]:
    train_member(
        TrainRequest(dataset, folder / series, asked.member, seconds, asked.seed, None, folder / out, warm_start=warm),
        Journal("", "train"),
    )
    return dict(json.loads((folder / out / "member.json").read_text()))


def _reached(history: list[dict[str, float]], level: float) -> float:
    """Seconds of training after which the error was first this low; infinite if it never was."""
    return min((line["seconds"] for line in history if line["validation_rmse"] <= level), default=float("inf"))


def _errors(dataset: Dataset, series: Series, member: Path, until: str) -> dict[str, float]:
    """RMSE on old and on new test windows."""
    import keras

    model, task = keras.models.load_model(member / MODEL_FILE, compile=False), Task.of(dataset, series)
    found = {}
    for name, spans in (("old", older(series, until)), ("new", newer(series, until))):
        own = with_spans(series, spans)
        with tempfile.TemporaryDirectory() as aside:
            found[name] = write_forecasts(own, task, Asker(model, own, task), Path(aside), lambda _: None)["test"].rmse
    return found


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--member", default="stacked_lstm")
    parser.add_argument("--rows", type=int, default=45_000)
    parser.add_argument("--new", type=float, default=0.15, help="share of the rows that the champion has not seen")
    parser.add_argument("--seconds", type=float, default=60.0, help="of each training, its forecasts included")
    parser.add_argument("--again", type=float, default=0.0, help="of the one from the champion  [as the others]")
    parser.add_argument("--noise", type=float, default=0.01, help="share by which errors may differ and count as equal")
    parser.add_argument("--seed", type=int, default=0)
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Asked(**vars(parser.parse_args())), Path(folder))
    for name, errors in found["errors"].items():
        history = found["facts"][name]["history"]
        spent, best = history[-1]["seconds"], min(line["validation_rmse"] for line in history)
        print(
            f"{name:12} trained {spent:.1f} s, validation RMSE {best:.5g}, "
            f"test RMSE old {errors['old']:.5g}  new {errors['new']:.5g}"
        )
    scratch, again = found["seconds"]["scratch"], found["seconds"]["incremental"]
    print(f"seconds of training to a validation RMSE of {found['level']:.5g}: scratch {scratch:.1f}, again {again:.1f}")
    print(f"ratio {scratch / max(again, 0.1):.1f}")


if __name__ == "__main__":
    main()
