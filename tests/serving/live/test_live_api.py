"""The live API, the page's files and the feed, over the running server."""

import json
import math

import httpx
import pandas as pd
import pytest

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def floats(value) -> list[float]:
    if isinstance(value, dict):
        return [number for one in value.values() for number in floats(one)]
    if isinstance(value, list):
        return [number for one in value for number in floats(one)]
    return [value] if isinstance(value, float) else []


def test_a_browser_gets_the_page_and_everyone_else_kserves_answer(site):
    page = site.http.get("/", headers=HTML)
    assert page.headers["content-type"].startswith("text/html")
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert page.headers["vary"] == "Accept"
    assert site.http.get("/").json() == {"status": "alive"}
    assert site.http.get("/", headers={"Accept": "application/json"}).json() == {"status": "alive"}


def test_the_page_names_only_files_of_this_server(site):
    page = site.http.get("/", headers=HTML).text
    for name in ("page/app.js", "page/style.css", "page/icon.svg"):
        assert f'"{name}"' in page
        reply = site.http.get(f"/{name}")
        assert reply.status_code == 200
        assert site.http.get(f"/{name}", headers={"If-None-Match": reply.headers["etag"]}).status_code == 304
    assert "http://" not in page
    assert "https://" not in page
    assert " onclick" not in page
    assert "style=" not in page


@pytest.mark.parametrize("name", ["../feed.py", "..%2Ffeed.py", "%2e%2e/feed.py", "none.js", "/etc/passwd"])
def test_no_path_reaches_the_file_system(site, name):
    reply = httpx.get(f"{site.url}/page/{name}")
    assert reply.status_code == 404
    assert "import" not in reply.text


def test_readings_that_a_caller_posts_are_shown(site, tables):
    table = tables.river(30)
    assert site.post("tidal", table.assign(time=table["time"])).status_code in (400, 422)
    ahead = pd.Timestamp.now(tz="UTC").floor("10min") + pd.Timedelta(minutes=60)
    known = tables.river(40, end=ahead)
    known.loc[34:, ["level", "rain"]] = None
    answer = site.post("tidal", known)
    assert answer.status_code == 200, answer.text
    found = site.latest("tidal")
    (series,) = found["series"]
    assert series["origin"] == answer.json()["predictions"][0]["origin"]
    assert [row["forecast"] for row in series["forecast"]] == answer.json()["predictions"][0]["forecast"]
    assert series["recent"]["columns"]["level"][-6:] == [None] * 6
    assert all(math.isfinite(number) for number in floats(found))


def test_a_panel_has_its_series_one_at_a_time(site, tables):
    table = pd.concat([tables.river(30, seed).assign(station=name) for seed, name in ((1, "east"), (2, "west"))])
    assert site.post("stations", table).status_code == 200
    # The server is that of the page's tests as well, whose series stay.
    assert [name for name in site.latest("stations")["all_series"] if name in ("east", "west")] == ["east", "west"]
    west = site.latest("stations", series="west", hours=1)
    assert [len(one["recent"]["time"]) for one in west["series"]] == [6]
    summary = {one["model"]: one for one in site.http.get("/v1/forecasts").json()["models"]}
    assert {"east", "west"} <= {one["series"] for one in summary["stations"]["series"]}


def test_polling_costs_nothing_until_there_is_news(site, tables):
    table = tables.river(30).assign(station="east")
    site.post("stations", table)
    etag = site.http.get("/v1/forecasts/stations").headers["etag"]
    unchanged = site.http.get("/v1/forecasts/stations", headers={"If-None-Match": etag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    site.post("stations", table.assign(level=table["level"] + 0.5))
    assert site.http.get("/v1/forecasts/stations", headers={"If-None-Match": etag}).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/v1/forecasts/none", 404, "served here"),
        ("/v1/forecasts/stations?series=none", 404, "no forecast of series 'none'"),
        ("/v1/forecasts/stations?hours=nan", 400, "hours"),
        ("/v1/forecasts/stations?hours=1000", 400, "hours"),
        ("/v1/forecasts/stations?hours=x", 400, "hours"),
    ],
)
def test_what_cannot_be_answered_is_said(site, path, status, text):
    reply = site.http.get(path)
    assert reply.status_code == status
    assert text in reply.json()["error"]


def test_the_followed_file_is_forecast_as_it_grows_and_what_is_wrong_is_said(site, tables, eventually):
    def notice() -> str:
        return site.latest("river")["notice"] or ""

    def origin() -> str:
        return next((one["origin"] for one in site.latest("river")["series"]), "")

    site.readings.unlink(missing_ok=True)
    eventually(lambda: "no such file" in notice(), 10)
    table = tables.river(60)
    site.write(table[:-2])
    eventually(lambda: origin() == table["time"].iloc[-3], 10)
    assert notice() == ""
    with site.readings.open("a") as file:
        table[-2:].to_csv(file, index=False, header=False)
    eventually(lambda: origin() == table["time"].iloc[-1], 10)
    with site.readings.open("a") as file:
        file.write("torn\nrubbish,x,y,z\n")
    eventually(lambda: "2 rows among the last can't be used" in notice(), 10)
    site.readings.write_bytes(b"\x00\x01 no table")
    eventually(lambda: "can't be used" in notice() and "rows" not in notice(), 10)
    assert origin() == table["time"].iloc[-1]
    assert site.http.get("/v2/health/ready").status_code == 200
    warnings = [line for line in site.running.log.read_text().splitlines() if "no such file" in line]
    assert 1 <= len(warnings) <= 2
    json.dumps(site.latest("river"), allow_nan=False)
