"""SQL Server as warehouse: templates run as they are written, staging is committed, publishing is one transaction.

Every thread works on a connection of its own from one pool. Statements commit by themselves; the one transaction is
``publish``. What may be run twice is tried again after a transient error.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from engine.core.layers import LAYERS
from engine.core.tables import UNCHANGED, Arrived, Brought, Change, Kept, Standing, TableShape
from engine.state.ledger import TABLES, Row, fills, lacking, migrated
from engine.state.status import read_live
from engine.tsql.templates import ident, literal
from engine.warehouses.protocol import LedgerRows, Progress, Statement
from engine.warehouses.sqlserver import catalog
from engine.warehouses.sqlserver import statements as sql
from engine.warehouses.sqlserver.connect import Connector, retrying
from engine.warehouses.sqlserver.design.keep import keep
from engine.warehouses.sqlserver.dialect import DIALECT
from engine.warehouses.sqlserver.load import load, rows_at_once
from engine.warehouses.sqlserver.lock import SessionLock, taken
from engine.warehouses.sqlserver.publish import Publication, exchange, ledger_text
from engine.warehouses.sqlserver.roles import ROLES, set_up
from engine.warehouses.sqlserver.session import Session
from engine.warehouses.sqlserver.shape import (
    QUARANTINE,
    SQL_SERVER,
    STAGING,
    Capabilities,
    held_name,
    qualified,
    quarantine_shape,
    staged_columns,
    staging_name,
)

if TYPE_CHECKING:
    import duckdb
    import pyarrow
    import sqlalchemy

    from engine.config.specs import SqlServerTarget
    from engine.sources import Landed, Scan
    from engine.tsql.bind import Bound

SCHEMAS = ("ops", *LAYERS, QUARANTINE, STAGING)
SCAN_MEMORY = "512MB"
"""What reading files may take; beyond it DuckDB goes to disk."""


_STYLES = {
    "date": 23, "time": 121, "datetime": 121, "smalldatetime": 121, "datetime2": 121, "datetimeoffset": 121,
    "float": 3, "real": 3, "varbinary": 1, "binary": 1,
}  # fmt: skip
"""How CONVERT writes a type so that nothing is lost and the text casts back in any language."""


class SqlServerWarehouse(Session):
    """A database on a SQL Server. What may be read and made is the login's permissions' to say."""

    dialect = DIALECT
    embedded = False
    ranks_in_select = False

    def __init__(self, spec: SqlServerTarget, *, beside: Path) -> None:
        super().__init__(Connector(spec))
        self.beside = beside
        self.server: Capabilities = SQL_SERVER
        self._lock: SessionLock | None = None
        self._left: list[tuple[str, str]] | None = None

    def __enter__(self) -> SqlServerWarehouse:
        self.open()
        try:
            self.server = catalog.capabilities(self.rows(catalog.SERVER)[0])
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        self.close()

    def gate_engine(self) -> sqlalchemy.Engine:
        return self.connector.engine(1)

    # -- who is at work ----------------------------------------------------------------------------------------------

    def run_lock(self, wait: float | None, tell: Callable[[str], None]) -> SessionLock:
        """The lock that keeps other runs off this database; may be taken before the warehouse is open."""
        self._lock = SessionLock(self.connector, wait, tell, self.holder)
        return self._lock

    def table_lock(self, table: str, tell: Callable[[str], None]) -> SessionLock:
        self._lock = SessionLock(self.connector, None, tell, self.holder, table=table)
        return self._lock

    def kept_out(self) -> str:
        return ""  # readers and writers do not keep each other out

    def at_work(self) -> dict[str, Any] | None:
        if not taken(self.connector):
            return None
        run = self._running()
        live = read_live(self.beside)
        if run and live.get("run", {}).get("run_id") == run["run_id"]:
            return {"run": run, "tables": live["tables"]}
        # It runs on another machine: of its tables the ledger knows which are finished.
        ended = "SELECT [table_name], [state] FROM [ops].[loads] WHERE [load_id] = "
        rows = self._read(ended + literal(run["run_id"])) if run else []
        return {"run": run, "tables": {row["table_name"]: {"state": row["state"]} for row in rows}}

    def _running(self) -> Row | None:
        if not self.made():
            return None
        # A run that has just written its end may hold the lock a moment longer.
        newest = (
            "SELECT TOP (1) * FROM [ops].[runs] WHERE [state] = N'running'"
            " OR [finished_at] > DATEADD(second, -30, SYSUTCDATETIME())"
            " ORDER BY CASE [state] WHEN N'running' THEN 0 ELSE 1 END, [number] DESC"
        )
        return next(iter(self._read(newest)), None)

    def holder(self) -> str:
        """The run that is at work, in words."""
        run = self._running()
        if run is None:
            return "another process"
        return f"run {run['run_id']} (process {run['pid']} on {run['host']}, since {run['started_at']} UTC)"

    def made(self) -> bool:
        return self._read("SELECT OBJECT_ID(N'[ops].[loads]', N'U') AS [found]")[0]["found"] is not None

    def _read(self, text: str) -> list[Row]:
        """Rows, from a connection of its own where the warehouse is not open."""
        if self.is_open:
            return self.rows(text)
        session = Session(self.connector)
        session.open()
        try:
            return session.rows(text)
        finally:
            session.close()

    # -- set-up ------------------------------------------------------------------------------------------------------

    def prepare(self) -> str:
        for batch in (*sql.create_schemas(SCHEMAS), *(sql.create_table(shape, self.server) for shape in TABLES)):
            retrying(partial(self.run, batch))
        missing = lacking(self)
        if missing:
            with self.undoing():
                self.run("SET XACT_ABORT ON; BEGIN TRANSACTION;")
                for shape, column in missing:
                    self.run(
                        f"ALTER TABLE {qualified(shape.schema, shape.name)} ADD {ident(column.name)} {column.type} NULL;"
                    )
                for fill in fills(missing):
                    self.run(fill)
                self.run("COMMIT TRANSACTION;")
        return migrated(missing)

    def sweep(self, keep: frozenset[str]) -> list[str]:
        # No other run is at work, so nothing is too young to go.
        swept = [str(r["object"]) for r in self.rows(sql.janitor("SELECT N''", sorted(keep | {f"whole_{i}" for i in keep}),
                                                                   older_than_minutes=-1))]  # fmt: skip
        self._left = self._staged()
        return swept

    def _staged(self) -> list[tuple[str, str]]:
        """Name and kind of everything in the staging schema."""
        found = self.rows(
            "SELECT [name], CASE [type] WHEN 'V' THEN N'VIEW' ELSE N'TABLE' END AS [kind] FROM sys.objects"
            f" WHERE [schema_id] = SCHEMA_ID({literal(STAGING)}) AND [type] IN ('U', 'V')"
        )
        return [(r["name"], r["kind"]) for r in found]

    def drop_staging(self, shape: TableShape) -> None:
        # A run has swept, and asked what stays, once for all its tables.
        left = self._staged() if self._left is None else self._left
        stem = f"{shape.schema}_{shape.name}".casefold()
        for name, kind in left:
            if name.rpartition("__")[0].removeprefix("held_").casefold() == stem:
                self.run(f"DROP {kind} IF EXISTS {qualified(STAGING, name)}")

    # -- build -------------------------------------------------------------------------------------------------------

    @property
    def scanner(self) -> duckdb.DuckDBPyConnection:
        import duckdb

        if not hasattr(self._local, "scanner"):
            off = {"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"}
            connection = duckdb.connect(config={**off, "memory_limit": SCAN_MEMORY})
            connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
            self._local.scanner = connection
        scanner: duckdb.DuckDBPyConnection = self._local.scanner
        return scanner

    def land(self, shape: TableShape, scan: Scan, load_id: str, progress: Progress | None) -> Landed:
        self.run(sql.create_staging(shape, load_id))
        self.run(sql.create_held(shape, load_id))
        columns, held = staged_columns(shape), quarantine_shape(shape).columns
        with scan.batches(self.scanner) as ready:

            def rows() -> Iterator[pyarrow.RecordBatch]:
                return (batch.select([c.name for c in columns]) for batch in ready.rows(rows_at_once(columns)))

            where, held_where = (STAGING, staging_name(shape, load_id)), (STAGING, held_name(shape, load_id))
            landed = ready.landed
            load(self.connector, self.connection, where, columns, rows, landed.rows_staged, progress)
            load(
                self.connector,
                self.connection,
                held_where,
                held,
                lambda: iter(ready.held(rows_at_once(held))),
                landed.rows_quarantined,
            )
        return landed

    def no_roles(self) -> str:
        if self.scalar("SELECT IS_ROLEMEMBER(N'db_owner')"):
            return ""
        return "this login is not an owner of the database; an administrator runs: medallion roles --apply"

    def give_roles(self, shapes: Sequence[TableShape]) -> Sequence[str]:
        for batch in set_up(shapes, self.server):
            self.run(batch)
        return ROLES

    def translate(self, bound: Bound, tsql: str) -> str:
        return tsql.strip().rstrip(";").rstrip()

    def build(
        self, shape: TableShape, load_id: str, select: str, *, ranked: bool = False, empty: bool = False
    ) -> int:
        if shape.strategy.is_view:
            self.run(sql.staging_view(shape, load_id, select, self.server))
            return self.count(STAGING, staging_name(shape, load_id))

        def unit() -> int:
            # From nothing each time: after a lost connection nobody knows how much of the first attempt is there.
            self.run(sql.create_staging(shape, load_id))
            return int(self.scalar(sql.build(shape, load_id, select, empty=empty) + "\nSELECT ROWCOUNT_BIG() AS [built];"))

        return retrying(unit)

    def drop_losers(self, shape: TableShape, load_id: str, order_by: str) -> int:
        return int(self.scalar(sql.dedupe(shape, load_id, order_by, self.server)))

    def settle_keys(self, shape: TableShape, load_id: str) -> int:
        if not shape.key:
            return 0
        self.hold(shape, load_id, [(f"{ident(k)} IS NULL", f"{k}: the key is empty") for k in shape.key], landed=True)
        return int(self.scalar(sql.settle_keys(shape, load_id, self.server)))

    def hold(self, shape: TableShape, load_id: str, reasons: Sequence[tuple[str, str]], *, landed: bool) -> int:
        either = " OR ".join(f"({condition})" for condition, _ in reasons)
        if not self.scalar(
            f"SELECT COUNT_BIG(*) FROM {qualified(STAGING, staging_name(shape, load_id))} WHERE {either}"
        ):
            return 0
        if not self.exists(STAGING, held_name(shape, load_id)):
            self.run(sql.create_held(shape, load_id))
        return int(self.scalar(sql.hold(shape, load_id, [sql.Rule(*reason) for reason in reasons])))

    def lay_whole(self, shape: TableShape, load_id: str, there: Sequence[str], *, brought: Brought) -> tuple[str, str]:
        self.run(sql.lay_whole(shape, load_id, there, brought=brought))
        return STAGING, sql.whole_name(shape, load_id)

    def by_period(
        self, shape: TableShape, schema: str, name: str, *, kept: Kept | None = None
    ) -> dict[str | None, int]:
        return {r["first"]: r["n"] for r in self.rows(sql.by_period(shape, schema, name, kept))}

    def drop_whole(self, shape: TableShape, load_id: str) -> None:
        self.run(f"DROP TABLE IF EXISTS {qualified(STAGING, sql.whole_name(shape, load_id))};")

    def lost(self, shape: TableShape, load_id: str, compared: Sequence[str], kept: Kept) -> int:
        return int(self.rows(sql.lost(shape, load_id, compared, kept))[0]["lost"])

    # -- publish -----------------------------------------------------------------------------------------------------

    def publish(
        self,
        shape: TableShape,
        load_id: str,
        *,
        brought: Brought,
        ledger: Callable[[Arrived], LedgerRows],
        select: str = "",
        change: Change = UNCHANGED,
    ) -> None:
        if self._lock is not None:
            self._lock.check()
        publication = Publication(self, self.server, shape, load_id, brought, select=select, change=change)
        publication.publish(ledger)
        # Not in the transaction: dropping there makes two publishes wait for each other in the system tables.
        self.run(sql.drop_staging(shape, load_id))

    def reconcile(self, shape: TableShape) -> None:
        keep(self, self.server, shape)

    def record(self, rows: LedgerRows) -> None:
        text = ledger_text(rows)
        retrying(lambda: self.run(f"SET NOCOUNT ON;\nBEGIN TRANSACTION;\n{text}\nCOMMIT TRANSACTION;"))

    def remove(
        self, objects: Sequence[Standing], forget: Sequence[Statement], ledger: Callable[[], LedgerRows]
    ) -> None:
        if self._lock is not None:
            self._lock.check()
        batches = sql.removal([(o.kind, o.schema, o.name) for o in objects], self.server)

        def unit() -> None:
            # What is gone already is passed over, so a transaction whose COMMIT was not answered may be done again.
            with self.undoing():
                for batch in batches:
                    self.run(batch)
                for statement, parameters in forget:
                    self.run(statement, parameters)
                self.run(f"SET NOCOUNT ON;\n{ledger_text(ledger())}\nCOMMIT TRANSACTION;")

        retrying(unit)

    def readers(self) -> list[tuple[str, str]]:
        return [(r["reader"], r["text"]) for r in self.rows(catalog.READERS)]

    def exchange(self, shape: TableShape, statements: Sequence[str], ledger: Callable[[Arrived], LedgerRows]) -> None:
        if self._lock is not None:
            self._lock.check()
        exchange(self, shape, statements, ledger)

    def execute(self, statement: str) -> None:
        self.run(statement)

    # -- read --------------------------------------------------------------------------------------------------------

    def count(self, schema: str, name: str) -> int:
        return int(self.query(sql.count(schema, name))[1][0][0])

    def staging(self, shape: TableShape, load_id: str) -> tuple[str, str]:
        return STAGING, staging_name(shape, load_id)

    def held_rows(self, shape: TableShape, load_id: str) -> tuple[str, str]:
        return STAGING, held_name(shape, load_id)

    def held(self, shape: TableShape, load_id: str) -> int:
        name = held_name(shape, load_id)
        return self.count(STAGING, name) if self.exists(STAGING, name) else 0

    def reasons_held(self, shape: TableShape, load_id: str) -> dict[int, list[str]]:
        held = qualified(STAGING, held_name(shape, load_id))
        found = self.rows(f"SELECT [source_row], [reasons] FROM {held}")
        return {r["source_row"]: json.loads(r["reasons"]) for r in found}

    def first_reason(self, shape: TableShape, load_id: str) -> str:
        held = qualified(STAGING, held_name(shape, load_id))
        rows = self.rows(f"SELECT TOP (1) JSON_VALUE([reasons], '$[0]') AS [reason] FROM {held} ORDER BY [source_row]")
        return str(rows[0]["reason"]) if rows else ""

    def highest(self, shape: TableShape, column: str) -> str | None:
        kind = next((c.type.name for c in shape.columns if c.name.casefold() == column.casefold()), "")
        table = qualified(shape.schema, shape.name)
        found = self.scalar(f"SELECT CONVERT(nvarchar(400), MAX({ident(column)}), {_STYLES.get(kind, 0)}) FROM {table}")
        return None if found is None else str(found)

    def exists(self, schema: str, name: str) -> bool:
        return self.scalar(f"SELECT OBJECT_ID({literal(qualified(schema, name))})") is not None

    def tables(self, schema: str) -> list[str]:
        named = "SELECT [name] FROM sys.objects WHERE [type] = 'U' AND [schema_id] = SCHEMA_ID(?) ORDER BY [name]"
        return [r["name"] for r in self.rows(named, (schema,))]

    def kept_staging(self) -> list[tuple[str, str, str]]:
        found = []
        for name in self.tables(STAGING):
            stem = name.rpartition("__")[0]
            if stem and not stem.startswith("held_"):
                found.append((STAGING, name, stem.replace("_", ".", 1)))
        return found
