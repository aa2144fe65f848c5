"""A table in partitions on SQL Server: its partition function and scheme, and the window of periods that slides.

Boundaries are the first days of periods, on the right. The window never costs rows: periods that leave it share the
leftmost partition. Function and scheme belong to one table and carry the engine's prefix.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Iterator

from engine.core.design import Partitions
from engine.core.tables import TableShape
from engine.tsql.templates import ident, literal
from engine.warehouses.sqlserver.shape import (
    SQL_SERVER,
    Capabilities,
    primary_key,
    qualified,
    short_name,
    uses_columnstore,
)

PREFIX = "mdl_"
MOST = 14_000
"""SQL Server allows 15,000 partitions a table."""
_FILEGROUP = "[PRIMARY]"


def partitions(shape: TableShape, server: Capabilities = SQL_SERVER) -> Partitions | None:
    """How the table is divided on this server; None for a table in one piece."""
    return shape.design.partitions if server.partitions and shape.strategy.stored else None


def scheme_name(shape: TableShape, prefix: str = "ps") -> str:
    """The name of the table's partition scheme (``pf``: of its function). Another column or type is another scheme."""
    divided = shape.design.partitions
    if divided is None:
        return ""
    digest = hashlib.sha256(f"{divided.column.casefold()} {_type(shape, divided)}".encode()).hexdigest()[:8]
    return f"{short_name(f'{PREFIX}{prefix}_{shape.schema}_{shape.name}', 119)}_{digest}"


def _type(shape: TableShape, divided: Partitions) -> str:
    return next((str(c.type) for c in shape.columns if c.name.casefold() == divided.column.casefold()), "date")


def placed(shape: TableShape, server: Capabilities = SQL_SERVER) -> str:
    """The ON clause of the table; empty for a table in one piece."""
    divided = partitions(shape, server)
    return f" ON {ident(scheme_name(shape))} ({ident(divided.column)})" if divided is not None else ""


def key_is_apart(shape: TableShape, server: Capabilities = SQL_SERVER) -> bool:
    """Whether the primary key cannot be divided like the table, because the dividing column is not part of it."""
    divided = partitions(shape, server)
    if divided is None:
        return False
    return divided.column.casefold() not in {name.casefold() for name in primary_key(shape)}


def make(shape: TableShape, server: Capabilities = SQL_SERVER) -> list[str]:
    """Make the function and the scheme where they are not yet there; nothing for a table in one piece."""
    divided = partitions(shape, server)
    if divided is None:
        return []
    function, scheme = scheme_name(shape, "pf"), scheme_name(shape)
    return [
        f"IF NOT EXISTS (SELECT 1 FROM sys.partition_functions WHERE [name] = {literal(function)})\n"
        f"    CREATE PARTITION FUNCTION {ident(function)} ({_type(shape, divided)}) AS RANGE RIGHT FOR VALUES ();",
        f"IF NOT EXISTS (SELECT 1 FROM sys.partition_schemes WHERE [name] = {literal(scheme)})\n"
        f"    CREATE PARTITION SCHEME {ident(scheme)} AS PARTITION {ident(function)} ALL TO ({_FILEGROUP});",
    ]


def drop_unused() -> str:
    """Drop the engine's schemes and functions that no table is in any more."""
    return (
        "DECLARE @drop nvarchar(max);\n"
        "SELECT @drop = STRING_AGG(CAST(N'DROP PARTITION SCHEME ' + QUOTENAME([s].[name]) + N'; DROP PARTITION FUNCTION '"
        " + QUOTENAME([f].[name]) + N';' AS nvarchar(max)), N' ')\n"
        "FROM sys.partition_schemes AS [s]\n"
        "INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [s].[function_id]\n"
        f"WHERE LEFT([s].[name], {len(PREFIX) + 3}) = {literal(PREFIX + 'ps_')}\n"
        "    AND NOT EXISTS (SELECT 1 FROM sys.indexes AS [i] WHERE [i].[data_space_id] = [s].[data_space_id]);\n"
        "IF @drop IS NOT NULL EXEC sys.sp_executesql @drop;"
    )


# --- the window ----------------------------------------------------------------------------------------------------


