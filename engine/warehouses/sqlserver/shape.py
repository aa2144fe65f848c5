"""A table as SQL Server has to keep it: names, columns, keys, and what its limits say against it.

The limits are those of SQL Server 2019 and later:
https://learn.microsoft.com/sql/sql-server/maximum-capacity-specifications-for-sql-server
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.core.sqltypes import MAX, Column, SqlType, parse_type
from engine.core.tables import QUARANTINE_COLUMNS, TableShape
from engine.tsql.templates import ident

STAGING = "staging"
QUARANTINE = "quarantine"
NAME_LENGTH = 128
RESOURCE_LENGTH = 255
HISTORY_COLUMNS: tuple[Column, ...] = (
    Column("valid_from", parse_type("datetime2(3)"), nullable=False, padded=False),
    Column("valid_to", parse_type("datetime2(3)"), padded=False),
    Column("is_current", parse_type("bit"), nullable=False, padded=False),
)
"""What every row of an scd2 table carries beside the columns of its SELECT."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a server can do, as far as a statement here depends on it; the defaults are SQL Server 2019 and later."""

    switch: bool = True
    """ALTER TABLE ... SWITCH, which publishes without moving a row."""
    truncate: bool = True
    """TRUNCATE of a published table; refused where a foreign key refers to the table."""
    columnstore: bool = True
    columnstore_max_types: bool = True
    """varchar(max), nvarchar(max) and varbinary(max) in a clustered columnstore index: SQL Server 2017 and later."""
    create_or_alter: bool = True
    delete_from_cte: bool = True
    compression: bool = True
    masks: bool = True
    partitions: bool = True
    """splitting and merging the ranges of a partition function"""
    deny: bool = True
    control: bool = True
    """CONTROL of a schema, and permissions on the database"""
    nocheck: bool = True
    """foreign keys that are switched off, or on without a look at the rows"""


SQL_SERVER = Capabilities()
BABELFISH = Capabilities(
    switch=False,
    columnstore=False,
    create_or_alter=False,
    delete_from_cte=False,
    compression=False,
    masks=False,
    partitions=False,
    deny=False,
    control=False,
    nocheck=False,
)


# --- names ---------------------------------------------------------------------------------------------------------


def qualified(schema: str, name: str) -> str:
    """``[schema].[name]``; raises jinja2.TemplateRuntimeError for an impossible name."""
    return f"{ident(schema)}.{ident(name)}"


def staging_name(shape: TableShape, load_id: str) -> str:
    return f"{shape.schema}_{shape.name}__{load_id}"


def held_name(shape: TableShape, load_id: str) -> str:
    """The table that keeps the rows a load holds back, until its publish moves them to quarantine."""
    return f"held_{shape.schema}_{shape.name}__{load_id}"


def short_name(name: str, limit: int = NAME_LENGTH) -> str:
    """``name``, cut and ended by a digest of the whole when it is longer than SQL Server allows."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:12]
    return f"{name[: limit - 13]}_{digest}"


def quarantine_shape(shape: TableShape) -> TableShape:
    """The table that keeps the rows held back from ``shape``."""
    return TableShape(QUARANTINE, f"{shape.schema}_{shape.name}", QUARANTINE_COLUMNS, key=("quarantine_id",))


# --- columns and indexes -------------------------------------------------------------------------------------------


def staged_columns(shape: TableShape) -> tuple[Column, ...]:
    """The columns that a load brings: all but those that history keeping adds."""
    if not shape.strategy.versions:
        return shape.columns
    added = {column.name for column in HISTORY_COLUMNS}
    return tuple(column for column in shape.columns if column.name not in added)


def published_columns(shape: TableShape) -> tuple[Column, ...]:
    """The published table's columns in order; those of the key are never null."""
    columns = staged_columns(shape) + (HISTORY_COLUMNS if shape.strategy.versions else ())
    key = {name.casefold() for name in shape.key}
    return tuple(replace(c, nullable=False) if c.name.casefold() in key else c for c in columns)


def primary_key(shape: TableShape) -> tuple[str, ...]:
    """The columns of the published table's primary key: history has a row for each version of a key."""
    return (*shape.key, "valid_from") if shape.key and shape.strategy.versions else shape.key


def columnstore_misfits(shape: TableShape, server: Capabilities = SQL_SERVER) -> list[Column]:
    """The columns that keep a clustered columnstore index off a table.

    Of the types this project knows only the max ones ever did, before SQL Server 2017; ntext, text, image, xml,
    sql_variant, rowversion and CLR types never fit, and no column here can have them.
    https://learn.microsoft.com/sql/t-sql/statements/create-columnstore-index-transact-sql#LimitRest
    """
    return [] if server.columnstore_max_types else [c for c in published_columns(shape) if c.type.length == MAX]


def uses_columnstore(shape: TableShape, server: Capabilities = SQL_SERVER) -> bool:
    return shape.storage == "columnstore" and server.columnstore and not columnstore_misfits(shape, server)


