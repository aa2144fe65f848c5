"""One step of one table by itself, as a scheduler calls it: each in a process of its own, in any order of retries.

What passes from one step to the next lies in the warehouse: committed staging, and a row of the ledger whose state is
``staged``. So every step may be killed and called again, and a gate may be called again alone after its suite, or the
data it looks up, was repaired.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.compile.manifest import Model, Table
from engine.compile.partial import sound_model
from engine.compile.plan import why_stale
from engine.config.allowed import parse_allowed
from engine.config.project import Project
from engine.core.design import NO_DESIGN
from engine.core.errors import ProjectError, WarehouseError
from engine.execution import changes, renames, steps
from engine.execution.load import STAGED
from engine.execution.runner import open_warehouse
from engine.state import ledger
from engine.state.ledger import LoadRecord, Published, Row, now
from engine.state.status import Live, read_live
from engine.warehouses.protocol import Warehouse

if TYPE_CHECKING:
    from engine.core.verdict import Verdict

Say = Callable[[str], None]


@dataclass(frozen=True)
class Job:
    """Which run of what a step belongs to. ``load_id`` is the run's; a table may get it with a number behind it."""

    root: Path
    target: str | None
    pipeline: str
    load_id: str
    logical_date: dt.date
    say: Say = print
    allow: tuple[str, ...] = ()
    """``TABLE:WHAT`` texts of what this run may do once."""

    def allowed(self, table: str, tables: Iterable[str]) -> frozenset[str]:
        """What this run may do once with a table. Raises ProjectError for what cannot be allowed."""
        return parse_allowed(self.allow, tables).get(table, frozenset())

    def begun(self, model: Model, selection: str) -> Row:
        """The run's row in the ledger, as this process has it."""
        return ledger.run_begun(self.load_id, model.project.name, model.target, selection, model.logical_date)


@dataclass(frozen=True)
class Built:
    """What a build came to. ``state`` is staged, unchanged or published (by this load already)."""

    state: str
    load_id: str
    why: str
    built_from: str = ""
    """A digest of what the rows were built from: template, columns, key; not of the suite that is to judge them."""
    rows_read: int = 0
    rows_staged: int = 0
    rows_quarantined: int = 0
    rows_duplicate: int = 0
    rows_filtered: int | None = 0
    """None where nobody can tell."""


@dataclass(frozen=True)
class Judged:
    """What was published. ``again`` when an earlier call of the same step had done it."""

    load_id: str
    verdict: str
    rows_published: int
    rows_total: int
    rows_quarantined: int
    verdicts: tuple[Verdict, ...] = field(default=(), repr=False)
    again: bool = False
    rows_removed: int = 0


@dataclass
class _Step:
    job: Job
    model: Model
    table: Table
    warehouse: Warehouse
    published: dict[str, Published]
    live: Live
    state: str = "published"
    """What the table is when the step is done."""

    def tell(self, step: str, rows: int) -> None:
        changes = {"started": now()} if step == "load" and not rows else {}
        self.live.table(self.table.name, state="running", step=step, rows=rows, **changes)
        if step in ("load", "gate", "publish") and not rows:
            self.job.say(f"{self.table.name}: {step}")


def build(job: Job, name: str, *, force: bool = False, full: bool = False) -> Built:
    """Fill a table's staging, unless what is published is what a build would give; with ``full`` as if nothing had ever
    been loaded.

    Raises ProjectError, SourceError, GateFailed (every row would be held back) or WarehouseError; the ledger then
    says that the load failed, and what is published is as it was.
    """
    with _step(job, name, full=full) as step:
        table, last = step.table, step.published.get(name)
        missing = [i for i in table.inputs if i not in step.published or step.published[i].missing]
        if missing:
            why = changes.unpublished(missing, step.published)
            raise WarehouseError(f"{why}; run the pipeline that publishes it first")
        inputs = {i: step.published[i].load_id for i in table.inputs}
        fingerprint = steps.fingerprint(step.model, table, last)
        last = renames.follow(table, step.warehouse, last, fingerprint, job.say)
        why = "built anew" if full else "forced" if force else why_stale(table, last, inputs, fingerprint)
        if not why and last is not None:
            if table.shape.design != NO_DESIGN:
                step.warehouse.reconcile(table.shape)
            step.state = "published" if last.load_id.startswith(job.load_id) else "unchanged"
            return Built(step.state, last.load_id, f"as published by load {last.load_id}")
        load_id = _free_load_id(step.warehouse, name, job.load_id)
        load = steps.start(
            step.model,
            table,
            step.warehouse,
            load_id,
            inputs=inputs,
            fingerprint=fingerprint,
            last=last,
            tell=step.tell,
            allowed=job.allowed(name, step.model.project.tables),
            full=full,
            forced=force or full,
        )
        try:
            steps.stage(load)
            for note in load.notes:
                job.say(f"{name}: {note}")
            steps.put_down(load)
        except Exception as error:
            raise steps.failed(load, error) from error
        step.state = STAGED
        return _built(load.record, why, _built_from(table))


