"""What the planner writes for a cluster is what the chart and the pipelines take."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from components.errors import InputError
from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.plan.answer import Answer
from pipelines.capacity.plan.helm_values import helm_values, profile
from pipelines.capacity.plan.options import Wishes, request_of
from pipelines.capacity.plan.planning import Knowledge, assess
from pipelines.platform.profile import parse_profile

ROOT = Path(__file__).parents[4]
sys.path.insert(0, str(ROOT / "tests" / "helm"))
from helm_chart import CHART, Chart, helm_program  # noqa: E402

CATALOGUE = load_catalogue()
WISHES = {
    "one card, serving on it": Wishes(cards="v100-32gb", serve_on="card"),
    "one card for training": Wishes(cards="v100-32gb"),
    "two cards": Wishes(cards="v100-32gb x2", serve_on="card"),
    "mixed cards": Wishes(cards="v100-32gb, t4 x3", serve_on="card", beside=("inference=5",)),
}


def planned(wishes: Wishes) -> Answer:
    return assess(request_of(wishes, CATALOGUE), Knowledge(CATALOGUE))


@pytest.mark.parametrize("wishes", WISHES.values(), ids=list(WISHES))
def test_the_charts_schema_takes_the_values(wishes: Wishes) -> None:
    values = yaml.safe_load(helm_values(planned(wishes)).text())
    schema = json.loads((CHART / "values.schema.json").read_text())
    assert [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(values)] == []


@pytest.mark.parametrize("wishes", WISHES.values(), ids=list(WISHES))
def test_the_pipelines_take_the_profile(wishes: Wishes) -> None:
    found = parse_profile(profile(planned(wishes)).text(), "planned")
    asked = found.step("train").accelerator
    assert asked is not None
    assert asked.products
    assert 0 < found.budget_minutes <= 8 * 60


@pytest.mark.parametrize("wishes", WISHES.values(), ids=list(WISHES))
def test_helm_makes_a_service_of_the_values_that_the_profiles_smoke_test_asks(wishes: Wishes, tmp_path: Path) -> None:
    program = helm_program(tmp_path)
    if program is None:
        pytest.skip("helm isn't on PATH, and there is no ../shared/cluster with one")
    answer = planned(wishes)
    objects = Chart(program).render(yaml.safe_load(helm_values(answer).text()))
    found = next(each["spec"] for each in objects if each["kind"] == "InferenceService")
    front = "transformer" if "transformer" in found else "predictor"
    asked = parse_profile(profile(answer).text(), "planned").serving
    assert asked.rest == f"http://reservoir-{front}"
    assert ("nvidia.com/gpu" in json.dumps(found["predictor"])) == (answer.serving_on != "cpu")


@pytest.mark.parametrize("wishes", WISHES.values(), ids=list(WISHES))
def test_chart_and_profile_say_the_same_of_training(wishes: Wishes, tmp_path: Path) -> None:
    program = helm_program(tmp_path)
    if program is None:
        pytest.skip("helm isn't on PATH, and there is no ../shared/cluster with one")
    answer = planned(wishes)
    objects = Chart(program).render({**helm_values(answer).values, "fullnameOverride": "sluice"})
    (made,) = [each for each in objects if each["metadata"]["name"] == "sluice-profile"]
    told = {"name", "description"}
    found = parse_profile(made["data"]["profile.yaml"], "the chart").model_dump(exclude=told)
    assert found == parse_profile(profile(answer).text(), "planned").model_dump(exclude=told)


@pytest.mark.parametrize(
    ("wishes", "training"),
    [
        (Wishes(batch=64), {"batch": 64, "precision": "auto", "window": "02:00-10:00", "timezone": "UTC"}),
        (
            Wishes(batch=64, accumulation=3, precision="float32", dawn="22:30-06:15"),
            {"batch": 64, "micro_batch": 22, "precision": "float32", "window": "22:30-06:15", "timezone": "UTC"},
        ),
        (Wishes(dawn="00:00-24:00"), {"precision": "auto"}),
    ],
)
def test_the_profile_trains_as_it_was_planned(wishes: Wishes, training: dict[str, object]) -> None:
    document = profile(planned(wishes))
    assert document.values["training"] == training
    found = parse_profile(document.text(), "planned").training
    assert found.model_dump(include=set(training)) == training
    assert ("all day" in " ".join(document.comments)) == (not found.window)


def test_what_auto_comes_to_is_said() -> None:
    assert "auto is mixed_float16 on t4" in " ".join(profile(planned(Wishes(cards="t4"))).comments)


def test_the_budget_leaves_room_in_the_window_for_the_other_steps() -> None:
    answer = planned(Wishes(cards="t4", rows=3_000_000, passes="40", dawn="02:00-04:00"))
    assert profile(answer).values["budget_minutes"] <= 0.9 * 120


def test_what_the_chart_cannot_hold_is_said_in_comments() -> None:
    one, mixed = (" ".join(helm_values(planned(WISHES[name])).comments) for name in (next(iter(WISHES)), "mixed cards"))
    assert "time slicing" in one
    assert "serving.nodeSelector" in mixed
    assert "inference holds 5.0 GB" in mixed


def test_a_card_that_computes_in_tensorfloat_32_is_said_to_answer_otherwise() -> None:
    found = [" ".join(profile(planned(Wishes(cards=card, serve_on="card"))).comments) for card in ("rtx-4090", "v100")]
    assert ["TensorFloat-32" in comments for comments in found] == [True, False]


def test_serving_keeps_a_card_of_its_own_where_there_are_two() -> None:
    answer = planned(WISHES["two cards"])
    values = helm_values(answer).values
    assert values["profile"] == "dedicated"
    assert values["gpu"]["cards"] == 2
    assert profile(answer).values["gpu_trainings_at_once"] == 1


def test_one_card_is_shared_and_the_server_takes_its_part_of_it() -> None:
    values = helm_values(planned(WISHES["one card, serving on it"])).values
    assert values["profile"] == "shared"
    assert 0 < values["serving"]["tfserving"]["gpuMemoryFraction"] < 0.5


def test_serving_on_the_cpu_asks_for_no_card() -> None:
    document = helm_values(planned(WISHES["one card for training"]))
    gpu = document.values["gpu"]
    assert [gpu[name] for name in ("perReplica", "cards", "servingCards")] == [0, 1, 0]
    assert "Tesla-V100-PCIE-32GB" in gpu["products"]
    assert any("training alone" in line for line in document.comments)


def test_what_does_not_fit_is_not_written() -> None:
    answer = planned(Wishes(cards="gtx-1660", batch=4096, precision="float32", serve_on="card"))
    with pytest.raises(InputError, match="does not fit"):
        helm_values(answer)


def test_a_card_without_a_node_label_is_refused(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("cards:\n  t4: {products: []}\n")
    catalogue = load_catalogue(own)
    answer = assess(request_of(Wishes(cards="t4"), catalogue), Knowledge(catalogue))
    with pytest.raises(InputError, match="no node label"):
        profile(answer)
