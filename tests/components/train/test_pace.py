from __future__ import annotations

from components.train.pace import Stretch


def test_by_steps_scores_fall_on_the_same_steps_wherever_it_is_resumed() -> None:
    stretch = Stretch("steps", begin=15, end=115, score_share=0.1)
    due = [stretch.next_score(seconds=step * 3.0, steps=step, scoring_seconds=9.0) for step in (15, 20, 24, 25, 26)]
    assert due == [25, 25, 25, 35, 35]
    assert stretch.share(0.0, 65) == 0.5
    assert not stretch.over(1e9, 114)
    assert stretch.over(0.0, 115)


def test_by_the_clock_scoring_takes_at_most_a_fifth_of_the_time() -> None:
    stretch = Stretch("seconds", begin=10.0, end=110.0, score_share=0.05)
    assert stretch.next_score(20.0, 3, scoring_seconds=0.1) == 25.0
    assert stretch.next_score(20.0, 3, scoring_seconds=4.0) == 36.0
    assert stretch.share(35.0, 3) == 0.25
    assert stretch.over(110.0, 3)


def test_a_stretch_closes_at_its_time_of_day_whatever_is_left() -> None:
    stretch = Stretch("steps", 0, 100, 0.1, closes_at=1000.0, clock=lambda: 1000.0)
    assert stretch.over(0.0, 1)
    assert not Stretch("steps", 0, 100, 0.1, closes_at=1000.5, clock=lambda: 1000.0).over(0.0, 1)
