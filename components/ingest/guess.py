"""A first dataset file guessed from a table, for its owner to look over."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from components.dataset.checks import RESERVED
from components.dataset.errors import DatasetError, WrongKeyError, choose
from components.dataset.horizons import parse_horizons
from components.dataset.load import parse_dataset
from components.dataset.schema import Dataset
from components.errors import InputError
from components.ingest.guess_calendar import guess_calendar
from components.ingest.guess_gaps import Fills, guess_fills
from components.ingest.guess_limits import RangeGuess, guess_range
from components.ingest.guess_rise import guess_rise
from components.ingest.guess_table import GuessTable, read_guess_table
from components.ingest.guess_text import FirstDataset, GuessedColumn, render
from components.ingest.guess_time import TimeGuess, guess_time
from components.ingest.read import EXTENSIONS

_SUMMED = re.compile(r"rain|precip|강수|강우|우량", re.IGNORECASE)


@dataclass(frozen=True)
class GuessRequest:
    """What `sluice dataset init` was asked.

    Attributes:
        table: file or folder of readings.
        target: column to forecast.
        dataset_file: where the text will be written; `source` is written relative to its folder.
        time: column of stamps, found where not given.
        timezone: of stamps that name none.
        window: rows of a window; the schema's default where not given.
        horizons: steps such as `1,6,12` or `1-96`; the schema's default where not given.
    """

    table: Path
    target: str
    dataset_file: Path
    time: str | None = None
    timezone: str = "UTC"
    window: int | None = None
    horizons: str | None = None


def default_dataset_file(table: Path) -> Path:
    """Where the dataset file of a table goes: beside it, under its name."""
    return table.with_name(f"{_stem(table)}.yaml")


def first_dataset(request: GuessRequest) -> str:
    """Commented YAML that `sluice run` takes as it is.

    Raises:
        InputError: the table can't be read, has no such target, no stamps, or too few readings for one window.
    """
    window = request.window or int(Dataset.model_fields["window"].default)
    horizons = _horizons(request)
    table = read_guess_table(request.table)
    target = _readings_of_target(table, request)
    time = guess_time(table, str(request.table), request.time, request.target)
    columns = {request.target: target, **_other_columns(table, request.target, time)}
    ranges = {name: guess_range(values) for name, values in columns.items()}
    on_grid = {name: _on_grid(values, ranges[name], time) for name, values in columns.items()}
    observed = {name: np.isfinite(values) for name, values in on_grid.items()}
    fills = guess_fills(observed, time.inside, request.target, window, max(horizons))
    _require_windows(request, fills, window, max(horizons))
    first = FirstDataset(
        name=_name(request.table),
        source=_relative(request.table, request.dataset_file),
        time=time,
        timezone=request.timezone,
        columns=_guessed(table, ranges, observed, fills),
        left_out=_left_out(table, time, columns, fills),
        calendar=guess_calendar(target, time),
        target=request.target,
        window=window,
        horizons=horizons,
        rise=guess_rise(on_grid[request.target], time.inside, max(horizons)),
    )
    text = render(first)
    _check(text, request)
    return text


def _horizons(request: GuessRequest) -> tuple[int, ...]:
    if request.horizons is None:
        return tuple(Dataset.model_fields["horizons"].default)
    try:
        return parse_horizons(request.horizons)
    except WrongKeyError as mistake:
        raise InputError("--horizons", mistake.problem, mistake.fix) from None


def _readings_of_target(table: GuessTable, request: GuessRequest) -> NDArray[np.float64]:
    where = f"{request.table}: --target"
    if request.target not in table.names:
        raise InputError(where, f"there is no column '{request.target}'", choose(request.target, table.names))
    numbers = table.numbers(request.target)
    if not np.isfinite(numbers.values).any():
        fix = choose(request.target, [name for name in table.names if _is_numeric(table, name)])
        raise InputError(where, f"the column '{request.target}' holds no numbers", fix)
    return numbers.values


def _other_columns(table: GuessTable, target: str, time: TimeGuess) -> dict[str, NDArray[np.float64]]:
    """Columns that hold numbers which tell something, in the table's order."""
    found = {}
    for name in table.names:
        if name in (target, time.time, time.series, *RESERVED) or not _is_numeric(table, name):
            continue
        values = table.numbers(name).values
        if not _says_nothing(values):
            found[name] = values
    return found


