import keras
import numpy as np
import pytest

from components.ensemble.adjust import SpikeProbability
from components.ensemble.spikes import fit_spikes, spike_features, spike_horizons


def test_horizons_within_a_spikes_time_count_and_at_least_the_shortest():
    assert spike_horizons((1, 6, 12), 6) == 2
    assert spike_horizons((10, 30, 60), 5) == 1


def test_probabilities_are_calibrated():
    generator = np.random.default_rng(2)
    features = generator.standard_normal((20_000, 3)).astype(np.float32)
    truth = 1 / (1 + np.exp(-(2 * features[:, 0] + features[:, 1] - 2)))
    labels = (generator.random(20_000) < truth).astype(np.float32)
    labels[::50] = np.nan
    model = fit_spikes(features, labels)
    given = 1 / (1 + np.exp(-(features @ np.array(model.coefficients) + model.intercept)))
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        inside = (given >= low) & (given < low + 0.2)
        assert given[inside].mean() == pytest.approx(truth[inside].mean(), abs=0.03)
    assert model.method == "logistic"
    assert model.average_precision > 0.6


def test_a_score_that_points_the_wrong_way_is_left_out():
    generator = np.random.default_rng(2)
    features = generator.standard_normal((4000, 3)).astype(np.float32)
    labels = (features[:, 1] - features[:, 0] + generator.standard_normal(4000) > 2).astype(np.float32)
    model = fit_spikes(features, labels)
    assert model.coefficients[0] == 0
    assert model.coefficients[1] > 0
    assert min(model.coefficients) >= 0


def test_scores_that_all_point_the_wrong_way_give_the_share_of_spikes():
    score = np.linspace(0, 1, 1000, dtype=np.float32)
    model = fit_spikes(np.stack([score, score], axis=1), (score < 0.1).astype(np.float32))
    assert model.coefficients == (0.0, 0.0)
    assert 1 / (1 + np.exp(-model.intercept)) == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize("columns", [2, 3])
def test_without_spikes_a_fallback_that_rises_with_the_forecast_is_used(columns):
    model = fit_spikes(np.zeros((50, columns), np.float32), np.r_[np.zeros(49), 1].astype(np.float32))
    assert model.method == "fallback"
    assert model.spikes == 1
    assert model.average_precision is None
    assert len(model.coefficients) == columns
    assert model.coefficients[0] > 0


@pytest.mark.parametrize("logit", [None, np.array([0.3, -2.0], np.float32)])
def test_the_layer_computes_what_was_fitted(logit):
    band = np.random.default_rng(1).standard_normal((2, 3, 3)).astype(np.float32)
    window = np.random.default_rng(2).standard_normal((2, 5, 2)).astype(np.float32)
    features = spike_features(band[:, :2], window[:, -1, 1], 0.4, logit)
    coefficients = [0.7, 1.5, -0.2][3 - features.shape[1] :]
    layer = SpikeProbability(coefficients, intercept=-0.5, rise=0.4, horizons=2, target=1)
    wanted = 1 / (1 + np.exp(-(features @ np.array(coefficients) - 0.5)))
    answer = keras.ops.convert_to_numpy(layer(window, band, logit))
    assert answer == pytest.approx(wanted, abs=1e-5)
