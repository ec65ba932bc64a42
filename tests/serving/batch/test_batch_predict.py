import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest

from components.errors import InputError
from serving.predict import PredictRequest, predict


def test_each_series_gets_the_forecast_that_predict_gives(run, store, readings, table, tmp_path, rows_in):
    summary = run(table, batch_size=4)
    assert (summary.series, summary.rows_in, summary.rows_written, summary.rows_refused) == (10, 20, 20, 0)
    back = rows_in(tmp_path / "out")
    for number in (0, 7):
        alone = tmp_path / "alone.csv"
        readings(10)[lambda frame, name=f"s{number:03d}": frame["station"] == name].to_csv(alone, index=False)
        wanted = predict(PredictRequest(str(alone), store=store.root, model="river")).forecasts[0]
        got = back[back["series"] == f"s{number:03d}"]
        assert got["origin"].unique() == [pd.Timestamp(wanted.origin)]
        assert got["time"].tolist() == [pd.Timestamp(row.time) for row in wanted.rows]
        for name in ("forecast", "lower", "upper"):
            expected = [getattr(row, name) for row in wanted.rows]
            assert got[name].to_numpy() == pytest.approx(np.array(expected), abs=1e-5)
        assert got["member_second"].to_numpy() == pytest.approx(
            [row.members["second"] for row in wanted.rows], abs=1e-5
        )
        assert got["spike_probability"].to_numpy() == pytest.approx([wanted.spike_probability] * 2, abs=1e-5)
    assert back["at"].unique() == [pd.Timestamp(1e9, unit="s", tz="UTC")]


def test_the_same_run_again_writes_nothing_and_loads_no_model(run, table, place, rows_in):
    first = run(table, out=place)
    before = rows_in(place)
    again = run(table, out=place)
    assert (first.rows_written, again.rows_written, again.rows_already_there) == (20, 0, 20)
    assert "loading" not in again.seconds
    pd.testing.assert_frame_equal(rows_in(place), before)


def test_only_series_with_newer_readings_are_asked_again(run, readings, table, place, rows_in):
    run(table, out=place)
    later = readings(10, rows=17, end=pd.Timestamp("2026-01-05T00:10", tz="UTC"))
    newest = later["time"] == later["time"].max()
    later[~(newest & (later["station"] > "s002"))].to_csv(table, index=False)
    summary = run(table, out=place)
    assert (summary.rows_written, summary.rows_already_there) == (6, 14)
    back = rows_in(place)
    assert back.groupby("series").size().tolist() == [4] * 3 + [2] * 7


def test_a_new_champion_forecasts_the_same_origins_once_more(run, store, table, place, rows_in):
    run(table, out=place)
    store.promote("river", 2)
    assert run(table, out=place).rows_written == 20
    back = rows_in(place)
    assert back.groupby("version").size().to_dict() == {1: 20, 2: 20}
    assert not np.allclose(back["forecast"][:20], back["forecast"][20:])
    assert run(table, out=place).rows_written == 0


@pytest.mark.parametrize("protocol", ["v1", "v2", "v2-grpc", "tfserving"])
def test_a_server_answers_as_the_store_does(run, server, table, tmp_path, rows_in, protocol):
    run(table)
    settings = {"out": str(tmp_path / "asked"), "url": server.url(protocol), "protocol": protocol, "batch_size": 3}
    summary = run(table, **settings)
    assert (summary.version, summary.rows_written) == (1, 20)
    pd.testing.assert_frame_equal(rows_in(tmp_path / "asked"), rows_in(tmp_path / "out"), atol=1e-5)
    again = run(table, **settings)
    assert (again.rows_written, again.rows_already_there) == (0, 20)


def test_without_a_store_the_dataset_file_says_how_to_read(run, server, store, table, tmp_path):
    dataset = store.path("river", 1) / "dataset.yaml"
    settings = {"store": None, "dataset": dataset, "model": "", "url": server.url("v2-grpc")}
    assert run(table, **settings).rows_written == 20
    assert {"member_1", "member_2"} <= set(pd.read_parquet(tmp_path / "out").columns)


def test_series_that_can_not_be_forecast_are_refused_with_the_reason(run, readings, tmp_path):
    frame = readings(6)
    short = (frame["station"] == "s001") & (frame["time"] < frame["time"].max() - pd.Timedelta("1h"))
    frame = frame[~short].astype({"level": object})
    frame.loc[frame["station"] == "s003", ["level", "rain", "tide"]] = "broken"
    frame.to_csv(tmp_path / "t.csv", index=False)
    summary = run(tmp_path / "t.csv")
    assert [(refusal.series, refusal.problem[:8]) for refusal in summary.refused] == [
        ("s001", "7 rows u"),
        ("s003", "none of "),
    ]
    assert all(refusal.fix for refusal in summary.refused)
    assert (summary.rows_in, summary.rows_written, summary.rows_already_there, summary.rows_refused) == (12, 8, 0, 4)
    assert (summary.readings_in, summary.readings_quarantined) == (len(frame), 16)


