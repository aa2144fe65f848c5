"""The models behind pipelines.yaml: what each key may hold. The JSON Schema that editors use is made from these."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from engine.core.errors import nearest
from engine.core.layers import TABLE_NAME
from engine.core.sqltypes import parse_type
from engine.core.strategies import STRATEGIES, Strategy

Scalar = bool | int | float | str
Value = Scalar | list[Scalar]
TableName = Annotated[str, Field(pattern=f"^{TABLE_NAME}$")]
Name = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*$")]
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]*[smhd]$"), AfterValidator(lambda text: _within_ten_years(text))]
"""A number of seconds, minutes, hours or days, such as 90m."""


class _Spec(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True)


class CsvSource(_Spec):
    """Delimited text files."""

    type: Literal["csv"]
    path: str
    """A file or a glob, relative to the project folder."""
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    quote: Annotated[str, Field(max_length=1)] = '"'
    encoding: str = "utf-8"
    header: bool = True


class JsonSource(_Spec):
    """JSON documents, or JSON Lines."""

    type: Literal["json"]
    path: str
    """A file or a glob, relative to the project folder."""
    records: str | dict[str, str] | None = None
    """Where the records are: one path, or a path for each kind ({movie: $.movies})."""
    kind_column: Name = "record_type"
    """With several paths: the column that says which kind a record is of."""


class DuckDBTarget(_Spec):
    """The embedded warehouse: one DuckDB file."""

    type: Literal["duckdb"]
    path: str
    memory_limit: str = "1GB"
    """How much memory DuckDB may use, such as 1GB or 512MB; what needs more goes through a folder beside the file."""
    vars: dict[Name, Value] = {}
    """Values that differ on this target."""
    sources: dict[Name, dict[str, Any]] = {}
    """Sources that differ on this target, each as a whole."""

    @field_validator("memory_limit")
    @classmethod
    def _an_amount(cls, value: str) -> str:
        if not re.fullmatch(r"[0-9]+(\.[0-9]+)? ?[KMGT]i?B|\$\{.+\}", value):
            raise ValueError(f"{value!r} is no amount of memory; write one such as 512MB or 4GB")
        return value


class SqlServerTarget(_Spec):
    """SQL Server 2019 or later, or Azure SQL."""

    type: Literal["sqlserver"]
    server: str
    port: str | int = 1433
    database: str
    auth: Literal[
        "sql",
        "windows",
        "entra",
        "entra-password",
        "entra-service-principal",
        "entra-managed-identity",
        "entra-integrated",
    ] = "sql"
    """How to log in: sql (user and password), windows (a trusted connection), entra (whatever Azure credential is at
    hand), or one of Entra's other ways."""
    user: str | None = None
    password: Annotated[str | None, Field(repr=False)] = None
    """A reference such as ${MSSQL_PASSWORD}; never the password itself."""
    encrypt: str | bool = "yes"
    trust_certificate: str | bool = "no"
    vars: dict[Name, Value] = {}
    sources: dict[Name, dict[str, Any]] = {}

    @field_validator("password")
    @classmethod
    def _only_by_reference(cls, value: str | None) -> str | None:
        if value is not None and not (value.startswith("${") and value.endswith("}")):
            raise ValueError("a secret stands here in the clear; write a reference such as ${MSSQL_PASSWORD}")
        return value


class ColumnSpec(_Spec):
    """One column, when a type alone does not say enough."""

    type: str
    """A T-SQL type, such as nvarchar(20) or decimal(9,1)."""
    origin: Annotated[str | None, Field(alias="from")] = None
    """The header or JSON field it is read from, when that has another name."""
    description: str = ""

    @field_validator("type")
    @classmethod
    def _known_type(cls, value: str) -> str:
        parse_type(value)
        return value


class PartitionBySpec(_Spec):
    """What a partition load replaces: every day, month or year that is in it."""

    column: str
    """A date or datetime column."""
    grain: Literal["day", "month", "year"] = "day"


