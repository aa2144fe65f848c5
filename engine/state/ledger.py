"""What happened: runs, loads, verdicts and watermarks, as tables of schema ``ops`` in the warehouse itself.

A load's row is written in the transaction that publishes its table, so the ledger can neither promise a table that is
not there nor miss one that is.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from engine.core.layers import LAYERS
from engine.core.sqltypes import Column, parse_type
from engine.core.strategies import STRATEGIES, Strategy
from engine.core.tables import NOTHING_BROUGHT, QUARANTINE_COLUMNS, Brought, TableShape

if TYPE_CHECKING:
    from engine.core.verdict import Verdict

Row = dict[str, Any]


def _shape(name: str, key: tuple[str, ...], **columns: str) -> TableShape:
    made = tuple(Column(n, parse_type(t), nullable=n not in key, padded=False) for n, t in columns.items())
    return TableShape("ops", name, made, key)


RUNS = _shape(
    "runs",
    ("run_id",),
    run_id="nvarchar(64)",
    number="bigint",
    project="nvarchar(128)",
    target="nvarchar(128)",
    selection="nvarchar(400)",
    logical_date="date",
    started_at="datetime2(3)",
    finished_at="datetime2(3)",
    state="nvarchar(20)",
    published="int",
    unchanged="int",
    failed="int",
    skipped="int",
    rows_published="bigint",
    host="nvarchar(128)",
    pid="int",
    error="nvarchar(4000)",
)
LOADS = _shape(
    "loads",
    ("table_name", "load_id"),
    table_name="nvarchar(260)",
    load_id="nvarchar(64)",
    number="bigint",
    state="nvarchar(20)",
    strategy="nvarchar(20)",
    verdict="nvarchar(20)",
    logical_date="date",
    started_at="datetime2(3)",
    finished_at="datetime2(3)",
    rows_read="bigint",
    rows_filtered="bigint",
    rows_staged="bigint",
    rows_duplicate="bigint",
    rows_quarantined="bigint",
    rows_published="bigint",
    rows_unchanged="bigint",
    rows_removed="bigint",
    rows_total="bigint",
    seconds_load="float",
    seconds_gate="float",
    seconds_publish="float",
    definition="nvarchar(64)",
    fingerprint="nvarchar(max)",
    inputs="nvarchar(max)",
    columns="nvarchar(max)",
    alias="nvarchar(260)",
    project="nvarchar(128)",
    declared="nvarchar(max)",
    error="nvarchar(4000)",
)
VERDICTS = _shape(
    "verdicts",
    ("table_name", "load_id", "expectation_id"),
    table_name="nvarchar(260)",
    load_id="nvarchar(64)",
    expectation_id="nvarchar(200)",
    judged_at="datetime2(3)",
    type="nvarchar(200)",
    column_name="nvarchar(400)",
    severity="nvarchar(20)",
    success="bit",
    quarantine="bit",
    unexpected="bigint",
    total="bigint",
    observed="nvarchar(4000)",
    message="nvarchar(4000)",
    sample="nvarchar(max)",
    rows_sql="nvarchar(max)",
    detail="nvarchar(max)",
)
WATERMARKS = _shape(
    "watermarks",
    ("table_name", "column_name"),
    table_name="nvarchar(260)",
    column_name="nvarchar(128)",
    value="nvarchar(400)",
    load_id="nvarchar(64)",
    updated_at="datetime2(3)",
)
TABLES = (RUNS, LOADS, VERDICTS, WATERMARKS)
PRUNED = "pruned"
"""The state of the row in ``ops.loads`` that says a table was dropped: what was published before it is gone."""
FILLS = {
    ("runs", "number"): (
        "UPDATE ops.runs SET number = r.n FROM (SELECT run_id, ROW_NUMBER() OVER (ORDER BY started_at, run_id) AS n"
        " FROM ops.runs) AS r WHERE r.run_id = ops.runs.run_id"
    ),
    ("loads", "number"): (
        "UPDATE ops.loads SET number = r.n FROM (SELECT table_name, load_id, ROW_NUMBER() OVER ("
        "PARTITION BY table_name ORDER BY finished_at, load_id) AS n FROM ops.loads) AS r"
        " WHERE r.table_name = ops.loads.table_name AND r.load_id = ops.loads.load_id"
    ),
    ("loads", "project"): (
        "UPDATE ops.loads SET project = r.project FROM ops.runs AS r WHERE r.run_id = ops.loads.load_id"
    ),
}
"""What a column that an earlier version did not keep is filled with; others are NULL for loads of that time."""


REPLAY, UNDO = "_replay", "_undo"
"""How the ids of loads end that change single rows; by it they are told from those of runs."""


class Reader(Protocol):
    """The one thing the ledger needs to read itself back."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]: ...


