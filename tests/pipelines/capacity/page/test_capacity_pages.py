"""Pages: whole on their own, every card named, every figure told, and no text of the data taken for markup."""

from __future__ import annotations

import pytest
from page_reader import read

from components.validate.report.blocks import Cell, Section, Table, Text
from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.examples import example_names, run_example
from pipelines.capacity.growth import COUNTS, stations
from pipelines.capacity.page.bars import AlternativeBar, MemoryBar, alternatives_plot, memory_plot
from pipelines.capacity.page.comparison_page import comparison_page, write_comparison_page
from pipelines.capacity.page.growth_page import write_growth_page
from pipelines.capacity.page.layout import Page, Verdict, render
from pipelines.capacity.page.timeline import kind_of, timeline
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.jobs import CardSlot, Job, Problem, Service
from pipelines.capacity.schedule.ways import longest_first

GIB = 2**30
HOSTILE = "<script>alert(1)</script>"


@pytest.mark.parametrize("name", ["v100x2", "growth", "pcb-shared", "cloud"])
def test_the_page_of_an_example_tells_every_row_and_loads_nothing(catalogue, tmp_path, name):
    comparison = run_example(name, catalogue)
    file = tmp_path / "page.html"
    write_comparison_page(comparison, file)
    found = read(file.read_text(encoding="utf-8"))
    assert found.loaded == []
    assert comparison.title in found.text
    for row in comparison.rows:
        assert row.what.strip() in found.text
        assert row.how in found.text
    assert all(each.text in found.text for each in comparison.contradictions)


@pytest.mark.parametrize("name", example_names())
def test_every_example_has_a_page_that_counts_what_differs(catalogue, name):
    comparison = run_example(name, catalogue)
    page = comparison_page(comparison)
    assert len(page.sections) == len(comparison.parts) + bool(comparison.plans) + bool(comparison.contradictions)
    assert len({section.name for section in page.sections}) == len(page.sections)
    differing = sum(row.differs for row in comparison.rows)
    assert page.verdict is None or page.verdict.text.startswith(f"{differing} of ")


@pytest.mark.parametrize("name", ["v100x2", "t4x6", "p40x3"])
def test_the_plans_name_every_card(catalogue, name):
    comparison = run_example(name, catalogue)
    plans = next(section for section in comparison_page(comparison).sections if section.name == "plans")
    for plan, plot in zip(comparison.plans, plans.blocks[0].plots, strict=True):
        assert all(card.name in plot for card in plan.cards)


def test_markup_of_a_users_catalogue_is_text(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text(
        f"cards: {{t4: {{title: 'T4 {HOSTILE}'}}}}\n"
        f"stated: {{one_model_hours: {{t4: {{value: 5, source: 'measured {HOSTILE}'}}}}}}\n",
        encoding="utf-8",
    )
    own = load_catalogue(file)
    plain = render(comparison_page(run_example("t4x4", load_catalogue())))
    html = render(comparison_page(run_example("t4x4", own)))
    assert HOSTILE not in html
    assert read(html).tags.count("script") == read(plain).tags.count("script")
    write_growth_page(stations((1, 2), "t4", own), tmp_path / "growth.html")
    assert HOSTILE not in (tmp_path / "growth.html").read_text(encoding="utf-8")


def test_markup_in_any_part_of_a_page_is_text():
    table = Table((HOSTILE,), [[Cell(HOSTILE)]], HOSTILE)
    page = Page(HOSTILE, [Section("a", HOSTILE, HOSTILE, [table, Text(HOSTILE)])], (HOSTILE,), Verdict(HOSTILE, True))
    assert HOSTILE not in render(page)


def test_markup_in_plots_is_text():
    slots = (CardSlot(HOSTILE, "a", GIB),)
    problem = Problem(slots, (Job(HOSTILE, "g", {"a": 60}, 0),), (Service(HOSTILE + "s", 0, HOSTILE, 0.1),))
    schedule = longest_first(problem)
    plots = (
        timeline(HOSTILE, slots, schedule, problem.services),
        memory_plot(HOSTILE, [MemoryBar(HOSTILE, [(HOSTILE, GIB)], 2 * GIB)]),
        alternatives_plot(HOSTILE, [AlternativeBar(HOSTILE, Range(1, 2), None)]),
    )
    assert all("<script>alert" not in plot for plot in plots)


def test_the_verdict_says_by_its_colour_whether_it_is_the_one_hoped_for():
    good, bad = (render(Page("t", [], (), Verdict("v", each))) for each in (True, False))
    assert 'class="verdict">v' in good
    assert 'class="verdict bad">v' in bad


def test_the_page_of_many_stations_shows_each_count_and_answer(catalogue, tmp_path):
    found = stations(COUNTS, "v100", catalogue)
    write_growth_page(found, tmp_path / "growth.html")
    page = read((tmp_path / "growth.html").read_text(encoding="utf-8"))
    assert page.loaded == []
    assert all(f"{count:,}" in page.text for count in COUNTS)
    assert all(each.sentence in page.text for each in found)


def test_a_timeline_has_a_bar_for_each_stretch_and_a_line_for_idle_cards():
    slots = (CardSlot("first", "a", GIB), CardSlot("idle", "b", GIB))
    jobs = tuple(Job(f"fold {fold}/{name}", "g", {"a": 3600}, 0) for fold in (1, 2) for name in ("one", "two"))
    plot = timeline("plan", slots, longest_first(Problem(slots, jobs)))
    assert '"idle"' in plot
    assert '"name":"one"' in plot
    assert '"name":"two"' in plot
    assert all(f'"fold {fold}\\u002f' in plot or f'"fold {fold}/' in plot for fold in (1, 2))


def test_a_timeline_by_the_clock_names_days_and_hours():
    slots = (CardSlot("first", "a", GIB),)
    jobs = (Job("retrain", "g", {"a": 6 * 3600}, 0, release_s=26 * 3600),)
    plot = timeline("week", slots, longest_first(Problem(slots, jobs)), clock=True)
    assert "Tue 00:00" in plot


@pytest.mark.parametrize(
    ("job", "kind"),
    [
        ("fold 3/stacked_lstm", "stacked_lstm"),
        ("serving@600", "serving"),
        ("experiment 12", "experiment"),
        ("publish 1", "publish"),
        ("backup", "backup"),
        ("42", "42"),
    ],
)
def test_jobs_of_one_kind_share_a_name(job, kind):
    assert kind_of(job) == kind


def test_memory_bars_tell_use_and_limit_and_mark_what_is_over():
    over = MemoryBar("T4", [("weights", GIB), ("activations", 19 * GIB)], 14.5 * GIB)
    plot = memory_plot("memory", [over, MemoryBar("V100", [("weights", GIB)], 31.7 * GIB)])
    assert "20.0 GiB of 14.5 GiB" in plot
    assert "1.0 GiB of 31.7 GiB" in plot
    assert plot.count("#b3261e") == 1


def test_alternatives_say_where_a_price_or_time_is_not_known():
    bars = [AlternativeBar("own", Range(1, 2), Range.exactly(3), chosen=True), AlternativeBar("own", None, None)]
    plot = alternatives_plot("ways", bars)
    assert "1.00 to 2.00 h" in plot
    assert "3.00 USD" in plot
    assert plot.count("not known") == 2
    assert "own (2)" in plot


def test_costs_are_left_out_where_none_is_known():
    plot = alternatives_plot("ways", [AlternativeBar("own", Range(1, 2), None)])
    assert "Cost" not in plot
    assert "1.00 to 2.00 h" in plot
