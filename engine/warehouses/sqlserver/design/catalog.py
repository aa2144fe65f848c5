"""What a table has of a physical design now: asked with one query before it is published."""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from engine.core.tables import TableShape
from engine.tsql.templates import literal
from engine.warehouses.sqlserver.design.partitions import PREFIX
from engine.warehouses.sqlserver.design.statements import DESCRIPTION, MARK, Existing, Key
from engine.warehouses.sqlserver.shape import Capabilities, qualified

Row = Mapping[str, Any]
Ask = Callable[[str], Sequence[Row]]
_COMPRESSIONS = {0: "none", 1: "row", 2: "page", 3: "columnstore", 4: "columnstore"}


def existing(ask: Ask, shape: TableShape, server: Capabilities) -> Existing:
    """The design of the published table, as far as this login may see it."""
    facts: dict[str, list[Row]] = defaultdict(list)
    for row in ask(query(shape, server)):
        facts[row["what"]].append(row)

    def texts(what: str) -> dict[str, str]:
        return {(r["a"] or "").casefold(): r["b"] or "" for r in facts[what]}

    table = qualified(shape.schema, shape.name)
    keys = _keys(facts["key"])
    return Existing(
        # Babelfish ends an index's name with its table's and a digest.
        indexes=frozenset(re.sub(rf"{re.escape(shape.name)}[0-9a-f]{{32}}$", "", r["a"]) for r in facts["index"]),
        foreign_keys=tuple(k for k in keys if k.table == table),
        referring=tuple(k for k in keys if k.table != table),
        compression=next(
            (_COMPRESSIONS.get(r["n"], "none") for r in facts["compression"] if r["n"] is not None), "none"
        ),
        computed=texts("computed"),
        defaults=texts("default"),
        descriptions=texts("description"),
        masks=texts("mask"),
        scheme=next((r["a"] for r in facts["scheme"]), ""),
        permissions=frozenset(
            ("DENY" if r["d"].strip() == "D" else "GRANT", r["a"], r["b"] or "", r["c"]) for r in facts["permission"]
        ),
    )


def _keys(rows: Sequence[Row]) -> list[Key]:
    columns: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda r: r["n"]):
        columns[row["a"], row["b"]].append(row)
    found = []
    for (name, table), parts in columns.items():
        first = parts[0]
        pairs = [part["d"].split("\n") for part in parts]
        target, disabled, untrusted = first["c"].rsplit("\n", 2)
        found.append(
            Key(
                name, table, tuple(a for a, _ in pairs), target, tuple(b for _, b in pairs),
                enforced=disabled == "0", trusted=untrusted == "0",
            )
        )  # fmt: skip
    return found


def designed(ask: Ask, server: Capabilities) -> dict[str, str | None]:
    """The quoted names of all tables with anything of a physical design, whoever made it: None, or the description
    of a table that has nothing else."""
    made = f"LEFT([name], {len(PREFIX)}) = {literal(PREFIX)}"
    facts = [
        f"SELECT [object_id] AS [id] FROM sys.indexes WHERE {made}",
        f"SELECT [parent_object_id] FROM sys.foreign_keys WHERE {made}",
        f"SELECT [referenced_object_id] FROM sys.foreign_keys WHERE {made}",
        f"SELECT [parent_object_id] FROM sys.default_constraints WHERE {made}",
        "SELECT [object_id] FROM sys.computed_columns",
        "SELECT [object_id] FROM sys.partitions WHERE [index_id] IN (0, 1) AND [data_compression] IN (1, 2)",
        "SELECT [i].[object_id] FROM sys.indexes AS [i]"
        " INNER JOIN sys.partition_schemes AS [s] ON [s].[data_space_id] = [i].[data_space_id]",
    ]
    if server.masks:
        facts.append("SELECT [object_id] FROM sys.masked_columns WHERE [is_masked] = 1")
    union = "\nUNION ALL ".join(facts)
    described = (
        f"SELECT {_object('[e].[major_id]')}, {_text('[e].[value]')} FROM sys.extended_properties AS [e]"
        f" WHERE [e].[class] = 1 AND [e].[minor_id] = 0 AND [e].[name] = {literal(DESCRIPTION)}"
    )
    rows = ask(
        f"SELECT DISTINCT {_object('[d].[id]')} AS [name], {_text('NULL')} AS [description] FROM (\n{union}\n) AS [d]\n"
        f"UNION ALL {described};"
    )
    found: dict[str, str | None] = {r["name"]: r["description"] for r in rows if r["description"] is not None}
    return found | {r["name"]: None for r in rows if r["description"] is None}


def boundaries(ask: Ask, function: str) -> list[dt.date]:
    """The boundaries that a partition function has, in order; none for a function that is not there."""
    found = ask(
        "SELECT CAST(CAST([v].[value] AS date) AS nvarchar(10)) AS [day] FROM sys.partition_range_values AS [v]"
        " INNER JOIN sys.partition_functions AS [f] ON [f].[function_id] = [v].[function_id]"
        f" WHERE [f].[name] = {literal(function)} ORDER BY [v].[boundary_id];"
    )
    return [dt.date.fromisoformat(r["day"]) for r in found]


# --- the query -----------------------------------------------------------------------------------------------------


