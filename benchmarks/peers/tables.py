"""The public tables, with the rows, parts and horizons that our own dataset files state.

rows of a series, equal for all peers and for us

train                         validation        test
|----------------------------|----------------|----------------|
0                            train            validation       test     (ends, exclusive)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from components.errors import InputError

DATASETS = Path(__file__).parent.parent / "datasets"
FILES = {"etth1": "ETTh1.csv.gz", "ettm1": "ETTm1.csv.gz", "walnut": "walnut_creek_5min.csv.gz"}
# As in components/preprocess/split.py, so that .8 of a number of rows doesn't lose one to rounding.
_ROUNDING = 1e-9


@dataclass(frozen=True)
class Parts:
    """Where the three parts of every series end.

    Attributes:
        train: first row after the training part.
        validation: first row after the validation part.
        test: first row after the test part.
    """

    train: int
    validation: int
    test: int


@dataclass(frozen=True)
class Table:
    """One table and its protocol.

    Attributes:
        name: the dataset's name.
        step: time between rows, in pandas' words.
        readings: [rows, columns] by stamp, original units, NaN where nothing was read.
        targets: the column of each series.
        past: columns that are known up to the origin only.
        fills: what stands for a missing reading, by column; the last reading where none is given.
        window: rows of our own look-back.
        horizons: steps ahead that are scored.
        parts: ends of the three parts.
    """

    name: str
    step: str
    readings: pd.DataFrame
    targets: Mapping[str, str]
    past: tuple[str, ...]
    fills: Mapping[str, float]
    window: int
    horizons: tuple[int, ...]
    parts: Parts

    @property
    def longest(self) -> int:
        """The longest horizon, in steps."""
        return max(self.horizons)

    @property
    def is_panel(self) -> bool:
        """Whether there are several series, without covariates."""
        return len(self.targets) > 1

    def filled(self) -> pd.DataFrame:
        """The readings without gaps: a number where the dataset file gives one, else the last reading."""
        return self.readings.fillna(dict(self.fills)).ffill().bfill()

    def origins(self, stride: int = 1) -> range:
        """Rows of the last reading of each test window; all horizons lie in the test part."""
        return range(self.parts.validation - 1, self.parts.test - self.longest, stride)

    def training_scale(self) -> pd.Series:
        """Standard deviation of the training rows by column, as the ETT benchmark scales (ddof 0)."""
        return self.readings.iloc[: self.parts.train].std(ddof=0)

    def first_origins(self, count: int) -> Table:
        """The same table with no more than the first test windows."""
        end = min(self.parts.test, self.parts.validation + count - 1 + self.longest)
        return replace(self, parts=replace(self.parts, test=end))


def read_table(name: str, folder: Path) -> Table:
    """Reads a table from its public file, and its protocol from our dataset file.

    Raises:
        InputError: the name is not one of ours, or the file is not in the folder.
    """
    if name not in FILES:
        raise InputError("--sets", f"there is no table {name!r}", f"choose from {', '.join(FILES)}")
    file = folder / FILES[name]
    if not file.exists():
        raise InputError(str(file), "the file is not there", "give the folder that holds the public tables")
    layout = yaml.safe_load((DATASETS / f"{name}.yaml").read_text())
    columns = list(layout["columns"])
    read = pd.read_csv(file, parse_dates=[layout["time"]], index_col=layout["time"])
    targets = _targets(layout)
    past = tuple(column for column in columns if column in read and column not in targets.values())
    readings = read[[*targets.values(), *past]].astype(np.float64)
    parts = _parts(layout["split"], readings[list(targets.values())].notna().any(axis=1).to_numpy())
    return Table(
        name=layout["name"],
        step=layout["step"],
        readings=readings,
        targets=targets,
        past=past,
        fills=_fills(layout["columns"], past),
        window=layout["window"],
        horizons=_horizons(layout["horizons"]),
        parts=parts,
    )


def _targets(layout: Mapping[str, Any]) -> dict[str, str]:
    if "series" in layout:
        return {column: column for column in layout["series"]["melt"]}
    return {layout["name"]: layout["target"]}


def _fills(columns: Mapping[str, Any], past: tuple[str, ...]) -> dict[str, float]:
    return {name: 0.0 for name in past if columns[name].get("missing", {}).get("fill") == "zero"}


def _horizons(stated: str | list[int]) -> tuple[int, ...]:
    if isinstance(stated, list):
        return tuple(stated)
    first, last = map(int, stated.split("-"))
    return tuple(range(first, last + 1))


def _parts(split: Mapping[str, float], observed: np.ndarray[Any, np.dtype[np.bool_]]) -> Parts:
    """Numbers of rows count from the first; fractions are of the rows at which a target was read."""
    if all(isinstance(rows, int) for rows in split.values()):
        ends = np.cumsum([split["train"], split["validation"], split["test"]])
        return Parts(*(int(min(end, len(observed))) for end in ends))
    rows = np.flatnonzero(observed)
    shares = (split["train"], split["train"] + split["validation"])
    train, validation = (int(rows[int(share * len(rows) + _ROUNDING)]) for share in shares)
    return Parts(train, validation, len(observed))
