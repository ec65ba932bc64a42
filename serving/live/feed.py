"""Follows a file of readings, and asks for a forecast whenever there are new ones."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from components.errors import InputError
from serving.live.newest import HISTORY, Newest, newest_readings
from serving.live.source import Source
from serving.live.tail import source_files
from serving.server.errors import BackendError, BusyError, NotServedError, RequestError
from serving.server.model import StoreDataPlane, served
from serving.transformer.forecaster import Forecasted, Forecaster, ReadingsQuestion

if TYPE_CHECKING:
    from serving.server.backend import Backend

LOGGER = logging.getLogger("sluice.serving")
POLL_SECONDS = 1.0
_RETRY_SECONDS = 5.0
_NO_HISTORY = pd.Timedelta(0)


class Feed:
    """Keeps the forecasts of the followed file's newest readings coming; whatever is wrong with it is a notice.

    Args:
        plane: the models that are served.
        forecaster: asked; its listeners show the answer.
        source: what to follow.
        poll_seconds: how often the file is looked at.
    """

    def __init__(
        self, plane: StoreDataPlane, forecaster: Forecaster, source: Source, poll_seconds: float = POLL_SECONDS
    ) -> None:
        self._plane = plane
        self._forecaster = forecaster
        self._source = source
        self._poll_seconds = poll_seconds
        self._notices: dict[str, str] = {}
        self._done: dict[str, Hashable] = {}
        self._retry_at: dict[str, float] = {}
        self._fitting: set[str] = set()
        self._stopped = asyncio.Event()

    def notice(self, model: str) -> str | None:
        """What is wrong with a model's readings, None where nothing is."""
        return self._notices.get(model)

    def stop(self) -> None:
        """Ends `run`; to be called in its event loop."""
        self._stopped.set()

    async def run(self) -> None:
        """Looks at the file until stopped."""
        while not self._stopped.is_set():
            await self.check()
            try:
                await asyncio.wait_for(self._stopped.wait(), self._poll_seconds)
            except TimeoutError:
                continue

    async def check(self) -> None:
        """Asks for each model whose readings, or whose champion, changed since the last time."""
        for name in self._models():
            try:
                await self._check_model(served(self._plane, name))
            except NotServedError:
                self._say(name, f"no model named {name} is served here")
            except Exception as error:  # the server answers others, whatever is wrong here
                LOGGER.debug("feed of %s failed", name, exc_info=True)
                self._say(name, f"the newest readings can't be forecast: {type(error).__name__}: {error}")

    def _models(self) -> list[str]:
        return [self._source.model] if self._source.model else sorted(self._plane.model_registry.get_models())

    async def _check_model(self, backend: Backend) -> None:
        name = backend.name
        now = asyncio.get_running_loop().time()
        state = (backend.version, await asyncio.to_thread(_fingerprint, self._source.path))
        if state == self._done.get(name) or now < self._retry_at.get(name, 0.0):
            return
        self._retry_at[name] = now + _RETRY_SECONDS
        history = _NO_HISTORY if name in self._done else HISTORY
        try:
            newest = await asyncio.to_thread(newest_readings, backend.folder.dataset, self._source.path, history)
            self._fitting.add(name)
            answer = await self._forecaster.forecast(ReadingsQuestion(name, newest.frame), {})
        except (InputError, RequestError) as error:
            self._done[name] = state
            self._say(name, self._wrong(error) if self._concerns(name) else "")
            return
        except (BusyError, BackendError) as error:
            self._say(name, f"no forecast now, trying again: {error}")
            return
        self._retry_at.pop(name)
        self._done[name] = None if newest.torn else state
        self._say(name, self._problems(newest, answer))

    def _concerns(self, name: str) -> bool:
        """Whether the file is a model's: of several models it need not be that of each."""
        return name in self._fitting or not self._fitting

    def _wrong(self, error: InputError | RequestError) -> str:
        if isinstance(error, InputError):
            return f"The readings can't be used: {error.where}: {error.problem}"
        return f"Of the readings in {self._source.path.name}: {error}"

    def _problems(self, newest: Newest, answer: Forecasted) -> str:
        refused = answer.forecasts.refused
        more = f", and {len(refused) - 1} more series" if len(refused) > 1 else ""
        parts = [newest.problem, f"no forecast of {refused[0]}{more}" if refused else ""]
        text = "; ".join(filter(None, parts))
        return f"Of the readings in {self._source.path.name}: {text}" if text else ""

    def _say(self, model: str, text: str) -> None:
        if text and self._notices.get(model) != text:
            LOGGER.warning("%s: %s", model, text)
        if text:
            self._notices[model] = text
        else:
            self._notices.pop(model, None)


def _fingerprint(path: Path) -> Hashable:
    try:
        facts = [(file.name, file.stat()) for file in source_files(path)]
    except OSError as error:
        return str(error)
    return tuple((name, stat.st_size, stat.st_mtime_ns) for name, stat in facts)
