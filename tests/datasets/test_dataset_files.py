"""The dataset files of real tables: short, valid, and fit for their readings where these lie beside the checkout."""

from __future__ import annotations

from pathlib import Path

import pytest

from components.dataset.load import load_dataset, load_preset
from components.dataset.schema import Dataset
from components.ingest.step import IngestRequest, ingest_readings
from components.journal import Journal
from components.preprocess.step import PrepareRequest, prepare_series
from components.preprocess.storage import load_series
from components.preprocess.windows import origins

HERE = Path(__file__).parent
READINGS = HERE.parents[2] / "shared" / "data"
FILES = sorted(HERE.glob("*.yaml"))
TABLES = {
    "chickamauga_creek_hourly": "chickamauga_creek_hourly.csv.gz",
    "etth1": "ETTh1.csv.gz",
    "ettm1": "ETTm1.csv.gz",
    "walnut_creek_5min": "walnut_creek_5min.csv.gz",
    "wwtp_inflow_dk_hourly": "wwtp_inflow_dk_hourly.csv.gz",
}


def test_there_is_a_file_for_each_table() -> None:
    assert {file.stem for file in FILES} == set(TABLES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_file_is_valid_and_has_at_most_thirty_lines(file: Path) -> None:
    assert load_dataset(file).target
    assert len(file.read_text().splitlines()) <= 30


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_readings_give_windows_in_every_part(file: Path, tmp_path: Path) -> None:
    check(load_dataset(file), READINGS / TABLES[file.stem], tmp_path)


def test_the_ett_preset_takes_the_benchmarks_table(tmp_path: Path) -> None:
    windows = check(load_preset("ett"), READINGS / TABLES["etth1"], tmp_path)
    # Seven channels; the benchmark's protocol counts 2,785 test windows for a horizon of 96.
    assert windows == 7 * 2785


def check(dataset: Dataset, readings: Path, folder: Path) -> int:
    """Ingests and prepares the readings; the number of test windows."""
    if not readings.exists():
        pytest.skip(f"the readings {readings.name} are not beside this checkout")
    journal = Journal("", "test")
    kept, out = folder / "readings.parquet", folder / "series"
    summary = ingest_readings(IngestRequest(dataset, str(readings), kept, folder / "quarantine.parquet"), journal)
    assert summary.rows_in == summary.rows_kept + summary.rows_quarantined
    prepare_series(PrepareRequest(dataset, kept, out), journal)
    series = load_series(out)
    assert len(origins(series, "train", dataset.window, dataset.horizons)) > 1000
    assert len(origins(series, "validation", dataset.window, dataset.horizons)) > 300
    return len(origins(series, "test", dataset.window, dataset.horizons))
