"""How a warehouse spells what the engine asks of every one."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol

from engine.core.sqltypes import Column, SqlType


class Dialect(Protocol):
    """SQL in the words of one type of warehouse."""

    name: str
    """sqlglot's name of it"""
    key_type: str
    """a type for short texts that are compared"""
    text_type: str
    """a type for texts of any length"""
    blanks_count: bool
    """Blanks at the end of a text count when it is compared by what Great Expectations writes."""

    def literal(self, value: object) -> str:
        """A text, quoted."""

    def typed(self, value: object, type_: SqlType) -> str:
        """A value of a type, from its text; NULL where the text is not one."""

    def folded(self, name: str, column: Column) -> str:
        """A column, called ``name``, as keys are compared: blanks at the end of a text do not count."""

    def exact(self, text: str) -> str:
        """A text, as it is compared by every character."""

    def create_as(self, name: str, select: str) -> str:
        """Make the table ``name``, which is quoted, of the rows of a SELECT."""

    def counted(self, query: str) -> str:
        """A statement that counts the rows of a query."""

    def first(self, rows: int) -> tuple[str, str]:
        """What limits a SELECT to its first rows: the text after SELECT, and the text at its end."""

    def like(self, column: Any, pattern: str, escape: str | None) -> Any:
        """The SQLAlchemy condition of ``column LIKE N'pattern'``. Raises ValueError for a pattern without translation."""


def dialect_of(engine: str) -> Dialect:
    """The dialect of a warehouse by the name that SQLAlchemy has for it, which is not always its target's type."""
    folder = {"mssql": "sqlserver"}.get(engine, engine)
    dialect: Dialect = import_module(f"engine.warehouses.{folder}.dialect").DIALECT
    return dialect
