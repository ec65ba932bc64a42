"""A fold's series on disk: `series.json` of its own, beside links to the arrays that all folds share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from components.preprocess.series import Series
from components.preprocess.storage import ARRAYS, save_series


def link_series(series: Series, shared: Path, folder: Path) -> None:
    """Writes what `load_series` reads, without a copy of an array.

    Args:
        series: the series as the fold sees it.
        shared: folder of the prepared series that it was made from.
        folder: to write to, empty or not there.
    """
    # Only the facts are wanted, in the format that `storage` owns: an empty series has no rows to write.
    save_series(_without_rows(series), folder)
    for name in ARRAYS:
        link = folder / f"{name}.npy"
        link.unlink()
        link.symlink_to((shared / f"{name}.npy").resolve())


def _without_rows(series: Series) -> Series:
    return replace(series, **{name: getattr(series, name)[:0] for name in ARRAYS})
