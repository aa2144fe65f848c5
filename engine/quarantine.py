"""Rows held back: what is there, why, and the way back through the gate."""

from __future__ import annotations

import datetime as dt
import functools
import json
import re
import tempfile
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine import ledger, steps
from engine.errors import GateFailed, Problem, ProjectError, WarehouseError, nearest
from engine.model import Model, Table, load_model
from engine.project import Project
from engine.run import new_load_id, open_warehouse
from engine.show import held_rows, reading
from engine.sources import SourceColumn, open_source
from engine.specs import JsonSource
from engine.warehouse.protocol import Warehouse

if TYPE_CHECKING:
    from engine.gate import Gate


def overview(project: Project, target: str | None, *, every: bool = False) -> list[dict[str, Any]]:
    """How many rows each table holds back, by load and kind of reason; a row with two reasons counts in both."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    with reading(project, project.target_name(target)) as warehouse:
        for row in held_rows(warehouse):
            if every or row["state"] == "held":
                for reason in row["reasons"]:
                    counts[row["table"], row["load_id"], row["state"], _kind(reason)] += 1
    return [
        {"table": t, "load_id": i, "state": s, "rows": n, "reason": r} for (t, i, s, r), n in sorted(counts.items())
    ]


def _kind(reason: str) -> str:
    """The reason without what is peculiar to one row, so that rows of one kind are counted together."""
    kind = re.sub(r"^line [\d,]+: ", "", reason)
    kind = re.sub(r", in row \d+ of .*$", ", in a later row", kind)
    return re.sub(r": '.*?' is ", ": a value is ", kind, count=1)


def held(
    project: Project, target: str | None, table: str, *, limit: int = 20, every: bool = False
) -> list[dict[str, Any]]:
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


def replay(
    project: Project,
    target: str | None,
    name: str,
    *,
    rows: Sequence[str] = (),
    repairs: Sequence[str] = (),
    wait_for: float = 0,
) -> Replayed:
    """Send held rows through conversion and gate again and publish the ones that pass, in one transaction.

    ``rows`` are quarantine ids (all held rows otherwise), ``repairs`` are ``column=value`` texts put in their place on
    the way. Published rows are added to the table (or replace the row of their key), whatever its load strategy. Rows
    that fail again are held again, under a new id; lines that did not parse stay where they are. Raises GateFailed
    when the rows together break a critical expectation.
    """
    target = project.target_name(target)
    model = load_model(project, target, dt.datetime.now(dt.UTC).date())
    table = model.tables[name]
    if table.spec.load in ("view", "scd2"):
        raise ProjectError(
            Problem(f"{name} is published by load: {table.spec.load}; its rows are judged again by the next run")
        )
    changes = _repairs(table, repairs)
    warehouse = open_warehouse(project, target)
    with warehouse.run_lock(wait_for, lambda _: None), warehouse:
        warehouse.prepare()
        waiting = [
            r
            for r in held_rows(warehouse, name)
            if r["state"] == "held" and (replayable(r) or changes) and (not rows or r["quarantine_id"] in rows)
        ]
        unknown = set(rows) - {r["quarantine_id"] for r in waiting}
        if unknown:
            raise ProjectError(
                Problem(
                    f"no held row {', '.join(sorted(unknown))} of {name}",
                    expected="an id from `medallion quarantine show`",
                )
            )
        if not waiting:
            return Replayed(0, 0, 0)
        return _Replay(model, table, warehouse, waiting, changes).go()


def _repairs(table: Table, repairs: Sequence[str]) -> dict[str, str]:
    names = {c.name.lower(): c.name for c in table.columns}
    changes = {}
    for repair in repairs:
        column, equals, value = repair.partition("=")
        if not equals or column.strip().lower() not in names:
            raise ProjectError(
                Problem(
                    f"{repair!r} repairs nothing",
                    expected="COLUMN=VALUE with a column of " + table.name,
                    nearest=nearest(column, names.values()),
                )
            )
        changes[names[column.strip().lower()]] = value
    return changes


class _Replay:
    """One replay: the held rows as a small JSON Lines source, through the same conversion, key rules and gate."""

    def __init__(
        self,
        model: Model,
        table: Table,
        warehouse: Warehouse,
        waiting: list[dict[str, Any]],
        changes: dict[str, str],
    ) -> None:
        # Replayed rows are added to what is published; a replace would leave nothing else in the table.
        strategy = "merge" if table.spec.key_columns else "append"
        self.table = replace(table, spec=table.spec.model_copy(update={"load": strategy}))
        self.warehouse, self.waiting, self.changes = warehouse, waiting, changes
        last = ledger.published(warehouse).get(table.name)
        if last is None:
            raise WarehouseError(f"{table.name} was never published; `medallion run --select {table.name}` first")
        self.load = steps.start(
            model,
            self.table,
            warehouse,
            new_load_id(),
            inputs=last.inputs,
            fingerprint=last.fingerprint,
            last=last,
            tell=lambda *_: None,
        )
        self.load.sent_again = True

    def go(self) -> Replayed:
        record = self.load.record
        with ExitStack() as opened:

            @functools.cache
            def gate() -> Gate:
                from engine.gate import Gate

                return opened.enter_context(closing(Gate(self.warehouse.gate_engine())))

            try:
                with tempfile.TemporaryDirectory(prefix="medallion-replay-") as folder:
                    self._stage(Path(folder))
                steps.judge(self.load, gate, threading.Lock())
                steps.publish(self.load, settled=[r["quarantine_id"] for r in self.waiting])
            except GateFailed as error:
                self.warehouse.drop_staging(self.table.shape)
                raise GateFailed(f"the rows stay held: {error}") from None
        return Replayed(record.rows_read, record.rows_published, record.rows_quarantined)

    def _stage(self, folder: Path) -> None:
        record, shape = self.load.record, self.table.shape
        lines = [json.dumps({**r["row_data"], **self.changes}, default=str) for r in self.waiting]
        (folder / "held.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        source = open_source(JsonSource(type="json", path=str(folder / "held.jsonl")), folder)
        columns = [SourceColumn(c.name, c.type, c.name) for c in self.table.columns]
        self.warehouse.drop_staging(shape)
        scan = source.scan(self.warehouse.scanner, columns, load_id=record.load_id, loaded_at=record.started_at)
        landed = self.warehouse.land(shape, scan, record.load_id, None)
        origins = [(r["source_file"], r["source_row"]) for r in self.waiting]
        self.warehouse.give_origins(shape, record.load_id, origins, audited=self.table.landed)
        record.rows_read, record.rows_staged, record.rows_quarantined = (
            landed.rows_read,
            landed.rows_staged,
            landed.rows_quarantined,
        )


def replayable(row: dict[str, Any]) -> bool:
    """Whether a held row has columns; a line that did not parse has only its text, and is mended in its source."""
    return "_raw" not in row["row_data"]