def lacking(reader: Reader) -> list[tuple[TableShape, Column]]:
    """The columns that the tables of ledger and quarantine lack, having been made by an earlier version. Tables not made
    lack none."""
    found: dict[tuple[str, str], set[str]] = {}
    for row in reader.rows(
        "SELECT table_schema, table_name, column_name FROM information_schema.columns"
        " WHERE table_schema IN ('ops', 'quarantine')"
    ):
        found.setdefault((row["table_schema"], row["table_name"]), set()).add(row["column_name"])
    quarantines = [
        TableShape(schema, name, QUARANTINE_COLUMNS)
        for schema, name in sorted(found)
        if schema == "quarantine" and is_quarantine(name)
    ]
    shapes = [s for s in (*TABLES, *quarantines) if (s.schema, s.name) in found]
    return [(s, c) for s in shapes for c in s.columns if c.name not in found[s.schema, s.name]]


def is_quarantine(name: str) -> bool:
    """Whether a table of schema ``quarantine`` keeps quarantined rows; others keep what a replay's undoing takes."""
    return name.startswith(tuple(f"{layer}_" for layer in LAYERS))


def fills(missing: Sequence[tuple[TableShape, Column]]) -> list[str]:
    """The statements that fill columns which have just been added; they mean the same on every warehouse."""
    return [FILLS[s.name, c.name] for s, c in missing if (s.name, c.name) in FILLS]


def migrated(missing: Sequence[tuple[TableShape, Column]]) -> str:
    """What to say of a ledger that was brought up to date; empty when nothing was missing."""
    if not missing:
        return ""
    return "the ledger was made by an earlier version; added " + ", ".join(
        f"{s.full_name}.{c.name}" for s, c in missing
    )


def next_number(reader: Reader, table: str) -> int:
    """The number of a table's next load: one more than of any load of it that the ledger knows."""
    return int(
        reader.rows("SELECT COALESCE(MAX(number), 0) + 1 AS n FROM ops.loads WHERE table_name = ?", (table,))[0]["n"]
    )


def next_run_number(reader: Reader) -> int:
    """The number of the next run."""
    return int(reader.rows("SELECT COALESCE(MAX(number), 0) + 1 AS n FROM ops.runs")[0]["n"])


def run_begun(run_id: str, project: str, target: str, selection: str, logical_date: dt.date, number: int = 0) -> Row:
    """The ``ops.runs`` row of a run of this process that begins now. ``number`` orders runs; clocks do not."""
    return {
        "run_id": run_id,
        "number": number,
        "project": project,
        "target": target,
        "selection": selection[:400],
        "logical_date": logical_date,
        "started_at": now(),
        "finished_at": None,
        "state": "running",
        "published": None,
        "unchanged": None,
        "failed": None,
        "skipped": None,
        "rows_published": None,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "error": None,
    }


