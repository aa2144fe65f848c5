"""What the engine asks of a warehouse, and the shape of the tables it keeps there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from engine.core.design import NO_DESIGN, Design, Partitioning
from engine.core.sqltypes import Column, parse_type
from engine.core.strategies import STRATEGIES, Strategy

AUDIT_COLUMNS: tuple[Column, ...] = (
    Column("_loaded_at", parse_type("datetime2(3)"), nullable=False, padded=False),
    Column("_source_file", parse_type("nvarchar(400)"), nullable=False, padded=False),
    Column("_source_row", parse_type("bigint"), nullable=False, padded=False),
    Column("_load_id", parse_type("nvarchar(64)"), nullable=False, padded=False),
)
"""What every bronze row carries: when it was loaded, from where, at which row, by which load."""

HISTORY_COLUMNS: tuple[Column, ...] = (
    Column("valid_from", parse_type("datetime2(3)"), nullable=False, padded=False),
    Column("valid_to", parse_type("datetime2(3)"), padded=False),
    Column("is_current", parse_type("bit"), nullable=False, padded=False),
)
"""What every version in an scd2 table carries besides: since when it held, until when, and whether it holds still."""

QUARANTINE_COLUMNS: tuple[Column, ...] = (
    Column("quarantine_id", parse_type("nvarchar(100)"), nullable=False, padded=False),
    Column("load_id", parse_type("nvarchar(64)"), nullable=False, padded=False),
    Column("quarantined_at", parse_type("datetime2(3)"), nullable=False, padded=False),
    Column("source_file", parse_type("nvarchar(400)"), padded=False),
    Column("source_row", parse_type("bigint"), padded=False),
    Column("reasons", parse_type("nvarchar(max)"), nullable=False, padded=False),
    Column("row_data", parse_type("nvarchar(max)"), nullable=False, padded=False),
    Column("state", parse_type("nvarchar(20)"), nullable=False, padded=False),
    Column("replay_load_id", parse_type("nvarchar(64)"), padded=False),
    Column("repairs", parse_type("nvarchar(max)"), padded=False),
)
"""A quarantined row: ``reasons`` is a JSON array of texts, ``row_data`` the row as it came, a JSON object, ``state``
held, replayed or superseded, ``repairs`` a JSON object of the values that its replay put in the place of others."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """What a publish did, in rows, each number counted in its transaction by the statement that did it or by a query of
    its own: nothing here is the difference of two others."""

    total: int
    """rows of the table when it is done"""
    inserted: int
    updated: int = 0
    """rows that were there and took this load's values"""
    removed: int = 0
    before: int = 0
    """rows that were there; of those that a load takes out all at once by dropping the table both are the count before"""
    unchanged: int = 0
    """rows of the load that stand in the table as they are, so that no version of them was added"""
    quarantined: int = 0
    closed: int = 0
    """versions that hold no more: their rows changed or are gone"""

    @property
    def published(self) -> int:
        return self.inserted + self.updated

    def fault(self) -> str:
        """Why the rows of the table are not those that were put there, in words; empty when they are."""
        expected = self.before - self.removed + self.inserted
        if self.total == expected:
            return ""
        return (
            f"the table had {self.before:,} rows, {self.removed:,} were removed and {self.inserted:,} inserted, which"
            f" makes {expected:,}, but it has {self.total:,}"
        )


def counted_as(statement: str, table: str) -> str:
    """The field of ``Arrived`` that the rows of a statement belong to: of one that inserts into ``table`` (as its text
    has it) or deletes from it; empty for others."""
    for verb, field in (("INSERT INTO", "inserted"), ("DELETE FROM", "removed")):
        if statement.startswith(f"{verb} {table} "):
            return field
    return ""


@dataclass(frozen=True, slots=True)
class TableShape:
    """A table as a warehouse has to keep it: columns in order, key, load strategy and storage."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    load: str = "replace"
    """the name of its strategy"""
    storage: str = "rowstore"
    """rowstore or columnstore (columnstore only where every column's type allows it)"""
    alias: str = ""
    """a view with named columns that dashboards already read, as ``schema.name``"""
    description: str = ""
    partition_by: Partitioning | None = None
    """what a partition load replaces"""
    design: Design = NO_DESIGN

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def strategy(self) -> Strategy:
        return STRATEGIES[self.load]


@dataclass(frozen=True, slots=True)
class Standing:
    """A table or view that stands in a warehouse. ``kind`` is TABLE or VIEW."""

    kind: str
    schema: str
    name: str

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"


@dataclass(frozen=True, slots=True)
class Change:
    """What a publish does to the table that stands there, apart from bringing rows. Only tables that keep rows need it."""

    anew: bool = False
    """it goes, with all its rows, and the load makes it again"""
    since: dt.datetime | None = None
    """its rows become versions that are current since this moment: it is to be scd2"""
    current: bool = False
    """only its current versions stay, as plain rows: it was scd2"""
    rekeyed: bool = False
    """its rows stay and get another key"""

    @property
    def carries(self) -> bool:
        """Whether its rows have to be written into a table of another make."""
        return self.since is not None or self.current or self.rekeyed


UNCHANGED = Change()


@dataclass(frozen=True, slots=True)
class Brought:
    """What a load read, whatever became of its rows: by it are known the rows of earlier loads that make way for them,
    published or quarantined."""

    files: tuple[str, ...] = ()
    """of a source, as ``_source_file`` has them"""
    periods: tuple[str | None, ...] = ()
    """of a partition load, each by its first day (YYYY-MM-DD), None for rows without one"""
    watermark: str = ""
    """the column by whose values an append from a SELECT knows the rows that it reads again"""

    @property
    def days(self) -> tuple[str, ...]:
        return tuple(p for p in self.periods if p is not None)


NOTHING_BROUGHT = Brought()


@dataclass(frozen=True, slots=True)
class Kept:
    """The published rows that a load is held against."""

    columns: frozenset[str]
    """the columns that they have, in lower case"""
    current: bool = False
    """only the versions that hold: the table is scd2"""
    periods: tuple[str | None, ...] | None = None
    """only those of these periods, each by its first day; None for rows without one"""
    files: tuple[str, ...] | None = None
    """only those of these files, as ``_source_file`` has them"""

    @property
    def days(self) -> list[str]:
        """The first days of those periods, in order."""
        return sorted(p for p in self.periods or () if p is not None)

    def has(self, column: str) -> bool:
        return column.lower() in self.columns


def columns_changed(shape: TableShape, changed: Sequence[str]) -> str:
    """Why a table that keeps its rows cannot take other columns, and the way out."""
    return (
        f"{shape.full_name} keeps the rows of earlier loads (load: {shape.load}), and its columns changed: "
        f"{'; '.join(changed)}. Keep the columns as they were, or build the table anew from its inputs: medallion run "
        f"--full --select {shape.full_name}"
    )
