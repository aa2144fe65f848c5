"""Quarantined rows on their way back: through conversion and gate into the published table, and out of it again."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.compile.manifest import Model, Table, load_model
from engine.config.project import Project
from engine.config.specs import JsonSource
from engine.core.errors import GateFailed, Problem, ProjectError, WarehouseError, nearest
from engine.core.numbers import digits
from engine.core.tables import Arrived
from engine.execution import steps, taken
from engine.execution.load import Load, Tell
from engine.execution.reading import held_rows
from engine.execution.rivals import Rivals
from engine.execution.runner import new_load_id, open_warehouse
from engine.quality.suites import BATCH, COMPOUND, UNIQUE, Suite, judges_single_rows
from engine.sources import SourceColumn, open_source
from engine.state import ledger
from engine.state.ledger import REPLAY, UNDO, Published
from engine.tsql.bind import bind, parse
from engine.warehouses.protocol import Warehouse
from engine.warehouses.replaying import Fate, Statements, staged

if TYPE_CHECKING:
    from engine.core.verdict import Verdict

Row = dict[str, Any]


@dataclass(frozen=True)
class Replayed:
    """What became of the rows that were sent again. ``stale``: the table's definition has changed since it was
    published, and it still waits for a run. ``reasons``: why rows stay in quarantine, a text for each row and reason."""

    load_id: str
    read: int
    published: int
    quarantined: int
    stale: bool = False
    unseen: tuple[str, ...] = ()
    """Which tables may not see the published rows, a sentence each."""
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class Undone:
    """What the undoing of a replay did."""

    table: str
    rows: int
    kept: tuple[str, ...] = ()
    """Which tables have taken rows that are gone now, a sentence each."""


def replay(
    project: Project,
    target: str | None,
    name: str,
    *,
    rows: Sequence[str] = (),
    repairs: Sequence[str] = (),
    wait_for: float = 0,
    tell: Tell = lambda *_: None,
) -> Replayed:
    """Send quarantined rows through conversion and gate again and publish those that pass, in one transaction.

    ``rows`` are quarantine ids (all quarantined rows otherwise), ``repairs`` are ``column=value`` texts put in their
    place on the way. A row that fails a rule, or whose key stands in the table already, stays in quarantine with the
    reason; a row takes the place of another only in a merged table, and only of one that was loaded earlier. Lines that
    did not parse are sent only when they are named. Raises GateFailed when the table as it would become breaks a
    critical expectation, ProjectError when the table is not the one that was published.
    """
    target = project.target_name(target)
    model = load_model(project, target, dt.datetime.now(dt.UTC).date())
    table = model.tables[name]
    changes = repairs_of(table, repairs)
    warehouse = open_warehouse(project, target)
    with warehouse.run_lock(wait_for, lambda _: None), warehouse:
        warehouse.prepare()
        last = _published(warehouse, table)
        found = held_rows(warehouse, name)
        waiting = chosen(found, name, rows)
        if not waiting:
            return Replayed("", 0, 0, 0)
        load = _begin(model, table, warehouse, REPLAY, last, tell)
        return _Replay(load, waiting, changes, Rivals(table, warehouse, found)).go()


def chosen(found: Sequence[Row], name: str, rows: Sequence[str]) -> list[Row]:
    """The quarantined rows that a replay sends. Raises ProjectError for an id that is not in quarantine."""
    waiting = [
        r
        for r in found
        if r["state"] == "held" and (r["quarantine_id"] in set(rows) if rows else "_raw" not in r["row_data"])
    ]
    unknown = set(rows) - {r["quarantine_id"] for r in waiting}
    if unknown:
        raise ProjectError(
            Problem(
                f"no quarantined row {', '.join(sorted(unknown))} of {name}",
                expected="an id from `medallion quarantine show`",
            )
        )
    return waiting


def repairs_of(table: Table, repairs: Sequence[str]) -> dict[str, str]:
    """``column=value`` texts by column. Raises ProjectError for a column that the table does not have."""
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


def _published(warehouse: Warehouse, table: Table) -> Published:
    """The table's last load. Raises ProjectError where single rows cannot be put into what is published."""
    name = table.name
    if not table.spec.strategy.replays:
        raise ProjectError(
            Problem(f"{name} is published by load: {table.spec.load}; its rows are judged again by the next run")
        )
    last = ledger.published(warehouse).get(name)
    if last is None:
        raise WarehouseError(f"{name} was never published; `medallion run --select {name}` first")
    if last.missing:
        raise WarehouseError(f"{name}: {last.missing}; `medallion run --select {name}` first")
    changed = []
    if last.columns and last.columns != {c.name: str(c.type) for c in table.columns}:
        changed.append("its columns")
    if last.load != table.spec.load:
        changed.append(f"load: {last.load}")
    if changed:
        raise ProjectError(
            Problem(
                f"the definition of {name} changed since it was published ({' and '.join(changed)})",
                expected=f"`medallion run --select {name}` first",
            )
        )
    return last


