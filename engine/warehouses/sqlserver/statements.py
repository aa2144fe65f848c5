"""The statements that make and keep tables on SQL Server, as text. Nothing here opens a connection.

Each function returns one batch (or a list of batches) for a TableShape; the templates are in ``sql``. A load
goes ``create_staging``, ``build`` or a bulk copy, ``dedupe`` and ``hold``, the gate, ``seal``, ``publish``,
``drop_staging``. Staging is committed and holds no index while rows come in: a primary key there would turn a
duplicate, which the gate counts and explains, into a failed load. ``seal`` gives it the published table's indexes
when it is to be switched in.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from engine.core.design import Partitioning
from engine.core.layers import SERVING
from engine.core.sqltypes import Column
from engine.core.tables import (
    AUDIT_COLUMNS,
    NOTHING_BROUGHT,
    QUARANTINE_COLUMNS,
    Brought,
    Change,
    Kept,
    TableShape,
)
from engine.tsql.splitting import split_ctes, split_tail
from engine.tsql.templates import ident
from engine.warehouses.sqlserver.design.partitions import drop_unused, key_is_apart, placed
from engine.warehouses.sqlserver.design.statements import compressed, sealing
from engine.warehouses.sqlserver.shape import (
    SQL_SERVER,
    STAGING,
    Capabilities,
    held_name,
    lock_name,
    primary_key,
    published_columns,
    qualified,
    quarantine_shape,
    short_name,
    staged_columns,
    staging_name,
    uses_columnstore,
)
from engine.warehouses.sqlserver.templates import names, render

ANALYST = "data_analyst"
LOCK_TIMEOUT_MS = 60_000
_AUDIT = {column.name for column in AUDIT_COLUMNS}
_ORIGIN = "_source_file", "_source_row"
SWITCH = "publish_switch"


@dataclass(frozen=True, slots=True)
class Rule:
    """A row-level rule that held rows break: a T-SQL condition that is true for them, and the reason in words."""

    condition: str
    reason: str


# --- names and indexes ---------------------------------------------------------------------------------------------


def _published(shape: TableShape) -> str:
    return qualified(shape.schema, shape.name)


def _staging(shape: TableShape, load_id: str) -> str:
    return qualified(STAGING, staging_name(shape, load_id))


def _held(shape: TableShape, load_id: str) -> str:
    return qualified(STAGING, held_name(shape, load_id))


def _indexes(shape: TableShape, table: str, server: Capabilities) -> dict[str, str]:
    columnstore = uses_columnstore(shape, server)
    constraint, place = "", placed(shape, server)
    if key := primary_key(shape):
        # A table has one clustered index, and a columnstore is that one.
        apart = key_is_apart(shape, server)
        kind = "NONCLUSTERED" if columnstore or apart else "CLUSTERED"
        constraint = f"CONSTRAINT {ident(short_name(f'PK_{table}'))} PRIMARY KEY {kind} ({names(key)})"
        constraint += compressed(shape, server)
        if kind == "CLUSTERED" or (apart and not columnstore):
            constraint += " ON [PRIMARY]" if apart else place
    # A table lies where its clustered index lies, and says so itself only when it has none.
    heap = not columnstore and "PRIMARY KEY CLUSTERED" not in constraint
    return {
        "constraint": constraint,
        "columnstore": short_name(f"CCI_{table}") if columnstore else "",
        "columnstore_place": place,
        "place": place + compressed(shape, server) if heap else "",
    }


# --- tables --------------------------------------------------------------------------------------------------------


def create_schemas(names: Iterable[str]) -> list[str]:
    """One batch a schema; a schema that is there stays as it is."""
    return [render("create_schema", name=name) for name in names]


def create_table(shape: TableShape, server: Capabilities = SQL_SERVER, *, guarded: bool = True) -> str:
    """CREATE TABLE with primary key and columnstore index; ``guarded``: only where there is none yet."""
    indexes = _indexes(shape, f"{shape.schema}_{shape.name}", server)
    table = _published(shape)
    return render("create_table", table=table, columns=published_columns(shape), guarded=guarded, **indexes)


def create_staging(shape: TableShape, load_id: str) -> str:
    """The table of one load, a heap whose columns may be null: what may not is the gate's to say."""
    columns = [c if c.name in _AUDIT else replace(c, nullable=True) for c in staged_columns(shape)]
    table = _staging(shape, load_id)
    return render(
        "create_staging", staging=table, table=table, columns=columns, guarded=False, constraint="", columnstore="",
        place="",
    )  # fmt: skip