@dataclass
class LoadRecord:
    """One table's load while it happens; ``row`` is what the ledger keeps of it. Counts are rows, times are seconds."""

    table: str
    load_id: str
    strategy: str
    definition: str
    logical_date: dt.date
    fingerprint: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    columns: tuple[Column, ...] = ()
    alias: str = ""
    project: str = ""
    declared: dict[str, Any] = field(default_factory=dict)
    """What the table was declared as: load, key, partition_by, watermark and what it is computed by, suite; ``anew`` or
    ``first`` when nothing was kept."""
    brought: Brought = NOTHING_BROUGHT
    """What was read. Kept beside ``declared`` until the load is published, by another process perhaps."""
    started_at: dt.datetime = field(default_factory=lambda: now())
    number: int = 0
    """Orders the loads of a table, whatever the clocks say; given when the row is written."""
    state: str = "running"
    verdict: str = ""
    error: str = ""
    rows_read: int = 0
    rows_filtered: int | None = 0
    """None where nobody can tell; rows_read is then what the SELECT gave."""
    rows_staged: int = 0
    rows_duplicate: int = 0
    rows_quarantined: int = 0
    rows_published: int = 0
    rows_unchanged: int = 0
    rows_removed: int = 0
    versions_closed: int = 0
    """Said when it happens; the table's own ``valid_to`` keeps it."""
    rows_total: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def row(self) -> Row:
        return {
            "table_name": self.table,
            "load_id": self.load_id,
            "number": self.number,
            "state": self.state,
            "strategy": self.strategy,
            "verdict": self.verdict,
            "logical_date": self.logical_date,
            "started_at": self.started_at,
            "finished_at": now(),
            "rows_read": self.rows_read,
            "rows_filtered": self.rows_filtered,
            "rows_staged": self.rows_staged,
            "rows_duplicate": self.rows_duplicate,
            "rows_quarantined": self.rows_quarantined,
            "rows_published": self.rows_published,
            "rows_unchanged": self.rows_unchanged,
            "rows_removed": self.rows_removed,
            "rows_total": self.rows_total,
            "seconds_load": self.seconds.get("load", 0.0),
            "seconds_gate": self.seconds.get("gate", 0.0),
            "seconds_publish": self.seconds.get("publish", 0.0),
            "definition": self.definition,
            "fingerprint": self.fingerprint,
            "inputs": json.dumps(self.inputs, sort_keys=True),
            "columns": json.dumps({c.name: str(c.type) for c in self.columns}),
            "alias": self.alias or None,
            "project": self.project or None,
            "declared": json.dumps({**self.declared, **self._waiting()}, sort_keys=True),
            "error": self.error[:4000] or None,
        }

    def _waiting(self) -> dict[str, Any]:
        known = self.state != "published" and self.brought != NOTHING_BROUGHT
        return {"brought": asdict(self.brought)} if known else {}

    @classmethod
    def from_row(cls, row: Row, definition: str, columns: tuple[Column, ...]) -> LoadRecord:
        """The load that a row of ``ops.loads`` tells of, to be gone on with."""
        declared = json.loads(row["declared"] or "{}")
        brought = declared.pop("brought", {})
        record = cls(
            row["table_name"],
            row["load_id"],
            row["strategy"],
            definition,
            row["logical_date"],
            row["fingerprint"] or "",
            json.loads(row["inputs"] or "{}"),
            columns,
            project=row["project"] or "",
            declared=declared,
            brought=Brought(
                tuple(brought.get("files", ())), tuple(brought.get("periods", ())), brought.get("watermark", "")
            ),
            started_at=row["started_at"],
            seconds={"load": row["seconds_load"] or 0.0},
        )
        for count in ("rows_read", "rows_staged", "rows_duplicate"):
            setattr(record, count, row[count] or 0)
        record.rows_filtered = row["rows_filtered"]
        return record

    def balance(self) -> str:
        """How the rows that were read are not those that were accounted for, in words; empty when they are."""
        parts = {
            "published": self.rows_published,
            "unchanged": self.rows_unchanged,
            "quarantined": self.rows_quarantined,
            "duplicates": self.rows_duplicate,
            "filtered": self.rows_filtered,
        }
        known = {what: rows for what, rows in parts.items() if rows is not None}
        if sum(known.values()) == self.rows_read:
            return ""
        shown = " + ".join(f"{what} {rows:,}" for what, rows in known.items())
        return f"read {self.rows_read:,} rows but {shown} = {sum(known.values()):,}"


def verdict_rows(table: str, load_id: str, verdicts: Sequence[Verdict]) -> list[Row]:
    """The verdicts of one load as rows of ``ops.verdicts``."""
    judged_at = now()
    return [
        {
            "table_name": table,
            "load_id": load_id,
            "expectation_id": v.id,
            "judged_at": judged_at,
            "type": v.type,
            "column_name": v.column,
            "severity": v.severity,
            "success": v.success,
            "quarantine": v.quarantine,
            "unexpected": v.unexpected,
            "total": v.total,
            "observed": v.observed[:4000],
            "message": v.message[:4000],
            "sample": json.dumps(v.sample, ensure_ascii=False, default=str),
            "rows_sql": v.rows_sql,
            "detail": json.dumps(v.detail, ensure_ascii=False, default=str),
        }
        for v in verdicts
    ]


@dataclass(frozen=True)
class Published:
    """The last load of a table that was published."""

    load_id: str
    definition: str
    fingerprint: str
    inputs: dict[str, str]
    columns: dict[str, str]
    rows_total: int
    finished_at: dt.datetime
    verdict: str
    declared: dict[str, Any] = field(default_factory=dict)
    """What the published table is declared as; of a load of an earlier version no more than ``load``."""
    standing: str = ""
    """What the warehouse has under the table's name now: TABLE, VIEW, or empty for nothing."""

    @property
    def load(self) -> str:
        """The name of the strategy by which it was published."""
        return str(self.declared["load"])

    @property
    def strategy(self) -> Strategy:
        return STRATEGIES[self.load]

    @property
    def missing(self) -> str:
        """Why what stands there cannot be what was published, in words; empty when it can."""
        if not self.standing:
            return "it is missing from the warehouse"
        if (self.standing == "VIEW") != self.strategy.is_view:
            return f"a {self.standing.lower()} stands in its place in the warehouse"
        return ""


