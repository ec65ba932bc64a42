"""The newest forecast of each series, and the readings that led to it."""

from __future__ import annotations

import itertools
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from serving.live.recent import Recent, recent_of

if TYPE_CHECKING:
    from serving.forecasts import Forecasts, SeriesForecast
    from serving.transformer.forecaster import Forecasted

MAX_SERIES = 500
MAX_EARLIER = 1500
# A stamp this far ahead of the clock is a wrong clock or a trial, and gives way to any that isn't.
AHEAD = np.timedelta64(1, "h")


@dataclass(frozen=True)
class Earlier:
    """What was forecast before, for the longest horizon.

    Attributes:
        time: what it was for, ISO 8601, UTC.
        forecast: in the target's unit.
    """

    time: str
    forecast: float


@dataclass(frozen=True)
class Track:
    """What is known of one series.

    Attributes:
        forecasts: the answer that brought the newest forecast, for its version.
        newest: the newest forecast.
        origin: its origin, UTC.
        recent: readings up to it, and known ones after it.
        earlier: what was forecast before, oldest first.
        revision: grows with each change of any series.
    """

    forecasts: Forecasts
    newest: SeriesForecast
    origin: np.datetime64
    recent: Recent
    earlier: tuple[Earlier, ...]
    revision: int


class Latest:
    """Takes every forecast that is made of raw readings, whoever asked; any thread may call any method.

    At most MAX_SERIES series are kept, those that were forecast last. A forecast with an older origin never replaces
    one with a newer, and a version on trial never the champion's.

    Args:
        champion: version of a model that serves now, None where there is none.
        clock: seconds since the epoch.
    """

    def __init__(self, champion: Callable[[str], int | None], clock: Callable[[], float] = time.time) -> None:
        self._champion = champion
        self._clock = clock
        self._lock = threading.Lock()
        self._tracks: OrderedDict[tuple[str, str], Track] = OrderedDict()
        self._revisions = itertools.count(1)

    def take(self, forecasted: Forecasted) -> None:
        """Keeps what is newer than what is known."""
        forecasts = forecasted.forecasts
        if str(forecasts.version) != str(self._champion(forecasts.model)):
            return
        recents = recent_of(forecasted.recent, tuple(forecasted.dataset.columns))
        with self._lock:
            for forecast in forecasts.forecasts:
                self._take_one(forecasts, forecast, recents.get(forecast.series))
            while len(self._tracks) > MAX_SERIES:
                self._tracks.popitem(last=False)

    def tracks(self, model: str) -> tuple[Track, ...]:
        """All series of a model, by name."""
        with self._lock:
            return tuple(track for (name, _), track in sorted(self._tracks.items()) if name == model)

    def revision(self, model: str) -> int:
        """Grows with each change of a model's series; 0 before the first."""
        with self._lock:
            return max((track.revision for (name, _), track in self._tracks.items() if name == model), default=0)

    def _take_one(self, forecasts: Forecasts, forecast: SeriesForecast, recent: Recent | None) -> None:
        key = (forecasts.model, forecast.series)
        origin = np.datetime64(forecast.origin.removesuffix("Z"), "ns")
        known = self._tracks.get(key)
        empty = Recent((), np.empty(0, "datetime64[ns]"), np.empty((0, 0), np.float32))
        recent = recent or empty
        if known is not None and self._is_ahead(known.origin) and not self._is_ahead(origin):
            known = None
        if known is not None and (self._is_ahead(origin) > self._is_ahead(known.origin) or origin < known.origin):
            return
        self._tracks[key] = Track(
            forecasts=forecasts,
            newest=forecast,
            origin=origin,
            recent=known.recent.merged(recent, origin) if known else recent.trimmed(origin),
            earlier=_with_earlier(known, origin),
            revision=next(self._revisions),
        )
        self._tracks.move_to_end(key)

    def _is_ahead(self, origin: np.datetime64) -> bool:
        return bool(origin > np.datetime64(int(self._clock() * 1e9), "ns") + AHEAD)


def _with_earlier(known: Track | None, origin: np.datetime64) -> tuple[Earlier, ...]:
    if known is None:
        return ()
    if known.origin == origin:
        return known.earlier
    last = known.newest.rows[-1]
    return (*known.earlier[1 - MAX_EARLIER :], Earlier(last.time, last.forecast))
