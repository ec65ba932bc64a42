import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.ensemble import gating
from components.ensemble.evidence import Evidence, block_losses, mean_squares, relative_rmse, rmse
from components.ensemble.folds import FOLDS, interleaved_folds
from components.ensemble.selection import (
    LEADS,
    LEAST_BLOCKS,
    REFERENCES,
    Candidate,
    Reach,
    choose_weights,
    preferred,
    sureness,
    time_blocks,
)
from components.ensemble.static_weights import (
    caruana_weights,
    eligible_members,
    equal_weights,
    inverse_weights,
    mean_weights,
    single_weights,
)


def make_evidence(errors, signals=None, persistence=1.0):
    errors = np.asarray(errors, np.float32)
    count, _, horizons = errors.shape
    return Evidence(
        errors=errors,
        persistence=np.full((count, horizons), persistence, np.float32),
        signals=(np.zeros((count, 1)) if signals is None else np.asarray(signals)).astype(np.float32).__getitem__,
        times=np.arange(count),
    )


def every_signal(evidence):
    return evidence.signals(np.arange(len(evidence.times)))


def noise(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


def test_members_worse_than_the_last_value_carry_nothing():
    errors = noise(400, 3, 2) * np.array([0.55, 2.0, 0.56])[None, :, None]
    evidence = make_evidence(errors)
    assert eligible_members(evidence).tolist() == [[True, True], [False, False], [True, True]]
    assert equal_weights(evidence)[:, 0].tolist() == [0.5, 0.0, 0.5]
    assert (caruana_weights(evidence)[1] == 0).all()


def test_equal_weights_leave_out_a_member_far_behind_the_best():
    errors = noise(4000, 3, 1) * np.array([0.5, 0.52, 0.7])[None, :, None]
    assert equal_weights(make_evidence(errors))[:, 0].tolist() == [0.5, 0.5, 0.0]


def test_where_all_are_worse_the_best_carries_all():
    evidence = make_evidence(noise(400, 2, 1) * np.array([3.0, 2.0])[None, :, None])
    assert equal_weights(evidence)[:, 0].tolist() == [0.0, 1.0]
    assert caruana_weights(evidence)[:, 0].tolist() == [0.0, 1.0]


def test_single_is_the_best_over_all_horizons():
    errors = noise(400, 2, 2) * np.array([[0.5, 0.5], [0.4, 0.7]])
    assert single_weights(make_evidence(errors)).tolist() == [[1.0, 1.0], [0.0, 0.0]]


def test_greedy_weights_are_close_to_the_best_of_a_fine_grid():
    shared = noise(3000, 1)
    errors = np.stack([0.5 * shared + 0.3 * noise(3000, 1, seed=i + 1) for i in range(3)], axis=1)
    errors[:, 2] += 0.2
    evidence = make_evidence(errors)
    grid = [w for w in itertools.product(np.linspace(0, 1, 51), repeat=3) if abs(sum(w) - 1) < 1e-9]
    best = min(mean_squares(evidence.combined(np.array(w, np.float32)[:, None]))[0] for w in grid)
    greedy = mean_squares(evidence.combined(caruana_weights(evidence)))[0]
    assert greedy <= best * 1.002


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 10_000))
def test_greedy_weights_add_up_to_one_and_never_lose_to_the_best_eligible_member(members, horizons, seed):
    evidence = make_evidence(noise(60, members, horizons, seed=seed))
    weights = caruana_weights(evidence)
    assert weights.sum(axis=0) == pytest.approx(1.0, abs=1e-5)
    assert (weights >= 0).all()
    alone = np.where(eligible_members(evidence), mean_squares(evidence.errors), np.inf).min(axis=0)
    assert (mean_squares(evidence.combined(weights)) <= alone * (1 + 1e-5)).all()


def test_targets_that_were_not_observed_count_for_nothing():
    errors = noise(300, 2, 1) * 0.5
    holed = errors.copy()
    holed[::3] = np.nan
    whole = np.delete(errors, np.s_[::3], axis=0)
    assert caruana_weights(make_evidence(holed)) == pytest.approx(caruana_weights(make_evidence(whole)))


def test_relative_rmse_counts_each_horizon_alike():
    errors, persistence = np.ones((10, 2), np.float32), np.tile([2.0, 100.0], (10, 1)).astype(np.float32)
    assert relative_rmse(errors, persistence) == pytest.approx((0.5 + 0.01) / 2)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 4000), st.integers(2, 60), st.integers(1, 30), st.integers(1, 3))
def test_folds_hold_each_origin_back_once_and_keep_fits_away(moments, window, longest, series):
    times = np.tile(np.arange(moments), series)
    folds = interleaved_folds(times, window, longest)
    held = np.concatenate([fold.held for fold in folds])
    assert sorted(held) == list(range(len(times)))
    for fold in folds:
        assert not set(fold.fit) & set(fold.held)


