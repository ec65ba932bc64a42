"""The figures that docs/ensemble.md computes from forecasts.parquet are those of metrics.json."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from components.ensemble.selection import LEADS, STATIC_KINDS
from components.validate.combinations import combinations
from components.validate.scores import score

PAGE = Path(__file__).parents[2] / "docs" / "ensemble.md"


@pytest.fixture
def table() -> pd.DataFrame:
    generator = np.random.default_rng(3)
    actual = generator.normal(size=400)
    kinds = {f"combined_{kind}": actual + generator.normal(size=400) for kind in (*STATIC_KINDS, "gating")}
    ends = {"lower": actual - 1 + generator.normal(size=400), "upper": actual + 2}
    static = {"static_lower": actual - generator.uniform(-0.2, 1, 400), "static_upper": actual + 1}
    return pd.DataFrame(
        {"horizon": np.tile([1, 6], 200), "actual": actual, "forecast": actual, **ends, **static, **kinds}
    )


def test_the_page_computes_coverage_and_regret_as_metrics_json_has_them(table: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "runs" / "reservoir").mkdir(parents=True)
    table.to_parquet(tmp_path / "runs" / "reservoir" / "forecasts.parquet")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    told = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert told.returncode == 0, told.stderr
    printed = {line.split(" ", 1)[0]: ast.literal_eval(line.split(" ", 1)[1]) for line in told.stdout.splitlines()}
    for name, scores in score(table, 0.9).bands.items():
        wanted = {int(step): found["coverage"] for step, found in scores["by_horizon"].items()}
        assert printed[name] == pytest.approx(wanted, abs=6e-4)
    found = combinations(table, {"ensemble": {"kind": "inverse", "candidates": {}}})
    assert printed["regret"] == pytest.approx({kind: found.regret(kind, "test") for kind in found.test}, abs=6e-5)


def test_the_page_names_every_kind_and_the_leads_of_the_choice() -> None:
    text = " ".join(PAGE.read_text().split())
    for kind in (*STATIC_KINDS, "gating"):
        assert f"| `{kind}` |" in text
    for kind in ("equal", "caruana", "gating"):
        share = f"{100 * LEADS[kind].share:g}".removeprefix("0")
        (told,) = re.findall(rf"`{kind}`[^;]*?({re.escape(share)} % better.*?standard errors)", text)
        assert f"by {LEADS[kind].errors:g} standard errors" in told
