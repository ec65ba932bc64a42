from __future__ import annotations

import json
from dataclasses import astuple, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from components.train.architecture import Architecture
from pipelines.capacity.duration.calibrate import CalibrationRequest, Candidate, calibrate, ready, sample
from pipelines.capacity.duration.calibration import (
    Calibration,
    default_path,
    load_calibration,
    save_calibration,
)
from pipelines.capacity.duration.operations import Work, training_work
from pipelines.capacity.duration.predict import training_step_time
from pipelines.capacity.duration.probes import Built, Probe, Run, Shape
from pipelines.capacity.duration.rates import Observation, Rates, fitted

SMALL = Shape(window=12, columns=2)
KINDS = (
    Work(operations=500),
    Work(serial_operations=20_000),
    Work(weight_bytes=10_000_000),
    Work(multiply_adds=1_000_000),
    Work(recurrent_bytes=100_000),
    Work(value_bytes=50_000),
    Work(input_bytes=4_800),
)


@given(st.lists(st.floats(1e-12, 1e-3), min_size=7, max_size=7))
def test_rates_are_found_again_in_steps_of_each_kind_of_work(rates: list[float]) -> None:
    known = Rates(*rates)
    seen = [Observation(work, batch, known.seconds(work, batch)) for work in KINDS for batch in (1, 32)]
    assert astuple(fitted(seen)) == pytest.approx(astuple(known), rel=1e-3)


@given(st.lists(st.floats(1e-4, 10.0), min_size=4, max_size=4))
def test_no_rate_is_ever_negative(seconds: list[float]) -> None:
    batches = (1, 8, 32, 128)
    seen = [Observation(KINDS[0] + KINDS[3], batch, each) for batch, each in zip(batches, seconds, strict=True)]
    assert min(astuple(fitted(seen))) >= 0


@given(st.integers(1, 1000))
def test_a_larger_batch_takes_longer_but_less_for_each_window(batch: int) -> None:
    rates = Rates(1e-6, 1e-6, 1e-11, 1e-11, 1e-10, 1e-10, 1e-9)
    work = sum(KINDS[1:], KINDS[0])
    one, more = rates.seconds(work, batch), rates.seconds(work, batch + 1)
    assert one < more < one * (batch + 1) / batch


def test_a_calibration_comes_back_from_its_file(machine: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "new" / "calibration.json"
    save_calibration(machine, path)
    assert load_calibration(path) == machine


def test_a_user_who_never_calibrated_is_told_how(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--calibrate"):
        load_calibration(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"format": 0}, "no calibration of format 1"),
        ({"training": {"flop_seconds": 1.0}}, "damaged"),
        ({"unknown": 1}, "damaged"),
        ({"timed": [{"member": "a"}]}, "damaged"),
    ],
)
def test_a_damaged_file_is_told_apart(
    machine: Calibration, tmp_path: Path, changed: dict[str, object], problem: str
) -> None:
    path = tmp_path / "calibration.json"
    save_calibration(machine, path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(InputError, match=problem):
        load_calibration(path)


def test_a_rate_below_zero_is_refused(machine: Calibration, tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    save_calibration(replace(machine, training=replace(machine.training, flop_seconds=-1.0)), path)
    with pytest.raises(InputError, match=r"training\.flop_seconds"):
        load_calibration(path)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (tmp_path / "calibration.json").write_text("{")
    with pytest.raises(InputError, match="no JSON"):
        load_calibration(tmp_path / "calibration.json")


def test_a_folder_that_cant_be_made_is_an_input_error(machine: Calibration, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="can't be written"):
        save_calibration(machine, tmp_path / "file" / "calibration.json")


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({}, Path("/home/me/.cache")),
        ({"XDG_CACHE_HOME": "/var/cache/me"}, Path("/var/cache/me")),
        ({"XDG_CACHE_HOME": "relative"}, Path("/home/me/.cache")),
        ({"XDG_CACHE_HOME": ""}, Path("/home/me/.cache")),
    ],
)
def test_the_cache_folder_is_the_user_s(variables: dict[str, str], folder: Path) -> None:
    assert default_path(variables, Path("/home/me")) == folder / "sluice" / "calibration.json"


