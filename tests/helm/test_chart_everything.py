"""All switches on: kinds that a test cluster doesn't serve, against their schemas; the others are in tests/cluster."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from custom_kinds import SCHEMAS, problems
from everything import PROFILES, VARIANTS, served, values_of
from golden_files import differences
from helm_chart import CHART

# Of compiled pipelines, not of the chart.
OTHER_SCHEMAS = {"pipeline", "pipelineversion"}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_objects_of_other_operators_fit_their_schemas(chart: Any, variant: str, profile: str) -> None:
    objects = [each for each in chart.render(values_of(variant, profile), profile) if not served(each)]
    assert objects
    assert not {each["kind"]: found for each in objects if (found := problems(each))}


def test_all_switches_together_render_every_template_and_use_every_schema(chart: Any) -> None:
    rendered: set[str] = set()
    kinds: set[str] = set()
    for variant in VARIANTS:
        values = values_of(variant, "dedicated")
        text = chart.text("dedicated", values)
        rendered |= {line.split("/templates/")[1] for line in text.splitlines() if line.startswith("# Source: ")}
        kinds |= {each["kind"].lower() for each in chart.render(values, "dedicated")}
    templates = (CHART / "templates").rglob("*.yaml")
    there = {str(path.relative_to(CHART / "templates")) for path in templates if path.name != "refusals.yaml"}
    assert there == rendered
    assert {path.stem for path in SCHEMAS.glob("*.json")} - OTHER_SCHEMAS <= kinds


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_switches_render_as_their_golden_file(chart: Any, variant: str) -> None:
    values = values_of(variant, "dedicated")
    # The dashboard is a file already.
    values["monitoring"]["dashboard"] = {"enabled": False}
    assert differences(chart.text("dedicated", values), variant) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_nothing_but_the_service_itself_scales(chart: Any, profile: str) -> None:
    for variant in VARIANTS:
        kinds = {each["kind"] for each in chart.render(values_of(variant, profile), profile)}
        assert not kinds & {"HorizontalPodAutoscaler", "ScaledObject", "Deployment"}
