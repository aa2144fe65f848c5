"""What the engine made and nobody declares any more, and how it goes: tables, views, aliases, quarantine, leftovers.

Only what the ledger knows is looked at, and of that only what stands as the engine left it: a table of somebody else's
is never touched, whatever its name. Each table goes in one transaction with its ledger rows.
"""

from __future__ import annotations

import datetime as dt
import fnmatch
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.compile.manifest import load_model
from engine.compile.undeclared import declared, strangers
from engine.config.project import Project
from engine.core.errors import Problem, ProjectError, nearest
from engine.core.tables import Standing, TableShape
from engine.execution.reading import reading
from engine.execution.runner import Watcher, new_load_id, open_warehouse
from engine.state import ledger
from engine.state.ledger import LOADS, PRUNED, LoadRecord, Published
from engine.warehouses.protocol import LedgerRows, Statement, Warehouse

NOT_AS_PUBLISHED = "what stands there now is not what was published; it stays, only the ledger forgets it"


@dataclass(frozen=True)
class Item:
    """One thing that can go. ``what`` is table, view, alias, quarantine, staging, watermark or ledger."""

    what: str
    name: str
    rows: int | None = None
    standing: Standing | None = None
    """What is dropped; None for rows of the ledger, and for staging, which goes as a whole."""
    note: str = ""


@dataclass(frozen=True)
class Leftover:
    """What is left of one table. A table that is declared has old aliases at most."""

    table: str
    published_at: dt.datetime | None
    items: tuple[Item, ...]
    declared: bool = False
    kept_by: tuple[str, ...] = ()
    """What keeps it: views that read it, tables with foreign keys to it."""

    @property
    def objects(self) -> list[Standing]:
        return [i.standing for i in self.items if i.standing is not None]

    def rows(self, state: str) -> list[dict[str, Any]]:
        """A row for each item, as data for a reader."""
        why = f"read by {', '.join(self.kept_by)}" if self.kept_by else ""
        return [
            {
                "object": i.name,
                "what": i.what,
                "table": self.table,
                "rows": i.rows,
                "published_at": self.published_at,
                "state": "kept" if why else state,
                "why": why or i.note,
            }
            for i in self.items
        ]


@dataclass
class Found:
    """What can go, in the order in which it can, then what is kept; and the tables of other projects, which stay."""

    going: list[Leftover] = field(default_factory=list)
    kept: list[Leftover] = field(default_factory=list)
    strangers: dict[str, str] = field(default_factory=dict)

    def refusals(self) -> list[str]:
        """Why tables stay, a sentence each."""
        return [
            f"{k.table} stays: {' and '.join(k.kept_by)} {'reads or refers' if len(k.kept_by) == 1 else 'read or refer'}"
            " to it; drop or change that first (what is declared changes with the next `medallion run`)"
            for k in self.kept
        ]


def look(project: Project, target: str | None, selectors: Iterable[str] = ()) -> Found:
    """What a prune would drop. Raises ProjectError for a project that is wrong, or a selector that selects nothing."""
    target = _sound(project, target)
    if not open_warehouse(project, target).made():
        return Found()
    with reading(project, target) as warehouse:
        return _found(warehouse, project, selectors)


def prune(
    project: Project,
    target: str | None,
    selectors: Iterable[str] = (),
    *,
    wait_for: float | None = 0,
    watcher: Watcher | None = None,
) -> Found:
    """Drop what the engine made and nobody declares, each table in one transaction with its ledger rows.

    What is still read by something that stays is kept, and named in the result. ``wait_for`` is how many seconds to
    wait for a run. Raises as ``look`` does, and WarehouseError while a run is at work.
    """
    target, watcher = _sound(project, target), watcher or Watcher()
    warehouse = open_warehouse(project, target)
    if not warehouse.made():
        return Found()
    with warehouse.run_lock(wait_for, watcher.say), warehouse:
        if said := warehouse.prepare():
            watcher.say(said)
        found = _found(warehouse, project, selectors)
        load_id = new_load_id()
        for leftover in found.going:
            _drop(warehouse, project, leftover, load_id, watcher)
    return found


def _sound(project: Project, target: str | None) -> str:
    """The target's name, of a project that is right: else nobody can say what it no longer needs."""
    name = project.target_name(target)
    load_model(project, name, dt.datetime.now(dt.UTC).date())
    return name


