"""A run: the stale tables of a selection, in order, side by side where nothing stands between them."""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
import threading
import time
from collections.abc import Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from engine.compile.manifest import Model, Table, load_model
from engine.compile.plan import Plan, select, why_stale
from engine.config.allowed import Allowed, parse_allowed
from engine.config.project import Project
from engine.core.design import NO_DESIGN
from engine.core.errors import MedallionError, Problem, ProjectError, SourceError, WarehouseError
from engine.execution import changes, renames, steps
from engine.state import ledger
from engine.state.ledger import Published, now
from engine.state.status import Live
from engine.warehouses.kinds import kind_of
from engine.warehouses.protocol import Warehouse

LOAD_ID = re.compile(r"(?=.{1,64}$)[A-Za-z0-9]+(_[A-Za-z0-9]+)*")
WORKERS = max(2, min(4, os.cpu_count() or 2))


@dataclass(frozen=True)
class Outcome:
    """What became of one table. ``state`` is published, unchanged, failed or skipped."""

    table: str
    state: str
    message: str = ""
    seconds: float = 0.0
    record: ledger.LoadRecord | None = None
    verdicts: tuple[Any, ...] = ()
    error: Exception | None = None


@dataclass
class RunResult:
    """What became of a run. Seconds are wall time."""

    run_id: str
    target: str
    logical_date: dt.date
    outcomes: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0
    swept: list[str] = field(default_factory=list)
    phases: dict[str, float] = field(default_factory=dict)
    """Seconds of: checking the project, opening the warehouse, the tables, and waiting for Great Expectations' import."""

    def count(self, state: str) -> int:
        return sum(o.state == state for o in self.outcomes)

    @property
    def rows(self) -> int:
        return sum(o.record.rows_published for o in self.outcomes if o.record and o.state == "published")

    @property
    def exit_code(self) -> int:
        """3 when a source or the warehouse failed, else 2 when a gate failed, else 1 for a wrong project, else 0."""
        codes = {getattr(o.error, "exit_code", 3) for o in self.outcomes if o.state == "failed"}
        return next((code for code in (3, 2, 1) if code in codes), 0)


class Watcher:
    """What a run tells while it goes on; the command line draws it. Every method may be called from any thread."""

    def begin(self, run_id: str, tables: list[str]) -> None: ...
    def say(self, message: str) -> None: ...
    def step(self, table: str, step: str, rows: int) -> None: ...
    def done(self, outcome: Outcome) -> None: ...


def new_load_id() -> str:
    """A load id: UTC to the second and six random hexadecimal digits, so that ids sort by time."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S}_{secrets.token_hex(3)}"


def open_warehouse(project: Project, target: str, *, read_only: bool = False) -> Warehouse:
    """The target's warehouse, not opened yet. Raises ProjectError for a reference that is not set."""
    spec = project.target(target)
    return kind_of(spec).open(spec, project.root, target, read_only=read_only)


def run(
    project: Project,
    *,
    target: str | None = None,
    selectors: Iterable[str] = (),
    force: bool = False,
    full: bool = False,
    logical_date: dt.date | None = None,
    load_id: str | None = None,
    wait_for: float | None = 0,
    allow: Iterable[str] = (),
    watcher: Watcher | None = None,
) -> RunResult:
    """Build what is stale among the selected tables; with ``force`` all of them, with ``full`` all of them as if
    nothing had ever been loaded.

    ``load_id`` names the load (a finished load of that name does nothing); ``wait_for`` is how many seconds to wait
    for another run; ``allow`` are ``TABLE:WHAT`` texts of what may be done once. Raises ProjectError before anything is
    touched, WarehouseError when the warehouse cannot be had; what goes wrong with single tables is in the result.
    """
    began = time.perf_counter()
    if load_id is not None and not LOAD_ID.fullmatch(load_id):
        raise ProjectError(
            Problem(
                f"{load_id!r} cannot name a load",
                expected="up to 64 letters and digits with single underscores between them",
            )
        )
    target = project.target_name(target)
    date = logical_date or dt.datetime.now(dt.UTC).date()
    watcher = watcher or Watcher()
    model = load_model(project, target, date)
    plan = select(model, selectors)
    allowed = parse_allowed(allow, model.tables)
    warehouse = open_warehouse(project, target)
    result = RunResult(load_id or new_load_id(), target, date)
    result.phases["check"] = time.perf_counter() - began
    with warehouse.run_lock(wait_for, watcher.say), warehouse:
        if said := warehouse.prepare():
            watcher.say(said)
        published = ledger.published(warehouse)
        known = changes.known_watermarks(model, warehouse, published, plan.tables if full else ())
        if known:
            model = load_model(project, target, date, watermarks=known)
        result.phases["open"] = time.perf_counter() - began - result.phases["check"]
        _Run(
            model,
            plan,
            warehouse,
            result,
            watcher,
            published=published,
            force=force,
            full=full,
            selection=" ".join(selectors),
            allowed=allowed,
        ).go()
    result.seconds = time.perf_counter() - began
    return result


