"""What `sluice dataset check` tells of a prepared series: windows, gaps, borders and spikes of each part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from components.dataset.schema import Dataset
from components.preprocess.gaps import Gap, gaps_of
from components.preprocess.series import PartName, Series
from components.preprocess.shortage import PARTS
from components.preprocess.windows import origins, spike_labels


@dataclass(frozen=True)
class PartInspection:
    """One part of all series.

    Attributes:
        name: of the part.
        rows: grid rows.
        usable: rows in which every column has a value.
        observed: rows in which the target was read.
        windows: origins at which a forecast can be made.
        gaps: runs of rows that no window may cross.
        longest_gap: the longest of them.
        spike_windows: origins after which a spike follows.
        spikes: runs of such origins.
        first: earliest stamp, None where there are no rows.
        last: latest stamp.
    """

    name: PartName
    rows: int
    usable: int
    observed: int
    windows: int
    gaps: int
    longest_gap: Gap | None
    spike_windows: int
    spikes: int
    first: np.datetime64 | None
    last: np.datetime64 | None


@dataclass(frozen=True)
class Inspection:
    """A prepared series in figures.

    Attributes:
        series: number of series.
        rows_grid: rows of all their grids.
        step_seconds: length of a step.
        spike_rise: rise that makes a spike, in the target's unit.
        spike_within: steps within which it must rise.
        parts: train, validation and test.
    """

    series: int
    rows_grid: int
    step_seconds: int
    spike_rise: float
    spike_within: int
    parts: tuple[PartInspection, ...]


def inspect_series(series: Series, dataset: Dataset) -> Inspection:
    """Counts what each part holds."""
    parts = tuple(_inspect_part(series, dataset, part) for part in PARTS)
    return Inspection(
        series=len(series.spans),
        rows_grid=len(series.values),
        step_seconds=series.step_seconds,
        spike_rise=series.spike_rise,
        spike_within=series.spike_within,
        parts=parts,
    )


def _inspect_part(series: Series, dataset: Dataset, part: PartName) -> PartInspection:
    slices = [slice(*span.part(part)) for span in series.spans]
    stamps = [series.stamps[rows] for rows in slices if rows.stop > rows.start]
    rows = origins(series, part, dataset.window, dataset.horizons)
    spiking = rows[spike_labels(series, rows) == 1]
    gaps = gaps_of(series, part)
    return PartInspection(
        name=part,
        rows=sum(len(own) for own in stamps),
        usable=sum(int(series.usable[own].sum()) for own in slices),
        observed=sum(int(series.observed[own].sum()) for own in slices),
        windows=len(rows),
        gaps=gaps.count,
        longest_gap=gaps.longest,
        spike_windows=len(spiking),
        spikes=int((np.diff(spiking) > 1).sum()) + 1 if len(spiking) else 0,
        first=min((own[0] for own in stamps), default=None),
        last=max((own[-1] for own in stamps), default=None),
    )
