"""Files that were loaded before and are read again, or are there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.compile.manifest import source_columns
from engine.core.errors import WarehouseError
from engine.execution import brought, changes
from engine.execution.load import Load
from engine.sources import fingerprints
from engine.state.ledger import Published
from engine.warehouses.replaying import Statements

if TYPE_CHECKING:
    from pathlib import Path

    from engine.sources import Source


def files(load: Load, source: Source) -> list[Path] | None:
    """The files that a load reads, None for all of them.

    A table that appends reads those that are new or changed. It reads all where they are read otherwise than before, or
    where their rows are to be judged again, or the load was asked for and nothing else: the rows of files that are read
    take the place of those that they gave.
    """
    last = load.last
    if last is None or not load.shape.strategy.adds or load.anew or _read_otherwise(load, last):
        return None
    changed = source.changed_files(last.fingerprint)
    declared = last.definition != load.table.definition
    judged = last.inputs == load.record.inputs or changes.suite_changed(load)
    return changed if changed or (declared and judged and not load.forced) else None


def _read_otherwise(load: Load, last: Published) -> bool:
    """Whether the files that were loaded would give other rows now, as their source and the columns are declared. What an
    earlier version loaded is taken as read the same way."""
    reading = load.record.declared["reading"]
    typed = {c.name: str(c.type) for c in source_columns(load.table.spec)}
    same = last.declared.get("reading", reading) == reading
    return not same or any(last.columns.get(name) != type_ for name, type_ in typed.items())


def keep_repaired(load: Load) -> int:
    """Stage again what is published already of the rows that a load quarantined while it landed, because a replay has
    repaired them; how many they are."""
    if not _may_stand_repaired(load):
        return 0
    shape, load_id, warehouse = load.shape, load.record.load_id, load.warehouse
    staging = warehouse.staging(shape, load_id)
    staged, held = warehouse.count(*staging), warehouse.held(shape, load_id)
    for statement in Statements(warehouse.dialect, shape, load_id, staging).keep(warehouse.held_rows(shape, load_id)):
        warehouse.execute(statement)
    kept, taken = warehouse.count(*staging) - staged, held - warehouse.held(shape, load_id)
    if kept != taken:
        raise WarehouseError(f"{shape.full_name}: staged {kept} repaired rows for {taken} quarantined ones")
    return kept


def _may_stand_repaired(load: Load) -> bool:
    """Whether earlier rows stay, with the columns of now."""
    last, shape = load.last, load.shape
    if last is None or last.missing or load.anew or not last.strategy.stored or last.strategy.versions:
        return False
    there = brought.kept(load.table, last).columns
    known = load.warehouse.exists("quarantine", f"{shape.schema}_{shape.name}")
    typed = all(last.columns.get(c.name) == str(c.type) for c in load.table.columns)
    return known and typed and shape.strategy.partial and all(c.name.casefold() in there for c in shape.columns)


def copies(load: Load) -> tuple[str, ...]:
    """What to say of each file that was read and has the bytes of another one, where nothing tells their rows apart."""
    if not load.shape.strategy.adds or load.shape.key:
        return ()
    now, last = fingerprints.contents(load.record.fingerprint), load.last
    before = {} if last is None or load.anew else fingerprints.contents(last.fingerprint)
    first: dict[str, str] = {}
    for name in sorted(now, key=lambda name: (before.get(name) != now[name], name)):
        first.setdefault(now[name], name)
    same = {name: first[now[name]] for name in now if first[now[name]] != name and before.get(name) != now[name]}
    rows = brought.by_file(load, load.warehouse.staging(load.shape, load.record.load_id)) if same else {}
    return tuple(
        f"{name} has the bytes of {other}, which is loaded {'already' if other in before else 'too'}; the rows of both "
        "are published"
        for name, other in same.items()
        if name[-brought.NAMED :].casefold() in rows
    )
