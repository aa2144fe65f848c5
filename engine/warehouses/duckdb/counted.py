"""Statements on DuckDB whose rows are counted by DuckDB itself as they run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from engine.core.quoting import qualified
from engine.core.tables import TableShape
from engine.warehouses.duckdb import statements as duckdb_sql

if TYPE_CHECKING:
    import duckdb

_COUNTED = {"DELETE": "removed", "INSERT": "inserted", "UPDATE": "closed"}


def scalar(result: Any) -> Any:
    """The first value of a result."""
    return result.fetchone()[0]


def affected(result: Any) -> int:
    """The rows that the statement of a result inserted, updated or deleted."""
    return int(scalar(result))


def counted_before(cursor: duckdb.DuckDBPyConnection, shape: TableShape, load_id: str) -> dict[str, int]:
    """The rows of a table whose rows stay, and of the load those of which it will not add a version."""
    name = qualified(shape.schema, shape.name)
    counted = {"before": int(scalar(cursor.execute(f"SELECT count(*) FROM {name}")))}
    if shape.strategy.versions:
        counted["unchanged"] = int(scalar(cursor.execute(duckdb_sql.unchanged(shape, load_id))))
    return counted


def run_counted(cursor: duckdb.DuckDBPyConnection, table: Sequence[str], quarantine: Sequence[str]) -> dict[str, int]:
    """Run the statements that publish a table and its quarantine; the rows that they removed, inserted and closed, by
    their own count."""
    rows = {"inserted": 0, "removed": 0, "closed": 0, "quarantined": 0}
    counted = [(s, _COUNTED.get(s.split(None, 1)[0])) for s in table]
    counted += [(s, "quarantined" if s.startswith("INSERT") else None) for s in quarantine]
    waiting: list[str] = []
    for statement, part in counted:
        waiting.append(statement)
        if part:
            # One call for many statements gives the count of the last. Each call gives Python's turn away, and gets it
            # back late from a busy gate.
            rows[part] += affected(cursor.execute(";\n".join(waiting)))
            waiting = []
    if waiting:
        cursor.execute(";\n".join(waiting))
    return rows
