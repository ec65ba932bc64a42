"""The page in a real browser."""

import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pandas as pd
import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH")
HOUR = pd.Timedelta(hours=1)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Containers that run tests as root have no sandbox for the browser.
        found = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Any]]:
    """Opens a page; what its console says is an error at the end, unless the test expects it."""
    contexts, said = [], []

    def begin(url: str, **options: Any) -> Any:
        contexts.append(browser.new_context(**options))
        page = contexts[-1].new_page()
        page.said = said
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.goto(url)
        return page

    yield begin
    for context in contexts:
        context.close()
    assert said == []


@pytest.fixture
def filled(site, tables):
    """The site, with a panel of two series and readings up to now; its newest table."""
    table = pd.concat([tables.river(40, seed).assign(station=name) for seed, name in ((1, "east"), (2, "west"))])
    assert site.post("stations", table).status_code == 200
    return table


def stations(site, series: str = "east") -> str:
    return f"{site.url}/?model=stations&series={series}"


def shown(page, name: str) -> str:
    return page.locator(f"#{name}").inner_text().replace("\u00a0", " ").replace("\u2212", "-")


def until(page, holds: Callable[[], bool], seconds: float = 8) -> None:
    """Waits for what holds in the page; its own waiting for a function needs the eval that the page forbids."""
    for _ in range(round(seconds * 10)):
        if holds():
            return
        page.wait_for_timeout(100)
    assert holds()


def test_it_shows_level_forecast_band_risk_and_members(site, filled, visit):
    page = visit(stations(site))
    page.wait_for_selector("#chart svg path.forecast")
    expected = site.latest("stations", series="east")["series"][0]
    last = expected["forecast"][-1]
    assert float(shown(page, "now-value")) == pytest.approx(expected["last_value"], abs=0.06)
    assert float(shown(page, "next-value")) == pytest.approx(last["forecast"], abs=0.06)
    assert shown(page, "next-title") == "In 30 min"
    assert shown(page, "spike-word") in ("Low", "Raised", "High")
    assert page.locator("#chart path.band").count() == 1
    assert page.locator("#members-table tbody tr").count() == 2
    assert page.locator("#rows-table tbody tr").count() == 2
    assert "ago" in shown(page, "freshness-text")
    assert "version 1" in shown(page, "facts")
    assert "(UTC)" in shown(page, "now-time")


def test_it_shows_new_readings_by_itself(site, filled, visit):
    page = visit(stations(site))
    page.wait_for_selector("#chart svg path.forecast")
    newer = filled.assign(level=filled["level"] + 2.5)
    assert site.post("stations", newer).status_code == 200
    level = newer[newer["station"] == "east"]["level"].iloc[-1]
    until(page, lambda: abs(float(shown(page, "now-value")) - level) < 0.06, 9)


def test_pointing_at_the_chart_reads_it(site, filled, visit):
    page = visit(stations(site))
    page.wait_for_selector("#chart svg path.forecast")
    chart = page.locator("#chart svg")
    box = chart.bounding_box()
    chart.hover(position={"x": box["width"] / 2, "y": box["height"] / 2})
    until(page, lambda: "level" in shown(page, "readout"))
    chart.hover(position={"x": box["width"] - 11, "y": box["height"] / 2})
    until(page, lambda: "90 % between" in shown(page, "readout"))


def test_series_and_model_can_be_chosen(site, filled, visit):
    page = visit(f"{site.url}/")
    page.wait_for_selector("#model option[value=stations]", state="attached")
    page.get_by_role("combobox", name="Model").select_option("stations")
    page.wait_for_selector("#series option[value=west]", state="attached")
    page.get_by_role("combobox", name="Series").select_option("west")
    until(page, lambda: "west" in shown(page, "title"))
    assert "series=west" in page.url
    page.locator("#all-table button", has_text="east").click()
    until(page, lambda: "east" in shown(page, "title"))


def test_the_second_column_is_the_persons_choice_and_is_remembered(site, filled, visit):
    page = visit(stations(site))
    page.wait_for_selector("#companion-chart svg path.second", state="attached")
    page.get_by_label("Also show").select_option("tide")
    assert page.locator("#companion-chart svg").get_attribute("aria-label") == "Chart of tide over the same time"
    page.reload()
    page.wait_for_selector("#companion-chart svg path.second", state="attached")
    assert page.get_by_label("Also show").input_value() == "tide"


@pytest.mark.parametrize("width", [360, 390, 768, 1280])
def test_nothing_scrolls_sideways(site, filled, visit, width):
    page = visit(stations(site), viewport={"width": width, "height": 780})
    page.wait_for_selector("#chart svg path.forecast")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    panels = page.evaluate("[...document.querySelectorAll('.panel')].map((one) => one.scrollWidth - one.clientWidth)")
    assert max(panels) <= 0