def _drop(warehouse: Warehouse, project: Project, leftover: Leftover, load_id: str, watcher: Watcher) -> None:
    table = leftover.table
    watcher.step(table, "drop", 0)
    forget: list[Statement]
    if leftover.declared:
        keeps = project.tables[table].alias
        forget = [("UPDATE ops.loads SET alias = NULL WHERE table_name = ? AND alias <> ?", (table, keeps))]
    else:
        schema, _, name = table.partition(".")
        warehouse.drop_staging(TableShape(schema, name, ()))
        forget = [
            ("UPDATE ops.loads SET alias = NULL WHERE table_name = ?", (table,)),
            ("DELETE FROM ops.watermarks WHERE table_name = ?", (table,)),
        ]
    number = ledger.next_number(warehouse, table)

    def rows() -> LedgerRows:
        watcher.step(table, "commit", 0)
        if leftover.declared:
            return []
        today = dt.datetime.now(dt.UTC).date()
        record = LoadRecord(table, load_id, "", "", today, project=project.name, number=number, state=PRUNED)
        return [(LOADS, record.row())]

    warehouse.remove(leftover.objects, forget, rows)
    watcher.step(table, "done", 0)


# --- what is there --------------------------------------------------------------------------------------------------


def _found(warehouse: Warehouse, project: Project, selectors: Iterable[str]) -> Found:
    there = _standing(warehouse)
    readers = warehouse.readers()
    gone = sorted(_known(warehouse) - declared(project))
    others = {table: owner for table, owner in strangers(warehouse, project).items() if table in gone}
    published, watermarks = ledger.published(warehouse), {table for table, _, _ in ledger.watermarks(warehouse)}
    taken = {n.casefold() for n in (*declared(project), *(t.alias for t in project.tables.values()))}
    aliases: dict[str, list[Item]] = {}
    for table, alias in _aliases(warehouse):
        view = there.get(alias.casefold())
        # A view of that name that reads something else is somebody else's by now.
        if alias.casefold() not in taken and view and view.kind == "VIEW" and reads(_text(readers, view), table):
            aliases.setdefault(table, []).append(Item("alias", view.full_name, None, view))
    leftovers = []
    for name in gone:
        if name not in others:
            last = published.get(name)
            items = [*aliases.get(name, []), *_table(warehouse, name, last, there)]
            if name in watermarks:
                items.append(Item("watermark", "ops.watermarks", 1))
            leftovers.append(Leftover(name, last.finished_at if last else None, tuple(items)))
    for name in sorted(aliases.keys() & declared(project)):
        leftovers.append(Leftover(name, published[name].finished_at, tuple(aliases[name]), declared=True))
    going, kept = in_order(_selected(leftovers, selectors), readers)
    return Found(going, kept, others)


def _known(warehouse: Warehouse) -> set[str]:
    """Every table with a load that was not pruned since."""
    rows = warehouse.rows(
        "SELECT table_name FROM (SELECT table_name, state, ROW_NUMBER() OVER (PARTITION BY table_name"
        " ORDER BY number DESC, load_id DESC) AS recent FROM ops.loads) AS l WHERE recent = 1 AND state <> 'pruned'"
    )
    return {r["table_name"] for r in rows}


def _aliases(warehouse: Warehouse) -> list[tuple[str, str]]:
    rows = warehouse.rows("SELECT DISTINCT table_name, alias FROM ops.loads WHERE alias IS NOT NULL")
    return sorted((r["table_name"], r["alias"]) for r in rows)


def _standing(warehouse: Warehouse) -> dict[str, Standing]:
    """Every table and view that stands, by its name in small letters: names are what a database's case rules say."""
    rows = warehouse.rows(
        "SELECT TABLE_SCHEMA AS found_in, TABLE_NAME AS found, TABLE_TYPE AS kind FROM INFORMATION_SCHEMA.TABLES"
    )
    found = (Standing("VIEW" if r["kind"] == "VIEW" else "TABLE", r["found_in"], r["found"]) for r in rows)
    return {s.full_name.casefold(): s for s in found}


