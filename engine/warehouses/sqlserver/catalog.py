"""What a SQL Server says about itself and its tables: asked once at connect, and once before a table is published."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.core.errors import WarehouseError
from engine.core.sqltypes import MAX, Column, SqlType, parse_type
from engine.core.tables import UNCHANGED, Change, TableShape, columns_changed
from engine.tsql.templates import ident, literal
from engine.warehouses.sqlserver.shape import (
    BABELFISH,
    HISTORY_COLUMNS,
    SQL_SERVER,
    STAGING,
    Capabilities,
    held_name,
    primary_key,
    published_columns,
    qualified,
    quarantine_shape,
    uses_columnstore,
)

Row = Mapping[str, Any]
Ask = Callable[[str], list[dict[str, Any]]]
_ROWS_AT_ONCE = 500
_OLDEST, _COMPATIBILITY = 14, 130
_AZURE_DATABASE = 5
_CLOUD = (_AZURE_DATABASE, 8)
_WITHOUT_COLUMNSTORE = {"Basic", "S0", "S1", "S2"}

SERVER = """\
SELECT CAST(SERVERPROPERTY('Babelfish') AS int) AS [babelfish],
    CAST(SERVERPROPERTY('EngineEdition') AS int) AS [edition],
    CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(40)) AS [version],
    CAST(DATABASEPROPERTYEX(DB_NAME(), 'ServiceObjective') AS nvarchar(40)) AS [tier],
    (SELECT [compatibility_level] FROM sys.databases WHERE [database_id] = DB_ID()) AS [compatibility];"""


def capabilities(found: Row) -> Capabilities:
    """What the server that answered ``SERVER`` can do. Raises WarehouseError for one that is too old."""
    if found["babelfish"] == 1:
        return BABELFISH
    major = int(str(found["version"] or "0").partition(".")[0])
    cloud = found["edition"] in _CLOUD
    if not cloud and major < _OLDEST:
        raise WarehouseError(f"this is SQL Server version {found['version']}; 2017 (14) or later is needed")
    if (found["compatibility"] or 0) < _COMPATIBILITY:
        raise WarehouseError(
            f"the database has compatibility level {found['compatibility']}, {_COMPATIBILITY} or more is needed; "
            "ALTER DATABASE CURRENT SET COMPATIBILITY_LEVEL = 150"
        )
    if cloud and found["tier"] in _WITHOUT_COLUMNSTORE:
        return Capabilities(columnstore=False)
    return SQL_SERVER


@dataclass(frozen=True)
class Standing:
    """What stands under a table's name now. ``kind`` is U for a table, V for a view, empty for nothing."""

    kind: str
    columns: tuple[tuple[str, str, bool], ...] = ()
    """name, type and whether it may be null, in order"""
    key: tuple[str, ...] = ()
    columnstore: bool = False
    held: bool = False
    quarantined: bool = False
    alias: tuple[str, ...] | None = None
    """the columns of the alias view; None when there is none"""

    def fits(self, shape: TableShape, server: Capabilities) -> bool:
        """Whether the table is the one that ``shape`` declares, so that rows are all that has to change."""
        wanted = tuple((c.name, str(c.type), c.nullable) for c in published_columns(shape))
        return (
            self.kind == "U"
            and self.columns == wanted
            and _folded(self.key) == _folded(primary_key(shape))
            and self.columnstore == uses_columnstore(shape, server)
        )

    def as_declared(self, shape: TableShape, server: Capabilities) -> Standing:
        """What stands there after CREATE TABLE."""
        columns = tuple((c.name, str(c.type), c.nullable) for c in published_columns(shape))
        stored = uses_columnstore(shape, server)
        return replace(self, kind="U", columns=columns, key=primary_key(shape), columnstore=stored)

    def new_columns(self, shape: TableShape, change: Change = UNCHANGED) -> list[Column]:
        """The columns that a table which keeps its rows has to be given. Raises WarehouseError for any difference
        that would cost rows, other than those that ``change`` is about."""
        found = {name.casefold(): type_ for name, type_, _ in self.columns}
        wanted = published_columns(shape)
        changed = [
            f"{c.name} was {found[c.name.casefold()]}, is {c.type}"
            for c in wanted
            if found.get(c.name.casefold(), str(c.type)) != str(c.type)
        ]
        names = {c.name.casefold() for c in (*wanted, *(HISTORY_COLUMNS if change.current else ()))}
        changed += [f"{name} is gone" for name, _, _ in self.columns if name.casefold() not in names]
        if not change.carries and _folded(self.key) != _folded(primary_key(shape)):
            changed.append(f"the key was ({', '.join(self.key)}), is ({', '.join(primary_key(shape))})")
        if changed:
            raise WarehouseError(columns_changed(shape, changed))
        return [c for c in wanted if c.name.casefold() not in found]


def _folded(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name.casefold() for name in names)