def gate(job: Job, name: str, load_id: str, built_from: str) -> Judged:
    """Judge the staged rows of ``load_id``, and publish them.

    Raises GateFailed when a critical expectation does not hold: the rows stay staged, and the step may be called again
    when the suite or what it looks up is repaired. Raises WarehouseError when the rows have to be built again first,
    StagingGone when that is because a later load took their place.
    """
    from engine.quality.gate import Gate

    with _step(job, name, load_id=load_id) as step:
        row = ledger.load_row(step.warehouse, name, load_id)
        if row is None:
            raise WarehouseError(f"the ledger knows no load {load_id} of {name}; build it first")
        if row["state"] == "published":
            return _published(row)
        if built_from != _built_from(step.table):
            raise WarehouseError(f"{name} was declared otherwise when load {load_id} was staged; build it again")
        load = steps.take_up(
            step.model,
            step.table,
            step.warehouse,
            row,
            last=step.published.get(name),
            tell=step.tell,
            allowed=job.allowed(name, step.model.project.tables),
        )
        judging = Gate(step.warehouse.gate_engine())
        try:
            steps.judge(load, lambda: judging, threading.Lock())
            steps.publish(load)
        except Exception as error:
            raise steps.failed(load, error) from error
        finally:
            _explain(load.verdicts, job.say)
            judging.close()
        record = load.record
        return Judged(
            load_id,
            record.verdict,
            record.rows_published,
            record.rows_total,
            record.rows_quarantined,
            tuple(load.verdicts),
            rows_removed=record.rows_removed,
        )


def _explain(verdicts: Sequence[Verdict], say: Say) -> None:
    for verdict in verdicts:
        if verdict.success:
            continue
        did = "its rows were held back" if verdict.quarantine and verdict.condition else verdict.severity
        say(f"failed expectation ({did}): {verdict.message}")
        if verdict.rows_sql:
            say(f"    to see the rows: {verdict.rows_sql}")


def finish(
    job: Job,
    *,
    started_at: dt.datetime,
    failed: int,
    selection: str,
    pages: Callable[[Project, Warehouse], object] | None = None,
) -> Row:
    """Write the row of a run that is over to the ledger. Returns the row.

    ``started_at`` is UTC without a zone; ``failed`` is how many tables were not published. ``pages`` is called while
    the warehouse is still open, to write what people look at.
    """
    sound = sound_model(job.root, job.target, job.logical_date)
    project = sound.model.project
    warehouse = open_warehouse(project, sound.model.target)
    with warehouse.table_lock("ops.runs", job.say), warehouse:
        warehouse.prepare()
        mine = [r for r in _loads_since(warehouse, job.load_id) if r["state"] == "published"]
        row = {
            **job.begun(sound.model, selection),
            "number": ledger.next_run_number(warehouse),
            "started_at": started_at,
            "finished_at": now(),
            "state": "failed" if failed else "done",
            "published": len(mine),
            "unchanged": None,
            "failed": failed,
            "skipped": None,
            "rows_published": sum(r["rows_published"] or 0 for r in mine),
        }
        warehouse.record([(ledger.RUNS, row)])
        if pages is not None:
            pages(project, warehouse)
    return row


def _loads_since(warehouse: Warehouse, load_id: str) -> list[Row]:
    return warehouse.rows(
        "SELECT table_name, state, rows_published FROM ops.loads WHERE load_id = ? OR load_id LIKE ? ESCAPE '!'",
        (load_id, f"{load_id}_%".replace("_", "!_")),
    )


