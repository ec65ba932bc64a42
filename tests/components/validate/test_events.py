import numpy as np

from components.validate.events import largest_events, peak_error, rises


def test_a_rise_is_measured_from_the_lowest_value_within_reach() -> None:
    values = np.array([0.0, 5.0, 1.0, 2.0, np.nan, 4.0])
    np.testing.assert_allclose(rises(values, 2), [0, 5, 1, 1, 0, 2])


def test_largest_events_come_first_and_do_not_overlap() -> None:
    values = np.zeros(200)
    values[50:53] = [1, 3, 1]
    values[55] = 2.5
    values[150] = 5
    found = largest_events(values, reach=10, count=5)
    assert [event.peak for event in found] == [150, 51]
    assert found[1].rise == 3
    assert (found[1].start, found[1].end) == (41, 62)


def test_a_falling_target_has_no_events() -> None:
    assert largest_events(np.linspace(5, 0, 50), reach=5, count=3) == []


def test_a_trend_is_no_larger_event_than_a_storm_on_it() -> None:
    values = np.linspace(0, 10, 1000)
    values[300] += 2
    assert largest_events(values, reach=20, count=1)[0].peak == 300


def test_peak_error_in_height_and_time() -> None:
    error = peak_error(np.array([0.0, 4, 1, 0]), np.array([np.nan, 2, 3, 1]))
    assert error is not None
    assert (error.height, error.delay) == (-1.0, 1)
    assert peak_error(np.array([1.0]), np.array([np.nan])) is None
