"""Simulated readings as a file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from components.deploy.durable import replacing
from components.errors import InputError
from components.simulate.reservoir import simulate_reservoir

_SIMULATORS: dict[str, Callable[[int, datetime, int], pd.DataFrame]] = {"reservoir": simulate_reservoir}
_SUFFIXES = (".csv", ".csv.gz", ".parquet")
# What a logger writes where it means an error.
_GARBAGE = ("ERR", "#VALUE!", "1.2.3")
_ROWS_PER_GARBAGE = 5 * 1440


@dataclass(frozen=True)
class SimulationSummary:
    """A file of simulated readings.

    Attributes:
        path: of the file.
        rows: in it.
        columns: without the time.
        first: earliest stamp, local time.
        last: latest stamp, local time.
    """

    path: Path
    rows: int
    columns: int
    first: datetime
    last: datetime


def simulated_presets() -> tuple[str, ...]:
    """Names of the presets that can be simulated."""
    return tuple(_SIMULATORS)


def write_simulation(preset: str, rows: int, start: datetime, seed: int, out: Path) -> SimulationSummary:
    """Simulates a preset's readings into a file, whole or not at all.

    CSV has a few cells that are no numbers; Parquet can't hold such.

    Args:
        preset: name of the preset.
        rows: rows to write.
        start: first stamp, local time where it says no zone.
        seed: of all that is random; the same arguments give the same bytes.
        out: file to write; its suffix says how: `.csv`, `.csv.gz` or `.parquet`.

    Raises:
        InputError: the preset can't be simulated, the suffix is unknown, or the rows are too few.
    """
    if preset not in _SIMULATORS:
        fix = f"simulate {', '.join(_SIMULATORS)}, or give readings of your own with --data"
        raise InputError(preset, "this preset has no simulator", fix)
    if not out.name.endswith(_SUFFIXES):
        raise InputError(str(out), "the suffix doesn't say what to write", f"end it in {', '.join(_SUFFIXES)}")
    frame = _SIMULATORS[preset](rows, start, seed)
    with replacing(out) as file:
        _write(frame, seed, out.suffix, file)
    stamps = frame["time"]
    first, last = stamps.min().to_pydatetime(), stamps.max().to_pydatetime()
    return SimulationSummary(out, len(frame), frame.shape[1] - 1, first, last)


def _write(frame: pd.DataFrame, seed: int, suffix: str, file: IO[bytes]) -> None:
    if suffix == ".parquet":
        pa.parquet.write_table(pa.Table.from_pandas(frame, preserve_index=False), file)
    elif suffix != ".gz":
        _write_csv(frame, seed, file)
    else:
        # No name and no time in the header: the same readings are the same bytes.
        with gzip.GzipFile("", "wb", compresslevel=4, fileobj=file, mtime=0) as packed:
            _write_csv(frame, seed, packed)  # type: ignore[arg-type]


def _write_csv(frame: pd.DataFrame, seed: int, file: IO[bytes]) -> None:
    table = pa.Table.from_pandas(frame, preserve_index=False)
    stamps = pc.strftime(table["time"].cast(pa.timestamp("s")), "%Y-%m-%d %H:%M:%S")
    columns = [stamps, *(_with_garbage(table[name], seed, index) for index, name in enumerate(frame.columns[1:]))]
    text = pa.table(columns, names=list(frame.columns))
    file.write((",".join(frame.columns) + "\n").encode())
    options = pa.csv.WriteOptions(include_header=False, quoting_style="none")
    pa.csv.write_csv(text, file, options)


def _with_garbage(column: pa.ChunkedArray, seed: int, index: int) -> pa.Array:
    rng = np.random.default_rng([seed, 2, index])
    texts = pc.cast(column, pa.string()).combine_chunks()
    count = len(texts) // (_ROWS_PER_GARBAGE * 4)
    chosen = np.sort(rng.choice(len(texts), size=count, replace=False))
    mask = np.zeros(len(texts), dtype=bool)
    mask[chosen] = True
    return pc.replace_with_mask(texts, pa.array(mask), pa.array(rng.choice(_GARBAGE, size=count), pa.string()))
