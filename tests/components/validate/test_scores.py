import numpy as np
import pandas as pd
import pytest

from components.validate.scores import score


@pytest.fixture
def table() -> pd.DataFrame:
    generator = np.random.default_rng(5)
    rows = 60
    actual = generator.normal(size=rows)
    return pd.DataFrame(
        {
            "series": "creek",
            "origin": pd.date_range("2024-01-01", periods=rows // 2, freq="h", tz="UTC").repeat(2),
            "horizon": np.tile(np.array([2, 10], np.int32), rows // 2),
            "actual": actual,
            "forecast": actual + 0.1,
            "lower": actual - np.where(np.arange(rows) < 15, -1, 1),
            "upper": actual + 1,
            "spike_probability": 0.5,
            "member_linear": actual + generator.normal(size=rows),
            "baseline_persistence": actual - 2,
            "baseline_seasonal_naive": actual * 0,
            "weight_linear": 1.0,
        }
    )


def test_every_model_is_scored_under_its_own_name(table: pd.DataFrame) -> None:
    assert list(score(table, 0.9).models) == ["ensemble", "linear", "persistence", "seasonal_naive"]


def test_figures_follow_from_the_table(table: pd.DataFrame) -> None:
    scores = score(table, 0.9)
    error = table["member_linear"] - table["actual"]
    linear = scores.models["linear"]
    assert linear["rmse"] == pytest.approx(float(np.sqrt((error**2).mean())))
    assert linear["mae"] == pytest.approx(float(error.abs().mean()))
    far = error[table["horizon"] == 10]
    assert linear["by_horizon"]["10"]["rmse"] == pytest.approx(float(np.sqrt((far**2).mean())))
    assert scores.models["ensemble"]["mae"] == pytest.approx(0.1)
    assert (scores.coverage, scores.coverage_nominal) == (0.75, 0.9)


def test_the_order_of_rows_does_not_matter(table: pd.DataFrame) -> None:
    shuffled = score(table.sample(frac=1, random_state=1), 0.9)
    assert list(shuffled.models["linear"]["by_horizon"]) == ["2", "10"]
    expected = score(table, 0.9).models["linear"]["by_horizon"]["2"]
    assert shuffled.models["linear"]["by_horizon"]["2"] == pytest.approx(expected)


def test_each_band_is_scored_by_horizon(table: pd.DataFrame) -> None:
    both = table.assign(static_lower=table["actual"] + 1, static_upper=table["actual"] + 3)
    bands = score(both, 0.9).bands
    assert bands["adaptive"]["coverage"] == 0.75
    assert bands["static"]["coverage"] == 0.0
    assert bands["static"]["interval_score"] == pytest.approx(2 + 2 / 0.1)
    assert bands["static"]["by_horizon"]["10"]["width"] == pytest.approx(2.0)


def test_a_table_without_fixed_bands_is_scored_all_the_same(table: pd.DataFrame) -> None:
    assert list(score(table, 0.9).bands) == ["adaptive"]
