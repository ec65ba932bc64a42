"""The dataset file: what the columns are, what is forecast, and what a model must reach."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from components.dataset import checks
from components.dataset.horizons import parse_horizons
from components.dataset.steps import BUSINESS_DAY, step_seconds


class Part(BaseModel):
    """Any part of a dataset file: frozen, with no keys but its own."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)


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

    @model_validator(mode="after")
    def _check(self) -> Self:
        checks.check_limits(self.limits)
        return self


class Melt(Part):
    """A wide table read as a panel: each column of `melt` becomes a series of its name.

    Ingest turns each row of the table into one row per melted column, `series` = the column's name and
    `into` = its value; other columns of the dataset are repeated for each series. Counts of rows are of the
    table's rows: one is kept if any of its melted columns has a value.

    Attributes:
        melt: columns of the table, one series each.
        into: the dataset's column that holds their values.
    """

    melt: Annotated[tuple[str, ...], Field(min_length=1)]
    into: str


class Query(Part):
    """Readings from a database: an SQLAlchemy URL and a query."""

    url: str
    query: str


class Split(Part):
    """Chronological parts: three fractions that add up to one, or three numbers of rows."""

    train: float | int = 0.7
    validation: float | int = 0.15
    test: float | int = 0.15

    @model_validator(mode="after")
    def _check(self) -> Self:
        checks.check_split(self.parts)
        return self

    @property
    def parts(self) -> dict[str, float | int]:
        """The three parts in the order of time."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @property
    def in_rows(self) -> bool:
        """Whether the parts are numbers of rows (of each series; rows after them are not used)."""
        return isinstance(self.train, int)


class Spike(Part):
    """A spike: the target rises by `rise` (its unit) or more above the origin within `within` steps."""

    rise: Annotated[float, Field(gt=0)]
    within: Annotated[int, Field(ge=1)]


class Then(Part):
    """What a rule does to the forecast: exactly one of the three."""

    min: float | None = None
    max: float | None = None
    add: float | None = None

    @model_validator(mode="after")
    def _check(self) -> Self:
        checks.check_then(self.min, self.max, self.add)
        return self


class Rule(Part):
    """When the condition has held for the last `for` readings, the forecast is bounded or shifted."""

    when: str
    steps: Annotated[int, Field(ge=1, alias="for")] = 1
    then: Then

    @field_validator("when")
    @classmethod
    def _parses(cls, when: str) -> str:
        checks.check_condition(when)
        return when


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
HORIZONS_SCHEMA = {
    "description": "Steps ahead: a number, a range such as `1-96`, or a list of either.",
    "anyOf": [
        {"type": "integer", "minimum": 1},
        {"type": "string", "pattern": r"^\s*\d+(\s*-\s*\d+)?(\s*,\s*\d+(\s*-\s*\d+)?)*\s*$"},
        {
            "type": "array",
            "minItems": 1,
            "items": {
                "anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": r"^\s*\d+(\s*-\s*\d+)?\s*$"}]
            },
        },
    ],
}
Horizons = Annotated[tuple[int, ...], BeforeValidator(parse_horizons), WithJsonSchema(HORIZONS_SCHEMA)]


def _defaults_where_empty(columns: Any) -> Any:
    if not isinstance(columns, dict):
        return columns
    return {name: {} if column is None else column for name, column in columns.items()}


class _NullableColumns:
    """Says in the JSON Schema that a column may be empty: all defaults."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        schema["additionalProperties"] = {"anyOf": [schema["additionalProperties"], {"type": "null"}]}
        return schema


Columns = Annotated[dict[str, Column], Field(min_length=1), BeforeValidator(_defaults_where_empty), _NullableColumns()]


class Dataset(Part):
    """A dataset file, checked. See docs/dataset.md for each key."""

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9_]{0,61}[a-z0-9])?$")]
    description: str = ""
    source: str | Query | None = None
    time: str
    step: str
    timezone: str = "UTC"
    series: str | Melt | None = None
    columns: Columns
    calendar: tuple[CalendarName, ...] = ()
    target: str
    window: Annotated[int, Field(ge=2)] = 100
    segment: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    horizons: Horizons = (1, 6, 12)
    band: Annotated[float, Field(gt=0, lt=1)] = 0.9
    split: Split = Split()
    spike: Spike | None = None
    rules: tuple[Rule, ...] = ()
    gate: Gate = Gate()

    @field_validator("step")
    @classmethod
    def _is_step(cls, step: str) -> str:
        checks.check_step(step)
        return step

    @field_validator("timezone")
    @classmethod
    def _is_timezone(cls, timezone: str) -> str:
        checks.check_timezone(timezone)
        return timezone

    @model_validator(mode="after")
    def _check(self) -> Self:
        checks.check_dataset(self)
        return self

    @property
    def step_seconds(self) -> int:
        """Length of one step; of a business day 86,400."""
        return step_seconds(self.step)

    @property
    def is_business_day(self) -> bool:
        """Whether steps are days from Monday to Friday."""
        return self.step == BUSINESS_DAY

    @property
    def melt(self) -> Melt | None:
        """How a wide table becomes a panel, if it does."""
        return self.series if isinstance(self.series, Melt) else None

    @property
    def series_column(self) -> str | None:
        """The table's column that names the series, if it has one."""
        return self.series if isinstance(self.series, str) else None

    @property
    def is_panel(self) -> bool:
        """Whether the dataset holds more than one series."""
        return self.series is not None

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
