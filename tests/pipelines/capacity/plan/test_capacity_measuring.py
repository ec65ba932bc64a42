"""The columns compiled and observed: filled from what is kept, and never mixed with the formula."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.memory import measured as columns
from pipelines.capacity.memory.measured import Measured, Measurements, Wanted
from pipelines.capacity.page.answer_page import write_page
from pipelines.capacity.plan import measuring
from pipelines.capacity.plan.advice import advised
from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.facts import as_json
from pipelines.capacity.plan.measuring import measure_missing, wanted_of, with_measured
from pipelines.capacity.plan.options import Wishes, request_of
from pipelines.capacity.plan.planning import Knowledge, assess

KNOWN = Knowledge(load_catalogue())
BYTES = {"compiled": 200_000_000, "answering": 30_000_000, "observed": 1_100_000_000}
WISHES = Wishes(cards="v100 x2, t4", members="stacked_lstm,rule_based", serve_on="card")


def planned(wishes: Wishes) -> Answer:
    return assess(request_of(wishes, KNOWN.catalogue), KNOWN)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """What was measured, by a machine that always finds the same."""
    found: list[Wanted] = []

    def measure(wanted: Wanted, environment: Mapping[str, str]) -> Measured:
        found.append(wanted)
        return Measured(BYTES[wanted.column], "a machine", "2026-11-21T14:45:00+00:00")

    monkeypatch.setattr(measuring, "measure", measure)
    return found


def test_each_figure_is_measured_once_and_shown_on_every_card(asked: list[Wanted], tmp_path: Path) -> None:
    answer, kept, said = planned(WISHES), Measurements(tmp_path), list[str]()
    measure_missing(answer, kept, {}, said.append)
    assert {(one.subject.member, one.column, one.batch) for one in asked} == {
        (member, column, batch)
        for member in ("stacked_lstm", "rule_based")
        for column, batch in (("compiled", 8), ("observed", 8), ("answering", 1_000))
    }
    assert said[-1].startswith("measured 6 of 6: ")
    filled = with_measured(answer, kept)
    training = [each for each in filled.memory if each.use == "training"]
    assert {(each.compiled_bytes, each.observed_bytes) for each in training} == {(BYTES["compiled"], BYTES["observed"])}
    (serving,) = (each for each in filled.memory if each.use == "serving")
    # Two networks in two versions; nobody watched a server.
    assert (serving.compiled_bytes, serving.observed_bytes) == (4 * BYTES["answering"], None)
    assert [each.formula for each in filled.memory] == [each.formula for each in answer.memory]
    asked.clear()
    measure_missing(answer, kept, {}, said.append)
    assert asked == []


def test_what_is_not_measured_stays_a_dash(asked: list[Wanted], tmp_path: Path) -> None:
    kept = Measurements(tmp_path)
    measure_missing(planned(Wishes(members="rule_based")), kept, {}, lambda line: None)
    filled = {each.workload: each for each in with_measured(planned(WISHES), kept).memory}
    assert filled["rule_based"].compiled_bytes == BYTES["compiled"]
    assert filled["stacked_lstm"].compiled_bytes is None
    assert filled["serving"].compiled_bytes is None


def test_micro_batches_are_what_is_measured(asked: list[Wanted], tmp_path: Path) -> None:
    answer, kept = planned(Wishes(members="rule_based", batch=64, accumulation=4)), Measurements(tmp_path)
    measure_missing(answer, kept, {}, lambda line: None)
    assert {one.batch for one in asked} == {16}
    assert any("of one of 4 micro-batches" in line for line in advised(with_measured(answer, kept), KNOWN).remarks)


def test_json_and_page_show_the_columns_and_where_they_come_from(asked: list[Wanted], tmp_path: Path) -> None:
    answer, kept = planned(WISHES), Measurements(tmp_path / "kept")
    assert wanted_of(answer)
    measure_missing(answer, kept, {}, lambda line: None)
    filled = advised(with_measured(answer, kept), KNOWN)
    facts = as_json(filled)
    assert facts["measured_on"] == ["a machine, 2026-11-21"]
    assert facts["memory"][0]["observed_bytes"] == BYTES["observed"]
    write_page(filled, tmp_path / "plan.html")
    text = (tmp_path / "plan.html").read_text()
    assert "a machine, 2026-11-21" in text
    assert "1.0 GiB" in text
    assert any("never added" in line for line in filled.remarks)


def test_a_failing_process_ends_the_measuring_and_keeps_what_was_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def measure(wanted: Wanted, environment: Mapping[str, str]) -> Measured:
        if wanted.column == "observed":
            raise RuntimeError("observing rule_based failed")
        return Measured(1, "a machine", "2026-11-21")

    monkeypatch.setattr(measuring, "measure", measure)
    with pytest.raises(RuntimeError, match="observing rule_based failed"):
        measure_missing(planned(Wishes(members="rule_based")), Measurements(tmp_path), {}, lambda line: None)


@pytest.mark.slow
def test_a_real_step_is_compiled_and_run(tmp_path: Path) -> None:
    import os

    answer, kept = planned(Wishes(members="rule_based", window=24, serve_on="card")), Measurements(tmp_path)
    measure_missing(answer, kept, os.environ, lambda line: None)
    training, serving = with_measured(answer, kept).memory
    assert training.compiled_bytes is not None
    assert training.observed_bytes is not None
    assert serving.compiled_bytes is not None
    # The step alone, and a whole process with TensorFlow in it.
    assert training.compiled_bytes < 50_000_000 < 400_000_000 < training.observed_bytes
    assert columns.Measurements(tmp_path).find(wanted_of(answer)[0]) is not None
