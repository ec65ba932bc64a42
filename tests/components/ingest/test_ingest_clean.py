import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.dataset.load import parse_dataset
from components.errors import InputError
from components.ingest.clean import clean_readings, clean_tables
from components.ingest.numbers import parse_numbers
from components.ingest.raw_table import RawTable
from components.ingest.stuck import stuck_cells

START = pd.Timestamp("2024-01-01")


def frame(levels, rains=None, times=None):
    times = times or [str(START + pd.Timedelta(minutes=index)) for index in range(len(levels))]
    rains = rains or ["0"] * len(levels)
    return pd.DataFrame({"time": times, "level": levels, "rain": rains}, dtype=object)


def listed(cleaned, kind):
    part = cleaned.quarantine[cleaned.quarantine["kind"] == kind]
    return list(part[["row", "column", "value"]].itertuples(index=False, name=None))


def test_good_rows_are_kept_as_they_are(dataset):
    cleaned = clean_readings(dataset(), frame(["1.5", "2"], ["0", "0.25"]))
    assert cleaned.readings.columns.tolist() == ["series", "time", "level", "rain"]
    assert cleaned.readings["level"].tolist() == [1.5, 2.0]
    assert cleaned.readings["series"].unique().tolist() == ["creek"]
    assert str(cleaned.readings["time"].dtype) == "datetime64[ns, UTC]"
    assert (cleaned.rows_in, cleaned.rows_kept, cleaned.rows_quarantined, cleaned.cells_quarantined) == (2, 2, 0, 0)


@pytest.mark.parametrize("text", ["abc", "1.2.3", "#VALUE!", "inf", "-Infinity", "1e999", "-0.5", "9.01", "0x1", "1,5"])
def test_a_bad_cell_is_emptied_and_listed_and_its_row_kept(dataset, text):
    cleaned = clean_readings(dataset(), frame(["1", text, "2"]))
    assert np.isnan(cleaned.readings["level"][1])
    assert listed(cleaned, "cell") == [(2, "level", text)]
    assert (cleaned.rows_kept, cleaned.cells_quarantined) == (3, 1)


@pytest.mark.parametrize("text", ["", " ", "NA", "nan", "-", "null", None, "N/A", float("nan")])
def test_a_missing_cell_is_no_bad_cell(dataset, text):
    cleaned = clean_readings(dataset(), frame(["1", text, "2"]))
    assert np.isnan(cleaned.readings["level"][1])
    assert cleaned.quarantine.empty
    assert cleaned.rows_kept == 3


def test_limits_themselves_are_possible_values(dataset):
    cleaned = clean_readings(dataset(), frame(["0", "9"]))
    assert cleaned.cells_quarantined == 0


def test_rows_without_a_readable_time_are_quarantined(dataset):
    cleaned = clean_readings(dataset(), frame(["1", "2"], times=["2024-01-01", "yesterday"]))
    assert listed(cleaned, "row") == [(2, "time", "yesterday")]
    assert "time" in cleaned.quarantine["reason"][0]


def test_the_first_of_duplicate_stamps_is_kept(dataset):
    cleaned = clean_readings(dataset(), frame(["1", "2", "3"], times=["2024-01-02", "2024-01-01", "2024-01-02"]))
    assert cleaned.readings["level"].tolist() == [2.0, 1.0]
    assert listed(cleaned, "row") == [(3, "time", "2024-01-02 00:00:00")]


def test_a_duplicate_of_a_row_without_a_value_is_kept(dataset):
    cleaned = clean_readings(dataset(), frame(["x", "2"], ["", "0"], times=["2024-01-01", "2024-01-01"]))
    assert cleaned.readings["level"].tolist() == [2.0]


def test_a_row_without_any_usable_value_is_quarantined_and_shows_what_it_held(dataset):
    cleaned = clean_readings(dataset(), frame(["1", "bad", ""], ["0", "inf", "-"]))
    assert listed(cleaned, "row") == [(2, "level, rain", "bad, inf"), (3, "", "")]
    assert "level no number" in cleaned.quarantine["reason"][0]
    assert listed(cleaned, "cell") == []
    assert (cleaned.rows_kept, cleaned.rows_quarantined, cleaned.cells_quarantined) == (1, 2, 0)


