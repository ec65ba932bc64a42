"""Every example: its figures as computed by hand, beside what the documents state, with the contradictions named."""

from __future__ import annotations

import io
import json

import pytest
from rich.console import Console

from components.errors import InputError
from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.examples import as_json, example_names, render_comparison, run_example
from pipelines.capacity.examples.comparison import Comparison, Row
from pipelines.capacity.examples.screen import WIDTH
from pipelines.capacity.ranges import Range

NAMES = (
    "v100x1",
    "v100x2",
    "t4x4",
    "t4x6",
    "p40x3",
    "p40x4",
    "p100x4",
    "p100x5",
    "growth",
    "pcb-dedicated",
    "pcb-shared",
    "pcb-none",
    "stock",
    "cloud",
)
# Which contradictions of the catalogue the examples touch; the others aren't about figures.
TOUCHED = {
    "v100x1": {
        "cycle_on_one_v100",
        "parameter_counts",
        "experiments_unexplained",
        "cross_validation_time",
        "formula_against_peak",
        "weights_counted_five_times",
        "batch_unit",
        "inference_weights",
        "training_beside_serving",
        "window_overlaps_serving",
        "patchtst_memory",
        "project_on_one_v100",
        "one_by_one",
        "latency_gain",
    },
    "v100x2": {"cycle_on_two_v100s", "cross_validation_time", "training_beside_serving", "patchtst_memory"},
    "t4x4": {"four_cards_in_two_waves", "experiments_unexplained"},
    "t4x6": {"timed_on_one_card", "experiments_unexplained", "total_cost_is_labour"},
    "p40x3": {"cycle_on_three_p40s", "cross_validation_time", "p40_price", "patchtst_memory"},
    "p40x4": {"timed_on_one_card", "experiments_unexplained", "p40_price", "total_cost_is_labour"},
    "p100x4": {"four_cards_in_two_waves"},
    "p100x5": {"timed_on_one_card", "experiments_unexplained"},
    "growth": {"training_beside_serving", "window_overlaps_serving", "cycle_on_one_v100", "formula_against_peak"},
    "pcb-dedicated": {"yolo_training_memory", "yolo_training_batch"},
    "pcb-shared": {"pcb_shared_card", "pcb_process_limit", "pcb_batch_rule", "pcb_compose_limit"},
    "pcb-none": set(),
    "stock": {"stock_card_memory", "stock_budgets", "stock_gains"},
    "cloud": {"running_costs", "aws_v100_memory", "cloud_v100_price"},
}
NOT_ABOUT_FIGURES = {"software_lines", "security_order"}


def rows_of(comparison: Comparison, what: str, part: str = "") -> list[Row]:
    return [
        row for each in comparison.parts if part in each.title for row in each.rows if row.what.strip().startswith(what)
    ]


def row_of(comparison: Comparison, what: str, part: str = "") -> Row:
    found = rows_of(comparison, what, part)
    assert len(found) == 1, [row.what for row in found]
    return found[0]


def computed(comparison: Comparison, what: str, part: str = "") -> Range:
    value = row_of(comparison, what, part).computed
    assert isinstance(value, Range)
    return value


def ends(value: Range) -> tuple[float, float]:
    return (value.low, value.high)


def test_the_examples_are_those_of_the_documents():
    assert example_names() == NAMES


def test_an_unknown_example_is_refused_with_a_near_name(catalogue):
    with pytest.raises(InputError, match="v100x2"):
        run_example("v100x22", catalogue)


@pytest.mark.parametrize("name", NAMES)
def test_every_example_names_the_contradictions_that_it_touches(catalogue, name):
    assert {each.key for each in run_example(name, catalogue).contradictions} >= TOUCHED[name]


def test_together_the_examples_name_every_contradiction_about_figures(catalogue):
    named = {each.key for name in NAMES for each in run_example(name, catalogue).contradictions}
    assert named >= set(catalogue.contradictions) - NOT_ABOUT_FIGURES


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_comes_from_a_founding_document(catalogue, name):
    sources = {stated.source.partition(",")[0] for row in run_example(name, catalogue).rows for stated in row.stated}
    assert sources <= {"water-stack", "stock", "core-v100", "pcb", "v100-options"}
    assert sources


@pytest.mark.parametrize("name", NAMES)
def test_the_screen_keeps_within_its_width_and_tells_every_row_and_contradiction(catalogue, name):
    comparison = run_example(name, catalogue)
    console = Console(file=io.StringIO(), width=200)
    console.print(render_comparison(comparison))
    text = console.file.getvalue()
    lines = [line.rstrip() for line in text.splitlines()]
    table = lines[: lines.index("Contradictions of the documents")] if comparison.contradictions else lines
    assert max(map(len, table)) <= WIDTH
    flat = " ".join(text.split())
    assert all(" ".join(each.text.split()) in flat for each in comparison.contradictions)
    assert all(part.title.split()[0] in flat for part in comparison.parts)


