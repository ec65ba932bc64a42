"""The live API, the page and the feed of one server, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI

from serving.live.feed import Feed
from serving.live.latest import Latest
from serving.live.routes import Sources, add_live_routes
from serving.live.source import Source
from serving.server.model import StoreDataPlane

if TYPE_CHECKING:
    from serving.transformer.forecaster import Forecaster


class Live:
    """Shows every forecast that the forecaster makes, and has it make some of its own where it follows a file.

    Args:
        plane: the models that are served.
        forecaster: whose forecasts are shown.
    """

    def __init__(self, plane: StoreDataPlane, forecaster: Forecaster) -> None:
        self._plane = plane
        self._forecaster = forecaster
        self._feed: Feed | None = None
        self.latest = Latest(self._champion)
        forecaster.listeners.append(self.latest.take)

    def add_routes(self, app: FastAPI) -> None:
        """Adds the page and its API; KServe's own `/` must come after."""
        add_live_routes(app, Sources(self._plane, self.latest, self._notice))

    async def follow(self, source: Source | None) -> None:
        """Follows a file of readings until stopped; returns at once where there is none."""
        if source is None:
            return
        self._feed = Feed(self._plane, self._forecaster, source)
        await self._feed.run()

    def stop(self) -> None:
        """Ends `follow`; to be called in its event loop."""
        if self._feed is not None:
            self._feed.stop()

    def _champion(self, name: str) -> int | None:
        model = self._plane.model_registry.get_model(name)
        return None if model is None else int(model.stable.version)

    def _notice(self, name: str) -> str | None:
        return None if self._feed is None else self._feed.notice(name)
