"""The four verbs of a load: land or build into staging, judge, publish. Each works on one table and one load id.

Nothing here touches a published table before ``publish``, and ``publish`` is one transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.compile.manifest import Model, Table, source_columns
from engine.core.errors import GateFailed, MedallionError, ProjectError, StagingGone, WarehouseError
from engine.core.tables import Arrived, TableShape
from engine.execution import brought, changes, rereads, taken
from engine.execution.load import STAGED, Load, Tell
from engine.execution.positions import WITHOUT_ROWS, without_rows
from engine.execution.unknown import refuse_unknown
from engine.quality import guards
from engine.quality.suites import BATCH, HOLDS_FOR_FEWER, Suite
from engine.state.ledger import LOADS, VERDICTS, WATERMARKS, LoadRecord, Published, Row, next_number, now, verdict_rows
from engine.tsql.bind import BindError, bind, counting, parse
from engine.warehouses.replaying import Statements

if TYPE_CHECKING:
    from engine.core.verdict import Verdict
    from engine.quality.gate import Gate
    from engine.warehouses.protocol import Warehouse

_SAMPLE = 3


def start(
    model: Model,
    table: Table,
    warehouse: Warehouse,
    load_id: str,
    *,
    inputs: Mapping[str, str],
    fingerprint: str,
    last: Published | None,
    tell: Tell,
    allowed: frozenset[str] = frozenset(),
    full: bool = False,
    forced: bool = False,
) -> Load:
    """A load about to begin. ``inputs`` are the load ids of what it reads. Raises WarehouseError where a table stands
    that the ledger does not know, unless it is to be built anew."""
    if last is None and not full:
        refuse_unknown(warehouse, model.tables[table.name].shape)
    anew = changes.begins_anew(model.tables[table.name], last, full)
    record = LoadRecord(
        table.name,
        load_id,
        table.spec.load,
        table.definition,
        model.logical_date,
        fingerprint,
        dict(inputs),
        table.columns,
        project=model.project.name,
        declared={**changes.declared(model.tables[table.name]), "anew": anew, "first": last is None},
    )
    return Load(model, table, warehouse, record, tell, last, allowed, anew=anew, forced=forced)


def stage(load: Load) -> None:
    """Fill the staging table from the source or from the SELECT. Raises SourceError or WarehouseError, and GateFailed
    for what would double the table's rows."""
    with load.timed("load"):
        load.warehouse.drop_staging(load.shape)
        if load.table.landed:
            _land(load)
        else:
            _build(load)


def _land(load: Load) -> None:
    from engine.sources import SourceColumn, open_source

    record, model = load.record, load.model
    source = open_source(model.project.source(load.table.spec.source or "", model.target), model.project.root)
    files, columns = rereads.files(load, source), source_columns(load.table.spec)
    if files == []:
        load.nothing_new = record.declared["nothing_new"] = True
        columns = [SourceColumn(c.name, c.type) for c in load.table.columns]  # those that nobody declared too
    scan = source.scan(
        load.warehouse.scanner,
        columns,
        load_id=record.load_id,
        loaded_at=record.started_at,
        files=files,
    )
    scan = replace(scan, divided=load.shape.partition_by)
    landed = load.warehouse.land(load.shape, scan, record.load_id, lambda rows: load.tell("load", rows))
    repaired = rereads.keep_repaired(load) if landed.rows_quarantined else 0
    record.brought = brought.landed(load, landed)
    before = load.last.declared if load.last else {}
    record.declared[WITHOUT_ROWS] = without_rows(record.fingerprint, landed.empty, before)
    record.rows_duplicate = load.warehouse.settle_keys(load.shape, record.load_id)
    record.rows_read = landed.rows_read
    record.rows_quarantined = load.warehouse.held(load.shape, record.load_id)
    record.rows_staged = landed.rows_staged + repaired
    load.notes = (*landed.notes, *rereads.copies(load))


