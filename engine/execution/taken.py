"""What a table with a watermark has taken from its inputs. It does not look at those rows again: where they have been
replaced or taken back since, or where its watermark no longer tells what they are, a load of it is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from engine.compile.manifest import Model, Table
from engine.core.errors import GateFailed
from engine.execution.load import Load
from engine.execution.positions import Known
from engine.state.ledger import UNDO, Published, Row

if TYPE_CHECKING:
    from engine.warehouses.protocol import Warehouse

UNDOES = "undoes"
"""Which replay a load undoes, in what the ledger keeps as declared."""


def refuse(load: Load) -> None:
    """Raise GateFailed where what is above the watermark is not what the table has not got."""
    table, last = load.table, load.last
    if table.landed or not table.spec.watermark or last is None or last.missing or load.anew:
        return
    column = table.spec.watermark
    before = last.declared if str(last.declared.get("watermark", "")).casefold() == column.casefold() else {}
    meant = load.record.declared.get("watermark_is")
    if meant and before.get("watermark_is", meant) != meant:
        why = f"the watermark {column} of {table.name} is computed otherwise than when its rows were published"
    elif _from_the_start(load):
        why = (
            f"{table.name} appends what its watermark {column} has not seen, and its {last.rows_total:,} published rows "
            "have no value of it: all would be appended again"
        )
    else:
        why = _gone(load, last)
    if why:
        raise GateFailed(f"{why}; to build it anew from its inputs: {_full(table)}")


def _full(table: Table) -> str:
    return f"medallion run --full --select {table.name}"


def _from_the_start(load: Load) -> bool:
    spec, last = load.table.spec, load.last
    appends = spec.strategy.adds and not spec.key_columns
    return appends and load.table.name not in load.model.watermarks and last is not None and last.rows_total > 0


def _gone(load: Load, last: Published) -> str:
    table, mark = load.table, load.table.mark
    arrivals = {name for name, _ in mark.arrivals} if mark and table.spec.strategy.adds else set()
    known = Known(load.model, table, load.warehouse)
    for name, then, now in _steps(known, table, last.inputs, load.record.inputs):
        for row in known.between(name, then, now):
            if row["load_id"].endswith(UNDO):
                if known.number(name, json.loads(row["declared"] or "{}").get(UNDOES, "")) <= known.number(name, then):
                    return f"{table.name} has taken rows of {name} that were taken back by quarantine undo since"
            elif name in arrivals and _replaced(row):
                return (
                    f"{table.name} has taken rows of {name} that have been replaced since (load {row['load_id']}), and by "
                    f"its watermark {table.spec.watermark} would take them again; a column of the business as the "
                    "watermark does not take a row twice"
                )
    return ""


def _replaced(row: Row) -> bool:
    made = json.loads(row["declared"] or "{}")
    return bool(row["rows_removed"] or made.get("anew") or made.get("first"))


def _steps(
    known: Known, table: Table, then: Mapping[str, str], now: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Every table on the way to the sources of which another load is read now: its name, the load then and now."""
    todo, seen = [(table, then, now)], set()
    while todo:
        table, then, now = todo.pop()
        for name in table.reads:
            step = name, then.get(name, ""), now.get(name, "")
            if not step[1] or step[1] == step[2] or step in seen:
                continue
            seen.add(step)
            yield step
            if name in known.model.tables:
                todo.append((known.model.tables[name], known.inputs(*step[:2]), known.inputs(name, step[2])))


def keep(
    model: Model, warehouse: Warehouse, published: Mapping[str, Published], source: str, replayed: str
) -> list[str]:
    """The tables with a watermark that have taken rows of ``source`` since a replay put some there, a sentence each."""
    found = []
    for table in model.tables.values():
        last = published.get(table.name)
        if table.landed or not table.spec.watermark or last is None or last.missing:
            continue
        known = Known(model, table, warehouse)
        took = [then for name, then, _ in _steps(known, table, last.inputs, {}) if name == source]
        if any(known.number(source, then) >= known.number(source, replayed) > 0 for then in took):
            found.append(f"{table.name} has taken rows of {source} since, and keeps them until {_full(table)}")
    return found
