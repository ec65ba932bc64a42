import numpy as np
import pytest

from components.validate.bootstrap import Blocks, rmse_difference


def smooth(generator: np.random.Generator, windows: int) -> np.ndarray:
    """Errors that stay alike over some twenty windows: [windows, 2]."""
    noise = generator.normal(size=(windows + 19, 2))
    return np.stack([np.convolve(noise[:, column], np.ones(20) / 20**0.5, "valid") for column in range(2)], axis=1)


def test_equal_models_differ_by_exactly_nothing() -> None:
    errors = smooth(np.random.default_rng(0), 500)
    found = rmse_difference(errors, errors.copy(), Blocks(50), np.random.default_rng(1))
    assert (found.estimate, found.low, found.high) == (0.0, 0.0, 0.0)


def test_a_clear_difference_lies_outside_zero_and_the_estimate_inside_the_interval() -> None:
    errors = smooth(np.random.default_rng(0), 2000)
    found = rmse_difference(1.3 * errors, errors, Blocks(50), np.random.default_rng(1))
    assert found.low > 0
    assert found.low < found.estimate < found.high
    assert found.rmse == pytest.approx(1.3 * found.other_rmse)
    assert found.windows == 2000


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    held = 0
    for seed in range(100):
        generator = np.random.default_rng(seed)
        first, second = smooth(generator, 800), smooth(generator, 800)
        found = rmse_difference(first, second, Blocks(60, draws=400), generator)
        held += found.low <= 0 <= found.high
    assert 80 <= held <= 99


def test_the_same_seed_gives_the_same_interval() -> None:
    generator = np.random.default_rng(4)
    first, second = smooth(generator, 300), smooth(generator, 300)
    drawn = [rmse_difference(first, second, Blocks(30), np.random.default_rng(9)) for _ in range(2)]
    assert drawn[0] == drawn[1]


def test_unknown_errors_are_left_out_of_both() -> None:
    errors = np.array([[1.0, np.nan], [3.0, 100.0]])
    others = np.array([[1.0, 5.0], [3.0, np.nan]])
    found = rmse_difference(errors, others, Blocks(1), np.random.default_rng(0))
    assert found.rmse == found.other_rmse == pytest.approx(5**0.5)
