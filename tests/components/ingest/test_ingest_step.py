import itertools
import json
import sqlite3

import pandas as pd
import pytest

from components.errors import InputError
from components.ingest.component import ingest
from components.ingest.step import IngestRequest, ingest_readings
from components.journal import Journal, read_events


@pytest.fixture
def request_of(dataset, tmp_path):
    def make(data, **keys):
        return IngestRequest(dataset(**keys), str(data), tmp_path / "out" / "readings", tmp_path / "out" / "quarantine")

    return make


def test_a_file_becomes_readings_and_quarantine(request_of, csv_file, table):
    request = request_of(csv_file(table + "2024-01-01 00:02,1.8,0\n2024-01-01 00:03,99,0\n"))
    ticks = itertools.count(100, 2.5)
    summary = ingest_readings(request, Journal("", "ingest"), clock=lambda: next(ticks))
    assert (summary.rows_in, summary.rows_kept, summary.rows_quarantined, summary.cells_quarantined) == (5, 4, 1, 1)
    assert summary.seconds == 2.5
    readings = pd.read_parquet(request.readings)
    assert readings.dtypes.astype(str).to_dict() == {
        "series": "object",
        "time": "datetime64[ns, UTC]",
        "level": "float64",
        "rain": "float64",
    }
    assert pd.read_parquet(request.quarantine)[["row", "kind"]].to_numpy().tolist() == [[4, "row"], [5, "cell"]]


def test_no_part_of_a_file_is_left_beside(request_of, csv_file, table):
    request = request_of(csv_file(table))
    ingest_readings(request, Journal("", "ingest"))
    assert sorted(path.name for path in request.readings.parent.iterdir()) == ["quarantine", "readings"]


def test_progress_is_told(request_of, csv_file, table, tmp_path):
    ingest_readings(request_of(csv_file(table)), Journal(str(tmp_path / "work"), "ingest"))
    events, _ = read_events(str(tmp_path / "work"))
    assert [(event["event"], event["done"]) for event in events] == [("progress", 3)]


def test_a_database_is_asked_by_the_query_of_the_dataset(request_of, tmp_path):
    path = tmp_path / "readings.db"
    with sqlite3.connect(path) as connection:
        connection.execute("create table t (time text, level real, rain real)")
        connection.execute("insert into t values ('2024-01-01', 1.5, 0)")
    source = "{url: 'sqlite:///elsewhere.db', query: 'select time, level, rain from t'}"
    summary = ingest_readings(request_of(f"sqlite:///{path}", source=source), Journal("", "ingest"))
    assert summary.rows_kept == 1


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("time,level,rain\n", "no rows"),
        ("time,level,rain\nnever,1,0\n", "row 1 of readings.csv: its time can't be read"),
    ],
)
def test_data_without_a_usable_row_is_refused(request_of, csv_file, text, problem):
    request = request_of(csv_file(text))
    with pytest.raises(InputError) as caught:
        ingest_readings(request, Journal("", "ingest"))
    assert problem in caught.value.problem
    assert not request.readings.exists()


class Artifact:
    """What kfp's executor hands to a step, as far as this step uses it."""

    def __init__(self, path):
        self.path = str(path)
        self.metadata = {}

    def log_metric(self, name, value):
        self.metadata[name] = value


def test_the_component_leaves_artifacts_and_tells_the_journal(csv_file, table, tmp_path):
    text = "name: creek\ntime: time\nstep: 1min\ncolumns: {level: , rain: }\ntarget: level\n"
    readings, quarantine, summary = (Artifact(tmp_path / name) for name in ("readings", "quarantine", "summary"))
    work = str(tmp_path / "work")
    ingest.python_func(text, str(csv_file(table)), "digest", work, "r1", readings, quarantine, summary)
    assert json.loads((tmp_path / "summary").read_text())["rows_kept"] == 3
    assert summary.metadata["rows_in"] == 3
    assert readings.metadata == {"rows": 3, "data_digest": "digest"}
    assert [event["event"] for event in read_events(work)[0]] == ["started", "progress", "finished"]


def test_a_wrong_input_is_told_to_the_journal(tmp_path):
    text = "name: creek\ntime: time\nstep: 1min\ncolumns: {level: }\ntarget: level\n"
    artifacts = [Artifact(tmp_path / name) for name in ("readings", "quarantine", "summary")]
    with pytest.raises(InputError):
        ingest.python_func(text, str(tmp_path / "nothing.csv"), "", str(tmp_path / "work"), "r1", *artifacts)
    failed = read_events(str(tmp_path / "work"))[0][-1]
    assert failed["event"] == "failed"
    assert failed["input_error"]
    assert "nothing.csv" in failed["where"]
