"""Batch prediction: the newest window of each series, several in one call, each row written once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace

import numpy as np

from components.errors import InputError
from components.preprocess.last_window import LastWindow
from serving.batch.asking import Asked, whom_to_ask
from serving.batch.ledger import Ledger
from serving.batch.model import BatchModel, find_model
from serving.batch.request import BatchRequest, BatchSummary
from serving.batch.rows import Batch, batch_rows, origin_us, unlike_numbers, window_keys
from serving.batch.sink import Sink, open_sink
from serving.batch.windows import NewestWindows, newest_windows
from serving.clients.client import Answer
from serving.forecasts import Refusal

# Series done, of how many, and what is being done.
Progress = Callable[[int, int, str], None]


def predict_batch(request: BatchRequest, progress: Progress, clock: Callable[[], float] = time.time) -> BatchSummary:
    """Forecasts after the newest window of each series; what is there already is not asked again.

    Whatever kills it, the same call writes what is missing.

    Raises:
        InputError: the readings, the store, the server or the place for the rows can't be used.
    """
    if request.batch_size < 1:
        raise InputError("--batch-size", f"{request.batch_size} is no number of windows", "give 1 or more")
    start = time.perf_counter()
    model = find_model(request)
    with closing(open_sink(request.out, request.table)) as sink:
        progress(0, 0, "reading")
        work = _Work(model, sink, clock)
        with work.timed("reading"):
            newest = newest_windows(model, request)
        with closing(whom_to_ask(request, model)) as asked:
            work.run(newest, asked, request.batch_size, progress)
        work.seconds["total"] = time.perf_counter() - start
        return work.summary(newest)


class _Work:
    """One batch prediction on its way."""

    def __init__(self, model: BatchModel, sink: Sink, clock: Callable[[], float]) -> None:
        self.model = model
        self.sink = sink
        self.clock = clock
        self.version = 0
        self.ledger = Ledger(len(model.dataset.horizons))
        self.seconds: dict[str, float] = {}

    def run(self, newest: NewestWindows, asked: Asked, batch_size: int, progress: Progress) -> None:
        """Asks and writes batch by batch, without the windows whose rows are there."""
        self.ledger = self.ledger.with_refused(newest.refused)
        total, waiting = len(newest.windows), newest.windows
        self.version = asked.version
        if self.version:
            waiting = self._without_known(waiting)
        if waiting:
            progress(total - len(waiting), total, "loading the model")
            with self.timed("loading"):
                asked.load()
        while waiting:
            progress(total - len(waiting), total, "forecasting")
            batch, waiting = waiting[:batch_size], waiting[batch_size:]
            with self.timed("asking"):
                answer = asked.ask(batch)
            self._write(newest, batch, answer)
            if not self.version:
                self.version = answer.version or 0
                waiting = self._without_known(waiting)
        progress(total, total, "done")

    @contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Adds the seconds of the body to a part of the work."""
        start = time.perf_counter()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - start

    def summary(self, newest: NewestWindows) -> BatchSummary:
        """What became of the rows."""
        ledger = self.ledger
        return BatchSummary(
            model=self.model.name,
            version=self.version,
            out=self.sink.where,
            series=len(newest.windows) + len(newest.refused),
            rows_in=ledger.rows_in,
            rows_written=ledger.written,
            rows_already_there=ledger.already_there,
            rows_refused=ledger.refused,
            refused=ledger.refusals,
            readings_in=newest.readings_in,
            readings_quarantined=newest.readings_quarantined,
            seconds={part: round(seconds, 3) for part, seconds in self.seconds.items()},
        )

    def _without_known(self, windows: Sequence[LastWindow]) -> tuple[LastWindow, ...]:
        """The windows of which a row is missing; the others are entered as there already."""
        with self.timed("looking"):
            known = self.sink.keys(self.model.name, self.version, {origin_us(window.origin) for window in windows})
            horizons = self.model.dataset.horizons
            missing = tuple(window for window in windows if not window_keys(window, horizons) <= known)
        self.ledger = self.ledger.with_written(len(windows) - len(missing), 0)
        return missing

    def _write(self, newest: NewestWindows, windows: Sequence[LastWindow], answer: Answer) -> None:
        self._check_shape(answer, len(windows))
        wrong = unlike_numbers(answer)
        self.ledger = self.ledger.with_refused(
            tuple(_no_number(window.series) for window, bad in zip(windows, wrong, strict=True) if bad)
        )
        good = [window for window, bad in zip(windows, wrong, strict=True) if not bad]
        if not good:
            return
        members = self.model.members(answer.version or 0, answer.members.shape[1])
        batch = Batch(self.model.name, newest.dataset, good, _chosen(answer, ~wrong), members, self.clock())
        with self.timed("writing"):
            written = self.sink.add(batch_rows(batch))
        self.ledger = self.ledger.with_written(len(good), written)

    def _check_shape(self, answer: Answer, windows: int) -> None:
        wanted, got = (windows, len(self.model.dataset.horizons)), answer.forecast.shape
        if wanted != got:
            raise InputError(
                f"model {self.model.name}",
                f"answers {got} forecasts, while {wanted} are asked for (windows, horizons)",
                "give the dataset file or the store that the model was trained with",
            )


def _chosen(answer: Answer, rows: np.ndarray) -> Answer:
    names = ("forecast", "lower", "upper", "members", "weights", "spike_probability")
    return replace(answer, **{name: getattr(answer, name)[rows] for name in names})


def _no_number(series: str) -> Refusal:
    return Refusal(series, "the model's answer is no number", "look at its readings, or roll the model back")