def test_folds_purge_fits_whose_rows_overlap_those_held_back():
    times = np.arange(6000)
    for fold in interleaved_folds(times, window=100, longest=60):
        distance = np.abs(fold.fit[:, None] - fold.held[None, ::7]).min()
        assert distance >= 160
        assert len(fold.fit) > 0.3 * len(times)
        assert len(np.flatnonzero(np.diff(fold.held) > 1)) >= 1
    assert len(interleaved_folds(times, 100, 60)) == FOLDS


def candidate(relative, spread=0.0):
    blocks = relative**2 + spread * np.array([1.0, -1.0] * 10)
    return Candidate(relative, relative, blocks)


def test_a_later_kind_must_win_by_the_margin():
    for kind in ("equal", "caruana", "gating"):
        share = LEADS[kind].share
        assert preferred({"inverse": candidate(1.0), kind: candidate(1.0 - 0.9 * share)}) == "inverse"
        assert preferred({"inverse": candidate(1.0), kind: candidate(1.0 - 1.1 * share)}) == kind
    kinds = {"inverse": 1.0, "caruana": 0.9, "single": 0.899, "gating": 0.8}
    assert preferred({kind: candidate(relative) for kind, relative in kinds.items()}) == "gating"


def test_the_plain_mean_and_a_single_member_are_shown_but_never_kept():
    kinds = {"inverse": 1.0, "mean": 0.8, "equal": 1.0, "caruana": 0.99, "single": 0.8}
    assert preferred({kind: candidate(relative) for kind, relative in kinds.items()}) == "caruana"


def test_a_lead_that_hangs_on_a_few_blocks_is_no_lead():
    assert preferred({"inverse": candidate(1.0), "caruana": candidate(0.95, spread=0.5)}) == "inverse"
    assert preferred({"inverse": candidate(1.0), "caruana": candidate(0.95, spread=0.05)}) == "caruana"


def test_too_few_blocks_are_never_sure():
    assert sureness(np.zeros(LEAST_BLOCKS - 1), np.ones(LEAST_BLOCKS - 1)) == 0.0
    assert sureness(np.zeros(LEAST_BLOCKS), np.ones(LEAST_BLOCKS)) > 100


def test_blocks_are_no_shorter_than_what_one_origin_reaches_over():
    blocks = time_blocks(np.arange(1000) + 77, Reach(window=60, longest=40))
    assert np.bincount(blocks).tolist() == [100] * 10
    assert time_blocks(np.array([5, 5]), Reach(10, 3)).tolist() == [0, 0]


def test_losses_of_blocks_average_to_the_mean_square_over_that_of_persistence():
    errors, persistence = noise(90, 2).astype(np.float32), 2 * np.ones((90, 2), np.float32)
    errors[5:40:3] = np.nan
    losses = block_losses(errors, persistence, np.repeat([0, 1], 45))
    assert losses[1] == pytest.approx(float((errors[45:] ** 2).mean()) / 4, rel=1e-5)
    assert np.isfinite(losses).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 10_000))
def test_every_static_weight_is_a_share(members, horizons, seed):
    evidence = make_evidence(noise(60, members, horizons, seed=seed) * (1 + np.arange(members))[None, :, None])
    for fit in (mean_weights, inverse_weights, equal_weights, single_weights, caruana_weights):
        weights = fit(evidence)
        assert weights.sum(axis=0) == pytest.approx(1.0, abs=1e-5)
        assert (weights >= 0).all()


def test_inverse_weights_favour_the_better_member_and_survive_a_perfect_one():
    errors = noise(4000, 2, 1) * np.array([0.5, 0.7])[None, :, None]
    better, worse = inverse_weights(make_evidence(errors))[:, 0]
    assert better / worse == pytest.approx((0.7 / 0.5) ** 4, rel=0.2)
    errors[:, 0] = 0.0
    assert inverse_weights(make_evidence(errors))[:, 0] == pytest.approx([1.0, 0.0], abs=1e-6)


def regret(weighting, evidence):
    """Of the kept weights and of dynamic ones on fresh evidence, against the best kind without signals."""
    members = evidence.errors.shape[1]
    points = evidence.errors + 5.0
    made = weighting.forecasts(every_signal(evidence), points)
    found = {kind: rmse(forecast - 5.0) for kind, forecast in made.items()}
    assert members > 1
    return found[weighting.kind] / min(found[kind] for kind in REFERENCES) - 1


def changing(count, seed, strength, period=80):
    """Two regimes that a signal tells apart; `strength` 1 makes the members alike in both."""
    wet = (np.sin(np.arange(count) / period * 2 * np.pi) > 0.2).astype(np.float32)
    errors = 0.3 * noise(count, 3, 2, seed=seed) + 0.1 * noise(count, 1, 2, seed=seed + 1)
    errors[:, 0] *= np.where(wet, strength, 1.0)[:, None]
    errors[:, 1] *= np.where(wet, 1.0, strength)[:, None]
    return make_evidence(errors, signals=np.stack([wet, noise(count, seed=seed + 2)], axis=1), persistence=2.0)


