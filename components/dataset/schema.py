"""The dataset file: what the columns are, what is forecast, and what a model must reach."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """Any part of a dataset file: frozen, with no keys but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Missing(Part):
    """What to do where a column has no reading.

    Fills look back only: a fill that looked ahead (interpolation) would put readings after a window's end into it.

    Attributes:
        fill: `hold` repeats the last reading, `zero` or any number puts that value.
        max_gap: longest gap that is filled, in steps; no window lies across a longer one.
    """

    fill: Literal["hold", "zero"] | float = "hold"
    max_gap: Annotated[int, Field(ge=0)] = 10


class Column(Part):
    """One column of readings.

    Attributes:
        unit: physical unit, shown in reports.
        role: `observed` up to the origin, `known` also after it (a tide table, a plan), `static` per series.
        limits: lowest and highest possible value, `null` for none; readings outside are emptied.
        missing: policy for missing readings.
        resample: how readings within one step become one value.
        stuck: readings the same for longer than this many steps are emptied; `null` never.
    """

    unit: str = ""
    role: Literal["observed", "known", "static"] = "observed"
    limits: tuple[float | None, float | None] = (None, None)
    missing: Missing = Missing()
    resample: Literal["mean", "sum", "last", "max", "min"] = "mean"
    stuck: Annotated[int, Field(ge=2)] | None = None


class Query(Part):
    """Readings from a database: an SQLAlchemy URL and a query."""

    url: str
    query: str


class Split(Part):
    """Chronological parts: three fractions that add up to one, or three numbers of rows."""

    train: float | int = 0.7
    validation: float | int = 0.15
    test: float | int = 0.15


class Spike(Part):
    """A spike: the target rises by `rise` (its unit) or more above the origin within `within` steps."""

    rise: Annotated[float, Field(gt=0)]
    within: Annotated[int, Field(ge=1)]


class Then(Part):
    """What a rule does to the forecast: exactly one of the three."""

    min: float | None = None
    max: float | None = None
    add: float | None = None


class Rule(Part):
    """When the condition has held for the last `for` readings, the forecast is bounded or shifted."""

    when: str
    steps: Annotated[int, Field(ge=1, alias="for")] = 1
    then: Then


class Gate(Part):
    """What a candidate must reach. Skill is 1 - RMSE / RMSE of the reference.

    Attributes:
        skill_persistence: least skill against persistence.
        skill_linear: least skill against the linear model.
        champion_confidence: confidence of the interval that must not lie wholly on the champion's side.
        spike_recall: least share of spikes caught at `false_alarm_rate`.
        false_alarm_rate: share of calm origins that may be called spikes.
        coverage_tolerance: how far the band's coverage may be from its nominal value.
        latency_ms: longest median time of one window.
    """

    skill_persistence: float = 0.0
    skill_linear: float = 0.0
    champion_confidence: Annotated[float, Field(gt=0, lt=1)] = 0.9
    spike_recall: Annotated[float, Field(ge=0, le=1)] = 0.5
    false_alarm_rate: Annotated[float, Field(gt=0, lt=1)] = 0.05
    coverage_tolerance: Annotated[float, Field(gt=0, lt=1)] = 0.1
    latency_ms: Annotated[float, Field(gt=0)] = 1200.0


CalendarName = Literal["minute_of_hour", "hour_of_day", "day_of_week", "day_of_month", "day_of_year"]
HorizonRange = Annotated[str, Field(pattern=r"^\d+-\d+$")]


class Dataset(Part):
    """A dataset file, checked. See docs/dataset.md for each key."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9_]{0,61}[a-z0-9])?$")]
    description: str = ""
    source: str | Query | None = None
    time: str
    step: str
    timezone: str = "UTC"
    series: str | None = None
    columns: dict[str, Column]
    calendar: tuple[CalendarName, ...] = ()
    target: str
    window: Annotated[int, Field(ge=2)] = 100
    horizons: tuple[int, ...] = (1, 6, 12)
    band: Annotated[float, Field(gt=0, lt=1)] = 0.9
    split: Split = Split()
    spike: Spike | None = None
    rules: tuple[Rule, ...] = ()
    gate: Gate = Gate()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Columns of a window, in order: the file's columns, then the calendar's."""
        return (*self.columns, *self.calendar)

    @property
    def target_index(self) -> int:
        """Position of the target among `inputs`."""
        return self.inputs.index(self.target)

    @property
    def known(self) -> tuple[str, ...]:
        """Columns that are known in the future, in file order."""
        return tuple(name for name, column in self.columns.items() if column.role == "known")

    @property
    def quantiles(self) -> tuple[float, float]:
        """The band's lower and upper quantile."""
        return ((1 - self.band) / 2, (1 + self.band) / 2)
