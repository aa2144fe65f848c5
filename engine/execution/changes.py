"""A table that keeps rows and is declared otherwise than what is published of it, or is to be built anew: what becomes
of the rows that are there, and what is refused because it would lose them.

What counts is the declaration that the ledger keeps of the last published load.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from engine.compile.manifest import Model, Table
from engine.core.design import GRAINS
from engine.core.errors import GateFailed
from engine.core.quoting import qualified
from engine.core.strategies import STRATEGIES
from engine.core.tables import UNCHANGED, Change
from engine.execution import brought, positions
from engine.execution.load import Load
from engine.quality import guards
from engine.state.ledger import Published, watermarks

if TYPE_CHECKING:
    from engine.core.verdict import Verdict
    from engine.warehouses.protocol import Warehouse

_SAMPLE = 5


def declared(table: Table) -> dict[str, Any]:
    """What a table is declared as, for the ledger to keep with the load that publishes it."""
    divided = table.spec.partition_by
    return {
        "load": table.spec.load,
        "key": list(table.spec.key_columns),
        "partition_by": divided.model_dump(mode="json") if divided else None,
        "watermark": table.spec.watermark,
        "watermark_is": table.mark.meaning if table.mark else "",
        "suite": table.suite.digest,
        "select": table.select,
        "reading": table.reading,
    }


def begins_anew(table: Table, last: Published | None, full: bool) -> bool:
    """Whether a table that keeps rows is built from its inputs as if nothing had ever been loaded.

    So it is when that is asked for, when what was published is not there any more, and when what is there is what a
    load of another kind made of the same rows, which an append would add to them.
    """
    if not table.spec.strategy.keeps:
        return False
    if full or last is None:
        return full
    return bool(last.missing) or last.strategy.is_view or (table.spec.strategy.adds and not last.strategy.adds)


def known_watermarks(
    model: Model, warehouse: Warehouse, published: Mapping[str, Published], full: Collection[str]
) -> dict[str, str]:
    """The watermark of each table that keeps one and does not begin anew. A column that the last load has not kept a
    watermark of begins with its highest published value."""
    recorded = watermarks(warehouse)
    found: dict[str, str] = {}
    for name, table in model.tables.items():
        column, last = table.spec.watermark, published.get(name)
        if not column or last is None or last.missing or begins_anew(table, last, name in full):
            continue
        value = recorded.get((name, column.casefold(), last.load_id))
        if value is None and last.strategy.keeps and column.casefold() in brought.kept(table, last).columns:
            value = warehouse.highest(table.shape, column)
        if value is not None:
            found[name] = value
    return found


def loaded_already(load: Load) -> bool:
    """Whether a table that appends what its SELECT gives has the rows of just these inputs."""
    table, last, record = load.table, load.last, load.record
    if not table.spec.strategy.adds or table.landed or table.spec.watermark or last is None or load.anew:
        return False
    known = positions.Known(load.model, table, load.warehouse)
    if not known.sources_as_before(table, record.inputs, record.logical_date):
        return False
    if not known.rows_as_before(table, record.inputs):
        raise GateFailed(
            f"{table.name} appends, and what it reads was replayed, undone or declared anew since, from the same sources: "
            f"to append all of it would double rows; to build it anew: medallion run --full --select {table.name}"
        )
    return True


def unpublished(names: Sequence[str], published: Mapping[str, Published]) -> str:
    """Which inputs are not there to be read, and why."""
    gone = [n for n in names if n in published]
    never = [n for n in names if n not in published]
    said = [f"{', '.join(never)} was never published"] if never else []
    return " and ".join([*said, *(f"{n} is missing from the warehouse" for n in gone)])


def refuse_twice(table: Table) -> None:
    """Raise GateFailed: the rows would be in the table twice."""
    raise GateFailed(
        f"{table.name} appends without a key, and its inputs have not changed: to run it again would double its rows; "
        f"to build it anew from its inputs: medallion run --full --select {table.name}"
    )


def change(load: Load) -> Change:
    """What the publish of a load does to the table that stands there."""
    last, now = load.last, load.record.declared
    if last is None or last.missing or not STRATEGIES[now["load"]].keeps:
        return Change(anew=load.anew)
    if load.anew:
        return Change(anew=True)
    rekeyed = "key" in last.declared and _folded(last.declared["key"]) != _folded(now["key"])
    versions = STRATEGIES[now["load"]].versions
    if versions and not last.strategy.versions:
        return Change(since=last.finished_at, rekeyed=rekeyed)
    current = last.strategy.versions and not versions
    return Change(current=current, rekeyed=rekeyed) if last.strategy.stored else UNCHANGED


def suite_changed(load: Load) -> bool:
    """Whether rows that stay were judged by another suite than the one that judges the load. Closed versions of an scd2
    table are history, and were judged when they were current; its other rows are all in the load."""
    last, now = load.last, load.record.declared
    if last is None or last.missing or load.anew or not STRATEGIES[now["load"]].partial:
        return False
    return bool(last.declared.get("suite", now["suite"]) != now["suite"])


def judge(load: Load) -> None:
    """Raise GateFailed when publishing this load would give rows that stay a key that does not hold for them."""
    last = load.last
    if last is None or last.missing:
        return
    if STRATEGIES[load.record.declared["load"]].keeps and change(load).rekeyed:
        _key(load, last)


def losses(load: Load, *, unseen: bool) -> list[Verdict]:
    """What says that publishing this load would lose rows that its inputs cannot give again, and how many: critical, or
    a warning where that is allowed. ``unseen``: the suite has not judged the load, and may leave fewer rows of it."""
    last = load.last
    if last is None or last.missing:
        return []
    found = {"history": _history(load, last), "rows": _rows(load, last, unseen)}
    return [guards.told(load.table.name, what, said, load.allowed) for what, said in found.items() if said]


def _history(load: Load, last: Published) -> str:
    if not last.strategy.versions or (STRATEGIES[load.record.declared["load"]].versions and not load.anew):
        return ""
    closed = _number(load, f"SELECT COUNT(*) AS n FROM {qualified(load.shape.schema, load.shape.name)} WHERE valid_to IS NOT NULL")
    if not closed:
        return ""
    return (
        f"{load.table.name} would lose its history: {_count(closed, 'closed version')}, which no source gives again "
        f"({_why(load, last)})"
    )


def _rows(load: Load, last: Published, unseen: bool) -> str:
    now = load.record.declared
    whole = load.anew or not STRATEGIES[now["load"]].keeps
    if not whole and load.table.landed and load.shape.strategy.adds and last.strategy.adds:
        return _read_again(load, last)
    if not last.strategy.keeps or not (whole or _by_other_periods(now, last)):
        return ""
    table, kept = load.table, brought.kept(load.table, last, periods=None if whole else load.record.brought.periods)
    by, exact = _told_apart(table, last)
    lost = load.warehouse.lost(load.shape, load.record.load_id, by, kept)
    if not lost:
        return ""
    before = _number(load, f"SELECT COUNT(*) AS n FROM {_current(load, last)}")
    rows = _count(before, "current row" if kept.current else "row")
    least = "" if (exact and not unseen) or lost == before else "at least "
    return (
        f"{table.name} would lose {least}{lost:,} of its {rows}: rows of earlier loads that its inputs no longer give"
        f" ({_why(load, last)})"
    )


def _read_again(load: Load, last: Published) -> str:
    """Of an append from a source: the rows of files that are as they were loaded, which are read again all the same."""
    again = brought.unchanged(load, last)
    kept = brought.kept(load.table, last, files=again)
    if not again or not kept.has(brought.FILE):
        return ""
    lost = load.warehouse.lost(load.shape, load.record.load_id, brought.ORIGIN, kept)
    if not lost:
        return ""
    return (
        f"{load.table.name} would lose {_count(lost, 'published row')} of files that have not changed, which those files"
        " do not give again as they are read now: rows that a replay repaired, or that are quarantined or not found now"
    )


def _told_apart(table: Table, last: Published) -> tuple[list[str], bool]:
    """The columns by which a published row is found in a load: its key, else all; and whether those are all that it
    has, so that no other row can pass for it."""
    arrived = table.spec.watermark if table.mark and table.mark.arrivals else None
    same = [
        c.name for c in table.columns if str(last.columns.get(c.name, "")) == str(c.type) and c.name != arrived
    ]  # of other columns nobody can say what their values would be now; when a row came tells nothing about the row
    key = _folded(table.spec.key_columns)
    by = [name for name in same if name.casefold() in key]
    if key and len(by) == len(key):
        return by, True
    return same, len(same) + (arrived is not None) == len(last.columns)


def _by_other_periods(now: Mapping[str, Any], last: Published) -> bool:
    """Whether a load replaces periods of a table in which rows stood that no load of periods like these would have
    left. Those of finer periods of the same column the load before would have taken too."""
    divided = STRATEGIES[now["load"]].divided
    if not divided or not last.strategy.divided:
        return divided
    new, old = now["partition_by"], last.declared.get("partition_by") or now["partition_by"]
    order = GRAINS  # the finest first
    return bool(
        new["column"].casefold() != old["column"].casefold() or order.index(new["grain"]) > order.index(old["grain"])
    )


def _key(load: Load, last: Published) -> None:
    table = load.table
    names = ", ".join(table.spec.key_columns)
    out = f"keep the key as it was, repair the rows, or build it anew: medallion run --full --select {table.name}"
    new = [k for k in table.spec.key_columns if k.casefold() not in brought.kept(table, last).columns]
    rows = _current(load, last)
    if new and (there := _number(load, f"SELECT COUNT(*) AS n FROM {rows}")):
        raise GateFailed(
            f"{table.name} keeps {_count(there, 'published row')}, which would have no {new[0]} and so no key ({names}); {out}"
        )
    key = [f'"{k}"' for k in table.spec.key_columns]
    if not key or new:
        return
    empty = " OR ".join(f"{k} IS NULL" for k in key)
    without = _number(load, f"SELECT COUNT(*) AS n FROM (SELECT * FROM {rows}) AS kept WHERE {empty}")
    if without:
        raise GateFailed(
            f"{table.name} keeps its published rows, and {without:,} of them have no key ({names}), which is new; {out}"
        )
    grouped = ", ".join(key)
    found = load.warehouse.rows(
        f"SELECT * FROM (SELECT {grouped}, COUNT(*) AS times, COUNT(*) OVER () AS every,"
        f" ROW_NUMBER() OVER (ORDER BY {grouped}) AS place FROM {rows} GROUP BY {grouped} HAVING COUNT(*) > 1) AS repeated"
        f" WHERE place <= {_SAMPLE} ORDER BY place"
    )
    if found:
        said = ", ".join(f"{' / '.join(str(r[k]) for k in table.spec.key_columns)} ({r['times']} times)" for r in found)
        raise GateFailed(
            f"{table.name} keeps its published rows, and {found[0]['every']:,} keys ({names}), which are new, stand there "
            f"more than once: {said}{', …' if found[0]['every'] > len(found) else ''}; {out}"
        )


def _why(load: Load, last: Published) -> str:
    now = load.record.declared
    if last.load != now["load"]:
        return f"it was load: {last.load} and is now load: {now['load']}"
    if load.anew:
        return "it is built anew"
    old, new = (f"by {by['grain']} of {by['column']}" for by in (last.declared["partition_by"], now["partition_by"]))
    return f"it was partitioned {old} and is now {new}"


def published_columns(load: Load) -> Sequence[str]:
    """The columns that the published table has, in lower case."""
    assert load.last is not None
    return sorted(brought.kept(load.table, load.last).columns)


def _folded(names: Sequence[str]) -> list[str]:
    return [n.casefold() for n in names]


def _current(load: Load, last: Published) -> str:
    """The published rows that hold, to stand after FROM."""
    rows = qualified(load.shape.schema, load.shape.name)
    return f"{rows} WHERE valid_to IS NULL" if last.strategy.versions else rows


def _number(load: Load, sql: str) -> int:
    return int(load.warehouse.rows(sql)[0]["n"])


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"
