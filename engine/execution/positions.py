"""What the rows of a load were made from: the state of the sources at its beginning, however many tables lie between.

Load ids do not tell: a table that is published anew from the same files has another. By its position a load can be known
as one whose rows are there already.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Collection, Mapping
from typing import Any

from engine.compile.manifest import Model, Table
from engine.core.selectors import reached
from engine.core.strategies import STRATEGIES
from engine.sources import fingerprints
from engine.state.ledger import REPLAY, UNDO, Reader, Row

WITHOUT_ROWS = "without_rows"
"""The contents of files without a row, in what the ledger keeps as declared."""


def without_rows(fingerprint: str, names: Collection[str], before: Mapping[str, Any]) -> list[str]:
    """What stands in ``fingerprint`` for the content of files that have no row: of the files ``names``, and of those of
    which a load that declared ``before`` knew it."""
    found = fingerprints.contents(fingerprint)
    known = {content for name, content in found.items() if name in names}
    return sorted(known | ({*before.get(WITHOUT_ROWS, ())} & {*found.values()}))


def _stays(row: Row) -> bool:
    """Whether a load was added to rows that stood there."""
    made = json.loads(row["declared"] or "{}")
    return STRATEGIES[row["strategy"]].keeps and not (made.get("anew") or made.get("first"))


class Known:
    """The published loads of a table and of all it is built from."""

    def __init__(self, model: Model, table: Table, reader: Reader) -> None:
        self.model = model
        names = reached({n: t.reads for n, t in model.tables.items()}, [table.name]) & model.tables.keys()
        self.loads = reader.rows(
            "SELECT table_name, load_id, number, inputs, fingerprint, logical_date, strategy, declared,"
            " rows_published, rows_quarantined, rows_removed"
            " FROM ops.loads"
            f" WHERE state = 'published' AND table_name IN ({', '.join('?' * len(names))}) ORDER BY number",
            sorted(names),
        )
        self.known = {(r["table_name"], r["load_id"]): r for r in self.loads}
        self.found: dict[tuple[str, str], str] = {}
        self.acting = self._acting()
        self.same: list[Row] = []
        """The loads of the table from the same sources as the one that was asked of."""

    def sources_as_before(self, table: Table, inputs: Mapping[str, str], date: dt.date) -> bool:
        """Whether a table that appends what its SELECT gives may still have the rows of a load from the same sources; of
        the same day, where the day is in a template."""
        now = self.made_from(table, inputs, date)
        mine: list[Row] = []
        for row in self.loads:
            if row["table_name"] == table.name:
                mine = [*(mine if _stays(row) else []), row]
        self.same = [
            r for r in mine if self.made_from(table, json.loads(r["inputs"] or "{}"), r["logical_date"]) == now
        ]
        return bool(self.same)

    def rows_as_before(self, table: Table, inputs: Mapping[str, str]) -> bool:
        """Whether one of those loads read what is read now: the same SELECTs on the way, and no row that a replay put
        there or took away."""
        now = self._read(table, inputs)
        return any(self._read(table, json.loads(r["inputs"] or "{}")) == now for r in self.same)

    def _read(self, table: Table, inputs: Mapping[str, str]) -> list[Any]:
        return [[name, self._rows_of(name, inputs[name])] for name in table.reads if name in inputs]

    def _acting(self) -> dict[tuple[str, str], str]:
        """Each load that left all rows of its table as they were, with the one before it that did not."""
        found: dict[tuple[str, str], str] = {}
        last: dict[str, str] = {}
        for row in self.loads:
            name, same = row["table_name"], _stays(row)
            if same and name in last and not row["rows_published"] and not row["rows_removed"]:
                found[name, row["load_id"]] = last[name]
            else:
                last[name] = row["load_id"]
        return found

    def _rows_of(self, name: str, load_id: str) -> Any:
        load_id = self.acting.get((name, load_id), load_id)
        row, table = self.known.get((name, load_id)), self.model.tables.get(name)
        if row is None or table is None:
            return load_id
        single = load_id if load_id.endswith((REPLAY, UNDO)) else ""
        select = json.loads(row["declared"] or "{}").get("select")
        read = [] if table.landed else self._read(table, json.loads(row["inputs"] or "{}"))
        return [single, None if table.landed else select, read]

    def of(self, name: str, load_id: str) -> str:
        """The position of one load of one table; its load id where nothing more is known."""
        load_id = self.acting.get((name, load_id), load_id)
        at = name, load_id
        if at not in self.found:
            row, table = self.known.get(at), self.model.tables.get(name)
            if row is None or table is None:
                self.found[at] = load_id
            elif table.landed:
                # The bytes of the files that have rows: neither times nor names make another load of the same rows.
                none = json.loads(row["declared"] or "{}").get(WITHOUT_ROWS, ())
                found = fingerprints.contents(row["fingerprint"] or "").values()
                self.found[at] = _digest([content for content in found if content not in none])
            else:
                self.found[at] = self.made_from(table, json.loads(row["inputs"] or "{}"), row["logical_date"])
        return self.found[at]

    def inputs(self, name: str, load_id: str) -> dict[str, str]:
        """What a load read; nothing where the ledger does not know it."""
        row = self.known.get((name, load_id))
        return dict(json.loads(row["inputs"] or "{}")) if row else {}

    def number(self, name: str, load_id: str) -> int:
        """Where a load stands among those of its table; 0 where the ledger does not know it."""
        row = self.known.get((name, load_id))
        return int(row["number"] or 0) if row else 0

    def between(self, name: str, then: str, now: str) -> list[Row]:
        """The loads of a table after one of them, up to and with another."""
        first, last = self.number(name, then), self.number(name, now)
        return [r for r in self.loads if r["table_name"] == name and first < (r["number"] or 0) <= last]

    def made_from(self, table: Table, inputs: Mapping[str, str], date: dt.date) -> str:
        read = [[name, self.of(name, inputs[name])] for name in table.reads if name in inputs]
        return _digest([read, str(date) if table.dated else ""])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
