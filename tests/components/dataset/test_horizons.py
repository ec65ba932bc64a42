from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.dataset.errors import WrongKeyError
from components.dataset.horizons import format_horizons, parse_horizons

steps = st.sets(st.integers(1, 300), min_size=1)


@pytest.mark.parametrize(
    ("given_", "horizons"),
    [
        (6, (6,)),
        ("6", (6,)),
        ("1-4", (1, 2, 3, 4)),
        ("1 - 3, 6", (1, 2, 3, 6)),
        ([12, 1, "2-4", 3], (1, 2, 3, 4, 12)),
        ([5, 5], (5,)),
    ],
)
def test_numbers_ranges_and_lists_become_sorted_steps(given_: object, horizons: tuple[int, ...]) -> None:
    assert parse_horizons(given_) == horizons


@given(steps)
def test_written_horizons_read_back_equal(horizons: set[int]) -> None:
    written = format_horizons(horizons)
    assert parse_horizons(written) == tuple(sorted(horizons))
    assert parse_horizons(",".join(str(item) for item in written)) == tuple(sorted(horizons))


@pytest.mark.parametrize("wrong", [0, -1, [], "", "a", "1-", "5-2", 1.5, True, None, {"a": 1}, [[1]], "1-99999999999"])
def test_what_is_no_horizon_is_refused(wrong: object) -> None:
    with pytest.raises(WrongKeyError):
        parse_horizons(wrong)
