"""Adaptive bands on streams whose errors change; each horizon's truth comes as late as the horizon."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ensemble.adaptive import Origins, replay
from components.ensemble.conformal import Band, conformal_widths

HORIZONS = (1, 6, 24)
NOMINAL = 0.9


def correlated(count, seed, memory=0.9):
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal((count, len(HORIZONS)))
    for row in range(1, count):
        noise[row] = memory * noise[row - 1] + np.sqrt(1 - memory**2) * noise[row]
    return noise


def origins(errors, times, half_width=1.0):
    errors = np.asarray(errors, np.float32)
    half = np.full(errors.shape, half_width, np.float32)
    return Origins(Band(-half, half), errors, np.asarray(times, np.int64))


def replayed(errors, test_from):
    times = np.arange(len(errors))
    past, test = origins(errors[:test_from], times[:test_from]), origins(errors[test_from:], times[test_from:])
    start = conformal_widths(past.band, past.actual, NOMINAL)
    return past, test, start, replay(past, test, start, HORIZONS, NOMINAL)


def interval_score(band, actual):
    missed = np.maximum(band.lower - actual, 0) + np.maximum(actual - band.upper, 0)
    return float((band.upper - band.lower + 2 / (1 - NOMINAL) * missed).mean())


DRIFTS = {
    "none": lambda at: (np.ones_like(at), np.zeros_like(at)),
    "wider at once": lambda at: (np.where(at > 0, 2.5, 1.0), np.zeros_like(at)),
    "wider slowly": lambda at: (1 + np.maximum(at, 0), np.zeros_like(at)),
    "narrower": lambda at: (np.where(at > 0, 0.5, 1.0), np.zeros_like(at)),
    "biased": lambda at: (np.ones_like(at), np.where(at > 0, 1.5, 0.0)),
    "storms": lambda at: (np.where(np.sin(at * 40) > 0.8, 5.0, 1.0), np.zeros_like(at)),
}


@pytest.mark.parametrize("drift", DRIFTS)
def test_bands_cover_88_to_92_percent_under_drift_at_no_loss_of_interval_score(drift):
    at = np.linspace(-1, 1, 8000)
    scale, bias = DRIFTS[drift](at)
    errors = correlated(8000, seed=4) * scale[:, None] + bias[:, None]
    _, test, start, found = replayed(errors, 4000)
    band = test.band.widened(found.widths)
    assert np.abs(band.coverage(test.actual) - NOMINAL).max() <= 0.02
    assert interval_score(band, test.actual) <= 1.03 * interval_score(test.band.widened(start), test.actual)


def test_fixed_bands_would_not_have_covered():
    errors = correlated(8000, seed=4) * np.where(np.arange(8000) < 4000, 1.0, 2.5)[:, None]
    _, test, start, found = replayed(errors, 4000)
    fixed, adaptive = (test.band.widened(widths) for widths in (start, found.widths))
    assert fixed.coverage(test.actual).max() < 0.6
    assert interval_score(adaptive, test.actual) < 0.7 * interval_score(fixed, test.actual)


@settings(max_examples=30, deadline=None)
@given(st.integers(max(HORIZONS), 298), st.sampled_from(range(len(HORIZONS))), st.integers(0, 100))
def test_a_width_depends_on_no_truth_that_is_younger_than_its_horizon(origin, column, seed):
    def factors_with_unknown(value):
        errors = correlated(600, seed)
        # At the origin, truths of origins less than a horizon before it are not known yet.
        errors[300 + origin - HORIZONS[column] + 1 :, column] = value
        return replayed(errors, 300)[3].widths.factors[:, column]

    inside, missed = factors_with_unknown(0.0), factors_with_unknown(1e6)
    assert np.array_equal(inside[: origin + 1], missed[: origin + 1])
    assert inside[origin + 1] < missed[origin + 1]


def test_the_last_width_has_seen_every_truth():
    errors = correlated(600, seed=1)
    _, _, _, found = replayed(errors, 300)
    later = errors.copy()
    later[-1] = 1e6
    _, _, _, other = replayed(later, 300)
    assert np.array_equal(found.widths.factors, other.widths.factors)
    assert (other.last.factors > found.last.factors).all()


def test_truths_that_never_come_leave_the_width_as_it_was():
    errors = correlated(600, seed=1)
    errors[300:] = np.nan
    _, _, _, found = replayed(errors, 300)
    assert np.array_equal(found.widths.factors[-1], found.last.factors)


def test_series_of_a_panel_that_share_a_time_count_as_one_truth_in_any_order():
    errors = correlated(1000, seed=2)
    times = np.arange(1000)
    past, test = origins(errors[:500], times[:500]), origins(errors[500:], times[500:])
    start = conformal_widths(past.band, past.actual, NOMINAL)
    alone = replay(past, test, start, HORIZONS, NOMINAL)
    twice = [origins(np.tile(part.actual, (2, 1)), np.tile(part.times, 2)) for part in (past, test)]
    both = replay(*twice, start, HORIZONS, NOMINAL)
    assert both.last.factors == pytest.approx(alone.last.factors, abs=0.02)
    assert np.array_equal(both.widths.factors[:500], both.widths.factors[500:])


def test_a_million_origins_take_seconds():
    errors = np.random.default_rng(3).standard_normal((1_000_000, len(HORIZONS))).astype(np.float32)
    began = time.process_time()
    _, test, _, found = replayed(errors, 500_000)
    assert time.process_time() - began < 20
    assert test.band.widened(found.widths).coverage(test.actual) == pytest.approx(NOMINAL, abs=0.01)