def _build(load: Load) -> None:
    table, record = load.table, load.record
    assert table.bound is not None
    taken.refuse(load)
    load.nothing_new = changes.loaded_already(load)
    if load.nothing_new and load.forced:
        if not table.spec.key_columns:
            changes.refuse_twice(table)
        load.nothing_new = False  # the key tells what of it is there
    load.select = _select(load)
    ranked, empty = table.ranked is not None, load.nothing_new
    staged = load.warehouse.build(load.shape, record.load_id, load.select, ranked=ranked, empty=empty)
    record.declared["nothing_new"] = empty
    record.rows_staged = staged
    record.brought = brought.built(load)
    counted = None if empty else _read_and_filtered(load)
    record.rows_read, record.rows_filtered = counted or (staged, None)
    if table.ranked is not None:
        record.rows_duplicate = load.warehouse.drop_losers(load.shape, record.load_id, table.spec.dedupe)


def _read_and_filtered(load: Load) -> tuple[int, int] | None:
    """The rows of the table that the SELECT goes through, and how many of them it dropped, each counted by itself. None
    where that is no sum: the SELECT groups or cuts, has no one table, gives a row several times, or may give others
    when it is asked again."""
    table, warehouse = load.table, load.warehouse
    assert table.bound is not None and table.rendered is not None
    if table.bound.driving is None:
        return None
    driving = load.model.tables.get(table.bound.driving)
    key = driving.spec.key_columns if driving is not None and not driving.spec.strategy.versions else ()
    plan = counting(table.bound, table.rendered.sql, key)
    if plan is None:
        return None
    filtered = 0
    if plan.query:
        try:
            text = warehouse.translate(bind(parse(plan.query), load.model.catalog), plan.query)
            filtered = int(warehouse.query(text)[1][0][0])
        except (BindError, WarehouseError):
            return None  # what the SELECT may say, a subquery may not everywhere
    read = warehouse.count(*table.bound.driving.split("."))
    several = plan.joined and load.record.rows_staged > read - filtered
    return None if several else (read, filtered)


def _select(load: Load) -> str:
    """The table's SELECT in the warehouse's own SQL. Raises ProjectError with the template's line."""
    table = load.table
    assert table.bound is not None and table.rendered is not None
    bound = table.ranked if table.ranked is not None and load.warehouse.ranks_in_select else table.bound
    try:
        return load.warehouse.translate(bound, table.rendered.sql)
    except BindError as error:
        raise ProjectError(
            [table.rendered.problem(f.message, f.line, f.column, f.expected, f.nearest) for f in error.problems]
        ) from None


def put_down(load: Load) -> None:
    """Write to the ledger that this load is staged, for another process to go on with."""
    load.record.state = STAGED
    load.record.number = next_number(load.warehouse, load.table.name)
    load.warehouse.record([(LOADS, load.record.row())])


def take_up(
    model: Model,
    table: Table,
    warehouse: Warehouse,
    row: Row,
    *,
    last: Published | None,
    tell: Tell,
    allowed: frozenset[str] = frozenset(),
) -> Load:
    """The load that a row of the ledger says is staged, or was and failed its gate.

    Raises StagingGone when its rows are no longer there.
    """
    record = LoadRecord.from_row(row, table.definition, table.columns)
    schema, name = warehouse.staging(table.shape, record.load_id)
    if not warehouse.exists(schema, name):
        raise StagingGone(
            f"the staged rows of load {record.load_id} ({schema}.{name}) are gone: a later load of {table.name} took "
            "their place; build it again"
        )
    # A gate that failed, or was killed, may have moved rows already: what was held is counted, not remembered.
    record.rows_quarantined = warehouse.held(table.shape, record.load_id)
    load = Load(model, table, warehouse, record, tell, last, allowed)
    load.anew = bool(record.declared.get("anew"))
    load.nothing_new = bool(record.declared.get("nothing_new"))
    if table.spec.strategy.is_view:
        load.select = _select(load)
    return load