def create_held(shape: TableShape, load_id: str) -> str:
    """The table of the rows that one load holds back."""
    table = _held(shape, load_id)
    return render(
        "create_staging", staging=table, table=table, columns=QUARANTINE_COLUMNS, guarded=False, constraint="",
        columnstore="", place="",
    )  # fmt: skip


def seal(shape: TableShape, load_id: str, server: Capabilities = SQL_SERVER) -> str:
    """Give staging the published table's nullability, primary key and indexes, as SWITCH demands.

    Runs after the gate and outside the publish transaction; empty when the table is not published by SWITCH. Both
    tables must be in the database's default filegroup.
    """
    if _strategy(shape, server) != SWITCH:
        return ""
    changed = [c for c in published_columns(shape) if c.name not in _AUDIT]
    indexes = _indexes(shape, staging_name(shape, load_id), server)
    staging = _staging(shape, load_id)
    design = sealing(shape, staging, server)
    return render("seal_staging", staging=staging, columns=changed, design=design, **indexes)


def build(shape: TableShape, load_id: str, select: str, *, empty: bool = False) -> str:
    """Fill staging from a SELECT, whose columns are taken by name; with ``empty`` from none of its rows."""
    ctes, main = split_ctes(select)
    main, option = split_tail(main)
    columns = staged_columns(shape)
    return render("build", staging=_staging(shape, load_id), columns=columns, ctes=ctes, select=main, option=option,
                  empty=empty)  # fmt: skip


def whole_name(shape: TableShape, load_id: str) -> str:
    """The copy of all rows that the table would have after a load. It goes when staging goes."""
    return staging_name(shape, f"whole_{load_id}")


def lay_whole(shape: TableShape, load_id: str, there: Sequence[str], *, brought: Brought) -> str:
    """Copy all rows that the table would have after a load; ``there`` are the published columns."""
    divided = shape.partition_by
    return render(
        "lay_whole",
        whole=qualified(STAGING, whole_name(shape, load_id)),
        published=_published(shape),
        staging=_staging(shape, load_id),
        columns=staged_columns(shape),
        there={name.lower() for name in there},
        load=shape.load,
        key=shape.key,
        partition_by=divided.column if divided else "",
        grain=divided.grain if divided else "",
        brought=brought,
    )


def by_period(shape: TableShape, schema: str, name: str, kept: Kept | None = None) -> str:
    """A query for the rows of each period in a table of this shape, or of its rows ``kept``: first (the period's first
    day), n."""
    assert shape.partition_by is not None
    there = kept or Kept(frozenset({shape.partition_by.column.lower()}))
    return render("by_period", table=qualified(schema, name), within=there, **_stood(shape, there))


def lost(shape: TableShape, load_id: str, compared: Sequence[str], kept: Kept) -> str:
    """A query for the number of the published rows ``kept`` that a load has not; columns ``compared`` tell them apart."""
    told_apart = [c for c in staged_columns(shape) if c.name in compared]
    published, staging = _published(shape), _staging(shape, load_id)
    return render(
        "lost",
        compared=told_apart,
        published=published,
        staging=staging,
        within=kept.periods,
        files=kept.files,
        **_stood(shape, kept),
    )


def _stood(shape: TableShape, kept: Kept) -> dict[str, Any]:
    by, grain = (shape.partition_by.column, shape.partition_by.grain) if shape.partition_by else ("", "")
    # A column that is new is NULL in all rows that stand there.
    stood = f"[old].{ident(by)}" if kept.has(by) else "CAST(NULL AS date)"
    return {"current": kept.current, "grain": grain, "stood": stood}


