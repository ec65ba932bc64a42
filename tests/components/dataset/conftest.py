from __future__ import annotations

import pytest

CREEK = """\
name: creek
time: stamp
step: 5min
columns:
  level: {unit: m, limits: [0, 5]}
  rain:
    unit: mm
    missing: {fill: zero}
  tide: {role: known}
target: level
window: 48
horizons: [1, 6, 12]
spike: {rise: 0.2, within: 12}
rules:
  - when: rain > 5 and level < 1
    for: 3
    then: {min: 0.5}
"""


@pytest.fixture
def creek() -> str:
    """A small dataset file with one thing of each kind."""
    return CREEK