def test_only_members_that_were_measured_are_corrected(machine: Calibration) -> None:
    assert machine.correction("residual_gru", True, 64) == pytest.approx(1.1)
    assert machine.correction("residual_gru", False, 64) == 1.0
    assert machine.correction("my_own", True, 64) == 1.0


def test_between_two_batches_a_correction_lies_between_theirs(machine: Calibration) -> None:
    (seen,) = machine.timed
    both = replace(machine, timed=(replace(seen, batch=80, seconds=0.072), seen))
    few, between, many, more = (both.correction("residual_gru", True, batch) for batch in (20, 40, 80, 500))
    assert [few, many, more] == pytest.approx([1.1, 0.9, 0.9])
    assert between == pytest.approx((few * many) ** 0.5)


def test_steps_that_come_out_unequal_betray_a_busy_machine(machine: Calibration) -> None:
    assert not machine.busy
    (seen,) = machine.timed
    disturbed = replace(machine, timed=(replace(seen, slow_seconds=1.5 * seen.seconds),))
    assert disturbed.busy
    assert "busy" in disturbed.basis


def test_networks_are_timed_in_turn_so_that_a_disturbance_meets_all(recurrent: Architecture) -> None:
    called: list[str] = []
    ticks = iter(range(1000))

    def candidate(name: str, at_once: int) -> Candidate:
        return Candidate(Probe(name), True, Run(recurrent, 1, lambda: called.append(name)), at_once)

    chosen = (candidate("first", 1), candidate("second", 2))
    samples = sample(chosen, lambda: float(next(ticks)), lambda rounds: rounds < 3)
    assert called == ["first", "second", "second"] * 3
    assert samples == [[1.0] * 3, [0.5] * 3]


def test_short_steps_are_timed_several_at_once(recurrent: Architecture) -> None:
    times = iter((0.0, 0.004, 0.0, 10.0))
    candidate = Candidate(Probe("any"), True, Run(recurrent, 1, lambda: None))
    assert [ready(candidate, lambda: next(times)).at_once for _ in range(2)] == [5, 1]


def test_a_network_to_time_is_the_one_that_is_trained() -> None:
    built = Built(Probe("spike_detector", "light"), SMALL, seed=0)
    run, (one, many) = built.training_step(3), built.forecasts((1, 5))
    weights = [variable.numpy() for variable in built.networks.training.weights]
    run.call()
    assert run.architecture.parameters == sum(
        weight.numpy().size for weight in built.networks.training.trainable_weights
    )
    assert training_work(run.architecture).total.serial_rows == 4 * 12
    assert all(
        (before == after.numpy()).all() for before, after in zip(weights, built.networks.training.weights, strict=True)
    )
    assert [len(answer) for answer in (one.call(), many.call())] == [2, 2]  # type: ignore[arg-type]


def test_a_calibration_predicts_what_it_measured() -> None:
    request = CalibrationRequest(
        shape=SMALL,
        probes=((Probe("rule_based"), (2, 16)),),
        seconds=0.0,
        now=lambda: datetime(2026, 11, 21, tzinfo=UTC),
    )
    found = calibrate(request)
    assert found.taken_at == "2026-11-21T00:00:00+00:00"
    assert [(seen.training, seen.batch) for seen in found.timed] == [(True, 2), (True, 16), (False, 1), (False, 80)]
    step = Built(Probe("rule_based"), SMALL, seed=0).training_step(16)
    predicted = training_step_time(step.architecture, 16, found)
    assert predicted.likely_seconds == pytest.approx(found.timed[1].seconds, rel=0.5)
    assert found.device in predicted.basis