def carry_over(shape: TableShape, load_id: str, there: Sequence[str], change: Change) -> tuple[str, str]:
    """Two batches: put a table's rows aside, and bring them into the table that was made in its place, as ``change``
    wants them. ``there`` are the columns that they have."""
    aside, table = qualified(STAGING, staging_name(shape, f"kept_{load_id}")), _published(shape)
    where = " WHERE [is_current] = 1" if change.current else ""
    held = {name.casefold() for name in there}
    shared = [c for c in staged_columns(shape) if c.name.casefold() in held]
    into, values = names(shared), names(shared)
    if change.since is not None:
        into += ", [valid_from], [valid_to], [is_current]"
        values += f", {_moment(change.since)}, NULL, 1"
    return (
        f"DROP TABLE IF EXISTS {aside};\nSELECT {names(shared)} INTO {aside} FROM {table}{where};",
        f"INSERT INTO {table} ({into})\nSELECT {values} FROM {aside};\nDROP TABLE {aside};",
    )


def count(schema: str, name: str) -> str:
    """One row, one column: how many rows there are."""
    return render("count", table=qualified(schema, name))


# --- duplicates and quarantine -------------------------------------------------------------------------------------


def dedupe(shape: TableShape, load_id: str, order_by: str, server: Capabilities = SQL_SERVER) -> str:
    """Of the staged rows that share a key keep the first by ``order_by`` (ORDER BY text); rows without a key stay.

    Returns one row with the number of rows dropped.
    """
    return render(
        "dedupe",
        staging=_staging(shape, load_id),
        key=shape.key,
        columns=staged_columns(shape),
        order_by=order_by,
        delete_from_cte=server.delete_from_cte,
    )


def settle_keys(shape: TableShape, load_id: str, server: Capabilities = SQL_SERVER) -> str:
    """Of the staged source rows that share a key keep the one that landed last; drop its repeats and hold the rest.

    Rows without a key stay: ``hold`` them first. Returns one row: dropped, held. Raises ValueError for a table without key or audit columns.
    """
    if not shape.key or not set(_ORIGIN) <= {column.name for column in shape.columns}:
        raise ValueError(f"{shape.full_name}: only a source's rows with a key have a last one")
    return render(
        "settle_keys",
        key=shape.key,
        columns=staged_columns(shape),
        origin=_ORIGIN,
        landed_last=", ".join(f"{ident(name)} DESC" for name in _ORIGIN),
        delete_from_cte=server.delete_from_cte,
        **_holding(shape, load_id),
    )


def hold(shape: TableShape, load_id: str, rules: Sequence[Rule]) -> str:
    """Move the staged rows that break a rule to the load's held table, each with all its reasons, in one transaction.

    Returns one row with the number of rows held.
    """
    names = {column.name for column in shape.columns}
    return render(
        "hold",
        rules=rules,
        source_file="_source_file" if "_source_file" in names else "",
        source_row="_source_row" if "_source_row" in names else "",
        **_holding(shape, load_id),
    )


def _holding(shape: TableShape, load_id: str) -> dict[str, Any]:
    return {
        "table": shape.full_name,
        "staging": _staging(shape, load_id),
        "held": _held(shape, load_id),
        "load_id": load_id,
        "quarantine": QUARANTINE_COLUMNS,
        "data": [c for c in staged_columns(shape) if c.name not in _AUDIT],
    }


# --- publish -------------------------------------------------------------------------------------------------------


