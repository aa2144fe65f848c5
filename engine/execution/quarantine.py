"""Quarantined rows: what is there, why, and where it came from."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from engine.compile.manifest import load_model
from engine.config.project import Project
from engine.execution.reading import held_rows, reading
from engine.execution.replay import chosen
from engine.execution.tracing import standing, trace


def overview(project: Project, target: str | None, *, every: bool = False) -> list[dict[str, Any]]:
    """How many quarantined rows each table has, by load and kind of reason; a row with two reasons counts in both."""
    counts: Counter[tuple[str, str, str, str]] = Counter()
    with reading(project, project.target_name(target)) as warehouse:
        for row in held_rows(warehouse):
            if every or row["state"] == "held":
                for reason in row["reasons"]:
                    counts[row["table"], row["load_id"], row["state"], _kind(reason)] += 1
    return [
        {"table": t, "load_id": i, "state": s, "rows": n, "reason": r} for (t, i, s, r), n in sorted(counts.items())
    ]


def by_kind(reasons: Iterable[str]) -> list[tuple[str, int]]:
    """The kinds of some rows' reasons and how many rows have each, the most frequent first."""
    return Counter(map(_kind, reasons)).most_common()


def _kind(reason: str) -> str:
    """The reason without what is peculiar to one row, so that rows of one kind are counted together."""
    kind = re.sub(r"^line [\d,]+: ", "", reason)
    kind = re.sub(r", in row \d+ of .*$", ", in a later row", kind)
    kind = re.sub(r" by \S+ from row \d+ of .*$", "", kind)
    kind = re.sub(r": quarantined row \S+ has", ": another quarantined row has", kind)
    return re.sub(r": '.*?' is ", ": a value is ", kind, count=1)


def held(
    project: Project, target: str | None, table: str, *, limit: int = 20, every: bool = False
) -> list[dict[str, Any]]:
    """The quarantined rows of one table, with reasons, origin and data.

    ``origins`` are the rows of files that a row came from, at most a few of ``origins_total``; ``untraced`` says why
    there are none. ``source_file`` and ``source_row`` of a row that a SELECT built are its only or first origin.
    ``published`` says which published row has the key of one that is in quarantine still, empty where none has.
    """
    target = project.target_name(target)
    with reading(project, target) as warehouse:
        rows = [r for r in held_rows(warehouse, table) if every or r["state"] == "held"][:limit]
        if not rows:
            return []
        model = load_model(project, target, dt.datetime.now(dt.UTC).date())
        for row in rows:
            waits = row["state"] == "held"
            row["published"] = standing(warehouse, model.tables[table], row["row_data"]) if waits else ""
            if not project.tables[table].source:
                found = trace(model, warehouse, model.tables[table], row["row_data"])
                row |= {"origins": found.rows, "origins_total": found.total, "untraced": found.why_not}
                if found.rows:
                    row |= {k: found.rows[0][k] for k in ("source_file", "source_row")}
    return rows


def waiting(project: Project, target: str | None, table: str) -> list[str]:
    """The ids of the rows that a replay of the whole table would send."""
    with reading(project, project.target_name(target)) as warehouse:
        return [r["quarantine_id"] for r in chosen(held_rows(warehouse, table), table, ())]
