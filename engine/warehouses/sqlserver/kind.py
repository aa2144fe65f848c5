"""What is known of SQL Server as warehouse before a connection is made."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config.specs import SqlServerTarget
from engine.core.errors import WarehouseError
from engine.core.tables import TableShape
from engine.warehouses.kinds import Health, Script

if TYPE_CHECKING:
    from engine.tsql.bind import Bound
    from engine.warehouses.protocol import Warehouse


class SqlServer:
    """A database on a SQL Server."""

    embedded = False
    checks_references = True

    def open(self, spec: SqlServerTarget, root: Path, name: str, *, read_only: bool = False) -> Warehouse:
        from engine.warehouses.sqlserver.warehouse import SqlServerWarehouse

        return SqlServerWarehouse(spec, beside=root / "data" / name)

    def place(self, spec: SqlServerTarget, root: Path) -> tuple[str, str]:
        return f"mssql://{spec.server}:{spec.port}", f"{spec.database}."

    def misnamed(self, spec: SqlServerTarget, schemas: Collection[str]) -> tuple[str, str, str] | None:
        return None

    def check(self, bound: Bound) -> None:
        """Every SELECT runs as it is written."""

    def render(self, script: Script) -> list[tuple[str, str]]:
        from engine.warehouses.sqlserver.rendering import render

        return render(script)

    def roles(self, shapes: Sequence[TableShape]) -> str:
        from engine.warehouses.sqlserver.roles import script, set_up

        return script(set_up(shapes))

    def examine(self, spec: SqlServerTarget, root: Path) -> Health:
        from engine.warehouses.sqlserver.connect import find_driver
        from engine.warehouses.sqlserver.load import missing_for_bulk

        try:
            driver = find_driver()
        except WarehouseError as error:
            return Health("missing", str(error), "pip install 'medallion-warehouse[mssql]'")
        slow = missing_for_bulk()
        loads = f"; loads by INSERT, because {slow}" if slow else ", loads by bulk copy"
        return Health("ok", f"through {Path(driver.name).name}{loads}")


KIND = SqlServer()