def test_rows_out_of_order_are_sorted(dataset):
    times = ["2024-01-03", "2024-01-01", "2024-01-02"]
    assert clean_readings(dataset(), frame(["3", "1", "2"], times=times)).readings["level"].tolist() == [1, 2, 3]


def test_stuck_cells_after_the_first_are_emptied(dataset):
    spec = dataset("{level: {stuck: 3}, rain: }")
    cleaned = clean_readings(spec, frame(["1", "2", "2", "2", "2", "3", "3", "3"]))
    assert cleaned.readings["level"].fillna(-1).tolist() == [1, 2, -1, -1, -1, 3, 3, 3]
    assert [row for row, _, _ in listed(cleaned, "cell")] == [3, 4, 5]


def test_a_run_of_equal_readings_goes_on_over_missing_ones_but_not_over_series():
    values = np.array([1, np.nan, 1, 1, 1, 1], dtype=float)
    assert stuck_cells(values, np.array([0, 0, 0, 0, 1, 1]), 2).tolist() == [False, False, True, True, False, False]


def test_series_are_told_apart_and_sorted_by_name(dataset):
    table = frame(["1", "2", "3", "4"], times=["2024-01-01"] * 4).assign(site=["b", "a", "b", ""])
    cleaned = clean_readings(dataset(series="site"), table)
    assert cleaned.readings[["series", "level"]].to_numpy().tolist() == [["a", 2.0], ["b", 1.0]]
    assert [(row, column) for row, column, _ in listed(cleaned, "row")] == [(3, "time"), (4, "site")]


def test_a_series_that_is_a_number_in_the_table_is_its_text(dataset):
    table = frame(["1", "2"]).assign(site=[5930, 660])
    assert clean_readings(dataset(series="site"), table).readings["series"].tolist() == ["5930", "660"]


def test_local_stamps_are_in_the_datasets_timezone(dataset):
    cleaned = clean_readings(
        dataset(timezone="Asia/Seoul"), frame(["1", "2"], times=["2024-01-01 09:00", "2024-01-01T00:01Z"])
    )
    assert cleaned.readings["time"].tolist() == [
        pd.Timestamp("2024-01-01", tz="UTC"),
        pd.Timestamp("2024-01-01 00:01", tz="UTC"),
    ]


def test_a_stamp_that_no_clock_showed_is_quarantined_with_its_reason(dataset):
    cleaned = clean_readings(
        dataset(timezone="Europe/Berlin"), frame(["1", "2"], times=["2024-03-31 02:30", "2024-03-31 03:30"])
    )
    assert listed(cleaned, "row") == [(1, "time", "2024-03-31 02:30:00")]
    assert "put forward" in cleaned.quarantine["reason"][0]


def test_a_column_that_is_missing_is_named(dataset):
    with pytest.raises(InputError, match="no column 'rain'"):
        clean_readings(dataset(), frame(["1"]).drop(columns="rain"))


MELTED = "{value: {limits: [0, 9]}, rain: }"


def test_a_wide_table_becomes_a_panel(dataset):
    spec = dataset(MELTED, series="{melt: [north, east], into: value}", target="value")
    table = pd.DataFrame(
        {
            "time": ["2024-01-01", "2024-01-02", "2024-01-03"],
            "north": ["1", "99", ""],
            "east": ["4", "5", ""],
            "rain": ["0", "1", "2"],
        }
    )
    cleaned = clean_readings(spec, table)
    assert cleaned.readings.columns.tolist() == ["series", "time", "value", "rain"]
    assert cleaned.readings[["series", "value", "rain"]].to_numpy().tolist() == [
        ["east", 4, 0],
        ["east", 5, 1],
        ["north", 1, 0],
    ]
    assert listed(cleaned, "cell") == [(2, "north", "99")]
    assert (cleaned.rows_in, cleaned.rows_kept, cleaned.rows_quarantined) == (3, 2, 1)