def judge(load: Load, gate: Callable[[], Gate], lock: threading.Lock) -> None:
    """Let the volume guards and the table's suite judge the staging table; move rows that fail a quarantine rule to the
    held rows.

    Raises GateFailed when a guard or a critical expectation does not hold, or published rows would be lost; staging is
    then left to look at.
    """
    changes.judge(load)
    with load.timed("gate"):
        load.verdicts = guarded = _guarded(load)
        quarantined = load.record.rows_quarantined
        # Where nearly nothing was staged, what the suite says of the rest is only a consequence.
        unseen = any(v.blocks for v in load.verdicts)
        if load.table.suite.expectations and not unseen:
            load.verdicts = _by_suite(load, gate, lock) if not load.nothing_new else []
            if changes.suite_changed(load) and not any(v.blocks for v in load.verdicts):
                load.verdicts = _whole(load, gate, lock, load.verdicts)
            # The guards count published rows: once is enough where the suite has moved none.
            load.verdicts += _guarded(load) if load.record.rows_quarantined != quarantined else guarded
        # Only now: a row that the suite has moved to quarantine does not take the place of a published one.
        load.verdicts = _with_the_way_out(load, load.verdicts + changes.losses(load, unseen=unseen))
    failed = [v for v in load.verdicts if not v.success and not (v.quarantine and v.condition)]
    critical = [v for v in failed if v.severity == "critical"]
    held = any(v.quarantine and not v.success for v in load.verdicts)
    load.record.verdict = "failed" if critical else "warned" if failed else "held" if held else "passed"
    if critical:
        raise GateFailed(_refusal(load, critical))


def _by_suite(load: Load, gate: Callable[[], Gate], lock: threading.Lock) -> list[Verdict]:
    suite = load.table.suite
    first = _judged(load, gate, lock, suite)
    rules = [v for v in first if v.quarantine and not v.success and v.condition]
    if not rules:
        return first
    reasons = [(v.condition, v.reason) for v in rules]
    load.warehouse.hold(load.shape, load.record.load_id, reasons, landed=load.table.landed)
    load.record.rows_quarantined = load.warehouse.held(load.shape, load.record.load_id)
    # What is published is what is left. Rules on single rows that held still hold for fewer rows; all others are judged
    # again.
    settled = {v.id for v in first if v.quarantine or (v.success and v.type in HOLDS_FOR_FEWER)}
    rest = replace(suite, expectations=tuple(e for e in suite.expectations if e.id not in settled))
    again = _judged(load, gate, lock, rest) if rest.expectations else []
    return [v for v in first if v.id in settled] + again


def _guarded(load: Load) -> list[Verdict]:
    """The verdicts of the volume guards that can be judged before the table is published."""
    record, warehouse = load.record, load.warehouse
    volume = guards.Volume(
        record.rows_quarantined,
        record.rows_read if load.table.landed else record.rows_staged,
        *_before_and_after(load),
        first_reason=warehouse.first_reason(load.shape, record.load_id) if record.rows_quarantined else "",
        replaced=brought.replaced(load),
    )
    return guards.judge(load.table.name, load.guards, volume, load.allowed)


def _with_the_way_out(load: Load, verdicts: list[Verdict]) -> list[Verdict]:
    """The verdicts; the last one that --allow can lift says the one command that lifts all of them."""
    words = guards.needed(verdicts)
    if not words:
        return verdicts
    last = max(i for i, v in enumerate(verdicts) if guards.needed([v]))
    said = replace(verdicts[last], message=f"{verdicts[last].message}; {load.how_to_allow(*words)}")
    return [*verdicts[:last], said, *verdicts[last + 1 :]]


def _before_and_after(load: Load) -> tuple[int | None, int | None]:
    """The rows of the published table and of the staging table that is to take its place; of scd2, the current ones."""
    record, last, strategy = load.record, load.last, load.table.spec.strategy
    if last is None or last.missing:
        return None, None
    if strategy.matches and load.table.landed and not record.rows_read:
        return last.rows_total, 0  # a merge reads its whole source, and that has nothing any more
    if strategy.partial and not load.anew:
        return None, None  # what the table becomes is counted in the transaction that publishes it
    before = _rows_before(load, last)
    if record.rows_quarantined or record.rows_duplicate:
        return before, load.warehouse.count(*load.warehouse.staging(load.shape, record.load_id))
    return before, record.rows_staged


