"""What became of each row of a batch prediction: written, there already, or refused; nothing else can."""

from __future__ import annotations

from dataclasses import dataclass, replace

from serving.forecasts import Refusal


@dataclass(frozen=True)
class Ledger:
    """Counts of rows, one row for each series and horizon.

    Rows in = written + already there + refused, once every series has been entered.

    Attributes:
        horizons: rows of one series.
        written: rows that were not there before.
        already_there: rows that an earlier run, or one at the same time, has written.
        refusals: series that have no forecast, each with all its rows.
    """

    horizons: int
    written: int = 0
    already_there: int = 0
    refusals: tuple[Refusal, ...] = ()

    @property
    def refused(self) -> int:
        """Rows without a forecast."""
        return self.horizons * len(self.refusals)

    @property
    def rows_in(self) -> int:
        """Rows that have been entered."""
        return self.written + self.already_there + self.refused

    def with_written(self, series: int, rows: int) -> Ledger:
        """So many series were given to the sink, which has added `rows` of their rows and had the others."""
        total = self.horizons * series
        if not 0 <= rows <= total:
            raise ValueError(f"{rows} rows written of {total}")
        return replace(self, written=self.written + rows, already_there=self.already_there + total - rows)

    def with_refused(self, refusals: tuple[Refusal, ...]) -> Ledger:
        """Those series have no forecast."""
        return replace(self, refusals=self.refusals + refusals)
