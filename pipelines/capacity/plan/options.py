"""A request from what the command line says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast, get_args

from components.errors import InputError
from components.train.memory import Optimizer
from components.train.wishes import AskedPrecision
from pipelines.capacity.catalogue.schema import Catalogue
from pipelines.capacity.memory.model_file import read_model
from pipelines.capacity.plan.learnt import with_history
from pipelines.capacity.plan.request import (
    MEASURED_PASSES,
    MEASURED_PASSES_SOURCE,
    FixedWorkload,
    OwnModel,
    Place,
    Request,
    Served,
    Trained,
    members_for,
    parse_cards,
    setting_for,
)
from pipelines.capacity.ranges import Range
from pipelines.capacity.schedule.windows import windows_of

_WIDTHS = ("stated", "light")
_GB = 1e9


@dataclass(frozen=True)
class Wishes:
    """What the command line says, as it says it; see `sluice plan --help`."""

    cards: str = "v100-32gb"
    rows: int = 781_163
    members: str = ""
    batch: int = 0
    accumulation: int = 1
    window: int = 100
    columns: int = 12
    horizons: int = 3
    precision: str = "auto"
    width: str = ""
    optimizer: str = "adamw"
    models: tuple[str, ...] = ()
    passes: str = ""
    history: str = ""
    folds: int = 0
    experiments: int = 0
    retrain_experiments: bool = False
    serve_on: str = "auto"
    serve_windows: int = 1_000
    every_seconds: int = 600
    dawn: str = "02:00-10:00"
    beside: tuple[str, ...] = ()


def request_of(wishes: Wishes, catalogue: Catalogue) -> Request:
    """The request.

    Raises:
        InputError: an option says something that can't be.
    """
    setting = setting_for(wishes.rows, wishes.window, wishes.columns, wishes.horizons)
    if wishes.width:
        setting = replace(setting, width=_one_of("--width", wishes.width, _WIDTHS))  # type: ignore[arg-type]
    passes, source = MEASURED_PASSES, MEASURED_PASSES_SOURCE
    if wishes.passes:
        passes, source = _passes(wishes.passes), "--passes"
    models = tuple(_model(text) for text in wishes.models)
    trained = Trained(
        # A model takes the members' place unless they are named as well.
        members=() if models and not wishes.members else members_for(wishes.rows, wishes.members),
        models=models,
        rows=wishes.rows,
        setting=setting,
        batch=wishes.batch,
        accumulation=wishes.accumulation,
        precision=cast(AskedPrecision, _one_of("--precision", wishes.precision, get_args(AskedPrecision))),
        optimizer=cast(Optimizer, _one_of("--optimizer", wishes.optimizer, get_args(Optimizer))),
        passes=passes,
        passes_source=source,
        folds=wishes.folds,
        experiments=wishes.experiments,
        retrain_experiments=wishes.retrain_experiments,
    )
    if wishes.history:
        trained = with_history(trained, Path(wishes.history))
    place = cast(Place, _one_of("--serve-on", wishes.serve_on, get_args(Place)))
    served = Served(windows=wishes.serve_windows, every_seconds=wishes.every_seconds, place=place)
    windows = windows_of(wishes.dawn)
    if len(windows) != 1:
        raise InputError("--dawn", f"{wishes.dawn!r} is not one window", "give hours of the day, such as 02:00-10:00")
    fixed = tuple(_fixed(text) for text in wishes.beside)
    return Request(parse_cards(wishes.cards, catalogue), trained, served, windows[0], fixed)


def counts_of(text: str) -> tuple[int, ...]:
    """Numbers from text such as `1,10,100`.

    Raises:
        InputError: one of them is no whole number.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InputError("--stations", f"{text!r} holds no whole numbers", "write e.g. 1,10,100") from None


def _model(text: str) -> OwnModel:
    name, named, file = text.rpartition("=")
    path = Path(file)
    if named and not name:
        raise InputError("--model", f"{text!r} names no model", "write e.g. own=FILE.keras or FILE.keras")
    found = read_model(path, name or path.stem)
    return OwnModel(str(path), found.architecture, found.uncounted)


def _passes(text: str) -> Range:
    low, _, high = text.partition("-")
    try:
        found = Range(float(low), float(high or low))
    except ValueError:
        raise InputError("--passes", f"{text!r} is no number or range", "write e.g. 5 or 2-12") from None
    if found.low <= 0:
        raise InputError("--passes", f"{text} passes train nothing", "give more than 0")
    return found


def _fixed(text: str) -> FixedWorkload:
    name, _, size = text.partition("=")
    try:
        gigabytes = float(size)
    except ValueError:
        gigabytes = 0.0
    if not name or gigabytes <= 0:
        raise InputError("--beside", f"{text!r} is no workload", "write e.g. inference=6 for 6 GB")
    return FixedWorkload(name, round(gigabytes * _GB), "--beside")


def _one_of(option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise InputError(option, f"there is no {value!r}", f"choose from {', '.join(known)}")
    return value