def _text(expression: str) -> str:
    # The catalogue's columns have more than one collation, and a UNION takes only one.
    return f"CAST({expression} AS nvarchar(4000)) COLLATE DATABASE_DEFAULT"


def _part(
    what: str, source: str, *, a: str = "NULL", b: str = "NULL", c: str = "NULL", d: str = "NULL", n: str = "0"
) -> str:
    values = ", ".join(f"{_text(text)} AS [{name}]" for name, text in (("a", a), ("b", b), ("c", c), ("d", d)))
    return f"SELECT {_text(literal(what))} AS [what], {values}, CAST({n} AS int) AS [n]\n{source}"


def _object(of: str) -> str:
    return f"QUOTENAME(OBJECT_SCHEMA_NAME({of})) + N'.' + QUOTENAME(OBJECT_NAME({of}))"


def query(shape: TableShape, server: Capabilities) -> str:
    """One row a fact: ``what`` it is, and up to four texts and a number that say it."""
    alias = qualified(*shape.alias.split(".", 1)) if shape.alias else ""
    column = "INNER JOIN sys.columns AS [c] ON [c].[object_id] = {of}.[{id}] AND [c].[column_id] = {of}.[{column}]"
    mine = f"LEFT([{{of}}].[name], {len(PREFIX)}) = {literal(PREFIX)}"
    parts = [
        _part(
            "index", f"FROM sys.indexes AS [i] WHERE [i].[object_id] = @table AND {mine.format(of='i')}", a="[i].[name]"
        ),
        _part(
            "compression",
            "FROM sys.partitions AS [p] WHERE [p].[object_id] = @table AND [p].[index_id] IN (0, 1)",
            n="MIN([p].[data_compression])",
        ),
        _part(
            "computed",
            "FROM sys.computed_columns AS [c]\nLEFT JOIN sys.extended_properties AS [e] ON [e].[class] = 1"
            " AND [e].[major_id] = [c].[object_id] AND [e].[minor_id] = [c].[column_id]"
            f" AND [e].[name] = {literal(MARK)}\nWHERE [c].[object_id] = @table",
            a="[c].[name]",
            b="[e].[value]",
        ),
        _part(
            "default",
            "FROM sys.default_constraints AS [d]\n"
            + column.format(of="[d]", id="parent_object_id", column="parent_column_id")
            + "\nWHERE [d].[parent_object_id] = @table",
            a="[c].[name]",
            b="[d].[name]",
        ),
        _part(
            "description",
            "FROM sys.extended_properties AS [e]\nLEFT JOIN sys.columns AS [c] ON [c].[object_id] = [e].[major_id]"
            " AND [c].[column_id] = [e].[minor_id] AND [e].[minor_id] > 0\nWHERE [e].[class] = 1"
            f" AND [e].[major_id] = @table AND [e].[name] = {literal(DESCRIPTION)}",
            a="[c].[name]",
            b="[e].[value]",
        ),
        _part(
            "scheme",
            "FROM sys.indexes AS [i]\nINNER JOIN sys.partition_schemes AS [s] ON [s].[data_space_id] = [i].[data_space_id]"
            "\nWHERE [i].[object_id] = @table AND [i].[index_id] IN (0, 1)",
            a="[s].[name]",
        ),
        _part(
            "key",
            "FROM sys.foreign_keys AS [f]\n"
            "INNER JOIN sys.foreign_key_columns AS [k] ON [k].[constraint_object_id] = [f].[object_id]\n"
            f"WHERE (@table IN ([f].[parent_object_id], [f].[referenced_object_id])) AND {mine.format(of='f')}",
            a="[f].[name]",
            b=_object("[f].[parent_object_id]"),
            c=f"{_object('[f].[referenced_object_id]')} + NCHAR(10) + CAST([f].[is_disabled] AS nvarchar(1)) + NCHAR(10)"
            " + CAST([f].[is_not_trusted] AS nvarchar(1))",
            d="COL_NAME([k].[parent_object_id], [k].[parent_column_id]) + NCHAR(10)"
            " + COL_NAME([k].[referenced_object_id], [k].[referenced_column_id])",
            n="[k].[constraint_column_id]",
        ),
        _part(
            "permission",
            "FROM sys.database_permissions AS [p]\n"
            "INNER JOIN sys.database_principals AS [u] ON [u].[principal_id] = [p].[grantee_principal_id]\n"
            "LEFT JOIN sys.columns AS [c] ON [c].[object_id] = [p].[major_id] AND [c].[column_id] = [p].[minor_id]"
            " AND [p].[minor_id] > 0\n"
            "WHERE [p].[class] = 1 AND [p].[major_id] IN (@table, @alias) AND [p].[permission_name] = 'SELECT'",
            a=_object("[p].[major_id]"),
            b="[c].[name]",
            c="[u].[name]",
            d="[p].[state]",
        ),
    ]
    if server.masks:
        parts.append(
            _part(
                "mask",
                "FROM sys.masked_columns AS [m] WHERE [m].[object_id] = @table AND [m].[is_masked] = 1",
                a="[m].[name]",
                b="[m].[masking_function]",
            )
        )
    table = literal(qualified(shape.schema, shape.name))
    return f"DECLARE @table int = OBJECT_ID({table}), @alias int = OBJECT_ID({literal(alias)});\n" + (
        "\nUNION ALL ".join(parts) + ";"
    )