def lock_name(what: str) -> str:
    """The application lock's name for a table or for the whole warehouse; it has 255 characters at most."""
    return short_name(f"medallion:{what.casefold()}", RESOURCE_LENGTH)


# --- limits --------------------------------------------------------------------------------------------------------

COLUMN_COUNT = 1024
KEY_COLUMN_COUNT = 32
CLUSTERED_KEY_BYTES = 900
NONCLUSTERED_KEY_BYTES = 1700
ROW_BYTES = 8060
LOAD_ID_LENGTH = len("20261120T231501_4f3a9c")

_BYTES = {
    "null": 0,
    "bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "smallmoney": 4, "money": 8, "real": 4, "float": 8,
    "date": 3, "smalldatetime": 4, "datetime": 8, "uniqueidentifier": 16,
}  # fmt: skip
_FRACTIONAL_BYTES = {"time": 3, "datetime2": 6, "datetimeoffset": 8}
_VARIABLE = {"varchar", "nvarchar", "varbinary"}


def width(type_: SqlType) -> int:
    """The most bytes a value takes in a row or key; a max type counts as the 24 bytes that point to it."""
    if type_.length == MAX:
        return 24
    if type_.length is not None:
        return type_.length * (2 if type_.unicode else 1)
    if type_.name == "decimal":
        return next(size for digits, size in ((9, 5), (19, 9), (28, 13), (38, 17)) if (type_.precision or 18) <= digits)
    if type_.name in _FRACTIONAL_BYTES:
        digits = type_.scale or 0
        return _FRACTIONAL_BYTES[type_.name] + (0 if digits < 3 else 1 if digits < 5 else 2)
    return _BYTES[type_.name]


def limits(shape: TableShape, server: Capabilities = SQL_SERVER) -> list[str]:
    """What SQL Server has against a table, one sentence a fault; empty when it can be kept as declared."""
    return [*_name_faults(shape), *_column_faults(shape, server), *_key_faults(shape, server)]


def _name_faults(shape: TableShape) -> Iterator[str]:
    held = held_name(shape, "x" * LOAD_ID_LENGTH)
    for what, name in [
        ("schema", shape.schema),
        ("table", shape.name),
        *(("alias", part) for part in shape.alias.split(".")),
        *(("column", column.name) for column in shape.columns),
    ]:
        if len(name) > NAME_LENGTH:
            yield f"the {what} name {name[:40]}… has {len(name)} characters, SQL Server allows {NAME_LENGTH}"
    if len(shape.name) <= NAME_LENGTH < len(held):
        most = NAME_LENGTH - (len(held) - len(shape.name))
        yield f"the table name has {len(shape.name)} characters; with layer and load id, staging leaves room for {most}"


def _column_faults(shape: TableShape, server: Capabilities) -> Iterator[str]:
    columns = published_columns(shape)
    if len(columns) > COLUMN_COUNT:
        yield f"{len(columns)} columns, SQL Server allows {COLUMN_COUNT}"
    seen: dict[str, str] = {}
    for column in columns:
        name = column.name.casefold().rstrip(" ")
        if not name.strip():
            yield f"the column name {column.name!r} is empty"
        if other := seen.get(name):
            yield f"the columns {other} and {column.name} have the same name: SQL Server ignores case"
        seen[name] = column.name
        if column.type.name == "null":
            yield f"the column {column.name} is always null and so has no type; write CAST(NULL AS …)"
        if "." in column.name:
            yield f"the column name {column.name} has a dot, by which the JSON of a quarantined row would nest"
    fixed = 7 + (len(columns) + 7) // 8 + sum(width(c.type) for c in columns if c.type.name not in _VARIABLE)
    if fixed > ROW_BYTES:
        yield f"the fixed-length columns take {fixed:,} bytes a row, SQL Server allows {ROW_BYTES:,}; use nvarchar"
    if shape.storage == "columnstore":
        for column in columnstore_misfits(shape, server):
            yield f"{column.name} {column.type} does not fit a columnstore index before SQL Server 2017"


def _key_faults(shape: TableShape, server: Capabilities) -> Iterator[str]:
    types = {column.name.casefold(): column.type for column in published_columns(shape)}
    key = primary_key(shape)
    if len(key) > KEY_COLUMN_COUNT:
        yield f"the key has {len(key)} columns, SQL Server allows {KEY_COLUMN_COUNT}"
    known = [(name, types[name.casefold()]) for name in key if name.casefold() in types]
    for name, type_ in known:
        if type_.length == MAX:
            yield f"the key column {name} is {type_}, which no index takes; declare a length"
    kind, most = (
        ("nonclustered", NONCLUSTERED_KEY_BYTES)
        if uses_columnstore(shape, server)
        else ("clustered", CLUSTERED_KEY_BYTES)
    )
    wide = sum(width(type_) for _, type_ in known if type_.length != MAX)
    if wide > most:
        names = ", ".join(name for name, _ in known)
        yield f"the key takes up to {wide:,} bytes, a {kind} index allows {most:,}; shorten {names}"
