from pathlib import Path

import pytest

from components.dataset.load import load_dataset
from components.ingest.step import IngestRequest, ingest_readings
from components.journal import Journal

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
ROWS = {
    "walnut_creek_5min": 22176,
    "chickamauga_creek_hourly": 17927,
    "wwtp_inflow_dk_hourly": 11257,
    "ETTh1": 17420,
    "ETTm1": 69680,
}


@pytest.mark.skipif(not DATA.is_dir(), reason="the real tables lie beside the checkout, not in it")
@pytest.mark.parametrize("name", ROWS)
def test_real_tables_are_kept_nearly_whole(name, tmp_path):
    dataset = load_dataset(ROOT / "tests" / "datasets" / f"{name.lower()}.yaml")
    request = IngestRequest(dataset, str(DATA / f"{name}.csv.gz"), tmp_path / "readings", tmp_path / "quarantine")
    summary = ingest_readings(request, Journal("", "ingest"))
    assert summary.rows_in == ROWS[name] == summary.rows_kept + summary.rows_quarantined
    assert summary.rows_quarantined <= 2