def _rows_before(load: Load, last: Published) -> int:
    """The published rows that a load is held against: of scd2 the current ones, versions that are over are history."""
    if not last.strategy.versions:
        return last.rows_total
    counted = load.warehouse.rows(f"SELECT COUNT(*) AS n FROM {load.table.name} WHERE valid_to IS NULL")
    return int(counted[0]["n"])


def _guard_total(load: Load, before: int | None, total: int) -> None:
    """Judge what the table is about to become, inside the transaction. Raises GateFailed, which rolls it back."""
    if before is None or load.anew or not load.table.spec.strategy.partial:
        return
    volume = guards.Volume(before=before, after=total)
    verdicts = _with_the_way_out(load, guards.judge(load.table.name, load.guards, volume, load.allowed))
    load.verdicts += verdicts
    if any(v.blocks for v in verdicts):
        load.record.verdict = "failed"
        raise GateFailed(_refusal(load, verdicts))
    if verdicts:
        load.record.verdict = "warned"


def _whole(load: Load, gate: Callable[[], Gate], lock: threading.Lock, first: list[Verdict]) -> list[Verdict]:
    """Judge by a suite that is new all rows that the table would have: those that stay were judged by another. What
    would quarantine a row cannot take one from what is published, and is a verdict like others."""
    shape, load_id = load.shape, load.record.load_id
    there = changes.published_columns(load)
    at = load.warehouse.lay_whole(shape, load_id, there, brought=load.record.brought)
    plain = replace(
        load.table.suite, expectations=tuple(replace(e, quarantine=False) for e in load.table.suite.expectations)
    )
    found = [
        v if v.success else replace(v, message=f"of the whole table, with the rows that stay: {v.message}")
        for v in _judged(load, gate, lock, plain, at=at)
    ]
    moved = {v.id: v for v in first if v.quarantine and v.condition and not v.success}
    again = [
        replace(v, id=f"{v.id}#whole") if v.id in moved else v for v in found if v.id not in moved or not v.success
    ]
    if not any(v.blocks for v in again):
        load.warehouse.drop_whole(shape, load_id)
    return [*moved.values(), *again]


def _judged(
    load: Load,
    gate: Callable[[], Gate],
    lock: threading.Lock,
    suite: Suite,
    *,
    at: tuple[str, str] | None = None,
) -> list[Verdict]:
    schema, name = at or load.warehouse.staging(load.shape, load.record.load_id)
    catalog = {**load.model.catalog, BATCH: load.shape.columns}

    def transpile(sql: str) -> str:
        return load.warehouse.translate(bind(parse(sql), catalog), sql)

    with lock:  # Great Expectations is not made for two threads at once
        return gate().judge(schema, name, suite, columns=load.shape.columns, key=load.shape.key, transpile=transpile)


def _refusal(load: Load, critical: Sequence[Verdict]) -> str:
    schema, name = load.warehouse.staging(load.shape, load.record.load_id)
    lines = [v.message for v in critical]
    kept = "nothing is published"
    if load.last:
        kept = "the published table is as it was"
        if load.last.strategy.is_view:
            kept = "the view is as it was declared, and shows what its tables have now"
    return "; ".join(lines) + f" ({kept}; look at {schema}.{name})"


