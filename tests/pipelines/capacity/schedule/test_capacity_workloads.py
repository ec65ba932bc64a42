"""The water system's day and PCB's three services: what is missed, what overruns, and what card each needs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from components.errors import InputError
from pipelines.capacity.schedule.jobs import CPU, CardSlot, Problem
from pipelines.capacity.schedule.pcb import Cards, Pcb
from pipelines.capacity.schedule.plan import Schedule
from pipelines.capacity.schedule.simulate import disagreements, run_queue
from pipelines.capacity.schedule.usage import usage_of
from pipelines.capacity.schedule.windows import DAY_SECONDS, Window, windows_of
from pipelines.capacity.schedule.workloads import Day, Training

HOUR = 3_600
GB = 10**9
V100 = CardSlot("v100", "V100", 32 * GB)
# 1.2 h a model (v100-options), 24 GB of training and 14 GB of serving (core-v100).
MEMBERS = [
    Training(name, {"V100": 1.2 * HOUR}, 24 * GB, checkpoint_loss_seconds=120, restart_seconds=60)
    for name in ("lstm", "gru", "cnn_lstm", "spike", "rule_based")
]
SCORING = Training("scoring", {"V100": 30, CPU: 60}, 14 * GB)
DAY = Day(MEMBERS, SCORING, Window(2 * HOUR, 10 * HOUR), publish_seconds=20, backup_seconds=900)


def on_gpu(day: Day) -> Day:
    return replace(day, scoring=replace(day.scoring, seconds={"V100": 30}))


def checked(problem: Problem) -> Schedule:
    found = run_queue(problem)
    assert disagreements(problem, found) == ()
    return found


def test_serving_that_takes_the_card_every_ten_minutes_makes_retraining_overrun_its_window() -> None:
    """6 h of training in a window of 8 h; but each stop costs 2 min of work and 1 min of restart, 48 times a night."""
    problem = on_gpu(DAY).problem([V100])
    usage = usage_of(problem, checked(problem))
    assert (usage.group("serving").jobs, usage.group("serving").missed) == (144, 0)
    retrain = usage.group("retrain 1")
    assert (retrain.late, retrain.stops > 40) == (1, True)
    assert retrain.longest_overrun_seconds > 12 * HOUR


def test_serving_on_the_cpu_leaves_the_card_to_retraining() -> None:
    day = replace(DAY, scoring=replace(SCORING, seconds={CPU: 60}))
    problem = day.problem([V100, CardSlot("host", CPU, 64 * GB)])
    found = checked(problem)
    usage = usage_of(problem, found)
    assert usage.group("serving").missed == usage.group("retrain 1").missed == usage.group("retrain 1").stops == 0
    assert found.ends["retrain 1/rule_based"] == 8 * HOUR


def test_training_that_can_not_be_stopped_makes_serving_miss_its_periods() -> None:
    problem = on_gpu(DAY).problem([V100])
    stubborn = tuple(replace(job, preemptible=False) for job in problem.jobs)
    usage = usage_of(problem, checked(replace(problem, jobs=stubborn)))
    # While a member trains for 72 minutes, six batches fall due; of the later members, two make the seventh late, too.
    assert usage.group("serving").missed == 32
    assert usage.group("serving").longest_overrun_seconds == HOUR


def test_serving_that_stays_on_the_card_needs_the_memory_beside_training() -> None:
    problem = DAY.problem([V100], resident_on="v100")
    found = checked(problem)
    assert {each.job for each in found.unplaced} == {job.name for job in problem.jobs if job.name != "backup@7200"}
    small = replace(DAY, scoring=replace(SCORING, memory_bytes=4 * GB))
    problem = small.problem([V100], resident_on="v100")
    usage = usage_of(problem, checked(problem))
    # 30 s of every 600 go to serving.
    assert usage.group("retrain 1").late == 0
    assert checked(problem).ends["retrain 1/rule_based"] == pytest.approx(2 * HOUR + 6 * HOUR / 0.95, abs=5)


def test_the_backup_never_copies_a_version_that_is_being_written() -> None:
    """Publishing would fall on the backup at 02:00, were it not for the store."""
    member = replace(MEMBERS[0], seconds={"V100": HOUR / 2})
    day = Day([member], SCORING, Window(HOUR, 9 * HOUR), publish_seconds=3 * HOUR, backup_seconds=HOUR)
    found = checked(day.problem([V100]))
    (publish,), (backup,) = (
        [each for each in found.placements if each.job == name] for name in ("publish 1", "backup@7200")
    )
    assert publish.begin_s < 2 * HOUR < publish.end_s
    assert backup.begin_s == publish.end_s


def test_each_day_has_its_own_retraining_backup_and_batches() -> None:
    problem = DAY.problem([V100, CardSlot("host", CPU, 64 * GB)], days=3)
    usage = usage_of(problem, checked(problem))
    assert [usage.group(name).jobs for name in ("serving", "backup", "publishing", "retrain 3")] == [432, 3, 3, 5]
    assert all(job.release_s >= 2 * DAY_SECONDS for job in problem.jobs if job.group == "retrain 3")


def test_a_day_refuses_a_weekly_window_and_a_card_that_serving_can_not_stay_on() -> None:
    with pytest.raises(InputError, match="doesn't come daily"):
        replace(DAY, retrain=windows_of("sat 02:00-10:00")[0]).problem([V100])
    with pytest.raises(InputError, match="serving can't stay on 't4'"):
        DAY.problem([V100], resident_on="t4")


KIND = "RTX 3060"
# pcb: inference 6 GB, training 10 GB at 45 min an epoch (50 here), synthesis 3 GB; the hours of a night are ours.
PCB = Pcb(
    inference_bytes=6 * GB,
    inference_load_share={KIND: 0.25, CPU: 0.9},
    training=Training("training", {KIND: 50 * 45 * 60}, 10 * GB, checkpoint_loss_seconds=45 * 60, restart_seconds=60),
    synthesis=Training("synthesis", {KIND: 30 * 60}, 3 * GB),
    orders=[9 * HOUR, 21 * HOUR],
    quiet=windows_of("weekdays 20:00-08:00, weekends"),
)


def card(name: str, gb: int) -> CardSlot:
    return CardSlot(name, KIND, gb * GB)


def test_pcb_on_two_cards_trains_at_once_and_orders_run_beside_inference() -> None:
    problem = PCB.problem(Cards.DEDICATED, [card("gpu 0", 12), card("gpu 1", 12)])
    found = checked(problem)
    assert found.unplaced == ()
    assert (found.begins["training"], found.ends["training"]) == (0, 50 * 45 * 60)
    # Inference takes a quarter of the first card's time.
    assert found.ends["synthesis@32400"] - 9 * HOUR == 40 * 60
    assert {each.card for each in found.placements if each.job.startswith("synthesis")} == {"gpu 0"}


def test_pcb_on_the_recommended_12_gb_card_can_not_train_beside_inference() -> None:
    found = checked(PCB.problem(Cards.SHARED, [card("gpu", 12)]))
    (unplaced,) = found.unplaced
    assert unplaced.job == "training"
    assert unplaced.why == "needs 9.3 GiB; the card with most, gpu, has 5.6 GiB beside inference"


def test_pcb_on_one_larger_card_trains_at_night_and_orders_wait_for_training() -> None:
    problem = PCB.problem(Cards.SHARED, [card("gpu", 24)])
    found = checked(problem)
    training = [stretch for each in found.placements if each.job == "training" for stretch in each.segments]
    assert training[0][0] == 20 * HOUR
    assert all(end - begin <= 12 * HOUR for begin, end in training)
    # By day at once, but the one at 21:00 only when the night's training has stopped.
    assert found.begins["synthesis@32400"] == 9 * HOUR
    assert found.begins["synthesis@75600"] == 32 * HOUR


def test_pcb_without_a_card_serves_from_the_cpu_and_neither_trains_nor_draws() -> None:
    found = checked(PCB.problem(Cards.NONE, [CardSlot("host", CPU, 32 * GB)]))
    assert {each.job for each in found.unplaced} == {"training", "synthesis@32400", "synthesis@75600"}
    assert {each.why for each in found.unplaced} == {f"no card of its kind: it runs on {KIND}, and the cards are cpu"}


def test_pcb_says_how_many_slots_a_scenario_has_and_which_load_is_missing() -> None:
    with pytest.raises(InputError, match="has 1 slots"):
        PCB.problem(Cards.DEDICATED, [card("gpu", 12)])
    with pytest.raises(InputError, match="says nothing of V100"):
        PCB.problem(Cards.SHARED, [V100])