def _loads(warehouse: Warehouse, name: str) -> list[Row]:
    """The published loads of a table in their order."""
    return warehouse.rows(
        "SELECT load_id, number FROM ops.loads WHERE table_name = ? AND state = 'published' ORDER BY number",
        (name,),
    )


def _begin(
    model: Model, table: Table, warehouse: Warehouse, kind: str, last: Published, tell: Tell
) -> Load:
    """A load that changes single rows: of the table's definition, source and inputs it says what its last load said."""
    load = steps.start(
        model,
        table,
        warehouse,
        new_load_id() + kind,
        inputs=last.inputs,
        fingerprint=last.fingerprint,
        last=last,
        tell=tell,
    )
    load.record.definition, load.record.strategy = last.definition, last.load
    # Only a run may say that the table is declared, and judged, as it is now.
    load.record.declared = {**last.declared, "anew": False, "first": False, taken.UNDOES: ""}
    load.record.alias = table.shape.alias
    return load


def _publish(load: Load, statements: Sequence[str]) -> None:
    record, warehouse = load.record, load.warehouse
    with load.timed("publish"):
        record.number = ledger.next_number(warehouse, record.table)

        def written(arrived: Arrived) -> Any:
            record.rows_total, record.rows_removed = arrived.total, arrived.removed
            if record.load_id.endswith(REPLAY):
                record.rows_published = arrived.inserted
            else:
                record.rows_removed = arrived.removed
            if fault := arrived.fault() or record.balance():
                raise WarehouseError(f"row counts of {record.table} do not reconcile: {fault}; nothing was published")
            load.tell("commit", arrived.total)
            record.state = "published"
            return steps.written(load)

        warehouse.exchange(load.shape, statements, written)


