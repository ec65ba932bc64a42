"""Small networks, and a machine whose rates were measured."""

from __future__ import annotations

import pytest

from components.train.architecture import Architecture, Layer
from pipelines.capacity.catalogue.load import load_catalogue
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.duration.calibration import Calibration, Timed
from pipelines.capacity.duration.rates import Rates


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return load_catalogue()


@pytest.fixture(scope="session")
def recurrent() -> Architecture:
    """The stated LSTM member's own layers on windows of 100 x 12, and its answer."""
    sizes = ((12, 128), (128, 128), (128, 64))
    lstms = [
        Layer(f"lstm_{number}", "lstm", 100, inputs, units, parameters=4 * units * (inputs + units + 1))
        for number, (inputs, units) in enumerate(sizes)
    ]
    return Architecture("stacked_lstm", 1200, 1, (*lstms, Layer("dense", "dense", 1, 64, 1, parameters=65)))


@pytest.fixture(scope="session")
def attentive() -> Architecture:
    """Attention over 50 rows of 32 values with 4 heads, without a loop."""
    attention = Layer("attention", "attention", 50, 32, 32, parameters=4224, heads=4, key_size=8)
    return Architecture("attentive", 600, 3, (attention, Layer("dense", "dense", 1, 32, 3, parameters=99)))


@pytest.fixture(scope="session")
def machine() -> Calibration:
    """One thread of an AMD EPYC, as calibrated on 2026-11-21 (process time)."""
    return Calibration(
        taken_at="2026-11-21T14:45:00+00:00",
        device="AMD EPYC, 1 thread",
        threads=1,
        precision="float32",
        versions={"tensorflow": "2.21.0", "keras": "3.15.0"},
        window=100,
        columns=12,
        training=Rates(2.35e-06, 9.43e-07, 3.07e-11, 1.13e-11, 4.25e-11, 3.10e-10, 1.57e-08),
        inference=Rates(3.38e-06, 5.12e-07, 7.10e-12, 1.38e-11, 0.0, 2.65e-11, 1.76e-08),
        timed=(Timed("residual_gru", "stated", True, 20, 0.0880, 0.0900, 0.0800),),
    )