def publish(load: Load) -> None:
    """Make staging the published table, in one transaction with quarantine, verdicts, watermark and ledger row."""
    record, warehouse = load.record, load.warehouse
    with load.timed("publish"):
        began = time.perf_counter()
        record.alias = load.shape.alias
        record.number = next_number(warehouse, load.table.name)
        last = load.last
        before = None if last is None or last.missing else _rows_before(load, last)
        judged, verdict = tuple(load.verdicts), record.verdict

        def ledger(arrived: Arrived) -> list[tuple[TableShape, Row]]:
            load.verdicts, record.verdict = list(judged), verdict  # a transaction that is tried again is judged again
            record.rows_total = arrived.total
            record.rows_published, record.rows_unchanged = arrived.published, arrived.unchanged
            # A merge takes out only what it puts another row of the same key in the place of.
            record.rows_removed = 0 if load.table.spec.strategy.matches and not load.anew else arrived.removed
            record.rows_quarantined = arrived.quarantined
            record.versions_closed = arrived.closed
            if fault := arrived.fault() or record.balance():
                raise WarehouseError(
                    f"row counts of {load.table.name} do not reconcile: {fault}; nothing was published"
                )
            _guard_total(load, before, arrived.total)
            load.tell("commit", arrived.total)
            record.state = "published"
            record.seconds["publish"] = time.perf_counter() - began  # up to the commit, which this row is part of
            return written(load)

        try:
            warehouse.publish(
                load.shape,
                record.load_id,
                brought=record.brought,
                ledger=ledger,
                select=load.select,
                change=changes.change(load),
            )
        except BaseException as error:
            record.state = "running"
            if isinstance(error, WarehouseError) and load.shape.strategy.adds and load.shape.strategy.refusal in str(error):
                raise WarehouseError(f"{error}: {_clashing(load)}") from None
            raise


def _clashing(load: Load) -> str:
    """The first keys that a refused append would double, with the files and rows that have them."""
    record, warehouse = load.record, load.warehouse
    sql = Statements(warehouse.dialect, load.shape, record.load_id, warehouse.staging(load.shape, record.load_id))
    found = warehouse.rows(sql.clashing(_SAMPLE))
    said = []
    for row in found:
        key = " / ".join(str(row[c.name]) for c in sql.key)
        places = f"{row['source_file']} row {row['source_row']}, published from {row['there_file']} row {row['there_row']}"
        said.append(f"{key} ({places})" if row["source_file"] else key)
    more = found[0]["every"] - len(found) if found else 0
    return ", ".join(said) + (f" and {more:,} more" if more else "")


def fail(load: Load, error: Exception) -> None:
    """Write to the ledger that this load failed, with its verdicts; the published table was not touched."""
    load.record.state = "failed"
    load.record.error = str(error)
    # A guard that judges the table in the publishing transaction has counted what was then rolled back.
    load.record.rows_published = load.record.rows_unchanged = load.record.rows_removed = load.record.rows_total = 0
    load.record.number = next_number(load.warehouse, load.table.name)
    load.warehouse.record([(LOADS, load.record.row()), *_verdicts(load)])


def fingerprint(model: Model, table: Table, last: Published | None) -> str:
    """What the table's source looks like now, ``last`` being what was published of it; empty for a table built from a
    SELECT. Raises SourceError."""
    if not table.landed:
        return ""
    from engine.sources import open_source

    spec = model.project.source(table.spec.source or "", model.target)
    return str(open_source(spec, model.project.root).fingerprint(last.fingerprint if last else ""))


def failed(load: Load, error: Exception) -> MedallionError:
    """Note in the ledger what went wrong, and give it as an error that says so in plain words."""
    known = (
        error if isinstance(error, MedallionError) else WarehouseError(f"{type(error).__name__}: {str(error).strip()}")
    )
    fail(load, known)
    return known


def written(load: Load) -> list[tuple[TableShape, Row]]:
    """What the ledger keeps of a published load; called in the transaction that publishes it."""
    return [(LOADS, load.record.row()), *_verdicts(load), *_watermark(load)]


def _verdicts(load: Load) -> list[tuple[TableShape, Row]]:
    return [(VERDICTS, row) for row in verdict_rows(load.table.name, load.record.load_id, load.verdicts)]


def _watermark(load: Load) -> list[tuple[TableShape, Row]]:
    column = load.table.spec.watermark
    if not column:
        return []
    value = load.warehouse.highest(load.shape, column)
    if value is None and not load.anew:
        return []
    return [
        (
            WATERMARKS,
            {
                "table_name": load.table.name,
                "column_name": column,
                "value": value,
                "load_id": load.record.load_id,
                "updated_at": now(),
            },
        )
    ]
