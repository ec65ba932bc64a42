"""Generations: readings that came after a model was trained get parts of their own, behind the parts it was trained on.

generation 1                       generation 2
|  train  | validation |  test  |  |  train  | validation |  test  |

What was once validation or test is never trained on later, so an old storm of the test part stays there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from components.dataset.schema import Dataset
from components.errors import InputError
from components.preprocess.series import PartName, Series, Span
from components.preprocess.windows import origins

Stamps = NDArray[np.datetime64]


@dataclass(frozen=True)
class Generation:
    """Parts of the readings that came between two trainings, the same moments for every series.

    Attributes:
        validation_from: first stamp of the validation part, ISO 8601 without a zone, UTC.
        test_from: first stamp of the test part.
        until: last stamp of the generation.
    """

    validation_from: str
    test_from: str
    until: str


def as_text(generations: Sequence[Generation]) -> str:
    """Generations as JSON text; empty for none."""
    return json.dumps([asdict(each) for each in generations]) if generations else ""


def from_text(text: str) -> tuple[Generation, ...]:
    """The generations that `as_text` wrote."""
    return tuple(Generation(**each) for each in json.loads(text)) if text else ()


def generation_of(series: Series, spans: Sequence[Span]) -> Generation:
    """The generation that these spans are, of all series of a dataset."""
    stamps = np.asarray(series.stamps)
    # Known columns may go on after the last reading of the target; those rows are the next generation's.
    back = [(span, np.asarray(series.observed[span.start : span.end])[::-1]) for span in spans]
    until = max(stamps[span.end - 1 - int(read.argmax())] for span, read in back if read.any())
    validation = [stamps[span.validation] for span in spans if span.validation < span.end]
    test = [stamps[span.test] for span in spans if span.test < span.end]
    return Generation(str(min(validation, default=until)), str(min(test, default=until)), str(until))


def newer(series: Series, until: str) -> tuple[Span, ...]:
    """The spans that begin after a stamp."""
    moment = np.datetime64(until)
    return tuple(span for span in series.spans if series.stamps[span.start] > moment)


def older(series: Series, until: str) -> tuple[Span, ...]:
    """The spans that begin at a stamp or before."""
    new = set(newer(series, until))
    return tuple(span for span in series.spans if span not in new)


def with_spans(series: Series, spans: Sequence[Span]) -> Series:
    """The series with a choice of its spans."""
    return replace(series, spans=tuple(spans))


def spans_of_generations(
    series: tuple[str, int, int], stamps: Stamps, generations: Sequence[Generation]
) -> tuple[Span, ...]:
    """A series' spans, one for each generation that has readings of it.

    Args:
        series: name, first row, row after the last.
        stamps: [rows] of all series.
        generations: from the oldest to the newest; rows after the newest are not used.
    """
    name, start, end = series
    own, first, spans = stamps[start:end], 0, []
    for each in generations:
        moments = np.array([each.validation_from, each.test_from], "datetime64[ns]")
        last = int(np.searchsorted(own, np.datetime64(each.until, "ns"), side="right"))
        validation, test = np.clip(np.searchsorted(own, moments), first, last)
        if last > first:
            spans.append(Span(name, start + first, int(start + validation), int(start + test), start + last))
        first = last
    return tuple(spans)


def check_generations(dataset: Dataset, series: Series, until: str) -> None:
    """Raises InputError where a part of the readings up to a stamp, or after it, holds no window."""
    for spans, which in ((older(series, until), "up to"), (newer(series, until), "after")):
        parts: tuple[PartName, ...] = ("train", "validation", "test")
        for part in parts:
            if len(origins(with_spans(series, spans), part, dataset.window, dataset.horizons)):
                continue
            raise InputError(
                f"{dataset.name}: {part} part of the readings {which} {until[:19]}",
                f"holds no window of {dataset.window} rows with {max(dataset.horizons)} steps after it",
                "give the old readings and enough new ones, together; or train from scratch: sluice run",
            )
