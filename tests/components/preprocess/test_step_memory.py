import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROWS = (300_000, 900_000)
COLUMNS = 12
# Of each reading as it is read: twelve values and a stamp, 8 bytes each.
ROW_BYTES = 8 * COLUMNS + 8
# What an allocator holds of freed memory, and what differs from run to run.
ALLOWANCE = 12e6
DATASET = f"""
name: basin
time: time
step: 1min
timezone: Asia/Seoul
columns: {{{", ".join(f"c{index}: {{stuck: 60}}" for index in range(COLUMNS))}}}
target: c0
"""
STEP = """
import sys
from pathlib import Path
from components.dataset.load import parse_dataset
from components.ingest.step import IngestRequest, ingest_readings
from components.journal import Journal, peak_memory_bytes
from components.preprocess.step import PrepareRequest, prepare_series

step, folder = sys.argv[1], Path(sys.argv[2])
dataset = parse_dataset((folder / "dataset.yaml").read_text(), "dataset")
readings, quarantine = folder / "readings.parquet", folder / "quarantine.parquet"
if step == "ingest":
    ingest_readings(IngestRequest(dataset, str(folder / "raw.parquet"), readings, quarantine), Journal("", ""))
else:
    prepare_series(PrepareRequest(dataset, readings, folder / "series"), Journal("", ""))
print(peak_memory_bytes())
"""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells a process its own peak")
def test_peak_memory_of_ingest_and_preprocess_grows_by_no_more_than_the_table(tmp_path):
    peaks = []
    for rows in ROWS:
        folder = tmp_path / str(rows)
        folder.mkdir()
        (folder / "dataset.yaml").write_text(DATASET)
        _table(rows).to_parquet(folder / "raw.parquet")
        peaks.append([_peak_bytes(step, folder) for step in ("ingest", "preprocess")])
    growth = np.subtract(peaks[1], peaks[0])
    table = (ROWS[1] - ROWS[0]) * ROW_BYTES
    assert (growth <= table + ALLOWANCE).all(), f"ingest and preprocess grow by {growth} bytes, the table by {table}"


def _table(rows):
    generator = np.random.default_rng(1)
    columns = {f"c{index}": generator.normal(size=rows).round(3) for index in range(COLUMNS)}
    return pd.DataFrame({"time": pd.date_range("2024-01-01", periods=rows, freq="min"), **columns})


def _peak_bytes(step, folder):
    command = [sys.executable, "-c", STEP, step, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