class PartitionsSpec(PartitionBySpec):
    """How a table is divided on SQL Server: a partition for each day, month or year."""

    keep: Annotated[int, Field(ge=0, le=10_000)] = 0
    """How many of the newest periods have a partition of their own; older rows share one. 0: every period."""


class IndexSpec(_Spec):
    """A nonclustered index."""

    columns: str | list[str]
    """Its key columns; "watch_date desc" descends."""
    include: list[str] = []
    """Columns that it carries beside its key."""
    where: str = ""
    """Only the rows that meet this T-SQL condition."""
    unique: bool = False
    name: Annotated[str, Field(pattern=r"^[a-z_0-9]{0,60}$")] = ""
    """A word for its name; the engine adds a prefix and a digest of the definition."""


class ForeignKeySpec(_Spec):
    """Columns that refer to the key of another table."""

    columns: str | list[str]
    references: Annotated[str, Field(pattern=rf"^{TABLE_NAME}( *\([^()]+\))?$")]
    """silver.users, or silver.users(user_id)."""
    trusted: bool = True
    """Whether the server enforces it. Without, it only tells readers and tools how tables belong together."""


def _off_or_share(value: Any) -> Any:
    """``off``, which YAML reads as false, or a share such as 25%. Raises ValueError."""
    if value is False or value is None or value == "off":
        return None if value is None else False
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})? ?%", value):
        return value
    raise ValueError(f"{value!r} is not a share; write one such as 25% or 0.5%, or off")


Share = Annotated[Literal[False] | str | None, BeforeValidator(_off_or_share)]


class GuardsSpec(_Spec):
    """How far a load may be from what is expected of its volume before its gate fails."""

    quarantine: Share = None
    """The largest share of a load's rows that may go to quarantine: 25% when not given."""
    empty: bool | None = None
    """Whether no rows may take the place of some: no when not given."""
    drop: Share = None
    """How much smaller than at its last load the table may become: 50% when not given."""
    rise: Share = None
    """How much larger than at its last load a table of 100 rows or more may become: 900% when not given."""


class TableSpec(_Spec):
    """One bronze, silver or gold table."""

    source: Name | None = None
    """The source it is loaded from. Without one it is built from templates/<layer>/<name>.sql."""
    key: str | list[str] = []
    """The columns that identify a row: never null, never twice."""
    columns: dict[str, str | ColumnSpec] = {}
    """Columns and their T-SQL types. A source's undeclared columns are text; a SELECT's types are inferred."""
    load: Literal["replace", "merge", "append", "partition", "scd2", "view"] = "replace"
    partition_by: PartitionBySpec | None = None
    """For load: partition, the column by which it replaces whole days, months or years."""
    dedupe: str = ""
    """ORDER BY text: of the rows that share a key the first in this order stays, the others are counted."""
    watermark: str = ""
    """A column whose highest published value the template may read as {{ watermark }}."""
    storage: Literal["rowstore", "columnstore"] = "rowstore"
    alias: Annotated[str, Field(pattern=r"^([a-z_][a-z0-9_]*\.[A-Za-z_][A-Za-z0-9_]*)?$")] = ""
    """A view of this name over the table, for dashboards that already read it."""
    guards: GuardsSpec = GuardsSpec()
    """Volume guards of this table; what is not given is as for the project."""
    description: str = ""
    tags: list[str] = []
    indexes: list[IndexSpec] = []
    """Nonclustered indexes (SQL Server)."""
    foreign_keys: list[ForeignKeySpec] = []
    """References to the keys of other tables (SQL Server)."""
    compression: Literal["page", "row", "none"] | None = None
    """Compression of rows and indexes (SQL Server); columnstore is compressed by itself."""
    partitions: PartitionsSpec | None = None
    """Division into partitions (SQL Server)."""
    computed: dict[str, str] = {}
    """Columns that the server computes, each a T-SQL expression over the table's columns (SQL Server)."""
    defaults: dict[str, str] = {}
    """T-SQL expressions for values that an INSERT by others leaves out (SQL Server)."""
    masks: dict[str, str] = {}
    """Masking functions of columns, such as partial(1,"***",0), for readers without UNMASK (SQL Server)."""
    grants: list[Annotated[str, Field(min_length=1, max_length=128)]] = []
    """Roles that may read this table (SQL Server)."""
    deny: dict[Annotated[str, Field(min_length=1, max_length=128)], list[str]] = {}
    """Columns that a role must not read, an empty list for the whole table (SQL Server)."""

    @field_validator("columns")
    @classmethod
    def _known_types(cls, value: dict[str, str | ColumnSpec]) -> dict[str, str | ColumnSpec]:
        return value

    @property
    def key_columns(self) -> tuple[str, ...]:
        return (self.key,) if isinstance(self.key, str) else tuple(self.key)

    @property
    def column_specs(self) -> dict[str, ColumnSpec]:
        return {n: c if isinstance(c, ColumnSpec) else ColumnSpec(type=c) for n, c in self.columns.items()}

    @property
    def strategy(self) -> Strategy:
        return STRATEGIES[self.load]


