"""Tables that were published and that pipelines.yaml no longer declares: they stand, and are read, but nothing builds
them any more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from engine import ledger
from engine.ledger import Reader
from engine.project import Project

NAMED = 5
"""How many tables one sentence names."""


@dataclass(frozen=True)
class Undeclared:
    """A published table that nobody declares. ``published_at`` is UTC."""

    table: str
    rows: int
    published_at: dt.datetime

    def __str__(self) -> str:
        rows = f"{self.rows:,} row" + ("" if self.rows == 1 else "s")
        return f"{self.table} ({rows}, last published {self.published_at:%Y-%m-%d})"


def declared(project: Project) -> frozenset[str]:
    """The names of all declared tables, of those too that are declared wrongly."""
    return frozenset(project.node.value.get("tables") or {}) | frozenset(project.tables)


def undeclared(reader: Reader, project: Project) -> list[Undeclared]:
    """The tables that the ledger knows as published and that this project no longer declares, by name."""
    names = declared(project)
    found = {name: last for name, last in ledger.published(reader).items() if name not in names}
    others = strangers(reader, project, found)
    return [Undeclared(n, p.rows_total, p.finished_at) for n, p in sorted(found.items()) if n not in others]


def strangers(reader: Reader, project: Project, tables: Collection[str]) -> dict[str, str]:
    """Of these tables those that only runs of other projects loaded into this warehouse, with the name of one."""
    if not tables:
        return {}
    rows = reader.rows(
        "SELECT l.table_name, SUM(CASE WHEN r.project = ? THEN 1 ELSE 0 END) AS ours, MAX(r.project) AS project"
        " FROM ops.loads AS l INNER JOIN ops.runs AS r ON r.run_id = l.load_id GROUP BY l.table_name",
        (project.name,),
    )
    return {r["table_name"]: r["project"] for r in rows if r["table_name"] in tables and not r["ours"]}


def sentence(found: Sequence[Undeclared]) -> str:
    """What to say of them, in one line; empty for none."""
    if not found:
        return ""
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    named = ", ".join(map(str, found[:NAMED])) + more
    return f"published and no longer declared: {named}; `medallion prune` shows what can go"
