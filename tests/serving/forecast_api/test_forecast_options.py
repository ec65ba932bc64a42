"""Which horizons and frequencies a dataset offers to KServe's time-series API."""

import pytest

from components.dataset.load import parse_dataset
from serving.forecast_api.answers import check_options, reachable
from serving.forecast_api.messages import Options
from serving.forecast_api.readings import frequency_of
from serving.server.errors import RequestError


def dataset(step: str = "1h", horizons: object = "1-6"):
    return parse_dataset(
        f"name: one\ntime: t\nstep: {step}\ncolumns: {{level: {{unit: m}}}}\ntarget: level\nhorizons: {horizons}\n",
        "one",
    )


@pytest.mark.parametrize(("horizons", "reach"), [("1-6", 6), ("[1, 2, 3, 5]", 3), ("[10, 30]", 0), ("[1]", 1)])
def test_every_step_from_one_on_must_be_among_the_horizons(horizons, reach):
    assert reachable(dataset(horizons=horizons)) == reach


def test_a_dataset_that_skips_the_first_step_says_that_none_is_available():
    with pytest.raises(RequestError, match="10, 30 steps ahead; available here: none"):
        check_options(Options(horizon=10), dataset(horizons="[10, 30]"))


@pytest.mark.parametrize(
    ("step", "frequency"),
    [
        ("1h", ("hour", 1)),
        ("15min", ("minute", 15)),
        ("90min", ("minute", 90)),
        ("1d", ("day", 1)),
        ("business_day", ("day", 1)),
    ],
)
def test_a_step_is_the_largest_unit_that_divides_it(step, frequency):
    assert frequency_of(dataset(step=step)) == frequency


def test_the_ends_of_the_band_are_taken_within_rounding():
    check_options(Options(horizon=1, quantiles=[(1 - 0.9) / 2, 0.95]), dataset())