def test_dynamic_weights_gain_three_percent_where_regimes_change():
    fitted = choose_weights(changing(5000, seed=1, strength=3.0), Reach(20, 5), seed=1)
    assert fitted.kind == "gating"
    assert regret(fitted, changing(5000, seed=11, strength=3.0)) <= -0.03


def test_a_gate_is_fitted_on_a_sample_of_many_windows(monkeypatch):
    monkeypatch.setattr(gating, "MOST_WINDOWS", 1500)
    monkeypatch.setattr(gating, "MOST_EPOCHS", 12)
    asked = []
    evidence = changing(6000, seed=1, strength=3.0)
    watched = replace(evidence, signals=lambda rows: asked.append(rows) or evidence.signals(rows))
    fitted = choose_weights(watched, Reach(20, 5), seed=1)
    assert asked[0].tolist() == np.linspace(0, 5999, 1500).astype(int).tolist()
    assert sorted(np.concatenate(asked[1:])) == list(range(6000)), "each origin is weighed once, held back"
    assert regret(fitted, changing(6000, seed=11, strength=3.0)) <= -0.03


@pytest.mark.parametrize("skill", [(1.0, 1.0, 1.0), (1.0, 1.1, 1.2), (1.0, 3.0, 3.0)])
def test_the_kept_weights_lose_at_most_one_percent_where_no_regime_changes(skill):
    def evidence(seed):
        errors = 0.3 * noise(3000, 3, 2, seed=seed) * np.array(skill)[None, :, None]
        return make_evidence(errors + 0.1 * noise(3000, 1, 2, seed=seed + 1), signals=noise(3000, 4, seed=seed + 2))

    assert regret(choose_weights(evidence(1), Reach(20, 5), seed=1), evidence(11)) <= 0.01


def test_a_gate_is_kept_where_a_signal_says_which_member_is_right():
    wet = (np.sin(np.arange(6000) / 40) > 0.3).astype(np.float32)
    errors = 0.3 * noise(6000, 2, 2)
    errors[:, 0] *= np.where(wet, 3.0, 1.0)[:, None]
    errors[:, 1] *= np.where(wet, 1.0, 3.0)[:, None]
    evidence = make_evidence(errors, signals=np.stack([wet, noise(6000, seed=9)], axis=1), persistence=2.0)
    weighting = choose_weights(evidence, Reach(window=20, longest=5), seed=1)
    assert weighting.kind == "gating"
    assert weighting.candidates["gating"].relative < 0.9 * weighting.candidates["caruana"].relative
    weights = weighting.weights(np.array([[1.0, 0.0], [0.0, 0.0]], np.float32))
    assert weights[0, 1].min() > 0.7
    assert weights[1, 0].min() > 0.7


def test_a_gate_is_not_kept_where_signals_say_nothing():
    evidence = make_evidence(0.5 * noise(3000, 3, 2), signals=noise(3000, 8, seed=3))
    weighting = choose_weights(evidence, Reach(window=20, longest=5), seed=1)
    assert weighting.kind == "inverse"
    assert weighting.candidates["gating"].relative < 1.02 * weighting.candidates["inverse"].relative


def test_a_gate_never_gives_weight_to_a_member_worse_than_the_last_value():
    errors = noise(2000, 3, 2) * np.array([0.3, 4.0, 0.4])[None, :, None]
    evidence = make_evidence(errors, signals=noise(2000, 3, seed=5))
    gate = choose_weights(evidence, Reach(window=20, longest=5), seed=1).dynamic
    assert (gate.weights(every_signal(evidence))[:, 1] == 0).all()


def test_the_same_seed_gives_the_same_gate(monkeypatch):
    monkeypatch.setattr(gating, "MOST_EPOCHS", 5)
    evidence = make_evidence(0.5 * noise(520, 2, 2), signals=noise(520, 3, seed=5))
    first, second = (choose_weights(evidence, Reach(10, 3), seed=4) for _ in range(2))
    assert np.array_equal(first.dynamic.weights(every_signal(evidence)), second.dynamic.weights(every_signal(evidence)))
    assert first.candidates["gating"].relative == second.candidates["gating"].relative


@pytest.mark.parametrize("count", [1, 2, 7])
def test_a_tiny_validation_part_still_gives_weights(count):
    weighting = choose_weights(make_evidence(0.5 * noise(count, 2, 2)), Reach(window=20, longest=5), seed=1)
    assert weighting.weights(np.zeros((3, 1), np.float32)).sum(axis=1) == pytest.approx(1.0)
    assert set(weighting.candidates) == {"inverse", "mean", "equal", "caruana", "single"}
    assert weighting.kind == "inverse"