def standing(ask: Ask, shape: TableShape, load_id: str) -> Standing:
    """What stands where ``shape`` is to be published, and what this load has ready."""
    quarantine = quarantine_shape(shape)
    rows = ask(
        _STANDING.format(
            table=literal(qualified(shape.schema, shape.name)),
            held=literal(qualified(STAGING, held_name(shape, load_id))),
            quarantine=literal(qualified(quarantine.schema, quarantine.name)),
            alias=literal(qualified(*shape.alias.split(".", 1)) if shape.alias else ""),
        )
    )
    about = rows[0]
    columns = [r for r in rows if r["what"] == "column"]
    key = [r for r in rows if r["what"] == "key"]
    return Standing(
        about["kind"].strip(),
        tuple((r["name"], str(_type(r)), bool(r["nullable"])) for r in sorted(columns, key=lambda r: r["place"])),
        tuple(r["name"] for r in sorted(key, key=lambda r: r["place"])),
        bool(about["columnstore"]),
        bool(about["held"]),
        bool(about["quarantined"]),
        _alias(about, rows),
    )


def _alias(about: Row, rows: Sequence[Row]) -> tuple[str, ...] | None:
    if not about["alias"]:
        return None
    return tuple(r["name"] for r in sorted((r for r in rows if r["what"] == "alias"), key=lambda r: r["place"]))


_STANDING = """\
DECLARE @table int = OBJECT_ID({table}), @alias int = OBJECT_ID({alias}, N'V'), @held int = OBJECT_ID({held}, N'U');
SELECT N'table' AS [what], 0 AS [place], N'' AS [name], N'' AS [type], 0 AS [bytes], 0 AS [precision], 0 AS [scale],
    0 AS [nullable],
    COALESCE((SELECT CAST([type] AS nvarchar(2)) FROM sys.objects WHERE [object_id] = @table), N'') AS [kind],
    CASE WHEN @held IS NULL THEN 0 ELSE 1 END AS [held],
    CASE WHEN OBJECT_ID({quarantine}, N'U') IS NULL THEN 0 ELSE 1 END AS [quarantined],
    CASE WHEN @alias IS NULL THEN 0 ELSE 1 END AS [alias],
    (SELECT COUNT(*) FROM sys.indexes WHERE [object_id] = @table AND [type] = 5) AS [columnstore]
UNION ALL
SELECT CASE [c].[object_id] WHEN @table THEN N'column' ELSE N'alias' END, [c].[column_id], [c].[name], [t].[name],
    [c].[max_length], [c].[precision], [c].[scale], CAST([c].[is_nullable] AS int), N'', 0, 0, 0, 0
FROM sys.columns AS [c]
INNER JOIN sys.types AS [t] ON [t].[user_type_id] = [c].[user_type_id]
WHERE ([c].[object_id] = @table OR [c].[object_id] = @alias) AND [c].[is_computed] = 0
UNION ALL
SELECT N'key', [k].[key_ordinal], [c].[name], N'', 0, 0, 0, 0, N'', 0, 0, 0, 0
FROM sys.indexes AS [i]
INNER JOIN sys.index_columns AS [k] ON [k].[object_id] = [i].[object_id] AND [k].[index_id] = [i].[index_id]
INNER JOIN sys.columns AS [c] ON [c].[object_id] = [k].[object_id] AND [c].[column_id] = [k].[column_id]
WHERE [i].[object_id] = @table AND [i].[is_primary_key] = 1;"""


def _type(row: Row) -> SqlType | str:
    name, size = row["type"], row["bytes"]
    if name in ("nvarchar", "nchar", "varchar", "char", "varbinary", "binary"):
        length = "max" if size == MAX else size // 2 if name in ("nvarchar", "nchar") else size
        return parse_type(f"{name}({length})")
    if name in ("decimal", "numeric"):
        return parse_type(f"decimal({row['precision']},{row['scale']})")
    if name in ("datetime2", "time", "datetimeoffset"):
        return parse_type(f"{name}({row['scale']})")
    try:
        return parse_type(name)
    except ValueError:
        return str(name)


# --- what keeps a table from being switched in ----------------------------------------------------------------------


def hindrances(table: str) -> str:
    """A query that names what else hangs on a published table: ``fact`` is foreign key, trigger, index, masked column,
    computed column or schema-bound view. A table with none of these can be truncated and switched."""
    return _HINDRANCES.format(table=literal(table))


