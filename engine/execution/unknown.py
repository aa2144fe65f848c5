"""What stands in the warehouse under a declared name, and no load of the ledger has published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.errors import WarehouseError
from engine.core.tables import TableShape
from engine.state import ledger

if TYPE_CHECKING:
    from engine.warehouses.protocol import Warehouse


def refuse_unknown(warehouse: Warehouse, shape: TableShape) -> None:
    """Raise WarehouseError when rows, or a view, would go or be added to that this engine knows nothing of."""
    if not warehouse.exists(shape.schema, shape.name):
        return
    kind = ledger.standing(warehouse).get(shape.full_name, "TABLE").lower()
    rows = warehouse.count(shape.schema, shape.name) if kind == "table" else 0
    if kind == "table" and not rows:
        return  # a server's table is made before the transaction that fills it; a load killed in between leaves it empty
    said = f" ({rows:,} row{'s' * (rows != 1)})" if kind == "table" else ""
    raise WarehouseError(
        f"a {kind} {shape.full_name} stands in the warehouse{said}, and the ledger knows no load that published it: "
        "something else made it, or the ledger was lost. It was not touched. Rename it to keep it, or build it anew in "
        f"its place: medallion run --full --select {shape.full_name}"
    )