def _is_numeric(table: GuessTable, name: str) -> bool:
    """Whether at least half of the cells that hold something are numbers."""
    numbers = table.numbers(name)
    return bool(np.isfinite(numbers.values).sum() > numbers.wrong.sum())


def _says_nothing(values: NDArray[np.float64]) -> bool:
    """Whether a column never changes, or only counts the rows."""
    finite = values[np.isfinite(values)]
    return bool((finite == finite[0]).all() or (len(finite) > 2 and (np.diff(finite) == 1).all()))


def _on_grid(values: NDArray[np.float64], span: RangeGuess, time: TimeGuess) -> NDArray[np.float64]:
    """[grid rows] readings on the regular grid, NaN where there is none."""
    laid = np.full(len(time.inside), np.nan)
    readings = values[time.row]
    usable = np.isfinite(readings) & ~np.isin(readings, span.sentinels)
    laid[time.position[usable]] = readings[usable]
    return laid


def _require_windows(request: GuessRequest, fills: Fills, window: int, ahead: int) -> None:
    edges = np.flatnonzero(np.diff(fills.usable.astype(np.int8), prepend=0, append=0))
    longest = int((edges[1::2] - edges[::2]).max(initial=0))
    if longest < window + ahead:
        raise InputError(
            str(request.table),
            f"no window fits: a window of {window} and a horizon of {ahead} need {window + ahead} steps without a long "
            f"gap, and the longest run has {longest}",
            "give more readings, or a smaller --window or shorter --horizons",
        )


def _guessed(
    table: GuessTable,
    ranges: Mapping[str, RangeGuess],
    observed: Mapping[str, NDArray[np.bool_]],
    fills: Fills,
) -> tuple[GuessedColumn, ...]:
    grid = max(1, int(np.logical_or.reduce(list(observed.values())).sum()))
    return tuple(
        GuessedColumn(
            name=name,
            span=ranges[name],
            max_gap=fills.max_gap[name],
            missing_share=1 - float(observed[name].sum()) / grid,
            is_summed=bool(_SUMMED.search(name)) and ranges[name].lowest >= 0,
        )
        for name in table.names
        if name in fills.max_gap
    )


def _left_out(
    table: GuessTable, time: TimeGuess, columns: Mapping[str, NDArray[np.float64]], fills: Fills
) -> dict[str, str]:
    reasons = {}
    for name in table.names:
        if name in fills.max_gap or name in (time.time, time.series):
            continue
        if name in fills.left_out:
            missing = 1 - np.isfinite(columns[name]).mean()
            reasons[name] = f"long gaps ({missing:.0%} missing) would break too many windows"
        elif name in RESERVED:
            reasons[name] = "the name is taken by the readings file; rename it in the table"
        else:
            reasons[name] = "always the same, or counts the rows" if _is_numeric(table, name) else "no numbers"
    return reasons


def _name(table: Path) -> str:
    """The table's name as a model may be called."""
    plain = re.sub(r"[^a-z0-9]+", "_", _stem(table).lower()).strip("_")
    if not plain[:1].isalpha():
        plain = f"data_{plain}".rstrip("_")
    return plain[:63].rstrip("_")


def _stem(table: Path) -> str:
    name = table.name
    found = [extension for extension in EXTENSIONS if name.lower().endswith(extension)]
    return name[: -len(max(found, key=len))] if found else name


def _relative(table: Path, dataset_file: Path) -> str:
    """The table's path as seen from the dataset file's folder."""
    return Path(os.path.relpath(table.resolve(), dataset_file.resolve().parent)).as_posix()


def _check(text: str, request: GuessRequest) -> None:
    try:
        parse_dataset(text, str(request.dataset_file))
    except DatasetError as error:
        key = error.where.rsplit(", ", 1)[-1]
        raise InputError(f"{request.table}: {key}", error.problem, error.fix) from error