class _Replay:
    """One replay: the rows as a small JSON Lines source, staged under their numbers, 1 for the first."""

    def __init__(self, load: Load, waiting: list[Row], changes: dict[str, str], rivals: Rivals) -> None:
        self.load, self.waiting, self.changes, self.rivals = load, waiting, changes, rivals
        self.table, self.warehouse, self.record = load.table, load.warehouse, load.record
        self.shape = staged(load.shape)
        staging = self.warehouse.staging(self.shape, self.record.load_id)
        self.sql = Statements(self.warehouse.dialect, load.shape, self.record.load_id, staging)
        self.stay: dict[int, list[str]] = {}
        """Why rows stay in quarantine, by number."""

    def go(self) -> Replayed:
        record = self.record
        self.warehouse.drop_staging(self.shape)
        try:
            with self.load.timed("load"):
                self._stage()
            with self.load.timed("gate"), self._gate() as judge:
                self._judge(judge)
            record.rows_read, record.rows_quarantined = len(self.waiting), len(self.stay)
            record.rows_staged = self.warehouse.count(*self.warehouse.staging(self.shape, record.load_id))
            self._settle()
        finally:
            # What is left, if the warehouse is gone too, the next run sweeps.
            with suppress(WarehouseError):
                for statement in self.sql.clear():
                    self.warehouse.execute(statement)
                self.warehouse.drop_staging(self.shape)
        assert self.load.last is not None
        stale = self.load.last.definition != self.table.definition
        unseen = taken.beyond(self.load.model, self.table.name) if record.rows_published else []
        reasons = tuple(r for found in self.stay.values() for r in dict.fromkeys(found))
        counts = record.rows_read, record.rows_published, record.rows_quarantined
        return Replayed(record.load_id, *counts, stale, tuple(unseen), reasons)

    def _stage(self) -> None:
        record = self.record
        with tempfile.TemporaryDirectory(prefix="medallion-replay-") as folder:
            lines = [json.dumps({**r["row_data"], **self.changes}, default=digits) for r in self.waiting]
            path = Path(folder) / "quarantined.jsonl"
            path.write_text("\n".join(lines) + "\n", encoding="utf-8")
            source = open_source(JsonSource(type="json", path=str(path)), Path(folder))
            columns = [SourceColumn(c.name, c.type, c.name) for c in self.table.columns]
            scan = source.scan(self.warehouse.scanner, columns, load_id=record.load_id, loaded_at=record.started_at)
            self.warehouse.land(self.shape, scan, record.load_id, None)
        self.stay |= self.warehouse.reasons_held(self.shape, record.load_id)

    # -- the gate ----------------------------------------------------------------------------------------------------

    @contextmanager
    def _gate(self) -> Iterator[Callable[[tuple[str, str], Suite], list[Verdict]]]:
        """Judges a table of the columns that this one has by a suite; ready when it is first used."""
        from engine.quality.gate import Gate

        catalog = {**self.load.model.catalog, BATCH: self.load.shape.columns}

        def transpile(text: str) -> str:
            return self.warehouse.translate(bind(parse(text), catalog), text)

        with closing(Gate(self.warehouse.gate_engine())) as gate:

            def judge(name: tuple[str, str], suite: Suite) -> list[Verdict]:
                shape = self.load.shape
                return gate.judge(*name, suite, columns=shape.columns, key=shape.key, transpile=transpile)

            yield judge

    def _judge(self, judge: Callable[[tuple[str, str], Suite], list[Verdict]]) -> None:
        """Rules about single rows judge the replayed rows, all others the table as it would become."""
        suite = self.table.suite
        single = [e for e in suite.expectations if judges_single_rows(e)]
        rest = [e for e in suite.expectations if e not in single]
        staging = self.warehouse.staging(self.shape, self.record.load_id)
        verdicts = []
        if single:
            part = replace(suite, expectations=tuple(replace(e, quarantine=False) for e in single))
            for e, v in zip(single, judge(staging, part), strict=True):
                moves = not v.success and bool(v.condition) and (e.quarantine or v.severity == "critical")
                if moves:
                    self._keep(self._numbers(self.sql.failing(v.condition)), v.reason)
                verdicts.append(replace(v, quarantine=moves))
        self._leave_out()
        self._clashes()
        if rest and len(self.stay) < len(self.waiting):
            self.warehouse.execute(self.sql.make_would_be())
            for e in rest:
                if e.type in (UNIQUE, COMPOUND) and (e.quarantine or e.severity == "critical"):
                    words = f"{', '.join(e.columns)}: the value stands in another row of the table"
                    self._keep(self._numbers(self.sql.repeated(e.columns)), words)
            self._leave_out()
            if len(self.stay) < len(self.waiting):
                part = replace(suite, expectations=tuple(replace(e, quarantine=False) for e in rest))
                verdicts += judge(self.sql.would_be_name, part)
        self.load.verdicts = verdicts
        critical = [v for v in verdicts if v.blocks]
        failed = [v for v in verdicts if not v.success and not v.quarantine]
        self.record.verdict = "failed" if critical else "warned" if failed else "held" if self.stay else "passed"
        if critical:
            words = "; ".join(v.message for v in critical)
            raise GateFailed(f"the rows stay in quarantine: {words} (the published table is as it was)")

    def _clashes(self) -> None:
        """Of rows with one key send the latest; none in the place of a row that was loaded later."""
        if not self.sql.key:
            return
        at = dict(enumerate(self.waiting, 1))
        self.stay |= self.rivals.among(at, self.warehouse.rows(self.sql.same_key()))
        self._leave_out()
        self.stay |= self.rivals.published(at, self.warehouse.rows(self.sql.standing()))
        self._leave_out()

    def _numbers(self, select: str) -> list[int]:
        return [int(r["n"]) for r in self.warehouse.rows(select)]

    def _keep(self, numbers: Sequence[int], reason: str) -> None:
        with_ = ", ".join(f"{c}={v}" for c, v in self.changes.items())
        for n in numbers:
            self.stay.setdefault(n, []).append(f"with {with_}: {reason}" if with_ else reason)

    def _leave_out(self) -> None:
        for statement in self.sql.leave_out(self.stay):
            self.warehouse.execute(statement)

    # -- publish -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        fates = []
        for n, row in enumerate(self.waiting, 1):
            reasons = ""
            if n in self.stay:
                reasons = json.dumps(list(dict.fromkeys([*row["reasons"], *self.stay[n]])), ensure_ascii=False)
            origin = row["source_file"] or "", row["source_row"] or 0
            fates.append(Fate(n, row["quarantine_id"], *origin, reasons))
        for statement in self.sql.make_plan(fates):
            self.warehouse.execute(statement)
        if self.record.rows_staged:
            repairs = json.dumps(self.changes, ensure_ascii=False) if self.changes else ""
            _publish(self.load, self.sql.replay(repairs))
        else:
            self.warehouse.execute(self.sql.explain())


