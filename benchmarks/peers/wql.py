"""Weighted quantile loss of stored forecasts, with one formula for ours and the peers'.

    python -m benchmarks.peers.wql FORECASTS.parquet [MORE.parquet]

Reads the columns actual, forecast, lower, upper in the layout of `forecasts.parquet`: `lower` and `upper` are the
quantiles .05 and .95 (a band of 90 %), `forecast` stands for the median.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Column of each quantile.
QUANTILES = {0.05: "lower", 0.5: "forecast", 0.95: "upper"}
COLUMNS = ["actual", *QUANTILES.values()]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class QuantileSums:
    """What the loss is a ratio of; sums of pieces of a table can be added.

    Attributes:
        pinball: pinball losses, summed over rows and averaged over quantiles.
        magnitude: absolute actuals, summed over rows.
    """

    pinball: float = 0.0
    magnitude: float = 0.0

    def __add__(self, other: QuantileSums) -> QuantileSums:
        return QuantileSums(self.pinball + other.pinball, self.magnitude + other.magnitude)

    @property
    def loss(self) -> float:
        """Twice the mean over quantiles of summed pinball loss, over the summed absolute actuals.

        Salinas, Flunkert, Gasthaus (2020), DeepAR, Int. J. Forecasting 36, section 4; AutoGluon's `WQL` is the same.
        """
        return 2 * self.pinball / self.magnitude


def pinball(actual: Floats, forecast: Floats, quantile: float) -> Floats:
    """Asymmetric loss of a quantile's forecast (Koenker and Bassett, 1978).

    It is q (y - f) where the actual y is above the forecast f, (1 - q)(f - y) below it.

    Args:
        actual: [rows], original units.
        forecast: [rows], the quantile's forecast in the same units.
        quantile: between 0 and 1.
    """
    above = actual - forecast
    return np.maximum(quantile * above, (quantile - 1) * above)


def quantile_sums(table: pd.DataFrame) -> QuantileSums:
    """Sums over all rows of a table with the columns of `COLUMNS`."""
    actual = table["actual"].to_numpy(np.float64)
    losses = [
        float(pinball(actual, table[column].to_numpy(np.float64), quantile).sum())
        for quantile, column in QUANTILES.items()
    ]
    return QuantileSums(sum(losses) / len(losses), float(np.abs(actual).sum()))


def weighted_quantile_loss(pieces: Iterable[pd.DataFrame]) -> float:
    """The loss over all pieces of a table together."""
    return sum(map(quantile_sums, pieces), QuantileSums()).loss


def main() -> None:
    """Prints the loss of each file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("forecasts", type=Path, nargs="+")
    for path in parser.parse_args().forecasts:
        print(f"{path}: WQL {weighted_quantile_loss([pd.read_parquet(path, columns=COLUMNS)]):.4f}")


if __name__ == "__main__":
    main()