def start_of(day: dt.date, grain: str) -> dt.date:
    """The first day of the period that ``day`` is in."""
    if grain == "day":
        return day
    return day.replace(day=1) if grain == "month" else day.replace(month=1, day=1)


def following(start: dt.date, grain: str) -> dt.date | None:
    """The first day of the next period; None at the end of the calendar."""
    try:
        if grain == "day":
            return start + dt.timedelta(days=1)
        if grain == "month" and start.month < 12:
            return start.replace(month=start.month + 1)
        return start.replace(year=start.year + 1, month=1)
    except (OverflowError, ValueError):
        return None


def window(first: dt.date, last: dt.date, divided: Partitions) -> list[dt.date]:
    """The boundaries for rows from ``first`` to ``last``, one period ahead included: it is split while it is empty."""
    kept: list[dt.date] = []
    most = min(divided.keep or MOST, MOST)
    period: dt.date | None = start_of(first, divided.grain)
    end = start_of(last, divided.grain)
    while period is not None and period <= end:
        kept.append(period)
        period = following(period, divided.grain)
    return [*kept[-most:], *([period] if period is not None else [])]


def slide(shape: TableShape, there: Iterable[dt.date], wanted: Iterable[dt.date]) -> list[str]:
    """Split off the periods that are wanted and not there, then merge away those that are there and not wanted."""
    function, scheme = ident(scheme_name(shape, "pf")), ident(scheme_name(shape))
    old, new = set(there), set(wanted)
    # From the newest down: each split then finds its part of the last partition empty, or as small as can be.
    made = [
        f"ALTER PARTITION SCHEME {scheme} NEXT USED {_FILEGROUP};\n"
        f"ALTER PARTITION FUNCTION {function}() SPLIT RANGE ('{day:%Y%m%d}');"
        for day in sorted(new - old, reverse=True)
    ]
    return made + [f"ALTER PARTITION FUNCTION {function}() MERGE RANGE ('{day:%Y%m%d}');" for day in sorted(old - new)]


def span(table: str, column: str) -> str:
    """A query for the first and the last day in a table: one row, ``first`` and ``last``."""
    name = ident(column)
    return f"SELECT CAST(MIN({name}) AS date) AS [first], CAST(MAX({name}) AS date) AS [last] FROM {table};"


# --- a table that keeps its rows -----------------------------------------------------------------------------------


def move(shape: TableShape, key: str, columnstore: str, server: Capabilities = SQL_SERVER) -> Iterator[str]:
    """Move a table with its rows into the scheme that it declares, or out of the one that it had.

    ``key`` is the name of its primary key and ``columnstore`` that of its columnstore index, empty for none.
    """
    table, on = qualified(shape.schema, shape.name), placed(shape, server) or f" ON {_FILEGROUP}"
    if uses_columnstore(shape, server):
        if columnstore:
            # A columnstore cannot be moved in one step: a clustered index takes its rows there first.
            column = shape.design.partitions.column if shape.design.partitions else shape.columns[0].name
            yield f"CREATE CLUSTERED INDEX {ident(columnstore)} ON {table} ({ident(column)}) WITH (DROP_EXISTING = ON){on};"
            yield f"CREATE CLUSTERED COLUMNSTORE INDEX {ident(columnstore)} ON {table} WITH (DROP_EXISTING = ON){on};"
        return
    if key and not key_is_apart(shape, server):
        columns = ", ".join(ident(name) for name in primary_key(shape))
        yield (
            f"ALTER TABLE {table} DROP CONSTRAINT {ident(key)};\n"
            f"ALTER TABLE {table} ADD CONSTRAINT {ident(key)} PRIMARY KEY CLUSTERED ({columns}){on};"
        )
        return
    if key:
        columns = ", ".join(ident(name) for name in primary_key(shape))
        yield (
            f"ALTER TABLE {table} DROP CONSTRAINT {ident(key)};\n"
            f"ALTER TABLE {table} ADD CONSTRAINT {ident(key)} PRIMARY KEY NONCLUSTERED ({columns}) ON {_FILEGROUP};"
        )
    column = shape.design.partitions.column if shape.design.partitions else shape.columns[0].name
    moving = ident(f"{PREFIX}moving")
    yield f"CREATE CLUSTERED INDEX {moving} ON {table} ({ident(column)}){on};\nDROP INDEX {moving} ON {table};"