_HINDRANCES = """\
DECLARE @table int = OBJECT_ID({table}, N'U');
SELECT N'foreign key' AS [fact], [name] FROM sys.foreign_keys
WHERE [referenced_object_id] = @table OR [parent_object_id] = @table
UNION ALL SELECT N'trigger', [name] FROM sys.triggers WHERE [parent_id] = @table
UNION ALL SELECT N'index', [name] FROM sys.indexes
WHERE [object_id] = @table AND [is_primary_key] = 0 AND [type] NOT IN (0, 5)
UNION ALL SELECT N'check', [name] FROM sys.check_constraints WHERE [parent_object_id] = @table
UNION ALL SELECT N'masked column', [name] FROM sys.columns WHERE [object_id] = @table AND [is_masked] = 1
UNION ALL SELECT N'computed column', [name] FROM sys.columns WHERE [object_id] = @table AND [is_computed] = 1
UNION ALL SELECT N'schema-bound view', OBJECT_NAME([referencing_id]) FROM sys.sql_expression_dependencies
WHERE [referenced_id] = @table AND [is_schema_bound_reference] = 1 AND [referencing_id] <> @table;"""


def granted(table: str) -> str:
    """A query for the statements that give a table's permissions again: one column, ``statement``."""
    return _GRANTED.format(table=literal(table), name=literal(table.replace("'", "''"))[1:])


_GRANTED = """\
SELECT CASE [p].[state] WHEN 'W' THEN N'GRANT' ELSE CAST([p].[state_desc] AS nvarchar(60)) END + N' '
    + CAST([p].[permission_name] AS nvarchar(128)) + N' ON OBJECT::' + {table}
    + CASE WHEN [c].[name] IS NULL THEN N'' ELSE N' (' + QUOTENAME([c].[name]) + N')' END
    + N' TO ' + QUOTENAME([u].[name]) + CASE [p].[state] WHEN 'W' THEN N' WITH GRANT OPTION' ELSE N'' END AS [statement]
FROM sys.database_permissions AS [p]
INNER JOIN sys.database_principals AS [u] ON [u].[principal_id] = [p].[grantee_principal_id]
LEFT JOIN sys.columns AS [c] ON [c].[object_id] = [p].[major_id] AND [c].[column_id] = [p].[minor_id]
    AND [p].[minor_id] > 0
WHERE [p].[class] = 1 AND [p].[major_id] = OBJECT_ID({table});"""


READERS = """\
SELECT SCHEMA_NAME([o].[schema_id]) + N'.' + [o].[name] AS [reader], [m].[definition] AS [text]
FROM sys.sql_modules AS [m]
INNER JOIN sys.objects AS [o] ON [o].[object_id] = [m].[object_id]
WHERE ([o].[type] = 'V' OR [m].[is_schema_bound] = 1) AND [m].[definition] IS NOT NULL
UNION ALL
SELECT OBJECT_SCHEMA_NAME([parent_object_id]) + N'.' + OBJECT_NAME([parent_object_id]),
    OBJECT_SCHEMA_NAME([referenced_object_id]) + N'.' + OBJECT_NAME([referenced_object_id])
FROM sys.foreign_keys WHERE [parent_object_id] <> [referenced_object_id];"""
"""What would break, or forbids it, when a table is dropped: views and all that is bound to its schema, with their text,
and tables with a foreign key, with the name of the table that it refers to."""


def blockers(table: str) -> str:
    """A query for the sessions that hold a lock on a table; needs VIEW SERVER STATE."""
    return (
        "SELECT DISTINCT s.[session_id], s.[login_name], s.[host_name], s.[program_name]"
        " FROM sys.dm_tran_locks AS l INNER JOIN sys.dm_exec_sessions AS s ON s.[session_id] = l.[request_session_id]"
        f" WHERE l.[resource_type] = 'OBJECT' AND l.[resource_associated_entity_id] = OBJECT_ID({literal(table)})"
        " AND l.[request_status] = 'GRANT' AND s.[session_id] <> @@SPID"
    )


def ledger_write(shape: TableShape, rows: Sequence[Row]) -> str:
    """Write rows of a ledger table; what has their keys is replaced. As text, so that a load's rows of every ledger
    table and its COMMIT travel together."""
    table = qualified(shape.schema, shape.name)
    key = [ident(name) for name in shape.key]
    batch = []
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        same = " OR ".join(
            "(" + " AND ".join(f"{k} = {_value(row[n])}" for k, n in zip(key, shape.key, strict=True)) + ")"
            for row in some
        )
        names = ", ".join(ident(name) for name in some[0])
        values = ",\n".join("(" + ", ".join(_value(v) for v in row.values()) + ")" for row in some)
        batch.append(f"DELETE FROM {table} WHERE {same};\nINSERT INTO {table} ({names}) VALUES\n{values};")
    return "\n".join(batch)


def _value(value: Any) -> str:
    if isinstance(value, str) and "\\\n" in value:
        # To T-SQL a backslash at the end of a line in a text means that the text goes on as if neither were there.
        parts = value.split("\\\n")
        return (
            "CAST(N'' AS nvarchar(max)) + "
            + " + N'\n' + ".join(literal(p + "\\") for p in parts[:-1])
            + (" + N'\n' + " + literal(parts[-1]))
        )
    return literal(value)
