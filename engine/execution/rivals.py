"""Which of two rows of one key is the newer: by the counter of the loads that brought them, then by file and row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from engine.compile.manifest import Table
from engine.warehouses.protocol import Warehouse

Row = dict[str, Any]
Order = tuple[int, str, int]


class Rivals:
    """Rows of a replay beside those that share their key, in the replay and in the published table."""

    def __init__(self, table: Table, warehouse: Warehouse, quarantined: Sequence[Row]) -> None:
        self.table = table
        self.key = ", ".join(table.spec.key_columns)
        found = warehouse.rows("SELECT load_id, number FROM ops.loads WHERE table_name = ?", (table.name,))
        self.numbers: dict[str, int] = {r["load_id"]: r["number"] for r in found if r["number"] is not None}
        # A replayed row carries the load id of its replay; how old it is says the load that quarantined it.
        self.brought = {
            (r["replay_load_id"], r["source_file"], r["source_row"]): r["load_id"]
            for r in quarantined
            if r["state"] == "replayed"
        }

    def among(self, at: Mapping[int, Row], shared: Sequence[Row]) -> dict[int, list[str]]:
        """Why rows of a replay give way to another one of their key. ``shared`` are number ``n`` and key ``g``."""
        groups: dict[int, list[int]] = {}
        for row in shared:
            groups.setdefault(row["g"], []).append(row["n"])
        stay = {}
        for numbers in groups.values():
            orders = {n: self._order(at[n]) for n in numbers}
            latest = max((o for o in orders.values() if o is not None), default=None)
            winners = [n for n, order in orders.items() if order is None or order == latest]
            for n in numbers:
                other = next(w for w in (*winners, *numbers) if w != n)
                words = (
                    "the later one goes first"
                    if len(winners) == 1
                    else "and which is the newer cannot be told; choose one with --row"
                )
                if winners != [n]:
                    stay[n] = [f"{self.key}: quarantined row {at[other]['quarantine_id']} has the same key, {words}"]
        return stay

    def published(self, at: Mapping[int, Row], standing: Sequence[Row]) -> dict[int, list[str]]:
        """Why rows of a replay cannot take the place of the published rows ``standing``; of others they may."""
        stay = {}
        for row in standing:
            if why := self._why_not(at[row["n"]], row):
                stay[row["n"]] = [f"{self.key}: the key stands in the table already, {why}"]
        return stay

    def _why_not(self, ours: Row, theirs: Row) -> str:
        if not theirs["load_id"]:
            return "and which of the two is the newer cannot be told of a table that is built from a SELECT"
        by = f"by {theirs['load_id']} from row {theirs['source_row']} of {theirs['source_file']}"
        mine, other = self._order(ours), self._order(theirs)
        if mine is None or other is None:
            return f"loaded {by}, and which of the two is the newer cannot be told"
        if mine <= other:
            return f"loaded later {by}"
        if not self.table.spec.strategy.matches:
            return f"loaded {by}, and load: {self.table.spec.load} does not replace single rows"
        return ""

    def _order(self, row: Row) -> Order | None:
        """Where a row stands among all that were ever loaded; None where the ledger does not know its load."""
        load_id = str(row["load_id"])
        number = self.numbers.get(self.brought.get((load_id, row["source_file"], row["source_row"]), load_id))
        return None if number is None else (number, row["source_file"] or "", row["source_row"] or 0)