class ScheduleSpec(_Spec):
    """A schedule that is no cron expression: one of its keys."""

    every: Duration | None = None
    """The time from one run to the next, such as 90m."""
    at: list[datetime.datetime] = []
    """The moments of the runs, in the pipeline's time zone where they name none."""

    @model_validator(mode="after")
    def _one_of_them(self) -> ScheduleSpec:
        if (self.every is None) == (not self.at):
            raise ValueError("a schedule has either every or at")
        return self


class AlertSpec(_Spec):
    """Somebody to tell, over a connection of Airflow: one of email, slack and pagerduty."""

    email: str | list[str] = []
    """Addresses, through Airflow's SMTP connection."""
    slack: str = ""
    """A channel in quotes, such as "#data"; through an incoming webhook it goes where the webhook goes."""
    pagerduty: str = ""
    """A word for the service, shown as the source of the incident."""
    connection: str = ""
    """The connection's id in Airflow: smtp_default, slack_default or pagerduty_events_default when not given."""

    @field_validator("email")
    @classmethod
    def _addresses(cls, value: str | list[str]) -> str | list[str]:
        for address in [value] if isinstance(value, str) else value:
            if not re.fullmatch(r"[^@\s,;<>]+@[^@\s,;<>]+", address):
                raise ValueError(f"{address!r} is no e-mail address")
        return value

    @field_validator("slack", mode="before")
    @classmethod
    def _a_channel(cls, value: Any) -> Any:
        if value is None:
            raise ValueError('no channel is named; a # without quotes begins a comment: write "#data"')
        return value

    @model_validator(mode="after")
    def _one_of_them(self) -> AlertSpec:
        if sum(map(bool, (self.email, self.slack, self.pagerduty))) != 1:
            raise ValueError("an alert has one of email, slack and pagerduty")
        return self


class AlertsSpec(_Spec):
    """Whom to tell of what."""

    critical: list[AlertSpec] = []
    """Of a task that failed for good, a gate that failed, a deadline that was missed."""
    warning: list[AlertSpec] = []
    """Of a table that was published with a warning."""