@pytest.fixture
def logarithmic(store, tmp_path) -> None:
    """A champion of `river` whose forecast is no number where the last level is below zero."""
    import keras
    from keras import ops

    from components.ensemble.export import export_saved_model

    window = keras.Input((12, 3), name="window")
    forecast = ops.log(window[:, -2:, 0])
    members = ops.stack([forecast, forecast], axis=1)
    outputs = dict.fromkeys(("forecast", "lower", "upper"), forecast)
    outputs |= {"members": members, "weights": members * 0 + 0.5, "spike_probability": forecast[:, 0] * 0}
    folder = shutil.copytree(store.path("river", 1), tmp_path / "logarithmic")
    export_saved_model(keras.Model({"window": window}, outputs), folder)
    store.promote("river", store.publish("river", folder))


@pytest.mark.usefixtures("logarithmic")
def test_a_series_whose_forecast_is_no_number_is_refused(run, readings, tmp_path):
    frame = readings(4)
    frame["level"] = np.where(frame["station"].isin(["s000", "s002"]), -1.0, 1.0)
    frame.to_csv(tmp_path / "t.csv", index=False)
    summary = run(tmp_path / "t.csv", batch_size=3)
    refused = [(refusal.series, refusal.problem) for refusal in summary.refused]
    assert refused == [("s000", "the model's answer is no number"), ("s002", "the model's answer is no number")]
    assert (summary.rows_in, summary.rows_written, summary.rows_refused) == (8, 4, 4)
    assert set(pd.read_parquet(tmp_path / "out")["series"]) == {"s001", "s003"}


def test_a_model_with_a_known_column_gets_its_future(run, readings, tmp_path):
    frame = readings(3, rows=20)
    ahead = frame["time"] > frame["time"].max() - pd.Timedelta("30min")
    frame.loc[ahead, ["level", "rain"]] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)
    summary = run(tmp_path / "t.csv", model="tidal")
    assert summary.rows_written == 6
    assert pd.read_parquet(tmp_path / "out")["origin"].max() == frame["time"].max() - pd.Timedelta("30min")


def test_readings_come_from_a_database_by_a_query(run, table, tmp_path):
    with sqlite3.connect(tmp_path / "r.db") as connection:
        pd.read_csv(table).to_sql("r", connection, index=False)
    connection.close()
    summary = run(f"sqlite:///{tmp_path / 'r.db'}", query="select * from r where station < 's004'")
    assert (summary.series, summary.rows_written) == (4, 8)


def test_without_readings_those_beside_the_store_are_taken(run, store, table, tmp_path):
    with pytest.raises(InputError, match=r"readings beside .* there are none"):
        run("")
    (tmp_path / "readings").mkdir()
    table.rename(tmp_path / "readings" / "today.csv")
    assert run("").rows_written == 20
    (tmp_path / "readings.csv").touch()
    with pytest.raises(InputError, match=r"there are several: readings, readings\.csv"):
        run("")


def test_a_file_of_one_series_needs_no_series_column(run, readings, tmp_path):
    readings(1).drop(columns="station").to_csv(tmp_path / "t.csv", index=False)
    assert run(tmp_path / "t.csv", series="").rows_written == 2
    assert set(pd.read_parquet(tmp_path / "out")["series"]) == {"river"}


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"series": "level"}, "is a column of the dataset"),
        ({"series": "basin"}, "basin"),
        ({"query": "select 1"}, "the readings are no database"),
        ({"batch_size": 0}, "is no number of windows"),
        ({"model": "lake"}, "holds no version of model 'lake'"),
        ({"model": ""}, "the store holds 2 models"),
        ({"store": None}, "there is no model store"),
        ({"url": "grpc://localhost:1"}, "no server answers there"),
    ],
)
def test_what_can_not_be_done_is_an_input_error(run, table, settings, problem):
    with pytest.raises(InputError, match=problem):
        run(table, **settings)


def test_a_database_without_a_query_hides_its_password(run):
    with pytest.raises(InputError, match="needs a query") as error:
        run("postgresql://user:secret@host/db")
    assert "secret" not in str(error.value)


def test_a_table_without_rows_is_an_input_error(run, table):
    table.write_text("time,station,level,rain,tide\n")
    with pytest.raises(InputError, match="holds no rows"):
        run(table)