def _table(warehouse: Warehouse, name: str, last: Published | None, there: Mapping[str, Standing]) -> list[Item]:
    """What loads of an undeclared table left: the table, its quarantine, staging."""
    items = []
    table, quarantine = there.get(name), there.get(f"quarantine.{name.replace('.', '_', 1)}")
    if last is None or table is None:
        items.append(Item("ledger", name, note="failed loads only" if last is None else "dropped already"))
    elif not _as_published(warehouse, table, last):
        items.append(Item("ledger", name, note=NOT_AS_PUBLISHED))
    elif table.kind == "VIEW":
        items.append(Item("view", name, None, table))
    else:
        items.append(Item("table", name, warehouse.count(table.schema, table.name), table))
    if last is not None and quarantine is not None and quarantine.kind == "TABLE":
        count = warehouse.count(quarantine.schema, quarantine.name)
        items.append(Item("quarantine", quarantine.full_name, count, quarantine))
    for schema, staged, of in warehouse.kept_staging():
        if of.casefold() == name:
            items.append(Item("staging", f"{schema}.{staged}"))
    return items


def _as_published(warehouse: Warehouse, table: Standing, last: Published) -> bool:
    """Whether what stands under a table's name is what the engine published there, as far as can be told."""
    if (table.kind == "VIEW") != last.strategy.is_view:
        return False
    rows = warehouse.rows(
        "SELECT COLUMN_NAME AS name FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?",
        (table.schema, table.name),
    )
    return {c.casefold() for c in last.columns} <= {r["name"].casefold() for r in rows}


# --- what keeps it, and the order -----------------------------------------------------------------------------------


def reads(text: str, table: str) -> bool:
    """Whether a statement names a table, quoted in any way."""
    schema, _, name = table.partition(".")
    parts = r"\s*\.\s*".join(rf'["\[]?{re.escape(part)}["\]]?' for part in (schema, name))
    return re.search(rf"(?<![\w$#@]){parts}(?![\w$#@])", text, re.IGNORECASE) is not None


def _text(readers: Sequence[tuple[str, str]], view: Standing) -> str:
    return next((text for name, text in readers if name.casefold() == view.full_name.casefold()), "")


def in_order(
    leftovers: Sequence[Leftover], readers: Sequence[tuple[str, str]]
) -> tuple[list[Leftover], list[Leftover]]:
    """Each after what reads it; and those that something which stays reads, with its name."""
    order: list[Leftover] = []
    gone: set[str] = set()
    todo = list(leftovers)
    while ready := [one for one in todo if not _kept_by(one, readers, gone)]:
        order += ready
        gone |= {o.full_name.casefold() for one in ready for o in one.objects}
        todo = [one for one in todo if one not in ready]
    kept = [
        Leftover(one.table, one.published_at, one.items, one.declared, _kept_by(one, readers, gone)) for one in todo
    ]
    return order, kept


def _kept_by(leftover: Leftover, readers: Sequence[tuple[str, str]], gone: Collection[str]) -> tuple[str, ...]:
    """The names of what reads any of these objects, and is neither one of them nor gone by then."""
    own = {o.full_name.casefold() for o in leftover.objects}
    found = {
        name
        for name, text in readers
        if name.casefold() not in own and name.casefold() not in gone and not _is_staging(name)
        if any(reads(text, o.full_name) for o in leftover.objects)
    }
    return tuple(sorted(found))


def _is_staging(name: str) -> bool:
    # A load makes it anew; that of a table which goes is dropped with it.
    schema, _, rest = name.partition(".")
    return schema == "staging" or rest.startswith("__")


def _selected(leftovers: list[Leftover], selectors: Iterable[str]) -> list[Leftover]:
    """The leftovers of the tables that names or patterns select; all of them without any. Raises ProjectError."""
    words = [word for text in selectors for word in text.replace(",", " ").split()]
    chosen: set[str] = set()
    tables = [one.table for one in leftovers]
    for word in words:
        found = fnmatch.filter(tables, word.casefold())
        if not found:
            raise ProjectError(
                Problem(
                    f"the selector {word!r} selects nothing to prune",
                    expected="a table that was published and is not declared, or a pattern such as gold.*",
                    nearest=nearest(word, tables),
                )
            )
        chosen.update(found)
    return [one for one in leftovers if not words or one.table in chosen]
