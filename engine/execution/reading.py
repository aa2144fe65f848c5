"""A warehouse opened to look at it, and the rows in its quarantine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from engine.config.project import Project
from engine.core.errors import WarehouseError
from engine.core.numbers import from_json
from engine.execution.runner import open_warehouse
from engine.state import ledger
from engine.warehouses.protocol import Warehouse


@contextmanager
def reading(project: Project, target: str) -> Iterator[Warehouse]:
    """The target's warehouse, opened for reading. Raises WarehouseError that names the run that is writing it."""
    warehouse = open_warehouse(project, target, read_only=True)
    if words := warehouse.kept_out():
        raise WarehouseError(words)
    with warehouse:
        require_current(warehouse)
        yield warehouse


def require_current(warehouse: Warehouse) -> None:
    """Raises WarehouseError when the ledger is of an earlier version, which only a run may change."""
    if any(shape.schema == "ops" for shape, _ in ledger.lacking(warehouse)):
        raise WarehouseError(
            "this warehouse was made by an earlier version, which kept less in its ledger; `medallion run` brings it up "
            "to date"
        )


def held_rows(warehouse: Warehouse, table: str | None = None) -> list[dict[str, Any]]:
    """The rows in quarantine, newest load first, with their reasons and data as Python values, numbers by their digits."""
    names = [n for n in warehouse.tables("quarantine") if ledger.is_quarantine(n)]
    if table is not None:
        names = [n for n in names if n == table.replace(".", "_", 1)]
    out: list[dict[str, Any]] = []
    for name in names:
        for row in warehouse.rows(
            f'SELECT q.* FROM quarantine."{name}" AS q LEFT JOIN ops.loads AS l ON l.load_id = q.load_id'
            " AND l.table_name = ? ORDER BY l.number DESC, q.source_file, q.source_row, q.quarantine_id",
            (name.replace("_", ".", 1),),
        ):
            layer, _, rest = name.partition("_")
            out.append(
                {
                    **row,
                    "table": f"{layer}.{rest}",
                    "reasons": json.loads(row["reasons"]),
                    "row_data": from_json(row["row_data"]),
                    "repairs": json.loads(row.get("repairs") or "{}"),
                }
            )
    return out
