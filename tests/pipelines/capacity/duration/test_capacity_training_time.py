from __future__ import annotations

import importlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.errors import InputError
from components.train.architecture import Architecture
from components.train.registry import DEFAULT_MEMBERS
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.duration.calibration import Calibration
from pipelines.capacity.duration.cards import device_rates
from pipelines.capacity.duration.predict import (
    SCORED_WINDOWS,
    SCORES,
    Stated,
    TimeEstimate,
    inference_time,
    pass_time,
    steps_per_epoch,
    training_step_time,
    training_time,
)
from pipelines.capacity.duration.probes import Built, Probe, Shape
from pipelines.capacity.ranges import Range


@pytest.mark.parametrize(("windows", "steps"), [(781_064, 24_409), (999_901, 31_247), (1_499_901, 46_872)])
def test_steps_of_a_pass_are_those_of_the_documents_growth_table(windows: int, steps: int) -> None:
    # requirements.md section 2, windows of 100 with stride 1 at batch 32.
    assert steps_per_epoch(windows, 32) == steps


@given(st.integers(1, 10**7), st.integers(1, 512), st.integers(1, 500))
def test_a_pass_meets_every_window_and_no_more_than_a_batch_twice(rows: int, batch: int, scored: int) -> None:
    steps = steps_per_epoch(rows, batch, scored)
    assert (steps - 1) * batch * scored < rows <= steps * batch * scored


@pytest.mark.parametrize("given_numbers", [(0, 32, 1), (100, 0, 1), (100, 32, 0)])
def test_nothing_to_train_on_is_an_input_error(given_numbers: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="less than 1"):
        steps_per_epoch(*given_numbers)


def test_a_calibrated_machine_gives_one_number_with_a_fifth_either_way(
    recurrent: Architecture, machine: Calibration
) -> None:
    time = training_step_time(recurrent, 64, machine)
    assert time.high_seconds / time.likely_seconds == pytest.approx(1.2)
    assert time.likely_seconds / time.low_seconds == pytest.approx(1.2)
    assert "AMD EPYC" in time.basis


def test_a_step_is_near_what_was_measured_where_the_rates_come_from(
    recurrent: Architecture, machine: Calibration
) -> None:
    # 159 ms for 64 windows of the whole member, on the same machine in the same hour.
    assert training_step_time(recurrent, 64, machine).likely_seconds == pytest.approx(0.159, rel=0.2)


def test_a_training_is_its_steps_and_the_scores_between_them(recurrent: Architecture, machine: Calibration) -> None:
    step, scores = training_step_time(recurrent, 64, machine), inference_time((recurrent,), SCORED_WINDOWS, machine)
    assert pass_time(recurrent, 6400, 64, machine).likely_seconds == pytest.approx(100 * step.likely_seconds)
    whole = training_time(recurrent, 6400, 64, machine, epochs=3.0)
    assert whole.likely_seconds == pytest.approx(300 * step.likely_seconds + SCORES * scores.likely_seconds)


def test_scores_are_as_many_and_as_large_as_the_training_loop_makes_them() -> None:
    loop, scoring = (importlib.import_module(f"components.train.{name}") for name in ("loop", "scoring"))
    assert SCORED_WINDOWS == scoring.SCORED_WINDOWS
    assert round(1 / loop.Recipe().score_share) + 1 == SCORES


def test_a_measured_member_is_corrected_by_how_far_the_rates_missed_it(
    recurrent: Architecture, machine: Calibration
) -> None:
    plain, corrected = (
        training_step_time(each, 64, machine).likely_seconds
        for each in (recurrent, replace(recurrent, name="residual_gru"))
    )
    assert corrected == pytest.approx(1.1 * plain)


def test_a_range_of_epochs_widens_the_time(recurrent: Architecture, machine: Calibration) -> None:
    narrow = training_time(recurrent, 10_000, 64, machine, epochs=4.0)
    wide = training_time(recurrent, 10_000, 64, machine, epochs=Range(2.0, 8.0))
    assert wide.low_seconds < narrow.low_seconds
    assert wide.high_seconds > narrow.high_seconds
    assert wide.likely_seconds == pytest.approx(narrow.likely_seconds)


def test_chunks_make_a_pass_shorter_by_the_windows_that_they_hold(
    recurrent: Architecture, machine: Calibration
) -> None:
    windows, chunks = (training_time(recurrent, 100_000, 16, machine, scored_rows=rows) for rows in (1, 100))
    assert chunks.likely_seconds < windows.likely_seconds / 20


@given(
    st.tuples(st.floats(1e-6, 1e5), st.floats(1e-6, 1e5)).map(sorted),
    st.tuples(st.floats(1e-3, 1e4), st.floats(1e-3, 1e4)).map(sorted),
)
def test_times_and_sums_stay_in_order(seconds: list[float], counts: list[float]) -> None:
    low, high = seconds
    time = TimeEstimate(low, (low * high) ** 0.5, high, "any")
    for more in (time.times(Range(*counts)), time.plus(time)):
        assert more.low_seconds <= more.likely_seconds * (1 + 1e-9)
        assert more.likely_seconds <= more.high_seconds * (1 + 1e-9)


def test_a_stated_time_stays_beside_the_computed_one(catalogue: Catalogue, recurrent: Architecture) -> None:
    computed = training_time(recurrent, 781_064, 32, device_rates(catalogue.card("v100-sxm2-32gb")))
    beside = replace(computed, stated=Stated(Range.exactly(1.2 * 3600), "v100-options"))
    assert beside.seconds == computed.seconds
    assert beside.stated is not None
    assert beside.times(2.0).stated == beside.stated


def test_five_members_answer_one_window_in_milliseconds_on_a_processor(machine: Calibration) -> None:
    names = [name for name in DEFAULT_MEMBERS if name != "linear"]
    networks = [Built(Probe(name), Shape(), seed=0).forecasts((1,))[0].architecture for name in names]
    assert len(networks) == 5
    one, many = (inference_time(networks, batch, machine) for batch in (1, 1000))
    # Measured one by one on that machine: 26 ms, and 4.1 s for 1,000 windows, of which one batch is due in 600 s.
    assert one.likely_seconds == pytest.approx(0.026, rel=0.25)
    assert many.likely_seconds == pytest.approx(4.1, rel=0.25)
