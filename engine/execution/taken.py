"""What a table with a watermark has taken from its inputs. It does not look at those rows again: where they have been
replaced or taken back since, or where its watermark no longer tells what they are, a load of it is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from engine.compile.manifest import Model, Table
from engine.core.errors import GateFailed
from engine.core.selectors import reached
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
    if table.landed or last is None or last.missing or load.anew:
        return
    column, had = table.spec.watermark, str(last.declared.get("watermark") or "")
    if not column:
        if had and table.spec.strategy.adds and not table.spec.key_columns and last.rows_total:
            raise GateFailed(
                f"{table.name} has appended what its watermark {had} had not seen, and has none any more: all that its "
                f"SELECT gives would be appended again; to build it anew from its inputs: {_full(table)}"
            )
        return
    before = last.declared if had.casefold() == column.casefold() else {}
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
                undone = json.loads(row["declared"] or "{}").get(UNDOES, "")
                number = known.number(name, undone)
                if number <= known.number(name, then) and (not number or _took(known, table, name, undone)):
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


def _took(known: Known, table: Table, source: str, replayed: str) -> bool:
    """Whether a load of a table took rows, be it into quarantine, after a replay had put some into ``source``."""
    number = known.number(source, replayed)
    for row in known.loads:
        if row["table_name"] == table.name and (row["rows_published"] or row["rows_quarantined"]):
            read = _steps(known, table, json.loads(row["inputs"] or "{}"), {})
            if any(name == source and known.number(source, then) >= number > 0 for name, then, _ in read):
                return True
    return False


def beyond(model: Model, source: str) -> list[str]:
    """The tables that take only what is above a watermark of rows of ``source``, a sentence each: rows that a replay
    puts there may lie below it."""
    reads = {name: table.reads for name, table in model.tables.items()}
    return [
        f"{table.name} takes only what is above its watermark {table.spec.watermark}, and may not see these rows; to build "
        f"it anew from its inputs: {_full(table)}"
        for table in model.tables.values()
        if table.spec.watermark and not (table.mark and table.mark.arrivals) and table.name != source
        and source in reached(reads, [table.name])
    ]


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
        if _took(known, table, source, replayed):
            found.append(f"{table.name} has taken rows of {source} since, and keeps them until {_full(table)}")
    return found
