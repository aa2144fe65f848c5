"""SQL as SQL Server spells it."""

from __future__ import annotations

from typing import Any

from engine.core.sqltypes import Column, SqlType
from engine.tsql.templates import literal
from engine.warehouses.sqlserver.templates import counted


class SqlServerDialect:
    """T-SQL."""

    name = "tsql"
    key_type = "nvarchar(400)"
    text_type = "nvarchar(max)"
    blanks_count = False

    def literal(self, value: object) -> str:
        return str(literal(str(value)))

    def typed(self, value: object, type_: SqlType) -> str:
        return f"TRY_CONVERT({type_}, {literal(str(value))})"

    def folded(self, name: str, column: Column) -> str:
        return name

    def exact(self, text: str) -> str:
        return f"{text} COLLATE Latin1_General_100_BIN2"

    def create_as(self, name: str, select: str) -> str:
        return f"SELECT * INTO {name} FROM ({select}) AS kept"

    def counted(self, query: str) -> str:
        return counted(query)

    def first(self, rows: int) -> tuple[str, str]:
        return f"TOP {rows} ", ""

    def like(self, column: Any, pattern: str, escape: str | None) -> Any:
        import sqlalchemy as sa

        # As nvarchar, whether it goes as a parameter or as a literal: that decides whether blanks at the end count.
        return column.like(sa.literal(pattern, sa.Unicode()), escape=escape)


DIALECT = SqlServerDialect()