@contextmanager
def _step(job: Job, name: str, *, full: bool = False, load_id: str = "") -> Iterator[_Step]:
    """The warehouse, locked for one table and open, and the model as far as this table needs it to be right: its
    template rendered as this step, or the build of ``load_id``, wants it."""
    model = _model(job, name, {})
    warehouse = open_warehouse(model.project, model.target)
    with warehouse.table_lock(name, job.say), warehouse:
        if said := warehouse.prepare():
            job.say(said)
        published = ledger.published(warehouse)
        if model.tables[name].spec.watermark:
            row = ledger.load_row(warehouse, name, load_id) if load_id else None
            anew = full or bool(row and LoadRecord.from_row(row, "", ()).declared.get("anew"))
            known = changes.known_watermarks(model, warehouse, published, [name] if anew else ())
            model = _model(job, name, known)
        before = read_live(warehouse.beside)
        tables = before["tables"] if before.get("run", {}).get("run_id") == job.load_id else {}
        live = Live(warehouse.beside, job.begun(model, job.pipeline), [name], _history(warehouse))
        for other, state in tables.items():
            live.table(other, **state)
        step = _Step(job, model, model.tables[name], warehouse, published, live)
        try:
            yield step
        except BaseException as error:
            live.table(name, state="failed", message=str(error).partition("\n")[0], ended=now(), step="")
            raise
        else:
            live.table(name, state=step.state, ended=now(), step="")
        finally:
            live.finish("running", _history(warehouse))


def _history(warehouse: Warehouse) -> dict[str, list[Row]]:
    """What a status has to show while nobody else can read the ledger; a server's can be read at any time."""
    return ledger.history(warehouse) if warehouse.embedded else {}


def _model(job: Job, name: str, watermarks: dict[str, str]) -> Model:
    sound = sound_model(job.root, job.target, job.logical_date, watermarks=watermarks)
    if wrong := sound.of_table(name):
        raise ProjectError(wrong)
    return sound.model


def _free_load_id(warehouse: Warehouse, name: str, load_id: str) -> str:
    """The run's load id, or, when a finished load of this table has it, the id with the next number."""
    number, free = 1, load_id
    while (row := ledger.load_row(warehouse, name, free)) is not None and row["state"] == "published":
        number += 1
        free = f"{load_id}_{number}"
    return free


def _built(record: LoadRecord, why: str, built_from: str) -> Built:
    return Built(
        "staged",
        record.load_id,
        why,
        built_from,
        record.rows_read,
        record.rows_staged,
        record.rows_quarantined,
        record.rows_duplicate,
        record.rows_filtered,
    )


def _built_from(table: Table) -> str:
    parts: list[Any] = [
        table.rendered.sql if table.rendered else table.spec.source,
        table.spec.load,
        table.spec.key_columns,
        table.spec.dedupe,
        [(c.name, str(c.type)) for c in table.columns],
    ]
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _published(row: Row) -> Judged:
    return Judged(
        row["load_id"],
        row["verdict"],
        row["rows_published"],
        row["rows_total"],
        row["rows_quarantined"],
        again=True,
        rows_removed=row["rows_removed"] or 0,
    )


def prepare(job: Job) -> None:
    """Make the schemas and the ledger's tables of the target."""
    model = sound_model(job.root, job.target, job.logical_date).model
    warehouse = open_warehouse(model.project, model.target)
    with warehouse.table_lock("ops", job.say), warehouse:
        warehouse.prepare()


def give_roles(job: Job) -> str:
    """Make the target's roles and what each may do. Returns why that was not done; empty when it was."""
    model = sound_model(job.root, job.target, job.logical_date).model
    with open_warehouse(model.project, model.target) as warehouse:
        refused = warehouse.no_roles()
        if not refused:
            warehouse.give_roles([table.shape for table in model.tables.values()])
    return refused


def reconcile(job: Job, layer: str) -> list[str]:
    """Give the published tables of a layer the design and grants that they declare. Returns their names."""
    model = sound_model(job.root, job.target, job.logical_date).model
    warehouse = open_warehouse(model.project, model.target)
    done = []
    with warehouse.table_lock(f"{layer}.*", job.say), warehouse:
        warehouse.prepare()
        for name in ledger.published(warehouse):
            table = model.tables.get(name)
            if table is not None and table.layer == layer:
                warehouse.reconcile(table.shape)
                done.append(name)
    return done