class PipelineSpec(_Spec):
    """Tables that are built together, on a schedule or after another pipeline: a DAG in Airflow."""

    tables: list[str]
    """Selectors: silver.users, gold.*, tag:x."""
    schedule: str | list[str] | ScheduleSpec | None = None
    """A cron expression or several, a preset such as @daily, {every: 90m} or {at: [moments]}."""
    after: str | None = None
    """Another pipeline: this one runs when that one has."""
    timezone: str = "UTC"
    """The time zone of schedule and start."""
    start: datetime.date | None = None
    """The first day that is scheduled."""
    catchup: bool = False
    """Whether runs since start that were missed are made up for."""
    retries: Annotated[int, Field(ge=0, le=20)] = 3
    """How often a task is tried again; a wrong project and a failed gate are not."""
    retry_delay: Duration = "30s"
    """Before the first retry; twice as long before each further one, at most 15m."""
    timeout: Duration | None = None
    """How long a single task may take."""
    deadline: Duration | None = None
    """How long a run may take, from the moment it is queued, before somebody is told."""
    concurrency: Annotated[int, Field(ge=1, le=1000)] = 16
    """How many tasks of a run may run at the same time."""
    pool: str = "warehouse"
    """The pool of Airflow whose slots its tasks take."""
    owner: str = "data"
    description: str = ""
    tags: list[Annotated[str, Field(max_length=100)]] = []
    alerts: AlertsSpec = AlertsSpec()

    @field_validator("schedule")
    @classmethod
    def _a_schedule(cls, value: Any) -> Any:
        for text in [value] if isinstance(value, str) else value if isinstance(value, list) else []:
            check_cron(text)
        return value

    @field_validator("timezone")
    @classmethod
    def _a_timezone(cls, value: str) -> str:
        if value not in zoneinfo.available_timezones():
            near = nearest(value, zoneinfo.available_timezones())
            raise ValueError(f"no time zone {value!r}" + (f"; did you mean {near!r}?" if near else ""))
        return value


ALONE = ("@once", "@continuous")
PRESETS = (*ALONE, "@hourly", "@daily", "@weekly", "@monthly", "@quarterly", "@yearly")


def check_cron(text: str) -> None:
    """Raise ValueError with what is wrong unless ``text`` is a cron expression of five fields or a preset."""
    if text in PRESETS:
        return
    if text.startswith("@"):
        near = nearest(text, PRESETS)
        raise ValueError(
            f"no preset {text!r}; one of {', '.join(PRESETS)}" + (f"; did you mean {near!r}?" if near else "")
        )
    from croniter import CroniterBadDateError, CroniterError, croniter

    try:
        if len(text.split()) != 5:
            raise ValueError("it has not five fields")
        croniter(text).get_next()
    except CroniterBadDateError:
        raise ValueError(f"no day ever meets the cron expression {text!r}") from None
    except (CroniterError, ValueError) as error:
        raise ValueError(f"{text!r} is no cron expression: {error}") from None


def seconds(duration: str) -> int:
    """A duration such as 90m in seconds."""
    return int(duration[:-1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[duration[-1]]


def _within_ten_years(duration: str) -> str:
    if seconds(duration) > 3650 * 86_400:
        raise ValueError(f"{duration} is longer than ten years")
    return duration


PARTS: dict[str, type[_Spec]] = {
    "columns": ColumnSpec,
    "partition_by": PartitionBySpec,
    "partitions": PartitionsSpec,
    "guards": GuardsSpec,
    "indexes": IndexSpec,
    "foreign_keys": ForeignKeySpec,
    "schedule": ScheduleSpec,
    "alerts": AlertsSpec,
    "alerts.critical": AlertSpec,
    "alerts.warning": AlertSpec,
}
"""What stands within the keys of a table or a pipeline."""
SOURCES: dict[str, type[_Spec]] = {"csv": CsvSource, "json": JsonSource}
TARGETS: dict[str, type[_Spec]] = {"duckdb": DuckDBTarget, "sqlserver": SqlServerTarget}
SourceSpec = CsvSource | JsonSource
TargetSpec = DuckDBTarget | SqlServerTarget


class PipelinesFile(_Spec):
    """A SQL Server medallion warehouse: its sources, tables and pipelines."""

    version: Literal[1]
    name: Annotated[Name, Field(max_length=100)]
    vars: dict[Name, Value] = {}
    """Values that templates read by name."""
    targets: dict[Name, Annotated[TargetSpec, Field(discriminator="type")]]
    default_target: str
    sources: dict[Name, Annotated[SourceSpec, Field(discriminator="type")]] = {}
    guards: GuardsSpec = GuardsSpec()
    """Volume guards of every table."""
    tables: dict[TableName, TableSpec | None]
    pipelines: dict[Name, PipelineSpec] = {}
