import numpy as np
import pandas as pd
import pytest

from components.validate.combinations import combinations

CARD = {"ensemble": {"kind": "inverse", "candidates": {"inverse": 1.0, "single": 1.25, "mean": 2.0, "gating": None}}}


def test_regret_is_against_the_best_of_the_references() -> None:
    actual = np.zeros(50)
    errors = {"inverse": 1.1, "single": 2.0, "mean": 1.0, "caruana": 4.0, "gating": 0.9}
    table = pd.DataFrame({"actual": actual, **{f"combined_{kind}": actual + error for kind, error in errors.items()}})
    found = combinations(table, CARD)
    assert found.regret("inverse", "test") == pytest.approx(0.1)
    assert found.regret("gating", "test") == pytest.approx(-0.1)
    assert found.regret("inverse", "validation") == pytest.approx(-0.2)
    assert found.regret("gating", "validation") is None
    assert found.as_json()["regret"]["test"] == {"inverse": pytest.approx(0.1), "gating": pytest.approx(-0.1)}


def test_a_table_without_other_kinds_has_no_regret() -> None:
    found = combinations(pd.DataFrame({"actual": [1.0], "forecast": [1.0]}), CARD)
    assert found.regret("inverse", "test") is None