def standing(reader: Reader) -> dict[str, str]:
    """Every table and view of the layers that is in the warehouse: TABLE or VIEW by name."""
    rows = reader.rows(
        "SELECT table_schema, table_name, table_type FROM information_schema.tables"
        f" WHERE table_schema IN ({', '.join('?' * len(LAYERS))})",
        LAYERS,
    )
    return {
        f"{r['table_schema']}.{r['table_name']}": "VIEW" if r["table_type"] == "VIEW" else "TABLE"
        for r in rows
        if not r["table_name"].startswith("__")
    }


def published(reader: Reader) -> dict[str, Published]:
    """The last published load of every table, but of those that were pruned since, and what stands under its name."""
    there = standing(reader)
    rows = reader.rows(
        "SELECT table_name, load_id, definition, fingerprint, inputs, columns, rows_total, finished_at, verdict,"
        " strategy, declared FROM ("
        "SELECT *, ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY number DESC, load_id DESC) AS recent"
        " FROM ops.loads WHERE state IN ('published', 'pruned')) AS l WHERE recent = 1 AND state = 'published'"
    )
    return {
        r["table_name"]: Published(
            r["load_id"],
            r["definition"],
            r["fingerprint"] or "",
            json.loads(r["inputs"] or "{}"),
            json.loads(r["columns"] or "{}"),
            r["rows_total"],
            r["finished_at"],
            r["verdict"] or "",
            {"load": r["strategy"], **json.loads(r["declared"] or "{}")},
            there.get(r["table_name"], ""),
        )
        for r in rows
    }


def load_row(reader: Reader, table: str, load_id: str) -> Row | None:
    """What the ledger says of one load of one table."""
    rows = reader.rows("SELECT * FROM ops.loads WHERE table_name = ? AND load_id = ?", (table, load_id))
    return rows[0] if rows else None


def watermarks(reader: Reader) -> dict[tuple[str, str, str], str]:
    """The highest published value of every table and column that keeps a watermark, as text, with the load of which it
    was that."""
    found = reader.rows("SELECT table_name, column_name, load_id, value FROM ops.watermarks WHERE value IS NOT NULL")
    return {(r["table_name"], r["column_name"].casefold(), r["load_id"]): r["value"] for r in found}


def history(reader: Reader, runs: int = 20) -> dict[str, list[Row]]:
    """The latest runs, the latest load of each table that was not pruned since and its verdicts, as JSON-ready rows.

    A load is given with the rows that its table has now (``table_rows``): what it published itself may be none of them.
    """
    latest = (
        "SELECT *, ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY number DESC, load_id DESC) AS recent"
        " FROM ops.loads"
    )
    names = ", ".join(f"l.{c.name}" for c in LOADS.columns if c.name != "columns")
    judged = ", ".join(f"v.{c.name}" for c in VERDICTS.columns if c.name not in ("detail", "rows_sql", "sample"))
    loads = reader.rows(
        f"SELECT {names} FROM ({latest}) AS l WHERE l.recent = 1 AND l.state <> 'pruned' ORDER BY l.table_name"
    )
    there = {name: last.rows_total for name, last in published(reader).items() if not last.missing}
    return {
        "runs": reader.rows("SELECT * FROM ops.runs ORDER BY number DESC, started_at DESC")[:runs],
        "loads": [{**load, "table_rows": there.get(load["table_name"])} for load in loads],
        "verdicts": reader.rows(
            f"SELECT {judged} FROM ops.verdicts AS v INNER JOIN ({latest}) AS l ON l.table_name = v.table_name"
            " AND l.load_id = v.load_id AND l.recent = 1 AND l.state <> 'pruned' ORDER BY v.table_name, v.expectation_id"
        ),
    }


def after(moment: dt.datetime | None) -> dt.datetime:
    """Now, or a millisecond after ``moment`` where a clock that was wrong has put that into the future."""
    return now() if moment is None else max(now(), moment + dt.timedelta(milliseconds=1))


def now() -> dt.datetime:
    """UTC, to the millisecond, without a zone: what the ledger's datetime2(3) keeps."""
    moment = dt.datetime.now(dt.UTC).replace(tzinfo=None)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
