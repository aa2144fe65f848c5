"""The embedded warehouse: one DuckDB file, one writing process.

Every thread works on a cursor of its own (DuckDB cursors are connections to the same open file). Staging tables are
committed; publishing is one transaction.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.core.errors import WarehouseError
from engine.core.quoting import qualified, quoted
from engine.core.tables import (
    AUDIT_COLUMNS,
    UNCHANGED,
    Arrived,
    Brought,
    Change,
    Kept,
    Standing,
    TableShape,
    counted_as,
)
from engine.state.ledger import TABLES, Row, after, fills, lacking, migrated
from engine.state.status import RunLock, is_locked, live_path, read_live, who
from engine.warehouses.duckdb import statements as duckdb_sql
from engine.warehouses.duckdb.change import evolve, make_way, open_up
from engine.warehouses.duckdb.counted import affected as _changed
from engine.warehouses.duckdb.counted import counted_before, run_counted
from engine.warehouses.duckdb.counted import scalar as _scalar
from engine.warehouses.duckdb.dialect import DIALECT
from engine.warehouses.duckdb.session import Session
from engine.warehouses.duckdb.statements import held_name, quarantine_name, staging_name

if TYPE_CHECKING:
    import duckdb
    import sqlalchemy

    from engine.sources import Landed, Scan
    from engine.tsql.bind import Bound

Progress = Callable[[int], None]
LedgerRows = Sequence[tuple[TableShape, Row]]


class DuckDBWarehouse(Session):
    """A DuckDB file as warehouse. Open it with ``with``; ``read_only`` opens beside other readers and never writes."""

    dialect = DIALECT
    embedded = True
    ranks_in_select = True

    def gate_engine(self) -> sqlalchemy.Engine:
        """A SQLAlchemy engine over this open file, for Great Expectations."""
        from engine.warehouses.duckdb.engine import duckdb_engine

        return duckdb_engine(self._new_cursor)

    # -- set-up ------------------------------------------------------------------------------------------------------

    def prepare(self) -> str:
        """Schemas, the ledger's tables and the T-SQL macros; all of it may be there already. Returns what was migrated."""
        from engine.warehouses.duckdb.transpile.dialect import install_macros

        with self.transaction() as cursor:
            for schema in duckdb_sql.SCHEMAS:
                cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
            for shape in TABLES:
                cursor.execute(duckdb_sql.create_table(shape))
            install_macros(cursor)
            missing = lacking(self)
            for shape, column in missing:
                name = qualified(shape.schema, shape.name)
                cursor.execute(f"ALTER TABLE {name} ADD COLUMN {quoted(column.name)} {column.type.duckdb}")
            for fill in fills(missing):
                cursor.execute(fill)
        self._look()
        return migrated(missing)

    def sweep(self, keep: frozenset[str]) -> list[str]:
        """Drop the staging that killed or failed loads left behind, except of the load ids in ``keep``; its names."""
        left = [
            (schema, name)
            for schema, name in sorted(self._kinds)
            if name.startswith(("__staging_", "__held_")) and not any(name.endswith(load_id) for load_id in keep)
        ]
        for schema, name in left:
            self._drop(schema, name)
        return [f"{schema}.{name}" for schema, name in left]

    def drop_staging(self, shape: TableShape) -> None:
        """Drop what earlier loads of this table left in staging."""
        mine = (f"__staging_{shape.name}", f"__held_{shape.name}")
        # A copy first: other loads add their tables meanwhile.
        for schema, name in [n for n in list(self._kinds) if n[0] == shape.schema and n[1].startswith("__")]:
            if name.rpartition("__")[0] in mine:
                self._drop(schema, name)

    # -- build -------------------------------------------------------------------------------------------------------

    def land(self, shape: TableShape, scan: Scan, load_id: str, progress: Progress | None) -> Landed:
        """Fill this load's staging and held rows from a source."""
        from engine.sources import land

        names = staging_name(shape, load_id), held_name(shape, load_id)
        self._kinds |= dict.fromkeys(names, "TABLE")
        staging, held = (qualified(*name) for name in names)
        return land(self._cursor, scan, staging, held, progress, one_load=shape.strategy.exchanges)

    @property
    def scanner(self) -> duckdb.DuckDBPyConnection:
        """The connection that sources are read with."""
        return self._cursor

    def no_roles(self) -> str:
        return "it is an embedded file, which has no roles"

    def give_roles(self, shapes: Sequence[TableShape]) -> Sequence[str]:
        return ()

    def translate(self, bound: Bound, tsql: str) -> str:
        """The bound SELECT in this warehouse's SQL; raises engine.tsql.bind.BindError where it would mean something else."""
        from engine.warehouses.duckdb.transpile.dialect import to_duckdb

        return to_duckdb(bound)

    def build(
        self, shape: TableShape, load_id: str, select: str, *, ranked: bool = False, empty: bool = False
    ) -> int:
        """Build staging from a translated SELECT; the number of rows in it."""
        name = staging_name(shape, load_id)
        result = self._cursor.execute(duckdb_sql.build(shape, load_id, select, ranked=ranked, empty=empty))
        self._kinds[name] = "VIEW" if shape.strategy.is_view else "TABLE"
        return self.count(*name) if shape.strategy.is_view else _changed(result)

    def drop_losers(self, shape: TableShape, load_id: str, order_by: str) -> int:
        """Of a ranked staging table keep the first of each key; the number of rows dropped."""
        name = qualified(*staging_name(shape, load_id))
        # Two transactions: DuckDB does not let one both change a table's rows and its columns.
        dropped = _changed(self._cursor.execute(f"DELETE FROM {name} WHERE __rank > 1"))
        self._cursor.execute(f"ALTER TABLE {name} DROP COLUMN __rank")
        return dropped

    def settle_keys(self, shape: TableShape, load_id: str) -> int:
        """In landed rows: hold those with a null key, drop exact repeats of a key, hold the ones that contradict the
        last landed row. Returns the number of rows dropped; ``held`` counts the others."""
        if not shape.key:
            return 0
        nulls = [(f"{quoted(k)} IS NULL", f"{k}: the key is empty") for k in shape.key]
        self.hold(shape, load_id, nulls, landed=True)
        if not self.rows(duckdb_sql.statement("duplicates", shape, load_id))[0]["count_star()"]:
            return 0
        return self._settle_duplicates(shape, load_id)

    def _settle_duplicates(self, shape: TableShape, load_id: str) -> int:
        name = qualified(*staging_name(shape, load_id))
        audit = {c.name for c in AUDIT_COLUMNS}
        # A key of text that is spelt otherwise is another value.
        compared = [c for c in shape.columns if c.name not in audit]
        losers = duckdb_sql.statement("losers", shape, load_id, compared=compared)
        with self.transaction() as cursor:
            cursor.execute(f"CREATE OR REPLACE TEMP TABLE __losers AS {losers}")
            data = [c for c in shape.columns if not c.name.startswith("_")]
            reason = f"{', '.join(shape.key)}: the key stands again, with other values, in row "
            holding = duckdb_sql.statement("hold_losers", shape, load_id, data=data, reason=reason)
            held = _changed(cursor.execute(holding))
            taken, dropped = (
                _changed(cursor.execute(f"DELETE FROM {name} WHERE rowid IN (SELECT rid FROM __losers WHERE {which})"))
                for which in ("NOT same", "same")
            )
            cursor.execute("DROP TABLE __losers")
            if held != taken:
                raise WarehouseError(f"{shape.full_name}: held {held} rows but took {taken} out of staging")
        return dropped

    def hold(self, shape: TableShape, load_id: str, reasons: Sequence[tuple[str, str]], *, landed: bool) -> int:
        """Move the staging rows that meet any (condition, reason) to the held rows; the number moved."""
        moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        staging, either = qualified(*staging_name(shape, load_id)), " OR ".join(f"({c})" for c, _ in reasons)
        with self.transaction() as cursor:
            if not _scalar(cursor.execute(f"SELECT count(*) FROM {staging} WHERE {either}")):
                return 0
            cursor.execute(duckdb_sql.statement("create_held", shape, load_id))
            self._kinds[held_name(shape, load_id)] = "TABLE"
            moved = _changed(cursor.execute(duckdb_sql.hold(shape, load_id, reasons, landed=landed, moment=moment)))
            deleted = _changed(cursor.execute(f"DELETE FROM {staging} WHERE {either}"))
            if moved != deleted:
                raise WarehouseError(f"{shape.full_name}: held {moved} rows but took {deleted} out of staging")
        return moved

    def lay_whole(self, shape: TableShape, load_id: str, there: Sequence[str], *, brought: Brought) -> tuple[str, str]:
        """Copy all rows that the table would have after this load; schema and name of the copy."""
        name = duckdb_sql.whole_name(shape, load_id)
        self.drop_whole(shape, load_id)
        self._cursor.execute(duckdb_sql.lay_whole(shape, load_id, there, brought=brought))
        self._kinds[name] = "TABLE"
        return name

    def by_period(
        self, shape: TableShape, schema: str, name: str, *, kept: Kept | None = None
    ) -> dict[str | None, int]:
        """The rows of each period in a table of this shape."""
        return {r["first"]: r["n"] for r in self.rows(duckdb_sql.by_period(shape, schema, name, kept))}

    def drop_whole(self, shape: TableShape, load_id: str) -> None:
        """Drop that copy, if there is one."""
        name = duckdb_sql.whole_name(shape, load_id)
        if name in self._kinds:
            self._drop(*name)

    def lost(self, shape: TableShape, load_id: str, compared: Sequence[str], kept: Kept) -> int:
        return int(self.rows(duckdb_sql.lost(shape, load_id, compared, kept))[0]["lost"])

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
        """One transaction: the table, its quarantine, its alias and its ledger rows. ``ledger`` is called in it with
        what was counted on the way."""
        staging, held, quarantine = staging_name(shape, load_id), held_name(shape, load_id), quarantine_name(shape)
        with self._publishing, self.transaction() as cursor:
            stood = self._kinds.get((shape.schema, shape.name))
            dropped = self.count(shape.schema, shape.name) if stood == "TABLE" and change.anew else 0
            there = stood is not None and not make_way(cursor, stood, shape, change)
            if shape.strategy.keeps and there:
                open_up(cursor, shape, change)
                evolve(cursor, shape)
            if shape.strategy.refusal and shape.key and there:
                found = duckdb_sql.statement(f"clashes_{shape.load}", shape, load_id, brought=brought)
                if int(_scalar(cursor.execute(found))):
                    raise WarehouseError(f"{shape.full_name}: keys of this load {shape.strategy.refusal}")
            moment = self._from_now_on(cursor, shape, there)
            stays = shape.strategy.keeps
            counted = counted_before(cursor, shape, load_id) if stays and there else {}
            read_anew = replace(shape, load="replace") if change.anew else shape
            holds = held in self._kinds
            superseding = duckdb_sql.supersede(read_anew, load_id, brought=brought, holds=holds)
            cursor.execute(";\n".join(superseding))
            counted |= run_counted(
                cursor,
                duckdb_sql.publish(shape, load_id, brought=brought, moment=moment, select=select, holds=holds),
                duckdb_sql.publish_quarantine(shape, load_id, holds=holds),
            )
            if stays and dropped:
                counted |= {"before": dropped, "removed": dropped}
            total = int(_scalar(cursor.execute(f"SELECT count(*) FROM {qualified(shape.schema, shape.name)}")))
            if not stays:
                counted |= {"inserted": total, "removed": 0}
            self._write(cursor, ledger(Arrived(total, **counted)))
        for gone in (staging, held):
            self._kinds.pop(gone, None)
        self._kinds |= {(shape.schema, shape.name): "VIEW" if shape.strategy.is_view else "TABLE", quarantine: "TABLE"}

    def _from_now_on(self, cursor: duckdb.DuckDBPyConnection, shape: TableShape, there: bool) -> dt.datetime:
        """The moment from which a load's versions hold: now, but after every moment in the table's history."""
        latest = None
        if shape.strategy.versions and there:
            name = qualified(shape.schema, shape.name)
            latest = _scalar(cursor.execute(f"SELECT greatest(max(valid_from), max(valid_to)) FROM {name}"))
        return after(latest)

    def exchange(self, shape: TableShape, statements: Sequence[str], ledger: Callable[[Arrived], LedgerRows]) -> None:
        name = qualified(shape.schema, shape.name)
        with self._publishing, self.transaction() as cursor:
            open_up(cursor, shape, UNCHANGED)
            counted = {
                "before": int(_scalar(cursor.execute(f"SELECT count(*) FROM {name}"))),
                "inserted": 0,
                "removed": 0,
            }
            for statement in statements:
                result = cursor.execute(statement)
                if what := counted_as(statement, name):
                    counted[what] += _changed(result)
            total = int(_scalar(cursor.execute(f"SELECT count(*) FROM {name}")))
            self._write(cursor, ledger(Arrived(total, **counted)))

    def execute(self, statement: str) -> None:
        self.query(statement)

    def reconcile(self, shape: TableShape) -> None:
        """A DuckDB file knows no physical design."""

    def record(self, rows: LedgerRows) -> None:
        """Write ledger rows by themselves: a run's state, a load that failed."""
        with self._publishing, self.transaction() as cursor:
            self._write(cursor, rows)

    def remove(
        self,
        objects: Sequence[Standing],
        forget: Sequence[tuple[str, tuple[Any, ...]]],
        ledger: Callable[[], LedgerRows],
    ) -> None:
        """One transaction: drop objects, do the statements of ``forget``, and write the rows that ``ledger`` gives."""
        with self._publishing, self.transaction() as cursor:
            for gone in objects:
                cursor.execute(f"DROP {gone.kind} IF EXISTS {qualified(gone.schema, gone.name)}")
            for statement, parameters in forget:
                cursor.execute(statement, list(parameters))
            self._write(cursor, ledger())
        self._look()

    def readers(self) -> list[tuple[str, str]]:
        """The name of each view, with its text."""
        views = self.rows("SELECT schema_name, view_name, sql FROM duckdb_views() WHERE NOT internal")
        return [(f"{v['schema_name']}.{v['view_name']}", v["sql"]) for v in views]

    def _write(self, cursor: duckdb.DuckDBPyConnection, rows: LedgerRows) -> None:
        script: list[str] = []
        for shape, group in itertools.groupby(rows, key=lambda pair: pair[0]):
            script += duckdb_sql.written(shape, [row for _, row in group])
        cursor.execute(";\n".join(script))

    # -- read --------------------------------------------------------------------------------------------------------

    def staging(self, shape: TableShape, load_id: str) -> tuple[str, str]:
        """Schema and name of a load's staging table."""
        return staging_name(shape, load_id)

    def held_rows(self, shape: TableShape, load_id: str) -> tuple[str, str]:
        """Schema and name of the table of the rows that a load under way has held back."""
        return held_name(shape, load_id)

    def exists(self, schema: str, name: str) -> bool:
        return (schema, name) in self._kinds

    def held(self, shape: TableShape, load_id: str) -> int:
        name = held_name(shape, load_id)
        return self.count(*name) if name in self._kinds else 0

    def reasons_held(self, shape: TableShape, load_id: str) -> dict[int, list[str]]:
        """Why each row that a load quarantined while it landed was, by the row's number in its source."""
        found = self.rows(f"SELECT source_row, reasons FROM {qualified(*held_name(shape, load_id))}")
        return {r["source_row"]: json.loads(r["reasons"]) for r in found}

    def first_reason(self, shape: TableShape, load_id: str) -> str:
        """Why the first held row of a load was held back."""
        rows = self.rows(
            f"SELECT reasons ->> '$[0]' AS reason FROM {qualified(*held_name(shape, load_id))} ORDER BY source_row LIMIT 1"
        )
        return rows[0]["reason"] if rows else ""

    def highest(self, shape: TableShape, column: str) -> str | None:
        """The highest published value of a column, as text that casts back; None in an empty table. Read inside the
        publishing transaction."""
        found = _scalar(
            self._cursor.execute(
                f"SELECT CAST(max({quoted(column)}) AS VARCHAR) FROM {qualified(shape.schema, shape.name)}"
            )
        )
        return None if found is None else str(found)

    @property
    def beside(self) -> Path:
        """The file beside which a run's status file lies."""
        return self.path

    def made(self) -> bool:
        """Whether the file is there; may be asked before it is opened."""
        return self.path.exists()

    def run_lock(self, wait: float | None, tell: Callable[[str], None]) -> RunLock:
        """The lock that keeps other runs off the file."""
        return RunLock(self.path, wait, tell)

    def table_lock(self, table: str, tell: Callable[[str], None]) -> RunLock:
        return self.run_lock(None, tell)

    def kept_out(self) -> str:
        """Who keeps readers out, in words; empty when nobody does."""
        if not self.path.exists() or not is_locked(self.path):
            return ""
        return f"{who(live_path(self.path))} is writing {self.path}; `medallion status --watch` shows it"

    def at_work(self) -> dict[str, Any] | None:
        """What the run at work tells of itself; None when there is none."""
        if not self.path.exists() or not is_locked(self.path):
            return None
        live = read_live(self.path)
        history = live.get("history", {"runs": [], "loads": [], "verdicts": []})
        return {"run": live.get("run"), "tables": live.get("tables", {}), "history": history}

    def kept_staging(self) -> list[tuple[str, str, str]]:
        """Staging that loads left: schema and name, and the table it was to become."""
        found = self.rows("SELECT table_schema, table_name FROM information_schema.tables"
                          " WHERE starts_with(table_name, '__staging_')")  # fmt: skip
        return [(r["table_schema"], r["table_name"],
                 f"{r['table_schema']}.{r['table_name'].removeprefix('__staging_').rpartition('__')[0]}")
                for r in found]  # fmt: skip

    def tables(self, schema: str) -> list[str]:
        """The tables of a schema, by name."""
        named = "SELECT table_name FROM information_schema.tables WHERE table_schema = ? ORDER BY table_name"
        return [r["table_name"] for r in self.rows(named, (schema,))]
