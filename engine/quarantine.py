"""Rows held back: what is there, why, and the way back through the gate."""

from __future__ import annotations

import datetime as dt
import json
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine import ledger, steps
from engine.errors import GateFailed, MedallionError, Problem, ProjectError, WarehouseError, nearest
from engine.live import RunLock
from engine.model import Model, Table, load_model
from engine.project import Project
from engine.run import new_load_id, open_warehouse
from engine.show import held_rows, reading
from engine.warehouse.duckdb import DuckDBWarehouse
from engine.warehouse.duckdb_sql import qualified, quarantine_name, quoted, staging_name, statement, text


def overview(project: Project, target: str | None, *, every: bool = False) -> list[dict[str, Any]]:
    """How many rows each table holds back, by load and reason; a row with two reasons counts in both."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    with reading(project, project.target_name(target)) as warehouse:
        for row in held_rows(warehouse):
            if every or row["state"] == "held":
                for reason in row["reasons"]:
                    counts[row["table"], row["load_id"], row["state"], reason] += 1
    return [{"table": t, "load_id": i, "state": s, "rows": n, "reason": r} for (t, i, s, r), n in sorted(counts.items())]


def held(project: Project, target: str | None, table: str, *, limit: int = 20, every: bool = False) -> list[dict[str, Any]]:
    """The rows of one table that are held back, with reasons, origin and data."""
    with reading(project, project.target_name(target)) as warehouse:
        rows = [r for r in held_rows(warehouse, table) if every or r["state"] == "held"]
    return rows[:limit]


@dataclass(frozen=True)
class Replayed:
    """What became of the rows that were sent again."""

    read: int
    published: int
    held: int


def replay(project: Project, target: str | None, name: str, *, rows: Sequence[str] = (), repairs: Sequence[str] = (),
           wait_for: float = 0) -> Replayed:
    """Send held rows through conversion and gate again and publish the ones that pass, in one transaction.

    ``rows`` are quarantine ids (all held rows otherwise), ``repairs`` are ``column=value`` texts put in their place on
    the way. Rows that fail again stay held under their old id. Published rows are added to the table (or replace the
    row of their key), whatever its load strategy. Raises GateFailed when the rows together break a critical
    expectation.
    """
    target = project.target_name(target)
    model = load_model(project, target, dt.datetime.now(dt.UTC).date())
    table = model.tables[name]
    if table.spec.load in ("view", "scd2"):
        raise ProjectError(Problem(f"{name} is published by load: {table.spec.load}; its rows are judged again by the next run"))
    changes = _repairs(table, repairs)
    warehouse = open_warehouse(project, target)
    with RunLock(warehouse.path, wait_for, lambda _: None), warehouse:
        warehouse.prepare()
        waiting = [r for r in held_rows(warehouse, name) if r["state"] == "held" and (not rows or r["quarantine_id"] in rows)]
        unknown = set(rows) - {r["quarantine_id"] for r in waiting}
        if unknown:
            raise ProjectError(Problem(f"no held row {', '.join(sorted(unknown))} of {name}", expected="an id from `medallion quarantine show`"))
        if not waiting:
            return Replayed(0, 0, 0)
        return _Replay(model, table, warehouse, waiting, changes).go()


def _repairs(table: Table, repairs: Sequence[str]) -> dict[str, str]:
    names = {c.name.lower(): c.name for c in table.columns}
    changes = {}
    for repair in repairs:
        column, equals, value = repair.partition("=")
        if not equals or column.strip().lower() not in names:
            raise ProjectError(Problem(f"{repair!r} repairs nothing", expected="COLUMN=VALUE with a column of " + table.name,
                                       nearest=nearest(column, names.values())))
        changes[names[column.strip().lower()]] = value
    return changes


class _Replay:
    def __init__(self, model: Model, table: Table, warehouse: DuckDBWarehouse, waiting: list[dict[str, Any]], changes: dict[str, str]) -> None:
        # Replayed rows are added to what is published; a replace would leave nothing else in the table.
        strategy = "merge" if table.spec.key_columns else "append"
        self.table = replace(table, spec=table.spec.model_copy(update={"load": strategy}))
        self.model, self.warehouse, self.waiting, self.changes = model, warehouse, waiting, changes
        last = ledger.published(warehouse).get(table.name)
        if last is None:
            raise WarehouseError(f"{table.name} was never published; `medallion run --select {table.name}` first")
        self.load = steps.start(model, self.table, warehouse, new_load_id(), inputs=last.inputs, fingerprint=last.fingerprint, last=last,
                                tell=lambda *_: None)
        self.load.record.columns = table.columns

    def go(self) -> Replayed:
        from engine.gate import Gate

        record = self.load.record
        passed = self._stage()
        record.rows_read = record.rows_staged = passed
        if passed == 0:
            self._drop()
            return Replayed(len(self.waiting), 0, len(self.waiting))
        gate = Gate(self.warehouse.gate_engine())
        try:
            steps.judge(self.load, lambda: gate, threading.Lock())
            again = record.rows_quarantined
            self._publish()
        except MedallionError as error:
            self._drop()
            if isinstance(error, GateFailed):
                raise GateFailed(f"the rows stay held: {error}") from None
            raise
        finally:
            gate.close()
        return Replayed(len(self.waiting), passed - again, len(self.waiting) - passed + again)

    def _stage(self) -> int:
        """Convert the held texts to the table's types; rows that do not convert stay where they are."""
        shape, load_id = self.table.shape, self.load.record.load_id
        staging = qualified(*staging_name(shape, load_id))
        data = [{"quarantine_id": r["quarantine_id"], "source_file": r["source_file"], "source_row": r["source_row"],
                 "row_data": json.dumps({**r["row_data"], **self.changes}, default=str)} for r in self.waiting]
        typed = ", ".join(f"TRY_CAST(row_data ->> {text('$.' + json.dumps(c.name))} AS {c.type.duckdb}) AS {quoted(c.name)}" for c in self.table.columns)
        fits = " AND ".join(_fits(c.name, c.type.duckdb, c.type.length) for c in self.table.columns)
        audit = ""
        if self.table.landed:
            moment = self.load.record.started_at
            audit = (f", TIMESTAMP {text(moment)} AS _loaded_at, coalesce(source_file, '') AS _source_file, coalesce(source_row, 0) AS _source_row,"
                     f" {text(load_id)} AS _load_id")
        with self.warehouse.transaction() as cursor:
            cursor.execute("CREATE OR REPLACE TEMP TABLE __replay (quarantine_id VARCHAR, source_file VARCHAR, source_row BIGINT, row_data VARCHAR)")
            cursor.executemany("INSERT INTO __replay VALUES (?, ?, ?, ?)", [list(d.values()) for d in data])
            cursor.execute(f"CREATE TABLE {staging} AS SELECT {typed}{audit} FROM __replay WHERE {fits}")
            cursor.execute(f"CREATE TABLE {staging[:-1]}_ids\" AS SELECT quarantine_id, {typed} FROM __replay WHERE {fits}")
        return self.warehouse.count(*staging_name(shape, load_id))

    def _publish(self) -> None:
        """Publish and mark the rows that passed, in the one publish transaction."""
        raise NotImplementedError

    def _drop(self) -> None:
        self.warehouse.drop_staging(self.table.shape)


def _fits(name: str, duckdb_type: str, length: int | None) -> str:
    raw = f"row_data ->> {text('$.' + json.dumps(name))}"
    fit = f"({raw} IS NULL OR TRY_CAST({raw} AS {duckdb_type}) IS NOT NULL)"
    return fit if length in (None, -1) else f"{fit} AND coalesce(length({raw}), 0) <= {length}"


__all__ = ["Replayed", "held", "overview", "replay", "statement", "quarantine_name"]
