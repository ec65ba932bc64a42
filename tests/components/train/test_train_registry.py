from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from components.train.registry import DEFAULT_MEMBERS, MEMBERS, budget_shares


def test_every_member_has_its_module() -> None:
    for entry in MEMBERS.values():
        assert importlib.util.find_spec(entry.module) is not None, entry.name


@pytest.mark.parametrize("parallel", [1, 2, 3])
def test_shares_fill_the_budget_of_the_busiest_worker(parallel: int) -> None:
    shares = budget_shares(DEFAULT_MEMBERS, 600.0, parallel)
    free = [0.0] * parallel
    for name in DEFAULT_MEMBERS:
        free[free.index(min(free))] += shares[name]
    assert max(free) == pytest.approx(600.0)
    assert min(shares.values()) > 0


def test_one_member_gets_the_whole_budget() -> None:
    assert budget_shares(("linear",), 60.0, 2) == {"linear": pytest.approx(60.0)}


def test_the_registry_is_read_without_loading_keras() -> None:
    code = "import sys, components.train.registry; print('keras' in sys.modules or 'tensorflow' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