def publish(
    shape: TableShape,
    load_id: str,
    ledger_sql: str,
    server: Capabilities = SQL_SERVER,
    *,
    brought: Brought = NOTHING_BROUGHT,
    select: str = "",
    partitioning: Partitioning | None = None,
    as_of: dt.datetime | None = None,
    held: bool = True,
    anew: bool = False,
    commit: bool = True,
    lock_timeout_ms: int = LOCK_TIMEOUT_MS,
) -> str:
    """One batch, one transaction: application lock, the table's load strategy, held rows to quarantine, the ledger.

    Without ``commit`` the transaction stays open, for the ledger's rows to be sent after it as parameters.

    ``ledger_sql`` is the ledger's statements; they may read the variables @inserted, @updated, @removed, @before,
    @unchanged, @closed, @quarantined and @total (rows, bigint), which are also the one row that the batch returns: the
    fields of ``Arrived``. A view needs its ``select``, a partition load its ``partitioning``, scd2 the moment ``as_of``
    (UTC) from which new versions hold. ``held``: the load has a held table; ``anew``: no earlier row stays, whatever the
    strategy.
    Quarantined rows of earlier loads become superseded where this load has read them anew: all of a table that is built
    whole, else those of the files or periods ``brought``, or (built) of its keys where it is merged and of the values of
    its watermark where it is appended.

    Error 50001: another session publishes the table. Whatever goes wrong, everything is rolled back and the error thrown
    again. Raises ValueError when a strategy lacks what it needs.
    """
    if shape.strategy.keyed and not shape.key:
        raise ValueError(f"{shape.full_name}: load {shape.load} needs a key")
    columns = staged_columns(shape)
    key = {name.casefold() for name in shape.key}
    values: dict[str, Any] = {
        "table": shape.full_name,
        "published": _published(shape),
        "staging": _staging(shape, load_id),
        "columns": columns,
        "key": shape.key,
        "values": _taken_over(columns, key),
        "brought": brought,
        "load": shape.load,
        "resource": lock_name(shape.full_name),
        "lock_timeout_ms": lock_timeout_ms,
        "ledger_sql": ledger_sql,
        "commit": commit,
        "held": _held(shape, load_id) if held and shape.strategy.stored else "",
        "supersede": "all" if anew else _superseded(shape, brought),
        "again": _again(shape, brought),
        "quarantined": _published(quarantine_shape(shape)),
        "quarantine": QUARANTINE_COLUMNS,
        "keeps": shape.strategy.keeps,
        "refusal": shape.strategy.refusal,
        "whole": shape.strategy.is_view or _strategy(shape, server) == SWITCH,
    }
    values |= _strategy_values(shape, server, select, partitioning, as_of)
    statements = render(_strategy(shape, server), **values).lstrip("\n")
    return render("publish", statements=statements, **values)


def _taken_over(columns: Sequence[Column], key: set[str]) -> list[str]:
    """The columns that a row has from the load that brought it last: its values, and how a key of text is spelt. There
    is always one, so that every row of a load counts."""
    taken = [c.name for c in columns if c.name.casefold() not in key or c.type.family == "string"]
    return taken or [c.name for c in columns]


def _superseded(shape: TableShape, brought: Brought) -> str:
    """By what a load finds the quarantined rows that it has read anew; empty when it reads none anew."""
    if not shape.strategy.partial:
        return "all"
    by = ["files"] if brought.files else ["values"] if _again(shape, brought) else []
    return " ".join([*by, "periods"] if shape.strategy.divided else by)


def _again(shape: TableShape, brought: Brought) -> list[Column]:
    """The columns whose values say of a quarantined row that a load from a SELECT has read it again."""
    by = shape.key if shape.strategy.matches and not brought.files else (brought.watermark,)
    return [c for name in by for c in shape.columns if c.name.casefold() == name.casefold()]


def _strategy(shape: TableShape, server: Capabilities) -> str:
    if not shape.strategy.exchanges:
        return f"publish_{shape.load}"
    if not server.truncate:
        return "publish_delete"
    return SWITCH if server.switch else "publish_truncate"


def _strategy_values(
    shape: TableShape,
    server: Capabilities,
    select: str,
    partitioning: Partitioning | None,
    as_of: dt.datetime | None,
) -> dict[str, Any]:
    match shape.load:
        case "view":
            if not select:
                raise ValueError(f"{shape.full_name}: a view needs its SELECT")
            return {"put_view": _put_view(shape.schema, shape.name, shape.columns, server, select=select)}
        case "partition":
            partitioning = partitioning or shape.partition_by
            if partitioning is None:
                raise ValueError(f"{shape.full_name}: load partition needs a column to partition by")
            return {
                "partition_by": partitioning.column,
                "grain": partitioning.grain,
            }
        case "scd2":
            if as_of is None:
                raise ValueError(f"{shape.full_name}: load scd2 needs the moment from which new versions hold")
            key = {name.casefold() for name in shape.key}
            changing = [c for c in staged_columns(shape) if c.name not in _AUDIT and c.name.casefold() not in key]
            keys = [c for name in shape.key for c in shape.columns if c.name.casefold() == name.casefold()]
            return {"as_of": _moment(as_of), "tracked": changing, "key_columns": keys}
    return {}


