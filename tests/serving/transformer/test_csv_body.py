"""A CSV file of readings, posted as it lies there, is answered as its records are."""

import httpx
import pandas as pd
import pytest


def table(rows: int = 40) -> pd.DataFrame:
    times = pd.date_range("2025-03-01", periods=rows, freq="10min").strftime("%Y-%m-%d %H:%M")
    values = [round(2 + (row % 7) / 10, 2) for row in range(rows)]
    return pd.DataFrame({"time": times, "level": values, "rain": 0.25, "tide": 1.5})


@pytest.fixture
def post(server):
    """Posts text to the model `river`."""

    def send(text: str | bytes, query: str = "", kind: str = "text/csv") -> httpx.Response:
        url = f"http://localhost:{server.http}/v1/models/river:predict{query}"
        return httpx.post(url, content=text, headers={"content-type": kind})

    return send


def test_a_table_is_answered_as_its_records_are(post, server):
    records = {"instances": table().to_dict("records")}
    wanted = httpx.post(f"http://localhost:{server.http}/v1/models/river:predict", json=records).json()
    reply = post(table().to_csv(index=False))
    assert reply.status_code == 200, reply.text
    assert reply.json()["predictions"] == wanted["predictions"]


@pytest.mark.parametrize(
    ("separator", "decimal", "encoding"), [(";", ",", "utf-8"), ("\t", ".", "utf-8-sig"), (";", ",", "utf-16")]
)
def test_other_delimiters_decimals_and_encodings_are_read_as_by_ingest(post, separator, decimal, encoding):
    plain = post(table().to_csv(index=False)).json()["predictions"]
    text = table().to_csv(index=False, sep=separator, decimal=decimal).encode(encoding)
    assert post(text, kind="text/csv; charset=utf-8").json()["predictions"] == plain


def test_parameters_stand_in_the_query(post):
    asked = post(table().to_csv(index=False), "?members=true").json()["predictions"][0]
    assert set(asked["members"]) == {"first", "second"}
    old = post(table().to_csv(index=False), "?max_age_seconds=60")
    assert old.status_code == 422
    assert post(table().to_csv(index=False), "?member=true").status_code == 400


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("time,level\n2025-03-01,1\n", "no 'rain'"),
        ("time,level,rain,tide\n2025-03-01,1,2,3,4,5\n", "row 1 of the CSV table has 6 cells"),
        (b"\x00\x01\x02\x03", "CSV"),
    ],
)
def test_what_is_no_table_of_the_model_is_400_and_says_why(post, text, told):
    reply = post(text)
    assert reply.status_code == 400
    assert told in reply.json()["error"]