def undo(
    project: Project,
    target: str | None,
    what: str,
    *,
    name: str | None = None,
    wait_for: float = 0,
    tell: Tell = lambda *_: None,
) -> Undone:
    """Take back a replay, or one row of it: out of the published table, what it replaced back into it, and the row into
    quarantine as it was, in one transaction.

    ``what`` is the load id of a replay or the quarantine id of a row, ``name`` a table where several have such a row.
    Raises ProjectError when there is nothing of that name, WarehouseError when a later load has touched the rows.
    """
    target = project.target_name(target)
    model = load_model(project, target, dt.datetime.now(dt.UTC).date())
    warehouse = open_warehouse(project, target)
    with warehouse.run_lock(wait_for, lambda _: None), warehouse:
        warehouse.prepare()
        rows = [r for r in held_rows(warehouse, name) if r["state"] == "replayed"]
        found = [r for r in rows if what in (r["replay_load_id"], r["quarantine_id"]) and r["table"] in model.tables]
        tables = sorted({r["table"] for r in found})
        if len(tables) != 1:
            raise ProjectError(
                Problem(
                    f"{what} is a replayed row of {' and of '.join(tables)}"
                    if tables
                    else f"nothing replayed is named {what}",
                    expected="--table with one of them"
                    if tables
                    else "the load id of a replay or the id of a row, from `medallion quarantine show TABLE --all`",
                )
            )
        table = model.tables[tables[0]]
        load = _begin(model, table, warehouse, UNDO, _published(warehouse, table), tell)
        replayed = found[0]["replay_load_id"]
        others = any(r["replay_load_id"] == replayed and r["table"] == table.name and r not in found for r in rows)
        return _undo(load, replayed, [r["quarantine_id"] for r in found], whole=not others)


def _undo(load: Load, replayed: str, ids: list[str], *, whole: bool) -> Undone:
    warehouse, record = load.warehouse, load.record
    sql = Statements(warehouse.dialect, load.shape, record.load_id, warehouse.staging(load.shape, record.load_id))
    if not warehouse.exists(*sql.kept_name(replayed)):
        raise WarehouseError(
            f"the replay {replayed} was made by an earlier version, which kept nothing to undo it with"
        )
    loads = _loads(warehouse, record.table)
    numbers: Mapping[str, int] = {r["load_id"]: r["number"] for r in loads}
    later = [
        r["load_id"] for r in loads if r["number"] > numbers[replayed] and not r["load_id"].endswith((REPLAY, UNDO))
    ]
    if later and not load.table.landed:
        # Without audit columns an equal row may be that load's own.
        raise WarehouseError(f"{record.table} was built again by load {later[-1]} since; the replay cannot be undone")
    touched = [r["id"] for r in warehouse.rows(sql.touched(replayed, ids))]
    if touched:
        raise WarehouseError(
            f"{len(touched)} of {len(ids)} rows do not stand in {record.table} as they were replayed, first "
            f"{touched[0]}: a later load has touched them, or they cannot be told from others; nothing was undone"
        )
    record.rows_read = record.rows_quarantined = len(ids)
    record.declared[taken.UNDOES] = replayed
    _publish(load, sql.undo(replayed, ids, whole=whole))
    kept = taken.keep(load.model, warehouse, ledger.published(warehouse), record.table, replayed)
    return Undone(record.table, len(ids), tuple(kept))
