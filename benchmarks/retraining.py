"""Incremental retraining against training from scratch, on the same parts of simulated readings.

A champion is trained on the first part of the readings. On all of them one network is then trained from scratch and
another from the champion's weights; both are scored on the same validation windows, old and new. Printed are the
errors, the seconds that each has trained, after how many each first came within `--noise` of the error with which
training from scratch ended, and by how much the errors of both differ, with the gate's interval: on test windows, old
and new, and on `--fresh` rows of other weather of the same basin, since a test part holds few floods.

    python benchmarks/retraining.py --rows 120000 --new 0.15 --seconds 240 --again 60
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from components.dataset.load import load_preset
from components.dataset.schema import Dataset
from components.ensemble.evidence import rmse
from components.ingest.step import IngestRequest, ingest_readings
from components.journal import Journal
from components.preprocess.generations import Generation, newer, older, with_spans
from components.preprocess.readings import readings_from_parquet
from components.preprocess.series import PartName, Series
from components.preprocess.step import series_of
from components.preprocess.storage import save_series
from components.preprocess.windows import gather_targets, origins
from components.simulate.write import write_simulation
from components.train.scoring import Asker
from components.train.step import MODEL_FILE, TrainRequest, train_member
from components.train.task import Task
from components.train.warm_start import CARD_FILE, member_file
from components.validate.bootstrap import Blocks, Difference, rmse_difference
from components.validate.champion import block_length

Errors = dict[str, NDArray[np.float32]]

FRESH_SEED = 12_345
# Windows a few minutes apart say nearly the same.
FRESH_STRIDE = 8


@dataclass(frozen=True)
class Place:
    """Windows that networks are scored on: a series, what is forecast of it, and at which origins."""

    series: Series
    task: Task
    rows: NDArray[np.int64]


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
    fresh: int


def compare(asked: Asked, folder: Path) -> dict[str, Any]:
    """Figures of the champion, of training from scratch and of the warm start."""
    dataset = load_preset("reservoir")
    readings = _simulated(dataset, asked.rows, asked.seed, folder)
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
    places = _places(dataset, grown, old[-1].until) | _fresh(dataset, asked, folder)
    errors = {name: _errors(places, folder / name) for name in trained}
    facts = dict(zip(trained, (champion, scratch, again), strict=True))
    lost = {part: _lost(dataset, errors, part) for part in errors["scratch"]}
    return {"level": level, "seconds": seconds, "errors": errors, "facts": facts, "lost": lost}


def _simulated(dataset: Dataset, rows: int, seed: int, folder: Path) -> Path:
    raw, readings = folder / f"raw-{seed}.parquet", folder / f"readings-{seed}.parquet"
    write_simulation("reservoir", rows, datetime(2025, 6, 1), seed, raw)
    ingest_readings(IngestRequest(dataset, str(raw), readings, folder / "quarantine.parquet"), Journal("", "ingest"))
    return readings


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


def _places(dataset: Dataset, grown: Series, until: str) -> dict[str, Place]:
    """Old and new test windows."""
    spans = {"old": older(grown, until), "new": newer(grown, until)}
    parts = {name: with_spans(grown, own) for name, own in spans.items()}
    task = Task.of(dataset, grown)
    return {name: Place(own, task, origins(own, "test", task.window, task.horizons)) for name, own in parts.items()}


def _fresh(dataset: Dataset, asked: Asked, folder: Path) -> dict[str, Place]:
    """Windows of readings that nothing was trained on, all parts of them."""
    if not asked.fresh:
        return {}
    readings = _simulated(dataset, asked.fresh, asked.seed + FRESH_SEED, folder)
    series = series_of(dataset, readings_from_parquet(dataset, readings))
    rows = np.concatenate([origins(series, part, dataset.window, dataset.horizons) for part in get_args(PartName)])
    return {"fresh": Place(series, Task.of(dataset, series), rows[::FRESH_STRIDE])}


def _errors(places: dict[str, Place], member: Path) -> Errors:
    """Errors of a member by place, [windows, horizons]."""
    import keras

    model = keras.models.load_model(member / MODEL_FILE, compile=False)
    found = {}
    for name, place in places.items():
        rows, answer = place.rows, Asker(model, place.series, place.task)
        pieces = [answer(rows[start : start + 4096])["forecast"][..., 0] for start in range(0, len(rows), 4096)]
        found[name] = np.concatenate(pieces) - gather_targets(place.series, rows, place.task.horizons)
    return found


def _lost(dataset: Dataset, errors: dict[str, Errors], part: str) -> Difference:
    """By how much training from the champion is worse than from scratch, as the gate compares."""
    blocks = Blocks(block_length(dataset), confidence=dataset.gate.champion_confidence)
    ours, theirs = (errors[name][part].astype(np.float64) for name in ("incremental", "scratch"))
    return rmse_difference(ours, theirs, blocks, np.random.default_rng(0))


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
    parser.add_argument("--fresh", type=int, default=400_000, help="rows of other weather, every eighth one an origin")
    with tempfile.TemporaryDirectory() as folder:
        found = compare(Asked(**vars(parser.parse_args())), Path(folder))
    for name, errors in found["errors"].items():
        history = found["facts"][name]["history"]
        spent, best = history[-1]["seconds"], min(line["validation_rmse"] for line in history)
        print(
            f"{name:12} trained {spent:.1f} s, validation RMSE {best:.5g}, "
            f"RMSE {'  '.join(f'{part} {rmse(own):.5g}' for part, own in errors.items())}"
        )
    for part, lost in found["lost"].items():
        share, low, high = (value / lost.other_rmse for value in (lost.estimate, lost.low, lost.high))
        print(f"incremental against scratch, {part} windows: {share:+.1%} (interval {low:+.1%} to {high:+.1%})")
    scratch, again = found["seconds"]["scratch"], found["seconds"]["incremental"]
    print(f"seconds of training to a validation RMSE of {found['level']:.5g}: scratch {scratch:.1f}, again {again:.1f}")
    print(f"ratio {scratch / max(again, 0.1):.1f}")


if __name__ == "__main__":
    main()
