"""SQL as DuckDB spells it."""

from __future__ import annotations

from typing import Any

from engine.core.quoting import quoted
from engine.core.sqltypes import Column, SqlType
from engine.warehouses.duckdb.statements import text


class DuckDBDialect:
    """The embedded warehouse's."""

    name = "duckdb"
    key_type = text_type = "VARCHAR"
    blanks_count = True

    def literal(self, value: object) -> str:
        return text(value)

    def typed(self, value: object, type_: SqlType) -> str:
        return f"TRY_CAST({text(value)} AS {type_.duckdb})"

    def folded(self, name: str, column: Column) -> str:
        return f"rtrim({name}, ' ')" if column.type.family == "string" else name

    def exact(self, text: str) -> str:
        return f'{text} COLLATE "C"'

    def create_as(self, name: str, select: str) -> str:
        return f"CREATE TABLE {name} AS {select}"

    def counted(self, query: str) -> str:
        return f"SELECT count(*) FROM (\n{query}\n) AS counted"

    def first(self, rows: int) -> tuple[str, str]:
        return "", f" LIMIT {rows}"

    def like(self, column: Any, pattern: str, escape: str | None) -> Any:
        import sqlalchemy as sa

        from engine.warehouses.duckdb.transpile.like import like

        return sa.literal_column(like(quoted(column.name), pattern, escape or ""), sa.Boolean())


DIALECT = DuckDBDialect()