def _moment(when: dt.datetime) -> str:
    return f"CAST('{when.replace(tzinfo=None).isoformat(timespec='milliseconds')}' AS datetime2(3))"


# --- views, roles, locks, leftovers --------------------------------------------------------------------------------


def view_statement(
    schema: str, name: str, columns: Sequence[Column], *, select: str = "", table: str = "", verb: str = "CREATE"
) -> str:
    """The view's own statement, over a SELECT or a quoted table, with its columns by name."""
    ctes, main = split_ctes(select) if select else ("", "")
    main, _ = split_tail(main)
    view = qualified(schema, name)
    return render("view", verb=verb, view=view, columns=columns, ctes=ctes, select=main, table=table)


def _put_view(
    schema: str, name: str, columns: Sequence[Column], server: Capabilities, *, select: str = "", table: str = ""
) -> str:
    statements = {
        verb.replace(" ", "_").lower(): view_statement(schema, name, columns, select=select, table=table, verb=verb)
        for verb in ("CREATE OR ALTER", "CREATE")
    }
    return render("put_view", view=qualified(schema, name), atomic=server.create_or_alter, **statements)


def alias_view(shape: TableShape, server: Capabilities = SQL_SERVER) -> str:
    """The view under which dashboards already read the table; an existing one is altered, its grants stay."""
    schema, _, name = shape.alias.partition(".")
    return _put_view(schema, name, published_columns(shape), server, table=_published(shape))


def staging_view(shape: TableShape, load_id: str, select: str, server: Capabilities = SQL_SERVER) -> str:
    """What the gate judges of a table that is a view: the same SELECT under the load's staging name."""
    return _put_view(STAGING, staging_name(shape, load_id), shape.columns, server, select=select)


def grants(shapes: Iterable[TableShape], role: str = ANALYST) -> str:
    """The role reads gold and the aliases of gold tables, and nothing else."""
    views = [qualified(*s.alias.split(".", 1)) for s in shapes if s.schema == SERVING and s.alias]
    return render("grants", role=role, schemas=[SERVING], views=views)


def drop_staging(shape: TableShape, load_id: str) -> str:
    """Take away what a finished load leaves. Not part of the publish transaction: dropping there makes two publishes
    wait for each other in the system tables."""
    kind = "VIEW" if shape.strategy.is_view else "TABLE"
    return render("drop_staging", kind=kind, staging=_staging(shape, load_id), held=_held(shape, load_id))


def removal(objects: Sequence[tuple[str, str, str]], server: Capabilities = SQL_SERVER) -> list[str]:
    """Batches that begin a transaction and drop objects (TABLE or VIEW, schema, name) in it, with the partition
    schemes that only they were in. What is gone already is passed over."""
    batches = ["SET XACT_ABORT ON; BEGIN TRANSACTION;"]
    batches += [f"DROP {kind} IF EXISTS {qualified(schema, name)};" for kind, schema, name in objects]
    return [*batches, drop_unused()] if server.partitions else batches


def janitor(keep_sql: str, running: Sequence[str] = (), *, older_than_minutes: int = 60) -> str:
    """Drop what killed loads left in staging, and return its names: object, load_id.

    Stays: loads that ``keep_sql`` (a SELECT of load ids) names, those in ``running``, and all that is younger than
    ``older_than_minutes``.
    """
    return render("janitor", schema=STAGING, keep_sql=keep_sql, running=running, minutes=older_than_minutes)


def take_lock(what: str, timeout_ms: int = LOCK_TIMEOUT_MS, *, shared: bool = False) -> str:
    """Take the lock for the session; returns one row, ``granted``: 0 or 1 when it was, negative when it was not."""
    return render("lock", resource=lock_name(what), timeout_ms=timeout_ms, mode="Shared" if shared else "Exclusive")


def release_lock(what: str) -> str:
    return render("unlock", resource=lock_name(what))