class _Run:
    def __init__(
        self,
        model: Model,
        plan: Plan,
        warehouse: Warehouse,
        result: RunResult,
        watcher: Watcher,
        *,
        published: dict[str, Published],
        force: bool,
        full: bool,
        selection: str,
        allowed: Allowed,
    ) -> None:
        self.model, self.plan, self.warehouse, self.result, self.watcher = model, plan, warehouse, result, watcher
        self.force, self.full, self.allowed = force or full, full, allowed
        self.gate_lock = threading.Lock()
        self.gate: Any = None
        self.published = published
        self.load_ids = {name: p.load_id for name, p in self.published.items() if not p.missing}
        self.row: ledger.Row = ledger.run_begun(
            result.run_id,
            model.project.name,
            model.target,
            selection,
            model.logical_date,
            ledger.next_run_number(warehouse),
        )

    def go(self) -> None:
        kept = self.warehouse.rows("SELECT load_id FROM ops.loads WHERE state IN ('failed', 'staged')")
        self.result.swept = self.warehouse.sweep(frozenset(row["load_id"] for row in kept))
        if self.result.swept:
            self.watcher.say(f"swept {len(self.result.swept)} staging tables of a run that was killed")
        self.watcher.begin(self.result.run_id, list(self.plan.tables))
        self.live = Live(self.warehouse.beside, self.row, list(self.plan.tables), ledger.history(self.warehouse))
        stale = self._first_stale()
        if stale:
            # Great Expectations takes seconds to import; meanwhile the sources are read.
            if any(self.model.tables[name].suite.expectations for name in self.plan.tables):
                threading.Thread(target=self._preload, daemon=True).start()
            self.warehouse.record([(ledger.RUNS, self.row)])
        state = "interrupted"
        began = time.perf_counter()
        try:
            self._tables()
            self.result.phases["tables"] = time.perf_counter() - began
            state = "failed" if self.result.count("failed") else "done"
        finally:
            self._finish(state, stale)

    def _finish(self, state: str, touched: bool) -> None:
        if self.gate is not None:
            self.gate.close()  # an open connection would keep the file from everyone else
        errors = [f"{o.table}: {o.message}" for o in self.result.outcomes if o.state == "failed"]
        counts = {s: self.result.count(s) for s in ("published", "unchanged", "failed", "skipped")}
        self.row |= {
            "state": state,
            "finished_at": now(),
            "rows_published": self.result.rows,
            "error": "\n".join(errors)[:4000] or None,
            **counts,
        }
        if touched or errors:
            self.warehouse.record([(ledger.RUNS, self.row)])
        self.live.finish(state, ledger.history(self.warehouse))

    def _preload(self) -> None:
        from engine.quality.gate import preload

        preload()

    def _first_stale(self) -> bool:
        """Whether there is anything to do, told without doing it."""
        for name in self.plan.tables:
            table = self.model.tables[name]
            try:
                last = self.published.get(name)
                if (
                    self.force
                    or last is None
                    or why_stale(table, last, self._inputs(table), steps.fingerprint(self.model, table, last))
                ):
                    return True
            except SourceError:
                return True
        return False

    def _tables(self) -> None:
        """Start each table when what it reads in this selection is finished."""
        todo = {name: set(self.plan.waits_for(self.model, name)) for name in self.plan.tables}
        ended: dict[str, str] = {}
        running: dict[Future[Outcome], str] = {}
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="load") as pool:
            try:
                while todo or running:
                    for name in [n for n, needs in todo.items() if needs <= ended.keys()]:
                        blocked = [i for i in todo.pop(name) if ended[i] in ("failed", "skipped")]
                        running[pool.submit(self._table, name, blocked)] = name
                    finished, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in finished:
                        outcome = future.result()
                        ended[running.pop(future)] = outcome.state
                        self._ended(outcome)
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _ended(self, outcome: Outcome) -> None:
        self.result.outcomes.append(outcome)
        record = outcome.record
        said = "" if outcome.state == "published" else outcome.message
        self.live.table(
            outcome.table,
            state=outcome.state,
            message=said,
            ended=now(),
            step="",
            rows=record.rows_published if record else None,
        )
        self.watcher.done(outcome)

    def _table(self, name: str, blocked: list[str]) -> Outcome:
        if blocked:
            return Outcome(
                name,
                "skipped",
                f"because {' and '.join(blocked)} {'was' if len(blocked) == 1 else 'were'} not published",
            )
        began = time.perf_counter()
        table = self.model.tables[name]
        try:
            return self._load(table, began)
        except MedallionError as error:
            return Outcome(name, "failed", str(error), time.perf_counter() - began, error=error)

    def _load(self, table: Table, began: float) -> Outcome:
        name, last = table.name, self.published.get(table.name)
        missing = [i for i in table.inputs if i not in self.load_ids]
        if missing:
            raise WarehouseError(f"{changes.unpublished(missing, self.published)}; build it too with --select +{name}")
        if last is not None and last.load_id == self.result.run_id:
            return Outcome(name, "unchanged", f"load {last.load_id} is finished already")
        fingerprint = steps.fingerprint(self.model, table, last)
        last = renames.follow(table, self.warehouse, last, fingerprint, self.watcher.say)
        inputs = self._inputs(table)
        reason = "built anew" if self.full else "forced" if self.force else why_stale(table, last, inputs, fingerprint)
        if not reason:
            if table.shape.design != NO_DESIGN:
                self.warehouse.reconcile(table.shape)
            return Outcome(name, "unchanged", f"as published by load {last.load_id}" if last else "")

        def tell(step: str, rows: int) -> None:
            self.live.table(
                name,
                state="running",
                step=step,
                rows=rows,
                **({"started": now()} if step == "load" and not rows else {}),
            )
            self.watcher.step(name, step, rows)

        load = steps.start(
            self.model,
            table,
            self.warehouse,
            self.result.run_id,
            inputs=inputs,
            fingerprint=fingerprint,
            last=last,
            tell=tell,
            allowed=self.allowed.get(name, frozenset()),
            full=self.full,
            forced=self.force,
        )
        try:
            steps.stage(load)
            for note in load.notes:
                self.watcher.say(f"{name}: {note}")
            steps.judge(load, self._gate, self.gate_lock)
            steps.publish(load)
        except Exception as error:
            told = steps.failed(load, error)
            return Outcome(
                name, "failed", str(told), time.perf_counter() - began, load.record, tuple(load.verdicts), told
            )
        self.load_ids[name] = load.record.load_id
        return Outcome(name, "published", reason, time.perf_counter() - began, load.record, tuple(load.verdicts))

    def _gate(self) -> Any:
        """The one gate of this run; called under the gate lock."""
        began = time.perf_counter()
        from engine.quality.gate import Gate

        if self.gate is None:
            self.gate = Gate(self.warehouse.gate_engine())
            self.result.phases["import"] = time.perf_counter() - began
        return self.gate

    def _inputs(self, table: Table) -> dict[str, str]:
        return {i: self.load_ids[i] for i in table.inputs if i in self.load_ids}
