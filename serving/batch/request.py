"""What a batch prediction is asked for, and what it gives back."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from serving.forecasts import Refusal

BATCH_SIZE = 250
TABLE = "forecasts"


@dataclass(frozen=True)
class BatchRequest:
    """The newest window of every series, whom to ask, and where the rows go.

    Attributes:
        out: `FILE.parquet`, a folder of such files, or an SQLAlchemy URL.
        readings: a file, a folder of files, or an SQLAlchemy URL; empty for what is kept beside the store.
        query: of the database that `readings` names.
        store: model store, whose champion answers and brings the dataset file.
        model: name; empty where the store holds one model, or the dataset file names it.
        url: server to ask; empty loads the champion here.
        protocol: `v1`, `v2`, `v2-grpc` or `tfserving`; empty chooses by the URL.
        dataset: dataset file, where a server is asked and there is no store.
        table: of the database that `out` names.
        series: column that names the series, where the dataset has one series and the readings many.
        new_series: whether series that the model was not trained on are forecast.
        batch_size: windows in one call.
        timeout_seconds: for one answer of a server.
        key: API key, where the server wants one.
        ca: PEM file of the authority that signed the server's certificate.
    """

    out: str
    readings: str = ""
    query: str = ""
    store: Path | None = None
    model: str = ""
    url: str = ""
    protocol: str = ""
    dataset: Path | None = None
    table: str = TABLE
    series: str = ""
    new_series: bool = False
    batch_size: int = BATCH_SIZE
    timeout_seconds: float = 60.0
    key: str = field(default="", repr=False)
    ca: Path | None = None


@dataclass(frozen=True)
class BatchSummary:
    """What became of the rows: rows in = rows written + rows already there + rows refused.

    Attributes:
        model: name.
        version: that answered; 0 where nothing had to be asked of a server.
        out: where the rows are, without a password.
        series: that the readings name.
        rows_in: a row for each series and horizon.
        rows_written: that were not there before.
        rows_already_there: that were.
        rows_refused: of series that can't be forecast.
        refused: those series.
        readings_in: rows of readings.
        readings_quarantined: of them, rows that can't be used.
        seconds: of each part of the work, and `total`.
    """

    model: str
    version: int
    out: str
    series: int
    rows_in: int
    rows_written: int
    rows_already_there: int
    rows_refused: int
    refused: tuple[Refusal, ...]
    readings_in: int
    readings_quarantined: int
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def nothing_forecast(self) -> bool:
        """Whether every series was refused."""
        return self.rows_refused == self.rows_in

    def as_dict(self) -> dict[str, Any]:
        """JSON values, under the attributes' names."""
        return asdict(self)
