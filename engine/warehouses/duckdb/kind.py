"""What is known of an embedded warehouse before it is opened."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from collections.abc import Collection, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from engine.config.specs import DuckDBTarget
from engine.core.errors import WarehouseError
from engine.core.quoting import qualified
from engine.core.tables import TableShape
from engine.warehouses.duckdb import statements as sql
from engine.warehouses.kinds import Health, Script

if TYPE_CHECKING:
    from engine.tsql.bind import Bound
    from engine.warehouses.protocol import Warehouse

_MOMENT = dt.datetime(2026, 1, 1)


class DuckDB:
    """One DuckDB file."""

    embedded = True
    checks_references = False

    def open(self, spec: DuckDBTarget, root: Path, name: str, *, read_only: bool = False) -> Warehouse:
        from engine.warehouses.duckdb.warehouse import DuckDBWarehouse

        return DuckDBWarehouse(root / Path(spec.path), read_only=read_only, memory_limit=spec.memory_limit)

    def place(self, spec: DuckDBTarget, root: Path) -> tuple[str, str]:
        return "file", f"{(root / spec.path).resolve()}/"

    def misnamed(self, spec: DuckDBTarget, schemas: Collection[str]) -> tuple[str, str, str] | None:
        # DuckDB calls the database after its file, and takes a schema of that name for the database.
        stem = PurePath(spec.path).stem.lower()
        if stem not in schemas:
            return None
        said = f"a warehouse file cannot be called {stem}, which is the name of a schema in it"
        return "path", said, "another file name, such as warehouse.duckdb"

    def check(self, bound: Bound) -> None:
        from engine.warehouses.duckdb.transpile.dialect import to_duckdb

        to_duckdb(bound)

    def render(self, script: Script) -> list[tuple[str, str]]:
        from engine.warehouses.duckdb.transpile.dialect import to_duckdb

        shape, load_id = script.shape, script.load_id
        steps, select = [], ""
        if script.bound is not None:
            select = to_duckdb(script.bound)
            steps.append(("select (T-SQL)", script.tsql))
            steps.append(("build", sql.build(shape, load_id, select, ranked=bool(script.dedupe))))
        else:
            staging = qualified(*sql.staging_name(shape, load_id))
            steps.append(("stage", sql.statement("create_table", shape, name=staging)))
        publish = sql.supersede(shape, load_id, brought=script.brought, holds=True)
        publish += sql.publish(shape, load_id, brought=script.brought, moment=_MOMENT, select=select)
        publish += sql.publish_quarantine(shape, load_id, holds=True)
        steps.append(("publish", ";\n".join(["BEGIN TRANSACTION", *publish, "COMMIT"]) + ";"))
        return steps

    def roles(self, shapes: Sequence[TableShape]) -> str:
        return ""

    def examine(self, spec: DuckDBTarget, root: Path) -> Health:
        path = root / spec.path
        if not path.exists():
            folder = next(p for p in path.parents if p.exists())
            free = shutil.disk_usage(folder).free / 1e9
            if not os.access(folder, os.W_OK):
                return Health("missing", f"{folder} cannot be written", "choose another path in pipelines.yaml")
            return Health("ok", f"{path}: not there yet, {free:,.0f} GB free", "medallion run")
        try:
            with self.open(spec, root, "", read_only=True):
                return Health("ok", f"{path}: {path.stat().st_size / 1e6:,.0f} MB")
        except WarehouseError as error:
            return Health("missing", str(error), "stop the other process, or mend pipelines.yaml")


KIND = DuckDB()
