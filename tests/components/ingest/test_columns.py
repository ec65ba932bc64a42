import tempfile

import numpy as np
import pandas as pd
import pytest

from components.ingest.clean import finish
from components.ingest.columns import FiledColumns, HeldColumns
from components.ingest.intake import Intake
from components.ingest.raw_table import RawTable


@pytest.fixture(params=["held", "filed"])
def columns(request, tmp_path):
    with tempfile.TemporaryFile(dir=tmp_path, buffering=0) as file:
        yield HeldColumns() if request.param == "held" else FiledColumns(file)


def test_pieces_come_back_as_one_column(columns):
    columns.add("a", np.array([1.0, 2.0]))
    columns.add("b", np.array([9.0]))
    columns.add("a", np.array([np.nan, 4.0]))
    np.testing.assert_equal(columns.take("a"), [1, 2, np.nan, 4])
    np.testing.assert_equal(columns.take("b"), [9])
    assert len(columns.take("a")) == 0


def test_a_column_that_is_added_again_is_read_in_parts(columns):
    columns.add("a", np.array([1.0, 2.0, 3.0]))
    columns.add("b", np.array([7.0, 8.0, 9.0]))
    columns.add("a", columns.take("a")[::-1])
    assert [columns.part("a", first, first + 2).tolist() for first in (0, 2)] == [[3, 2], [1]]
    assert columns.part("b", 1, 3).tolist() == [8, 9]


@pytest.mark.parametrize(
    ("keys", "series"),
    [
        ({"columns": "{level: {stuck: 2}, rain: }"}, ["creek"] * 4),
        ({"columns": "{level: , rain: }", "series": "site"}, ["a", "a", "a", "b", "b"]),
        (
            {"columns": "{v: {stuck: 2}}", "series": "{melt: [level, rain], into: v}", "target": "v"},
            ["level"] * 2 + ["rain"] * 4,
        ),
    ],
)
def test_readings_in_stretches_are_those_at_once(dataset, columns, keys, series):
    rows = {
        "time": [f"2024-01-01 00:0{minute}" for minute in (3, 0, 1, 4, 2)],
        "level": ["3", "1", "", "3", "3"],
        "rain": ["0", "1", "2", "", "0"],
        "site": ["b", "a", "a", "b", "a"],
    }
    intake = Intake(dataset(**keys), values=columns)
    intake.add_all([RawTable("table", pd.DataFrame(rows, dtype=object), np.arange(1, 6))])
    kept = finish(intake).kept
    assert kept.frame()["series"].tolist() == series
    for size in (1, 2):
        stretches = list(kept.frames(size))
        assert max(map(len, stretches)) <= size
        pd.testing.assert_frame_equal(pd.concat(stretches, ignore_index=True), kept.frame())
