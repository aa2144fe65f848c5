"""What the engine asks of a warehouse, and the shape of the tables it keeps there."""

from __future__ import annotations

from dataclasses import dataclass

from engine.sqltypes import Column, parse_type
from engine.warehouse.design import NO_DESIGN, Design, Partitioning

AUDIT_COLUMNS: tuple[Column, ...] = (
    Column("_loaded_at", parse_type("datetime2(3)"), nullable=False, padded=False),
    Column("_source_file", parse_type("nvarchar(400)"), nullable=False, padded=False),
    Column("_source_row", parse_type("bigint"), nullable=False, padded=False),
    Column("_load_id", parse_type("nvarchar(64)"), nullable=False, padded=False),
)
"""What every bronze row carries: when it was loaded, from where, at which row, by which load."""

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


KEPT_ELSEWHERE = (
    "stand in periods that it does not bring, and would be there twice; let the load bring those periods too, or use"
    " load: merge"
)
"""Why a partition load is refused, after "keys of this load"."""
KEPT_ALREADY = "stand in the table already, and would be there twice; leave them out of the load, or use load: merge"
"""Why an append load is refused, after "keys of this load"."""


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
    """rows that were there; 0 for a table that the load made anew"""
    unchanged: int = 0
    """rows of the load that stand in the table as they are, so that no version of them was added"""
    quarantined: int = 0

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


def changes(statement: str, table: str) -> str:
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
    """replace, merge, append, partition, scd2 or view"""
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


@dataclass(frozen=True, slots=True)
class Standing:
    """A table or view that stands in a warehouse. ``kind`` is TABLE or VIEW."""

    kind: str
    schema: str
    name: str

    @property
    def full_name(self) -> str:
        return f"{self.schema}.{self.name}"
