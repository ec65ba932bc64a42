"""What a dataset file makes of its readings, without training."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from components.dataset.schema import Dataset
from components.errors import InputError
from components.ingest.step import IngestRequest, IngestSummary, ingest_readings
from components.journal import Journal
from components.preprocess.inspect import Inspection, inspect_series
from components.preprocess.readings import readings_from_parquet
from components.preprocess.series import Series
from components.preprocess.shortage import count_windows
from components.preprocess.step import series_of


@dataclass(frozen=True)
class DatasetCheck:
    """What came of it.

    Attributes:
        summary: rows in, kept and quarantined.
        inspection: windows, gaps, borders and spikes of each part.
        shortage: why nothing could be trained on these readings, if so.
    """

    summary: IngestSummary
    inspection: Inspection
    shortage: InputError | None


def check_dataset(dataset: Dataset, data: str) -> DatasetCheck:
    """Ingests and prepares the readings in a temporary folder.

    Raises:
        InputError: the readings can't be read.
    """
    with tempfile.TemporaryDirectory(prefix="sluice-check-") as folder:
        readings = Path(folder) / "readings.parquet"
        request = IngestRequest(dataset, data, readings, Path(folder) / "quarantine.parquet")
        summary = ingest_readings(request, Journal("", "ingest"))
        series = series_of(dataset, readings_from_parquet(dataset, readings))
    return DatasetCheck(summary, inspect_series(series, dataset), _shortage(dataset, series))


def _shortage(dataset: Dataset, series: Series) -> InputError | None:
    try:
        count_windows(dataset, series)
    except InputError as error:
        return error
    return None
