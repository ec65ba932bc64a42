"""Peers on our public tables: the same rows, the same parts, the same core-minutes.

    python -m benchmarks.peers.run FOLDER --out OUT [--peers neuralforecast,autogluon] [--sets etth1,ettm1,walnut]

FOLDER holds ETTh1.csv.gz, ETTm1.csv.gz and walnut_creek_5min.csv.gz. Each run is a process of its own on the first
`--cores` cores; the budget is wall clock for all training of a peer together, its forecasts come on top. OUT gets
SET-SEED/PEER.parquet in the layout of our forecasts.parquet, and a line for each run in runs.jsonl.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import platform
import tempfile
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.peers.memory import peak_memory_bytes
from benchmarks.peers.scores import figures, with_actuals
from benchmarks.peers.tables import FILES, read_table
from benchmarks.peers.task import Task
from components.errors import InputError

PEERS = {
    "neuralforecast": "benchmarks.peers.neuralforecast_peer",
    "autogluon": "benchmarks.peers.autogluon_peer",
}
PACKAGES = ("neuralforecast", "autogluon.timeseries", "torch", "pytorch-lightning", "numpy", "pandas")
# AutoGluon fits its statistical models anew for each window, up to 6 s of one core: it forecasts every n-th one. The
# strides share no factor with a day's rows, so that the origins meet every hour of the day.
AUTOGLUON_STRIDES = {"etth1": 23, "ettm1": 95, "walnut": 23}
Record = dict[str, Any]


def main() -> None:
    """Runs every peer on every set with every seed, and prints their figures and the medians of the seeds."""
    options = _options()
    _keep_to_cores(options.cores)
    options.out.mkdir(parents=True, exist_ok=True)
    for peer in options.peers.split(","):
        for dataset in options.sets.split(","):
            records = []
            for seed in map(int, options.seeds.split(",")):
                records.append(_run(_task(options, peer, dataset, seed), options.out))
                _print(records[-1])
            if len(records) > 1:
                _print_medians(records)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--sets", default=",".join(FILES))
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--budget", type=float, default=5.0, help="minutes of wall clock for all training of a peer")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--stride", type=int, help="rows between AutoGluon's test origins")
    parser.add_argument("--origins", type=int, help="only the first test origins, for a quick look")
    parser.add_argument("--loss", default="mae", choices=["mae", "mse"], help="of neuralforecast's training")
    parser.add_argument("--preset", default="high_quality", help="of AutoGluon")
    return parser.parse_args()


def _keep_to_cores(cores: int) -> None:
    """Binds this process, and so all that it starts, to some cores and no GPU."""
    own = sorted(os.sched_getaffinity(0))
    if cores > len(own):
        raise InputError("--cores", f"{cores} asked for, {len(own)} are there", f"give at most {len(own)}")
    os.sched_setaffinity(0, own[:cores])
    os.environ |= {"OMP_NUM_THREADS": str(cores), "CUDA_VISIBLE_DEVICES": ""}


def _task(options: argparse.Namespace, peer: str, dataset: str, seed: int) -> Task:
    if peer not in PEERS:
        raise InputError("--peers", f"there is no peer {peer!r}", f"choose from {', '.join(PEERS)}")
    if dataset not in FILES:
        raise InputError("--sets", f"there is no table {dataset!r}", f"choose from {', '.join(FILES)}")
    return Task(
        peer=peer,
        dataset=dataset,
        data=options.folder,
        seed=seed,
        budget_seconds=60 * options.budget,
        cores=options.cores,
        stride=(options.stride or AUTOGLUON_STRIDES[dataset]) if peer == "autogluon" else 1,
        origins=options.origins,
        loss=options.loss,
        preset=options.preset,
    )


def _run(task: Task, out: Path) -> Record:
    """One run in a process of its own, so that its memory is its own too."""
    folder = out / f"{task.dataset}-{task.seed}"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as aside:
        written = Path(aside) / "record.json"
        process = multiprocessing.get_context("spawn").Process(target=work, args=(task, folder, written))
        process.start()
        peak = peak_memory_bytes(process)
        if process.exitcode != 0:
            raise SystemExit(f"{task.peer} on {task.dataset}, seed {task.seed}: ended with {process.exitcode}")
        record: Record = json.loads(written.read_text()) | {"peak_memory_bytes": peak}
    with (out / "runs.jsonl").open("a") as lines:
        lines.write(json.dumps(record) + "\n")
    return record


def work(task: Task, folder: Path, written: Path) -> None:
    """Trains, forecasts, scores; writes the forecasts and the record. Runs in the child process."""
    table = read_table(task.dataset, task.data)
    if task.origins is not None:
        table = table.first_origins(task.origins)
    answer = importlib.import_module(PEERS[task.peer]).forecast(table, task)
    forecasts = with_actuals(table, answer.forecasts)
    forecasts.to_parquet(folder / f"{task.peer}.parquet", index=False)
    record = {
        "peer": task.peer,
        "set": task.dataset,
        "seed": task.seed,
        "budget_minutes": task.budget_seconds / 60,
        "cores": task.cores,
        "stride": task.stride,
        "windows": int(forecasts["origin"].nunique()),
        "parts": asdict(table.parts),
        "training_seconds": answer.training_seconds,
        "prediction_seconds": answer.prediction_seconds,
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "notes": answer.notes,
        "figures": figures(table, forecasts),
    }
    written.write_text(json.dumps(record))


def _print(record: Record) -> None:
    parts = record["parts"]
    print(
        f"{record['peer']}, {record['set']}, seed {record['seed']}: training {record['training_seconds']:.0f} s on "
        f"{record['cores']} cores, forecasts {record['prediction_seconds']:.0f} s, "
        f"{record['peak_memory_bytes'] / 1e9:.2f} GB in all processes"
    )
    print(
        f"  training rows to {parts['train']}, validation to {parts['validation']}, test to {parts['test']}; "
        f"{record['windows']} test windows, stride {record['stride']}"
    )
    print("  " + ", ".join(f"{name} {number}" for name, number in record["versions"].items()))
    for model, measured in record["figures"].items():
        _print_figures(model, measured)


def _print_medians(records: list[Record]) -> None:
    print(f"{records[0]['peer']}, {records[0]['set']}, median of {len(records)} seeds")
    for model, measured in records[0]["figures"].items():
        medians = {name: float(np.median([one["figures"][model][name] for one in records])) for name in measured}
        _print_figures(model, medians)


def _print_figures(model: str, measured: dict[str, float]) -> None:
    print(f"  {model:20}" + "".join(f"  {name} {value:.4f}" for name, value in measured.items()), flush=True)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
