"""Models of one's own, optimisers, passes from earlier runs, and two changes at once."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from components.errors import InputError
from components.train.architecture import Architecture, Layer
from components.train.memory import OPTIMIZER_COPIES
from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.plan.advice import advised
from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.facts import as_json
from pipelines.capacity.plan.options import Wishes, request_of
from pipelines.capacity.plan.planning import Knowledge, assess
from pipelines.capacity.plan.request import MEASURED_PASSES, OwnModel, Request
from pipelines.capacity.plan.screen import verdict

KNOWN = Knowledge(load_catalogue())
LSTM = Layer("lstm", "lstm", 100, 12, 256, 4 * 256 * (12 + 256 + 1))
OWN = OwnModel("own.keras", Architecture("own", 1_200, 1, (LSTM, Layer("dense", "dense", 1, 256, 1, 257))))


def request(wishes: Wishes, **trained: Any) -> Request:
    found = request_of(wishes, KNOWN.catalogue)
    return replace(found, trained=replace(found.trained, **trained))


def planned(one: Request) -> Answer:
    return advised(assess(one, KNOWN), KNOWN)


def trained_in(folder: Path, member: str, best: int) -> None:
    facts = {
        "name": member,
        "mode": "windows",
        "device": "AMD EPYC, 2 threads",
        "steps": best,
        "targets_per_second": 400.0,
        "recipe": {"chunks": 16, "windows": 64, "patience": 2},
        "history": [{"step": 0, "validation_loss": 0.9}, {"step": best, "validation_loss": 0.4}],
    }
    path = folder / member / "member.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(facts))


def test_a_model_is_planned_beside_the_members_or_in_their_place() -> None:
    alone, beside = planned(request(Wishes(), members=(), models=(OWN,))), planned(request(Wishes(), models=(OWN,)))
    assert {each.workload for each in alone.memory} == {"own"}
    assert verdict(alone).startswith("Fits, and in time: 1 model on 781,163 rows")
    assert verdict(beside).startswith("Fits, and in time: 5 members and 1 model on")
    assert [each.member for each in beside.times][-1] == "own"
    order = beside.order
    assert order is not None
    assert any(each.job.endswith("/own") for each in order.schedule.placements)


def test_a_model_is_served_as_well() -> None:
    sizes = [
        next(each.formula.total_bytes for each in planned(one).memory if each.use == "serving")
        for one in (request(Wishes(serve_on="card")), request(Wishes(serve_on="card"), models=(OWN,)))
    ]
    assert sizes[1] > sizes[0]


def test_a_layer_without_a_closed_form_is_a_remark() -> None:
    strange = replace(OWN, uncounted=("mixed (EinsumDense)",))
    remarks = planned(request(Wishes(), members=(), models=(strange,))).remarks
    assert any("no closed form of mixed (EinsumDense)" in line for line in remarks)


def test_two_networks_of_one_name_are_refused() -> None:
    with pytest.raises(InputError, match="two networks are called own"):
        request(Wishes(), models=(OWN, OWN))


@pytest.mark.parametrize("optimizer", OPTIMIZER_COPIES)
def test_an_optimiser_keeps_as_many_copies_of_the_weights_as_it_does(optimizer: str) -> None:
    def kept(name: str) -> int:
        (need,) = planned(request_of(Wishes(members="rule_based", optimizer=name), KNOWN.catalogue)).memory
        return next(term.bytes for term in need.formula.terms if term.name == "optimiser and moving average")

    weights = 4 * planned(request(Wishes(members="rule_based"))).memory[0].formula.terms[2].bytes // 4
    assert kept(optimizer) - kept("sgd") == OPTIMIZER_COPIES[optimizer] * weights  # type: ignore[index]


def test_earlier_runs_say_the_passes_and_the_others_keep_theirs(tmp_path: Path) -> None:
    trained_in(tmp_path, "rule_based", best=10_000)
    answer = planned(
        request_of(
            Wishes(members="rule_based,stacked_lstm", rows=64_099, history=str(tmp_path)),
            KNOWN.catalogue,
        )
    )
    epochs = {each.member: each.epochs for each in answer.times}
    assert epochs["rule_based"].passes.low == pytest.approx(10.0)
    assert "1 earlier training" in epochs["rule_based"].basis
    assert epochs["stacked_lstm"].passes == MEASURED_PASSES
    assert "no earlier training in" in epochs["stacked_lstm"].basis
    (line,) = (each for each in as_json(answer)["training"] if each["member"] == "rule_based")
    assert line["passes"] == [10.0, 10.0]
    assert "earlier training" in line["passes_basis"]


def test_a_history_that_is_not_there_is_named() -> None:
    with pytest.raises(InputError, match="is no folder"):
        request_of(Wishes(history="nowhere"), KNOWN.catalogue)


def test_two_settings_are_tried_where_none_helps_by_itself() -> None:
    wishes = Wishes(cards="gtx-1660", batch=4096, precision="float32", serve_on="card", serve_windows=10_000)
    answer = planned(request_of(wishes, KNOWN.catalogue))
    first = answer.changes[0]
    assert first.option == "--serve-on cpu --accumulation 4"
    assert assess(request_of(replace(wishes, serve_on="cpu", accumulation=4), KNOWN.catalogue), KNOWN).holds
    assert not assess(request_of(replace(wishes, accumulation=4), KNOWN.catalogue), KNOWN).holds
    assert not assess(request_of(replace(wishes, serve_on="cpu"), KNOWN.catalogue), KNOWN).holds
    assert all(each.fits and each.in_time and each.largest_bytes for each in answer.changes)
