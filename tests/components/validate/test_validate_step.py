import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.dataset.schema import Gate
from components.deploy.store import ModelStore
from components.errors import InputError
from components.journal import Journal, read_events
from components.preprocess.windows import origins
from components.validate.aligned import align
from components.validate.step import validate_candidate


@pytest.fixture
def verdict(creek, store: ModelStore, tmp_path: Path):
    return validate_candidate(creek.request(tmp_path, store), Journal(str(tmp_path / "work"), "validate"))


def test_metrics_have_the_keys_and_figures_of_the_contract(verdict, creek, tmp_path: Path) -> None:
    facts = json.loads((tmp_path / "metrics.json").read_text())
    assert set(facts) == {
        *("models", "coverage", "coverage_nominal", "rows_in", "rows_kept", "rows_quarantined", "rows_grid"),
        *("cells_quarantined", "seconds", "gate", "bands", "weights"),
    }
    assert set(facts["models"]) == {"ensemble", "steady", "linear", "persistence", "seasonal_naive"}
    assert set(facts["models"]["linear"]) == {"mae", "rmse", "by_horizon"}
    assert facts["rows_in"] == facts["rows_kept"] + facts["rows_quarantined"]
    assert facts["rows_grid"] == len(creek.series.stamps)
    assert {"ingest", "train steady", "train linear", "validate"} == set(facts["seconds"])
    assert all(set(rule) == {"name", "measured", "wanted", "passed"} for rule in facts["gate"]["rules"])

    table = pd.read_parquet(creek.forecasts)
    error = table["member_steady"].astype(float) - table["actual"].astype(float)
    assert facts["models"]["steady"]["rmse"] == pytest.approx(float(np.sqrt((error**2).mean())), rel=1e-9)
    inside = (table["lower"] <= table["actual"]) & (table["actual"] <= table["upper"])
    assert facts["coverage"] == pytest.approx(float(inside.mean()))
    assert facts["bands"]["adaptive"]["coverage"] == facts["coverage"]
    assert set(facts["bands"]["static"]["by_horizon"]) == {"1", "3", "6"}
    assert facts["bands"]["static"]["width"] == pytest.approx(1.5 * facts["bands"]["adaptive"]["width"], rel=1e-4)
    assert facts["weights"]["kept"] == "caruana"
    assert facts["weights"]["rmse"]["test"]["single"] == pytest.approx(facts["models"]["linear"]["rmse"], rel=1e-6)
    assert facts["weights"]["regret"]["test"]["caruana"] == 0.0
    assert facts["weights"]["regret"]["validation"]["gating"] == pytest.approx(0.031 / 0.029 - 1)


def test_the_gate_is_measured_on_spikes_latency_and_skill(verdict) -> None:
    measured = {rule.name: rule.measured for rule in verdict.gate.rules}
    assert verdict.passed
    assert measured["skill against persistence"] > 0.5
    assert measured["spikes caught at 5% false alarms"] == 1.0
    assert 0 < measured["latency of one window"] < 1000


def test_the_report_lays_adaptive_beside_fixed_bands_and_dynamic_beside_other_weights(verdict, tmp_path: Path) -> None:
    page = (tmp_path / "report.html").read_text()
    for text in ("Adaptive: inside", "Static: inside", "Regret on test", "fixed widths"):
        assert text in page
    coverage = next(rule for rule in verdict.gate.rules if rule.name == "coverage of the band")
    assert "fixed widths:" in coverage.explanation


def test_every_rule_is_told(verdict, tmp_path: Path) -> None:
    events, _ = read_events(str(tmp_path / "work"))
    notes = [event["text"] for event in events if event["event"] == "note"]
    assert len(notes) == 7
    assert any("wanted >= 0: passed" in note for note in notes)


def test_a_refused_candidate_is_scored_and_reported_all_the_same(
    creek, store: ModelStore, tmp_path: Path, make_creek
) -> None:
    strict = creek.dataset.model_copy(update={"gate": Gate(skill_persistence=0.9999)})
    readings = pd.read_parquet(creek.series_folder.parent / "readings.parquet")
    verdict = validate_candidate(make_creek(strict, readings).request(tmp_path, store), Journal("", "validate"))
    assert not verdict.passed
    assert json.loads((tmp_path / "gate.json").read_text())["passed"] is False
    assert "Refused by the gate" in (tmp_path / "report.html").read_text()


def test_forecasts_of_another_series_are_an_input_error(creek) -> None:
    table = pd.read_parquet(creek.forecasts)
    with pytest.raises(InputError, match="origin"):
        align(table.assign(origin=table["origin"] + pd.Timedelta("1s")), creek.series)
    with pytest.raises(InputError, match="brook"):
        align(table.assign(series="brook"), creek.series)


def test_aligned_forecasts_lie_at_the_rows_they_were_made_at(creek) -> None:
    aligned = align(pd.read_parquet(creek.forecasts).sample(frac=1, random_state=2), creek.series)
    possible = origins(creek.series, "test", creek.dataset.window, creek.dataset.horizons)
    assert np.isin(aligned.origins, possible).all()
    last = creek.series.values[aligned.origins, creek.series.target]
    steady = aligned.matrix("member_steady")
    known = np.isfinite(steady)
    np.testing.assert_allclose(steady[known], np.broadcast_to(last[:, None], steady.shape)[known])


def test_a_missing_input_says_which_step_to_run_again(creek, store: ModelStore, tmp_path: Path) -> None:
    request = replace(creek.request(tmp_path, store), ingested=tmp_path / "none.json")
    with pytest.raises(InputError, match="ingest step"):
        validate_candidate(request, Journal("", "validate"))


def test_the_report_is_one_offline_page_of_modest_size(verdict, tmp_path: Path) -> None:
    page = (tmp_path / "report.html").read_text()
    assert len(page) < 8_000_000
    own = re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"(?:src|href)=[\"'](?!#)", own)
    for title in ("Errors", "Largest events", "Spikes", "Bands", "Ensemble", "Training", "Data quality", "Servable"):
        assert f"<h2>{title}</h2>" in page
    for axis in ("level\\u003cbr\\u003e(m)", "rain (mm)", "Time (Asia\\u002fSeoul)", "RMSE (m)"):
        assert axis in page or axis.replace("\\u002f", "/") in page
