import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ensemble.conformal import Band, Widths, conformal_widths


def band_of(half_width, count, horizons=2):
    half = np.full((count, horizons), half_width, np.float32)
    return Band(-half, half)


@settings(max_examples=50, deadline=None)
@given(st.integers(30, 500), st.floats(0.5, 0.95), st.floats(0.01, 3.0), st.integers(0, 1000))
def test_widths_cover_at_least_the_nominal_share_of_their_own_origins(count, nominal, half_width, seed):
    actual = np.random.default_rng(seed).standard_normal((count, 2)).astype(np.float32)
    band = band_of(half_width, count)
    covered = band.widened(conformal_widths(band, actual, nominal)).coverage(actual)
    assert (covered >= nominal - 1e-6).all()


def test_widths_cover_fresh_origins_too():
    generator = np.random.default_rng(5)
    actual, fresh = generator.standard_normal((2, 4000, 2)).astype(np.float32)
    widths = conformal_widths(band_of(0.2, 4000), actual, 0.9)
    assert band_of(0.2, 4000).widened(widths).coverage(fresh) == pytest.approx(0.9, abs=0.02)


def test_a_band_that_is_too_wide_is_narrowed():
    actual = np.random.default_rng(5).standard_normal((1000, 2)).astype(np.float32)
    assert (conformal_widths(band_of(10.0, 1000), actual, 0.9).factors < 0).all()


def test_unknown_actuals_are_passed_over():
    actual = np.random.default_rng(5).standard_normal((1000, 2)).astype(np.float32)
    actual[:, 1] = np.nan
    widths = conformal_widths(band_of(0.2, 1000), actual, 0.9)
    assert widths.factors[0] > 0
    assert widths.factors[1] == 0
    assert np.isnan(band_of(0.2, 1000).coverage(actual)[1])


def test_a_width_grows_with_the_band_it_is_put_on():
    band = Band(np.array([[0.0], [0.0]], np.float32), np.array([[1.0], [3.0]], np.float32))
    widths = Widths(np.array([0.5], np.float32), np.array([1.0], np.float32))
    assert widths.on(band)[:, 0].tolist() == [1.0, 2.0]


def test_a_band_without_width_gets_one():
    actual = np.random.default_rng(5).standard_normal((2000, 1)).astype(np.float32)
    band = band_of(0.0, 2000, horizons=1)
    assert band.widened(conformal_widths(band, actual, 0.9)).coverage(actual) == pytest.approx(0.9, abs=0.01)
