"""Tables that were published and that pipelines.yaml no longer declares: they stand, and are read, but nothing builds
them any more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from engine.config.project import Project
from engine.state import ledger
from engine.state.ledger import Reader

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
    others = strangers(reader, project) if found else {}
    return [Undeclared(n, p.rows_total, p.finished_at) for n, p in sorted(found.items()) if n not in others]


def strangers(reader: Reader, project: Project) -> dict[str, str]:
    """The tables whose last load in this warehouse was another project's, with its name."""
    rows = reader.rows(
        "SELECT table_name, project FROM (SELECT table_name, project, ROW_NUMBER() OVER (PARTITION BY table_name"
        " ORDER BY number DESC, load_id DESC) AS recent FROM ops.loads) AS l WHERE recent = 1 AND project <> ?",
        (project.name,),
    )
    return {r["table_name"]: r["project"] for r in rows}


def sentence(found: Sequence[Undeclared]) -> str:
    """What to say of them, in one line; empty for none."""
    if not found:
        return ""
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    named = ", ".join(map(str, found[:NAMED])) + more
    return f"published and no longer declared: {named}; `medallion prune` shows what can go"