def test_everything_can_be_reached_by_keyboard(site, filled, visit):
    page = visit(stations(site))
    page.wait_for_selector("#chart svg path.forecast")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    assert page.locator(".skip").bounding_box()["y"] >= 0
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    reached = set()
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.tagName"))
    assert {"model", "series", "hours", "companion", "horizon", "api-link", "SUMMARY", "BUTTON"} <= reached


def test_a_screen_reader_finds_landmarks_names_and_a_table(site, filled, visit):
    page = visit(stations(site))
    page.wait_for_selector("#chart svg path.forecast")
    assert page.locator("html").get_attribute("lang") == "en"
    for role in ("main", "banner", "contentinfo"):
        assert page.get_by_role(role).count() == 1
    chart = page.locator("#chart svg")
    assert chart.get_attribute("role") == "img"
    assert "is expected" in chart.get_attribute("aria-label")
    meter = page.get_by_role("meter", name="Spike")
    assert meter.get_attribute("aria-valuetext")
    assert "is expected" in page.locator("#announcement").inner_text()
    nameless = page.evaluate(
        "[...document.querySelectorAll('select, input, button')].filter((one) => !one.labels?.length && "
        "!one.textContent.trim()).length"
    )
    assert nameless == 0
    page.locator("summary").click()
    assert page.locator("#readings-table tbody tr").count() >= 30


def test_the_same_forecast_is_announced_once(site, filled, visit):
    page = visit(stations(site))
    page.wait_for_selector("#chart svg path.forecast")
    page.evaluate(
        "window.told = 0; new MutationObserver(() => { window.told += 1; })"
        ".observe(document.getElementById('announcement'), { childList: true, characterData: true, subtree: true })"
    )
    tiny = filled.assign(level=filled["level"] + 0.001)
    assert site.post("stations", tiny).status_code == 200
    page.wait_for_timeout(6000)
    assert page.evaluate("window.told") == 0


def test_dark_mode_is_dark(site, filled, visit):
    page = visit(stations(site), color_scheme="dark")
    page.wait_for_selector("#chart svg path.forecast")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 21, 28)"


def test_old_readings_are_a_clear_warning(site, tables, visit):
    old = tables.river(40, end=pd.Timestamp.now(tz="UTC") - 2 * HOUR).assign(station="old")
    assert site.post("stations", old).status_code == 200
    page = visit(stations(site, "old"))
    page.wait_for_selector("#stale:not([hidden])")
    assert "No new reading since" in shown(page, "stale")
    assert page.locator("#freshness").get_attribute("data-state") == "stale"


def test_a_lost_connection_is_said_and_the_picture_stays(site, filled, visit):
    page = visit(stations(site))
    page.wait_for_selector("#chart svg path.forecast")
    page.context.set_offline(True)
    page.wait_for_selector("#lost:not([hidden])", timeout=15000)
    assert "Connection to the server lost" in shown(page, "lost")
    assert page.locator("#chart path.forecast").count() == 1
    page.context.set_offline(False)
    page.wait_for_selector("#lost[hidden]", state="attached", timeout=20000)
    page.said[:] = [text for text in page.said if "ERR_INTERNET_DISCONNECTED" not in text]


def test_without_readings_it_says_how_to_send_some(start_with, tmp_path, candidates, visit):
    running = start_with(tmp_path, candidates)
    page = visit(f"http://localhost:{running.http}/")
    page.wait_for_selector("#empty:not([hidden])")
    assert "curl" in shown(page, "post-example")
    assert '"time": "2026-01-01T00:00:00Z"' in shown(page, "post-example")
    assert "--readings" in shown(page, "serve-example")


def test_a_server_with_keys_asks_for_one_and_keeps_it_for_the_tab(keyed_url, tmp_path, visit):
    from serving.server.security import new_key

    keys = tmp_path / "keys"
    key = new_key("room", keys)
    page = visit(keyed_url(keys))
    field = page.get_by_label("API key")
    field.wait_for()
    field.fill("wrong")
    page.keyboard.press("Enter")
    until(page, lambda: "accept" in shown(page, "key-problem"))
    field.fill(key)
    page.get_by_role("button", name="Show the forecast").click()
    page.wait_for_selector("#empty:not([hidden])")
    assert page.locator("#key-form").is_hidden()
    page.reload()
    page.wait_for_selector("#empty:not([hidden])")
    assert page.evaluate("localStorage.length") == 0
    page.said[:] = [text for text in page.said if "401" not in text]
