"""Text in Great Expectations' statements: on the embedded warehouse it compares as SQL Server compares it.

Templates and row queries are translated by the dialect; what Great Expectations writes itself is not. DuckDB's nocase
collation ignores case for it, but not the blanks at the end of a text, and COUNT(DISTINCT) does not look at it at all.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import operators, visitors

from engine.warehouses.dialect import dialect_of

SHOWN = "unexpected_values"
"""How Great Expectations labels the values that fail: they are shown as they are."""


def like(column: Any, pattern: str, escape: str | None, dialect: Any) -> Any:
    """The condition of ``column LIKE N'pattern'``. Raises ValueError for a pattern that has no translation."""
    # Great Expectations hands over the dialect, or the module it is in.
    return dialect_of(getattr(dialect, "dialect", dialect).name).like(column, pattern, escape)


def without_blanks(text: Any) -> Any:
    """The text without the blanks at its end, which SQL Server does not compare."""
    return sa.func.rtrim(text, sa.literal_column("' '"))


def as_compared(statement: Any, texts: Collection[str]) -> Any:
    """The statement or condition with every column of ``texts`` (lower-case names), and what it is compared with, as
    something that compares as on SQL Server."""

    def replaced(element: Any, **_: Any) -> Any:
        if isinstance(element, sa.Label) and element.name.startswith(SHOWN):
            return element
        if isinstance(element, sa.BinaryExpression) and element.operator in (operators.is_, operators.is_not):
            return element
        if isinstance(element, sa.UnaryExpression) and element.operator is operators.distinct_op:
            return sa.distinct(sa.func.lower(without_blanks(element.element))) if named(element.element) else None
        if isinstance(element, sa.BindParameter) and isinstance(element.value, str):
            return sa.literal(element.value.rstrip(" "), element.type) if element.value.endswith(" ") else None
        return without_blanks(element).label(element.name) if named(element) else None

    def named(element: Any) -> bool:
        return (
            isinstance(element, sa.ColumnClause)
            and element.table is None
            and not element.is_literal
            and str(element.name).lower() in texts
        )

    return visitors.replacement_traverse(statement, {}, replaced)


def stripped(value: Any) -> Any:
    """A keyword argument with its texts, however deep, without blanks at their ends."""
    if isinstance(value, str):
        return value.rstrip(" ")
    return [stripped(v) for v in value] if isinstance(value, list | tuple) else value
