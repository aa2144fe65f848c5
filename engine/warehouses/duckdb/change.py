"""What has to change about a published table in a DuckDB file before a load's rows come in; all of it in the transaction
that publishes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import WarehouseError
from engine.core.quoting import qualified, quoted
from engine.core.tables import Change, TableShape, columns_changed
from engine.warehouses.duckdb import statements as duckdb_sql

if TYPE_CHECKING:
    import duckdb


def make_way(cursor: duckdb.DuckDBPyConnection, kind: str, shape: TableShape, change: Change) -> bool:
    """A table that was a view until now (or the other way round), or of which nothing stays, leaves its name to the
    new one. Returns whether it did."""
    if not (change.anew or (kind == "VIEW") != shape.strategy.is_view):
        return False
    cursor.execute(f"DROP {kind} {qualified(shape.schema, shape.name)}")
    return True


def open_up(cursor: duckdb.DuckDBPyConnection, shape: TableShape, change: Change) -> None:
    """Store what the table says of all its rows at once, being of one load, so that other rows can come in; and its
    rows as ``change`` wants them."""
    generated = (
        "SELECT count(*) FROM duckdb_tables() WHERE database_name = current_catalog() AND schema_name = ?"
        " AND table_name = ? AND contains(sql, 'GENERATED ALWAYS AS')"
    )
    found = cursor.execute(generated, [shape.schema, shape.name]).fetchone()
    if change.carries or (found and found[0]):
        cursor.execute(";\n".join(duckdb_sql.opened_up(shape, change)))


def evolve(cursor: duckdb.DuckDBPyConnection, shape: TableShape) -> None:
    """Give a table that keeps its rows the columns that are new; raises WarehouseError for any other difference."""
    found = {
        r[0]: r[1]
        for r in cursor.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = ? AND table_name = ?",
            [shape.schema, shape.name],
        ).fetchall()
    }
    history = duckdb_sql.HISTORY if shape.strategy.versions else ()
    wanted = {c.name: c for c in shape.columns}
    changed = [
        f"{n} was {found[n]}, is {c.type}" for n, c in wanted.items() if n in found and found[n] != c.type.duckdb
    ]
    changed += [f"{n} is gone" for n in found if n not in wanted and n not in history]
    if changed:
        raise WarehouseError(columns_changed(shape, changed))
    for name, column in wanted.items():
        if name not in found:
            cursor.execute(
                f"ALTER TABLE {qualified(shape.schema, shape.name)} ADD COLUMN {quoted(name)} {column.type.duckdb}"
            )
