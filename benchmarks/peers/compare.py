"""Ours against the peers', on the forecasts that both have.

    python -m benchmarks.peers.compare FOLDER --ours OURS --peers PEERS [--sets etth1,ettm1,walnut]

FOLDER holds the public tables, OURS is the `--out` of benchmarks/accuracy.py, PEERS that of benchmarks.peers.run. Only
keys (series, origin, horizon) of both count. MSE is in units of the training rows' standard deviation; a ratio below 1
says that ours is lower. A line for each seed, then the ratio of the seeds' medians.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from benchmarks.peers.tables import FILES, Table, read_table
from benchmarks.peers.wql import QUANTILES, QuantileSums, quantile_sums
from components.errors import InputError

KEYS = ["origin", "horizon"]
# Actuals are stored as 32-bit floats on both sides; more than this apart, the keys don't mean the same reading.
_SAME_READING = 1e-4


@dataclass(frozen=True)
class Sums:
    """Sums over the common keys of one model's forecasts; pieces of a table can be added.

    Attributes:
        rows: keys in common.
        squared: squared errors in units of the training rows' standard deviation.
        quantile: for the weighted quantile loss; None where the model gives no quantiles.
    """

    rows: int
    squared: float
    quantile: QuantileSums | None

    def __add__(self, other: Sums) -> Sums:
        both = self.quantile + other.quantile if self.quantile and other.quantile else None
        return Sums(self.rows + other.rows, self.squared + other.squared, both)

    @property
    def figures(self) -> dict[str, float]:
        """MSE, and WQL where there are quantiles."""
        loss = {"WQL": self.quantile.loss} if self.quantile else {}
        return {"MSE": self.squared / self.rows} | loss


@dataclass(frozen=True)
class Pair:
    """Our forecasts and a peer's of one table with one seed.

    Attributes:
        table: the readings and the protocol.
        peer: name of the peer.
        ours: file of our forecasts.
        theirs: file of the peer's.
    """

    table: Table
    peer: str
    ours: Path
    theirs: Path


@dataclass(frozen=True)
class Compared:
    """Figures of one pair on one group of horizons.

    Attributes:
        group: which horizons.
        rows: keys in common.
        ours: our figures.
        theirs: the peer's.
    """

    group: str
    rows: int
    ours: dict[str, float]
    theirs: dict[str, float]


def main() -> None:
    """Prints figures and ratios of each set, peer and seed, and the ratios of the medians."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--ours", type=Path, required=True)
    parser.add_argument("--peers", type=Path, required=True)
    parser.add_argument("--sets", default=",".join(FILES))
    options = parser.parse_args()
    for name in options.sets.split(","):
        table = read_table(name, options.folder)
        by_peer: dict[str, list[list[Compared]]] = {}
        for pair in _pairs(table, name, options.ours, options.peers):
            by_peer.setdefault(pair.peer, []).append(list(compare(pair)))
            for compared in by_peer[pair.peer][-1]:
                _print(f"{pair.theirs.parent.name} {pair.peer}", compared)
        for peer, seeds in by_peer.items():
            for same in zip(*seeds, strict=True):
                _print(f"{name} {peer}, median of {len(same)}", _median(same))


def _pairs(table: Table, name: str, ours: Path, peers: Path) -> Iterator[Pair]:
    found = False
    for theirs in sorted(peers.glob(f"{name}-*/*.parquet")):
        own = ours / theirs.parent.name / "forecasts.parquet"
        if own.exists():
            found = True
            yield Pair(table, theirs.stem, own, theirs)
    if not found:
        problem = (
            f"no seed of {name} has both {peers}/{name}-SEED/PEER.parquet and {ours}/{name}-SEED/forecasts.parquet"
        )
        raise InputError("--peers", problem, "run both benchmarks with --out and the same seeds first")


def compare(pair: Pair) -> Iterator[Compared]:
    """Figures on all horizons together, and of a single series on each."""
    groups = {f"horizon {horizon}": (horizon,) for horizon in pair.table.horizons}
    yield _compared("all horizons", pair, pair.table.horizons)
    if not pair.table.is_panel:
        for group, horizons in groups.items():
            yield _compared(group, pair, horizons)


def _compared(group: str, pair: Pair, horizons: tuple[int, ...]) -> Compared:
    sums = [_sums(pair, series, horizons) for series in pair.table.targets]
    ours, theirs = (sum(side[1:], side[0]) for side in zip(*sums, strict=True))
    return Compared(group, ours.rows, ours.figures, theirs.figures)


def _sums(pair: Pair, series: str, horizons: tuple[int, ...]) -> tuple[Sums, Sums]:
    """Sums of one series: a table is read series by series, so that the largest one needs little memory."""
    ours, theirs = _common(_read(pair.ours, series, horizons), _read(pair.theirs, series, horizons))
    if ours.empty:
        raise InputError(str(pair.theirs), f"{series}: no key in common with {pair.ours}", "compare runs of one table")
    apart = float(np.abs(ours["actual"].to_numpy() - theirs["actual"].to_numpy()).max())
    if apart > _SAME_READING * max(1.0, float(ours["actual"].abs().max())):
        raise InputError(
            str(pair.theirs), f"{series}: actuals differ by up to {apart:.4g}", "compare runs of one table"
        )
    scale = float(pair.table.training_scale()[pair.table.targets[series]])
    return _sums_of(ours, scale), _sums_of(theirs, scale)


def _common(ours: pd.DataFrame, theirs: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of both with keys that both have, in one order."""
    rows = (
        ours[KEYS]
        .assign(own=range(len(ours)))
        .merge(theirs[KEYS].assign(other=range(len(theirs))), on=KEYS, validate="one_to_one")
    )
    return ours.iloc[rows["own"]], theirs.iloc[rows["other"]]


def _read(path: Path, series: str, horizons: tuple[int, ...]) -> pd.DataFrame:
    wanted = [*KEYS, "actual", *QUANTILES.values()]
    columns = [name for name in pq.read_schema(path).names if name in wanted]
    read = pd.read_parquet(path, columns=columns, filters=[("series", "==", series)])
    return read[read["horizon"].isin(horizons)]


def _sums_of(table: pd.DataFrame, scale: float) -> Sums:
    error = (table["forecast"] - table["actual"]).to_numpy(np.float64) / scale
    has_band = {"lower", "upper"} <= set(table)
    return Sums(len(table), float((error**2).sum()), quantile_sums(table) if has_band else None)


def _median(same: tuple[Compared, ...]) -> Compared:
    ours, theirs = (
        {name: float(np.median([side[name] for side in sides])) for name in sides[0]}
        for sides in ([one.ours for one in same], [one.theirs for one in same])
    )
    return Compared(same[0].group, same[0].rows, ours, theirs)


def _print(title: str, compared: Compared) -> None:
    figures = "".join(
        f"  {name} {compared.ours[name]:.4f} / {theirs:.4f} = {compared.ours[name] / theirs:.3f}"
        for name, theirs in compared.theirs.items()
    )
    print(f"{title:36} {compared.group:13} {compared.rows:>9,} rows{figures}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        raise SystemExit(f"error: {error}") from None
