"""Fits everything that is fitted on validation: weights, the band's widths, the spike probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.ensemble.adaptive import Origins, replay
from components.ensemble.conformal import Band, Widths, conformal_widths
from components.ensemble.evidence import Evidence
from components.ensemble.members import BATCH, LOWER, POINT, UPPER, Members, StoredPart
from components.ensemble.selection import Reach, Weighting, choose_weights
from components.ensemble.servable import Fitted
from components.ensemble.signals import SignalPlan, SignalReader, at_picked_horizons, plan_signals
from components.ensemble.spikes import SpikeModel, fit_spikes, spike_features, spike_horizons
from components.preprocess.series import Series
from components.preprocess.windows import gather_targets, spike_labels


@dataclass(frozen=True)
class Calibration:
    """How the band and the weights do on validation origins that they were not fitted on.

    Attributes:
        origins: validation origins with the band of held-back weights.
        widths: that hold the nominal share of validation.
        coverage_raw: [horizons] share inside the members' weighted quantiles.
        coverage: [horizons] share inside the band with its widths; of the origins that set the widths.
        rmse: [horizons] of the forecast, the target's unit.
    """

    origins: Origins
    widths: Widths
    coverage_raw: NDArray[np.float64]
    coverage: NDArray[np.float64]
    rmse: NDArray[np.float64]


def fit_on_validation(dataset: Dataset, series: Series, members: Members, seed: int) -> tuple[Fitted, Calibration]:
    """Chooses and fits the weights, then widths and spikes on forecasts made by held-back weights."""
    plan = plan_signals(series, dataset.calendar, dataset.window, len(dataset.horizons))
    targets = gather_targets(series, members.validation.origins, dataset.horizons)
    evidence = evidence_of(dataset, series, members, plan)
    weighting = choose_weights(evidence, Reach(dataset.window, max(dataset.horizons)), seed)
    mixed = mixed_members(members.validation, weighting.held_back)
    band = Band(mixed[..., LOWER], mixed[..., UPPER])
    widths = conformal_widths(band, targets, dataset.band)
    final = band.widened(widths)
    errors = mixed[..., POINT] - targets
    calibration = Calibration(
        origins=Origins(band, targets, evidence.times),
        widths=widths,
        coverage_raw=band.coverage(targets),
        coverage=final.coverage(targets),
        rmse=np.sqrt(np.nanmean(errors.astype(np.float64) ** 2, axis=0)),
    )
    spike = _spikes(dataset, series, members, mixed)
    return Fitted(weighting, plan, widths, spike, series.spike_rise, series.spike_within), calibration


def mixed_members(part: StoredPart, weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """The members' forecasts of a part by weights [n, members, horizons] -> [n, horizons, 3], as the servable mixes.

    Piece by piece, so that nothing of the members' size is made.
    """
    mixed = np.zeros((len(weights), weights.shape[2], 3), np.float32)
    for piece, forecasts in part.pieces(BATCH):
        for member in range(weights.shape[1]):
            mixed[piece] += forecasts.values[:, member] * weights[piece, member, :, None]
    return mixed


@dataclass(frozen=True)
class Bands:
    """The test part's bands, before rules and limits.

    Attributes:
        fixed: [test origins] with the widths of validation.
        adaptive: [test origins] with widths that follow the truth as it comes in.
        last: the widths after the test part, which are served.
    """

    fixed: Band
    adaptive: Band
    last: Widths


def bands_of_test(
    dataset: Dataset, series: Series, members: Members, fitted: Fitted, calibration: Calibration
) -> Bands:
    """Replays the test part after validation, with truth that is as late as its horizon."""
    part = members.test
    mixed = mixed_members(part, weights_of(dataset, series, fitted, part))
    band = Band(mixed[..., LOWER], mixed[..., UPPER])
    test = Origins(band, gather_targets(series, part.origins, dataset.horizons), times_of(series, part.origins))
    found = replay(calibration.origins, test, fitted.widths, dataset.horizons, dataset.band)
    return Bands(band.widened(fitted.widths), band.widened(found.widths), found.last)


def weights_of(dataset: Dataset, series: Series, fitted: Fitted, part: StoredPart) -> NDArray[np.float32]:
    """The kept weights at each origin of a part, [n, members, horizons]."""
    weighting, count = fitted.weighting, len(part.origins)
    if weighting.fixed is not None:
        return np.broadcast_to(weighting.fixed, (count, *weighting.fixed.shape))
    shape = len(part.folders), len(dataset.horizons)
    reader = SignalReader.of(series, fitted.signals, dataset.window, shape)
    weights = np.empty((count, *shape), np.float32)
    for piece, forecasts in part.pieces(BATCH):
        weights[piece] = weighting.weights(reader.at(forecasts.origins, forecasts.points))
    return weights


def times_of(series: Series, origins: NDArray[np.int64]) -> NDArray[np.int64]:
    """Time of each origin in steps, [n]."""
    seconds = series.stamps[origins].astype("datetime64[s]").astype(np.int64)
    return np.asarray(seconds // series.step_seconds)


def mean_weights(weighting: Weighting) -> NDArray[np.float64]:
    """Mean weight of each member at each horizon over validation, [members, horizons]."""
    return np.asarray(weighting.held_back.mean(axis=0, dtype=np.float64))


def evidence_of(dataset: Dataset, series: Series, members: Members, plan: SignalPlan) -> Evidence:
    """What the members' validation forecasts say of them, with the signals of each window."""
    origins = members.validation.origins
    points = members.validation.points()
    targets = gather_targets(series, origins, dataset.horizons)
    # The errors take the place of the points, of which signals need few horizons.
    picked = points[..., list(plan.horizons)]
    reader = SignalReader.of(series, at_picked_horizons(plan), dataset.window, picked.shape[1:])
    return Evidence(
        errors=np.subtract(points, targets[:, None, :], out=points),
        persistence=series.values[origins, series.target][:, None] - targets,
        signals=lambda rows: reader.at(origins[rows], picked[rows]),
        times=times_of(series, origins),
    )


def _spikes(dataset: Dataset, series: Series, members: Members, mixed: NDArray[np.float32]) -> SpikeModel:
    near = mixed[:, : spike_horizons(dataset.horizons, series.spike_within)]
    origins = members.validation.origins
    level = series.values[origins, series.target]
    features = spike_features(near, level, series.spike_rise, members.validation.spike())
    return fit_spikes(features, spike_labels(series, origins))