@pytest.mark.parametrize("name", NAMES)
def test_json_holds_every_row_with_its_stated_and_computed_values(catalogue, name):
    comparison = run_example(name, catalogue)
    read = json.loads(json.dumps(as_json(comparison)))
    rows = [row for part in read["parts"] for row in part["rows"]]
    assert len(rows) == len(comparison.rows)
    for row, told in zip(comparison.rows, rows, strict=True):
        assert [each["source"] for each in told["stated"]] == [each.source for each in row.stated]
        is_range = isinstance(row.computed, Range)
        assert told["computed"] == ({"low": row.computed.low, "high": row.computed.high} if is_range else row.computed)


@pytest.mark.parametrize(
    ("name", "waves", "cycle_hours", "folds_hours", "stated"),
    [
        ("v100x1", 5, 6.0, 30.0, "6 to 10"),
        ("v100x2", 3, 3.6, 15.6, "1.8 to 2"),
        ("t4x4", 2, 5.0, 17.5, "12 to 15"),
        ("t4x6", 1, 2.5, 12.5, "12.5"),
        ("p40x3", 2, 8.0, 36.0, "8 to 18"),
        ("p40x4", 2, 8.0, 28.0, "20"),
        ("p100x4", 2, 5.6, 19.6, "10 to 12"),
        ("p100x5", 1, 2.8, 14.0, "14"),
    ],
)
def test_five_models_take_as_many_waves_as_the_cards_need(catalogue, name, waves, cycle_hours, folds_hours, stated):
    comparison = run_example(name, catalogue)
    cycle = row_of(comparison, "Cycle: five models")
    assert cycle.computed == Range.exactly(cycle_hours)
    assert str(waves) in cycle.how
    assert str(catalogue.figure(f"cycle_hours.{name}").range) == stated
    assert cycle.contradictions
    assert ends(computed(comparison, "Cross-validation", "Optimisation")) == pytest.approx((folds_hours, folds_hours))
    plan = comparison.plans[0]
    assert len(plan.schedule.ends) == 5
    assert plan.schedule.makespan_seconds == pytest.approx(cycle_hours * 3600)
    assert len(plan.cards) == int(name[-1])


@pytest.mark.parametrize("name", ["t4x4", "p40x3", "p40x4", "p100x4", "p100x5"])
def test_alternatives_are_stated_longer_or_shorter_than_two_waves_take(catalogue, name):
    cycle = row_of(run_example(name, catalogue), "Cycle: five models")
    assert cycle.differs is (name != "p40x3")


@pytest.mark.parametrize(
    ("name", "a_day"), [("t4x6", 24 / 12.5), ("p40x4", 24 / 20), ("p100x5", 24 / 14), ("v100x2", 24 / 1.8)]
)
def test_experiments_a_day_follow_from_no_cycle(catalogue, name, a_day):
    by_stated = rows_of(run_example(name, catalogue), "Experiments a day")[0]
    assert isinstance(by_stated.computed, Range)
    assert by_stated.computed.high == pytest.approx(a_day)
    assert by_stated.differs


@pytest.mark.parametrize(
    ("name", "hours"), [("v100x1", (300, 600)), ("v100x2", (180, 360)), ("p40x3", (400, 800)), ("t4x4", (250, 500))]
)
def test_a_weight_search_that_retrains_takes_a_cycle_for_each_combination(catalogue, name, hours):
    assert ends(computed(run_example(name, catalogue), "50 to 100 weight combinations")) == pytest.approx(hours)


@pytest.mark.parametrize(("name", "mixed"), [("v100x1", (2, 3)), ("p40x3", (8, 8)), ("p100x5", (2.8, 2.8))])
def test_mixed_precision_shortens_the_cycle_only_where_the_card_gains(catalogue, name, mixed):
    assert ends(computed(run_example(name, catalogue), "Cycle by mixed precision")) == pytest.approx(mixed)


@pytest.mark.parametrize(
    ("name", "training", "patchtst"),
    [
        ("v100x1", "fits", "doesn't fit"),
        ("t4x4", "doesn't fit", "doesn't fit"),
        ("p40x3", "only where 1 GB is 10^9 bytes", "doesn't fit"),
        ("p100x5", "doesn't fit", "doesn't fit"),
    ],
)
def test_the_stated_peaks_are_laid_against_the_memory_that_the_driver_reports(catalogue, name, training, patchtst):
    comparison = run_example(name, catalogue)
    assert row_of(comparison, "Training's peak").computed == training
    assert row_of(comparison, "PatchTST in training").computed == patchtst


@pytest.mark.parametrize(("name", "apart"), [("v100x2", "fits"), ("p40x3", "only where 1 GB is 10^9 bytes")])
def test_training_and_serving_on_cards_of_their_own_fit_as_the_larger_of_them_does(catalogue, name, apart):
    assert row_of(run_example(name, catalogue), "Training on one card, serving on another").computed == apart