@pytest.mark.parametrize(
    ("decimal", "text", "value"),
    [
        (",", "1,5", 1.5),
        (",", "1.234,5", 1234.5),
        (",", "1.5", 1.5),
        (".", "71,300", 71300.0),
        (".", "1,234,567.5", 1234567.5),
        (".", "+2", 2.0),
        (".", " 3 ", 3.0),
        (".", "\u22124", -4.0),
        (".", "1e-3", 0.001),
        (".", ".5", 0.5),
    ],
)
def test_numbers_are_read_in_their_spellings(decimal, text, value):
    numbers = parse_numbers(pd.Series([text, "x"], dtype=object), decimal)
    assert numbers.values[0] == value
    assert numbers.wrong.tolist() == [False, True]


def test_pieces_give_the_same_as_the_whole(dataset):
    levels = [str(value) for value in np.random.default_rng(1).integers(-2, 12, 200)]
    table = frame(
        levels,
        times=[
            str(START + pd.Timedelta(minutes=int(minute))) for minute in np.random.default_rng(2).integers(0, 150, 200)
        ],
    )
    spec = dataset("{level: {limits: [0, 9], stuck: 2}, rain: }")
    rows = np.arange(1, 201)
    pieces = [
        RawTable("table", table.iloc[cut].reset_index(drop=True), rows[cut]) for cut in (slice(0, 70), slice(70, 200))
    ]
    whole, parts = clean_readings(spec, table), clean_tables(spec, pieces)
    pd.testing.assert_frame_equal(whole.readings, parts.readings)
    pd.testing.assert_frame_equal(whole.quarantine, parts.quarantine)


cell = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.floats(),
    st.integers(-(10**30), 10**30),
    st.booleans(),
    st.sampled_from(["1", "2.5", "NA", "-", "inf", "1,5", "99", "2024-01-01", "1e400", b"7"]),
)
stamp = st.one_of(
    cell, st.integers(0, 40).map(lambda minute: str(START + pd.Timedelta(minutes=minute))), st.datetimes()
)
SPEC = """
name: a
time: time
step: 1min
timezone: Europe/Berlin
series: site
columns: {x: {limits: [0, 50], stuck: 2}, y: }
target: x
"""
WIDE = """
name: a
time: time
step: 1min
series: {melt: [x, y], into: v}
columns: {v: {limits: [0, 50], stuck: 2}}
target: v
"""


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.tuples(stamp, cell, cell, st.sampled_from(["a", "b", None])), max_size=25),
    st.sampled_from([SPEC, WIDE]),
)
def test_rows_in_are_rows_kept_and_rows_quarantined_whatever_comes(rows, text):
    spec = parse_dataset(text, "a.yaml")
    cleaned = clean_readings(spec, pd.DataFrame(rows, columns=["time", "x", "y", "site"], dtype=object))
    kinds = cleaned.quarantine["kind"].value_counts()
    faulty = cleaned.quarantine.loc[cleaned.quarantine["kind"] == "row", "row"]
    assert cleaned.rows_in == len(rows) == cleaned.rows_kept + cleaned.rows_quarantined
    assert kinds.get("row", 0) == cleaned.rows_quarantined == faulty.nunique()
    assert kinds.get("cell", 0) == cleaned.cells_quarantined
    assert not set(faulty) & set(cleaned.quarantine.loc[cleaned.quarantine["kind"] == "cell", "row"])
    values = cleaned.readings.iloc[:, 2:]
    assert not np.isinf(values.to_numpy()).any()
    assert values.notna().any(axis=1).all()
    assert not cleaned.readings.duplicated(["series", "time"]).any()
    ordered = cleaned.readings.sort_values(["series", "time"], kind="stable")
    assert ordered.index.tolist() == cleaned.readings.index.tolist()
    if text == SPEC:
        assert len(cleaned.readings) == cleaned.rows_kept


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_as_csv_are_read_or_refused_as_an_input_error(tmp_path_factory, garbage):
    from components.ingest.read import read_tables

    path = tmp_path_factory.mktemp("garbage") / "a.csv"
    path.write_bytes(b"time,x,y,site\n" + garbage)
    try:
        cleaned = clean_tables(parse_dataset(SPEC, "a.yaml"), read_tables(str(path), ["time", "x", "y", "site"]))
    except InputError:
        return
    assert cleaned.rows_in == cleaned.rows_kept + cleaned.rows_quarantined
    assert cleaned.rows_quarantined == (cleaned.quarantine["kind"] == "row").sum()
