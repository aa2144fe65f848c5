"""A SQLAlchemy engine over an open DuckDB database: the door through which Great Expectations comes in."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb
    import sqlalchemy as sa


def duckdb_engine(con_factory: Callable[[], duckdb.DuckDBPyConnection]) -> sa.Engine:
    """A SQLAlchemy engine over connections that ``con_factory`` hands out: cursors of the one open database, set up
    (collation, time zone, macros) by the caller. It keeps one of them until it is disposed of."""
    import sqlalchemy as sa
    from duckdb_sqlalchemy import ConnectionWrapper
    from sqlalchemy.engine.cursor import FullyBufferedCursorFetchStrategy

    engine = sa.create_engine(
        "duckdb://", creator=lambda: ConnectionWrapper(con_factory()), poolclass=sa.pool.QueuePool, pool_size=1
    )

    # The dialect quotes PostgreSQL's keywords; DuckDB has more of them, and a column may be called "at" or "pivot".
    own = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category <> 'unreserved'"
    keywords = {name for (name,) in con_factory().execute(own).fetchall()}
    preparer = engine.dialect.identifier_preparer
    preparer.reserved_words = set(preparer.reserved_words) | keywords

    @sa.event.listens_for(engine, "after_cursor_execute")
    def _fetch_at_once(_con: Any, cursor: Any, _sql: Any, _parameters: Any, context: Any, _many: Any) -> None:
        # DuckDB drops a result when the next statement runs on its connection; Great Expectations reads late.
        if context is not None and cursor.description is not None:
            rows = [tuple(map(_plain, row)) for row in cursor.fetchall()]
            context.cursor_fetch_strategy = FullyBufferedCursorFetchStrategy(cursor, initial_buffer=rows)

    return engine


def _plain(value: Any) -> Any:
    """Decimals as the numbers that Great Expectations would make of them, for which it walks through the call stack
    and every module, for each one."""
    if not isinstance(value, Decimal) or not value.is_finite():
        return value
    return int(value) if value == value.to_integral_value() else float(value)
