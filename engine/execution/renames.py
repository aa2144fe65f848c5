"""Files that were touched, saved again or renamed since they were loaded: their rows stay, and the ledger follows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from engine.compile.manifest import Table
from engine.core.errors import SourceError
from engine.core.quoting import quoted
from engine.sources import fingerprints
from engine.state import ledger
from engine.state.ledger import LOADS, Published

if TYPE_CHECKING:
    from engine.warehouses.protocol import Warehouse


def follow(
    table: Table, warehouse: Warehouse, last: Published | None, fingerprint: str, say: Callable[[str], None]
) -> Published | None:
    """What was published, with the names and times that its files have now where their bytes are those that were loaded.

    Where files come one after the other, a file under another name is the same file: its rows get that name. Raises
    SourceError for one that took the name of another file, whose rows nobody has any more.
    """
    if last is None or last.missing or not table.landed or fingerprint == last.fingerprint:
        return last
    moved = {}
    if table.spec.strategy.adds and last.strategy.adds:
        moved = fingerprints.renamed(last.fingerprint, fingerprint)
    known = fingerprints.followed(last.fingerprint, fingerprint, moved)
    row = ledger.load_row(warehouse, table.name, last.load_id)
    if known == last.fingerprint or row is None:
        return last
    for old, new in moved.items():
        if new in fingerprints.entries(last.fingerprint) and new not in moved:
            raise SourceError(
                f"{new}: now has the bytes of {old}, which was loaded and is gone, in the place of its own; both were "
                f"loaded. Give them their names back, or build the table anew: medallion run --full --select {table.name}"
            )
    row["fingerprint"] = known
    if moved:
        statements = [_rename(warehouse, table.shape.schema, table.shape.name, "_source_file", moved)]
        quarantine = f"{table.shape.schema}_{table.shape.name}"
        if warehouse.exists("quarantine", quarantine):
            statements.append(_rename(warehouse, "quarantine", quarantine, "source_file", moved))
        warehouse.exchange(table.shape, statements, lambda _: [(LOADS, row)])
    else:
        warehouse.record([(LOADS, row)])
    for old, new in moved.items():
        say(f"{table.name}: {new} is {old} under another name, and is not loaded twice")
    return replace(last, fingerprint=known)


def _rename(warehouse: Warehouse, schema: str, name: str, column: str, moved: Mapping[str, str]) -> str:
    said = warehouse.dialect.literal
    cases = " ".join(f"WHEN {said(old)} THEN {said(new)}" for old, new in moved.items())
    # All at once: a name that one file leaves may be another's now.
    return (
        f"UPDATE {quoted(schema)}.{quoted(name)} SET {column} = CASE {column} {cases} END"
        f" WHERE {column} IN ({', '.join(said(old) for old in moved)})"
    )