def test_training_and_serving_want_38_of_32_gb(catalogue):
    row = row_of(run_example("v100x1", catalogue), "Training beside serving")
    assert row.computed == Range.exactly(38)
    assert "doesn't fit" in row.how


def test_the_formula_adds_up_to_39_mb_and_explains_no_peak(catalogue):
    comparison = run_example("v100x1", catalogue)
    part = "formula"
    expected = {"Weights": 6.68, "Gradients": 6.68, "Adam": 13.36, "Batch": 0.1536}
    expected |= {
        "Activations, LSTM": 4.9152,
        "Activations, attention": 5.12,
        "Activations, CNN": 2.4576,
        "Sum": 39.3664,
    }
    for what, megabytes in expected.items():
        assert computed(comparison, what, part).low == pytest.approx(megabytes), what
    assert computed(comparison, "Peak over the sum", part).low == pytest.approx(609.7, abs=0.1)
    assert row_of(comparison, "Sum", part).stated[0].value == Range.exactly(299.7)


def test_a_thousand_windows_one_by_one_miss_their_period(catalogue):
    comparison = run_example("v100x1", catalogue)
    assert computed(comparison, "1,000 windows one by one, GPU") == Range.exactly(1200)
    assert computed(comparison, "1,000 windows one by one, CPU") == Range.exactly(5000)
    assert row_of(comparison, "1,000 windows one by one, GPU").differs
    assert computed(comparison, "GPU faster than CPU").low == pytest.approx(4.1667, abs=1e-4)
    assert computed(comparison, "Weights in inference").low == pytest.approx(0.00668)


def test_a_second_v100_halves_the_folds_and_no_single_training(catalogue):
    comparison = run_example("v100x2", catalogue)
    assert computed(comparison, "One of three steps") == Range.exactly(1.2)
    assert computed(comparison, "Cross-validation saved").low == pytest.approx(48)
    saved = rows_of(comparison, "Saved against P40 x 4")
    assert [str(row.computed) for row in saved] == ["7", "70,000,000"]


@pytest.mark.parametrize(
    ("name", "what", "value"),
    [
        ("p40x3", "One card", 20),
        ("p40x4", "One card", 20),
        ("t4x6", "One card", 40),
        ("t4x6", "Total cost", 600),
        ("p40x4", "Total cost", 800),
    ],
)
def test_prices_follow_from_what_several_cards_cost(catalogue, name, what, value):
    assert computed(run_example(name, catalogue), what, "Money").low == pytest.approx(value)


def test_three_p40s_cost_six_tenths_of_a_v100_and_no_sixteenth(catalogue):
    row = rows_of(run_example("p40x3", catalogue), "Hardware")[1]
    assert isinstance(row.computed, Range)
    assert row.computed.low == pytest.approx(0.6)
    assert row.differs


def test_a_user_who_changes_a_stated_figure_changes_what_is_computed(tmp_path):
    file = tmp_path / "own.yaml"
    file.write_text("stated: {one_model_hours: {t4: {value: 5, source: measured here}}}", encoding="utf-8")
    comparison = run_example("t4x6", load_catalogue(file))
    assert computed(comparison, "Cycle: five models") == Range.exactly(5)
    assert row_of(comparison, "One model on one card").stated[0].source == "measured here"


@pytest.mark.parametrize(
    ("member", "parameters", "differs"),
    [
        ("stacked lstm", 269_825, True),
        ("residual gru", 200_833, True),
        ("cnn lstm", 225_537, True),
        ("spike detector", 531_969, False),
        ("rule based", 9_985, True),
    ],
)
def test_the_layers_as_stated_have_other_numbers_of_parameters(catalogue, member, parameters, differs):
    row = row_of(run_example("v100x1", catalogue), member, "Parameters")
    assert (row.computed, row.differs) == (Range.exactly(parameters), differs)
    assert bool(row.contradictions) is differs


@pytest.mark.parametrize("name", NAMES[:8])
def test_sluices_own_members_stand_beside_the_documents_figures(catalogue, name):
    comparison = run_example(name, catalogue)
    part = "own five members"
    training, serving = (computed(comparison, what, part).high for what in ("Training, the largest", "Serving, 2"))
    assert training < 2
    assert computed(comparison, "Both on one card", part).high == pytest.approx(training + serving)
    assert row_of(comparison, "Both on one card", part).how.startswith("fits")
    one_pass = computed(comparison, "One pass over 781,163 rows", part)
    passes = computed(comparison, "Passes in five stated trainings", part)
    assert 0 < one_pass.low < one_pass.high
    stated = 5 * catalogue.figure(f"one_model_hours.{name.partition('x')[0]}").range.low
    assert ends(passes) == pytest.approx((stated / one_pass.high, stated / one_pass.low))
    assert computed(comparison, "1,000 windows scored at once", part).high < 600


def test_mixed_precision_saves_less_than_half_of_the_memory(catalogue):
    saved = computed(run_example("v100x1", catalogue), "Saved by mixed precision")
    assert 0 < saved.low <= saved.high < 50
