"""Seconds of `sluice predict-batch`, from its start to its end, for many series of one model.

    python benchmarks/batch_prediction.py [runs/demo] [--series 1000]

The readings are those beside the store, cut at a different place for each series; each line is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from components.dataset.load import load_dataset
from components.dataset.schema import Dataset
from components.deploy.store import ModelStore
from components.ingest.clean import clean_tables
from components.ingest.intake import wanted_columns
from components.ingest.read import read_tables

# Readings of a series beyond its window.
MARGIN = 60
PERIOD_SECONDS = 600


def main() -> None:
    """Prints a line for each source and sink."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, nargs="?", default=Path("runs/demo"), help="with store/ and readings.csv.gz")
    parser.add_argument("--series", type=int, default=1000)
    options = parser.parse_args()
    store = ModelStore(options.run / "store")
    if not store.models():
        raise SystemExit(f"{options.run} holds no model: run `make demo` first")
    model = store.models()[0]
    champion = store.champion(model)
    if champion is None:
        raise SystemExit(f"{model} has no champion")
    dataset = load_dataset(store.path(model, champion.version) / "dataset.yaml")
    with tempfile.TemporaryDirectory() as folder:
        table = panel(dataset, options.run / "readings.csv.gz", options.series)
        csv, parquet = Path(folder, "panel.csv"), Path(folder, "panel.parquet")
        table.to_csv(csv, index=False)
        table.to_parquet(parquet)
        print(f"{options.series:,} series of {model} version {champion.version}, {len(table):,} readings")
        print(f"{'':<34}{'seconds':>8}{'of 600':>8}  parts")
        for name, readings, out in (
            ("CSV to a folder", csv, f"{folder}/rows"),
            ("the same again", csv, f"{folder}/rows"),
            ("Parquet to one file", parquet, f"{folder}/rows.parquet"),
            ("Parquet to SQLite", parquet, f"sqlite:///{folder}/rows.db"),
            ("the same again", parquet, f"sqlite:///{folder}/rows.db"),
        ):
            show(name, [str(readings), "--store", str(store.root), "--model", model, "--series", "basin", "--out", out])


def panel(dataset: Dataset, file: Path, series: int) -> pd.DataFrame:
    """The readings of one place as those of many: each ends a few readings later than the one before."""
    cleaned = clean_tables(dataset, read_tables(str(file), wanted_columns(dataset))).readings.drop(columns="series")
    rows = dataset.window + MARGIN
    usable = cleaned.dropna().rename(columns={"time": dataset.time})
    stamps = pd.date_range("2026-01-01", periods=rows, freq=f"{dataset.step_seconds}s", tz="UTC")
    stride = max(1, (len(usable) - rows) // series)
    parts = [usable.iloc[number * stride :][:rows] for number in range(series)]
    named = [
        part.assign(**{dataset.time: stamps[: len(part)], "basin": f"basin-{number:05d}"})
        for number, part in enumerate(parts)
    ]
    return pd.concat(named, ignore_index=True)


def show(name: str, arguments: list[str]) -> None:
    """Runs the command and prints its line."""
    command = [sys.executable, "-m", "pipelines", "predict-batch", *arguments, "--json"]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    seconds = time.perf_counter() - start
    told = json.loads(done.stdout)
    parts = {part: value for part, value in told["seconds"].items() if part != "total"}
    text = ", ".join(f"{part} {value:.2f}" for part, value in parts.items())
    counts = f"{told['rows_written']:,} + {told['rows_already_there']:,} + {told['rows_refused']:,} rows"
    print(f"{name:<34}{seconds:>8.2f}{seconds / PERIOD_SECONDS:>8.1%}  {text}; {counts}", flush=True)


if __name__ == "__main__":
    main()
