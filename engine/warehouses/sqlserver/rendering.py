"""One table's whole load on SQL Server as text: what ``medallion render --target sqlserver`` shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from engine.state.ledger import LOADS, Row
from engine.tsql.templates import ident, literal
from engine.warehouses.kinds import Script
from engine.warehouses.sqlserver import statements as sql
from engine.warehouses.sqlserver.design import partitions as parts
from engine.warehouses.sqlserver.design import statements as design
from engine.warehouses.sqlserver.shape import SQL_SERVER, quarantine_shape

_MOMENT = dt.datetime(2026, 1, 1)
_COUNTED = {
    "rows_quarantined": "@quarantined",
    "rows_published": "@inserted + @updated",
    "rows_unchanged": "@unchanged",
    "rows_removed": "@removed",
    "rows_total": "@total",
}


def render(script: Script) -> list[tuple[str, str]]:
    """The batches of one load in order, as (step, SQL) pairs."""
    shape, select, load_id = script.shape, script.tsql, script.load_id
    server = replace(SQL_SERVER, switch=design.switchable(shape, SQL_SERVER, design.as_made(shape)))
    steps: list[tuple[str, str]] = []
    if shape.strategy.is_view:
        steps.append(("stage", sql.staging_view(shape, load_id, select)))
    else:
        steps += [("create partitions", text) for text in parts.make(shape)]
        steps += [("create", sql.create_table(shape)), ("create staging", sql.create_staging(shape, load_id))]
        steps.append(
            ("build", sql.build(shape, load_id, select))
            if select
            else ("load", f"-- {script.source} is bulk-copied into staging")
        )
        steps += [
            ("create quarantine", sql.create_table(quarantine_shape(shape))),
            ("create held", sql.create_held(shape, load_id)),
        ]
        if script.landed and shape.key:
            rules = [sql.Rule(f"{ident(k)} IS NULL", f"{k}: the key is empty") for k in shape.key]
            steps += [
                ("hold rows without a key", sql.hold(shape, load_id, rules)),
                ("settle keys", sql.settle_keys(shape, load_id)),
            ]
        if script.dedupe:
            steps.append(("dedupe", sql.dedupe(shape, load_id, script.dedupe)))
        made = design.as_made(shape)
        steps += [("design", text) for text in design.reconcile(shape, made)]
        sealed = sql.seal(shape, load_id, server)
        if sealed:
            steps.append(("seal staging", sealed))
    as_of = _MOMENT if shape.strategy.versions else None
    steps.append(
        (
            "publish",
            sql.publish(
                shape,
                load_id,
                _ledger(script.ledger),
                server,
                brought=script.brought,
                select=select if shape.strategy.is_view else "",
                as_of=as_of,
            ),
        )
    )
    if shape.alias:
        steps.append(("alias", sql.alias_view(shape)))
    kept = [*design.bind(shape, design.NOTHING), *design.permit(shape, design.NOTHING, analyst=sql.ANALYST)]
    steps += [("in the transaction of publish", text) for text in kept]
    steps.append(("drop staging", sql.drop_staging(shape, load_id)))
    return steps


def _ledger(row: Row) -> str:
    """The ledger row as it is written inside the publish transaction, with this table's constants."""
    names = ", ".join(ident(n) for n in row)
    values = ", ".join(_COUNTED.get(n) or literal(v) for n, v in row.items())
    return f"INSERT INTO {ident(LOADS.schema)}.{ident(LOADS.name)} ({names})\nVALUES ({values});"
