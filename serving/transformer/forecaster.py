"""Forecasts of raw readings: cleaned, cut into windows and answered by one version."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from components.dataset.schema import Dataset
from components.errors import InputError
from components.preprocess.last_window import LastWindow
from serving.forecasts import Forecasts, series_forecasts
from serving.server.backend import Answered, Backend
from serving.server.errors import RequestError
from serving.server.model import Question, StoreDataPlane, served
from serving.transformer.errors import UnusableReadings
from serving.transformer.windows import Cut, Terms, cut_windows

__all__ = ["Forecasted", "Forecaster", "ReadingsQuestion", "UnusableReadings"]

LOGGER = logging.getLogger("sluice.serving")
# More rows than this take more than a few milliseconds: in a thread, so that short requests don't wait.
_MANY_ROWS = 2_000
_MANY_WINDOWS = 20


@dataclass(frozen=True)
class ReadingsQuestion:
    """Raw readings, and who shall forecast what follows.

    Attributes:
        model: name.
        readings: the dataset's time column, its series column for panels, its columns; in any order.
        version: number as text; empty for the champion's.
        label: `stable` or `candidate`, in place of a number.
        units: the caller's unit of each column, checked where given.
        max_age_seconds: oldest last reading; None for the server's.
        new_series: whether series that the model wasn't trained on may be asked for.
    """

    model: str
    readings: pd.DataFrame
    version: str = ""
    label: str = ""
    units: Mapping[str, str] = field(default_factory=dict)
    max_age_seconds: float | None = None
    new_series: bool = False


@dataclass(frozen=True)
class Forecasted:
    """An answer, and what it was made of.

    Attributes:
        forecasts: the answer.
        dataset: of the version that answered.
        windows: that it was asked, in the order of the forecasts.
        recent: cleaned readings: `series`, `time` (UTC) and the dataset's columns.
    """

    forecasts: Forecasts
    dataset: Dataset
    windows: tuple[LastWindow, ...]
    recent: pd.DataFrame


class Forecaster:
    """Answers raw readings.

    Args:
        plane: the models that answer.
        clock: seconds since 1970.
        max_age_seconds: a last reading older than this is refused where the question doesn't say; None takes any.

    Attributes:
        listeners: told of each answer, in the order of the list.
    """

    def __init__(
        self, plane: StoreDataPlane, clock: Callable[[], float] = time.time, max_age_seconds: float | None = None
    ) -> None:
        self._plane = plane
        self._clock = clock
        self.max_age_seconds = max_age_seconds
        self.listeners: list[Callable[[Forecasted], None]] = []

    async def forecast(self, question: ReadingsQuestion, headers: Mapping[str, str]) -> Forecasted:
        """The forecast of each series of the question that can be forecast.

        Raises:
            NotServedError: no such model or version.
            RequestError: the readings aren't the model's: a column is missing, a unit is another, a time is none.
            UnusableReadings: no series can be forecast.
        """
        return await self.answer(
            served(self._plane, question.model, question.version, question.label), question, headers
        )

    async def answer(self, backend: Backend, question: ReadingsQuestion, headers: Mapping[str, str]) -> Forecasted:
        """As `forecast`, by a version that was chosen before."""
        dataset, rows = dataset_of(backend), len(question.readings)
        terms = self._terms(backend, dataset, question)
        if rows > _MANY_ROWS:
            cut = await asyncio.to_thread(cut_windows, dataset, question.readings, terms)
        else:
            cut = cut_windows(dataset, question.readings, terms)
        answered = await self._plane.ask(Question(backend, cut.inputs), headers)
        if len(cut.windows) > _MANY_WINDOWS:
            forecasts = await asyncio.to_thread(_forecasts, backend, dataset, cut, answered)
        else:
            forecasts = _forecasts(backend, dataset, cut, answered)
        forecasted = Forecasted(forecasts, dataset, cut.windows, cut.readings)
        self._tell(forecasted)
        return forecasted

    def _terms(self, backend: Backend, dataset: Dataset, question: ReadingsQuestion) -> Terms:
        max_age = self.max_age_seconds if question.max_age_seconds is None else question.max_age_seconds
        known = None if question.new_series else _known_series(backend, dataset)
        return Terms(known, question.units, max_age, self._clock())

    def _tell(self, forecasted: Forecasted) -> None:
        for listener in self.listeners:
            try:
                listener(forecasted)
            except Exception:
                # Who listens is no part of the answer.
                LOGGER.exception("a listener failed on a forecast of %s", forecasted.forecasts.model)


def dataset_of(backend: Backend) -> Dataset:
    """What the columns of a version are.

    Raises:
        RequestError: its dataset file can't be read, so that it answers windows only.
    """
    try:
        return backend.folder.dataset
    except (InputError, OSError) as error:
        LOGGER.warning("model %s version %s takes windows only: %s", backend.name, backend.version, error)
        raise RequestError(
            f"model {backend.name} version {backend.version} takes windows only: it has no dataset file"
        ) from error


def _known_series(backend: Backend, dataset: Dataset) -> tuple[str, ...] | None:
    if not dataset.is_panel:
        return (dataset.name,)
    return _card_series(backend) or (dataset.melt.melt if dataset.melt else None)


def _card_series(backend: Backend) -> tuple[str, ...]:
    try:
        return backend.folder.series
    except (OSError, ValueError):
        return ()


def _members(backend: Backend, count: int) -> tuple[str, ...]:
    try:
        names = backend.folder.members
    except (OSError, ValueError, KeyError):
        names = ()
    return names if len(names) == count else tuple(f"member {number}" for number in range(1, count + 1))


def _forecasts(backend: Backend, dataset: Dataset, cut: Cut, answered: Answered) -> Forecasts:
    members = _members(backend, answered.outputs["members"].shape[1])
    return Forecasts(
        model=backend.name,
        version=answered.version,
        target=dataset.target,
        unit=dataset.columns[dataset.target].unit,
        band=dataset.band,
        step=dataset.step,
        horizons=dataset.horizons,
        forecasts=series_forecasts(dataset, cut.windows, answered.outputs, members),
        refused=cut.refused,
        notes=cut.notes,
    )
