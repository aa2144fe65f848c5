"""What a load read, for which rows of earlier loads make way: noted when its rows are staged, before any of them is
quarantined or dropped, and kept with the load until it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.compile.manifest import Model, Table
from engine.core.quoting import qualified
from engine.core.tables import NOTHING_BROUGHT, Brought, Kept
from engine.execution.load import Load
from engine.quality.guards import Replaced
from engine.sources import fingerprints
from engine.state.ledger import Published

if TYPE_CHECKING:
    from engine.sources import Landed

FILE = "_source_file"
ORIGIN = (FILE, "_source_row")
NAMED = 400
"""The characters of a file's name, the last ones, that ``_source_file`` holds."""


def landed(load: Load, rows: Landed) -> Brought:
    """What a load from a source read; its rows have just been staged."""
    if not load.shape.strategy.partial:
        return NOTHING_BROUGHT
    files = (*rows.files, *_names_before(load, rows))
    return Brought(files, _ordered({*rows.periods, *_periods(load)}))


def _names_before(load: Load, rows: Landed) -> list[str]:
    """The names under which files that were read under others were loaded before: what they have in quarantine has been
    read again. An append follows renames in the ledger, and does not read such a file."""
    if load.shape.strategy.adds or load.last is None:
        return []
    moved = fingerprints.renamed(load.last.fingerprint, load.record.fingerprint)
    return [old for old, new in moved.items() if new in rows.files and old not in rows.files]


def built(load: Load) -> Brought:
    """What a load from a SELECT read; its rows have just been staged."""
    watermark = load.table.spec.watermark if load.shape.strategy.adds else ""
    return Brought(periods=_ordered(_periods(load)), watermark=watermark)


def example(model: Model, table: Table) -> Brought:
    """What a load of a table may have read, to show its statements with."""
    by_file = table.landed and table.spec.strategy.partial
    return Brought(
        (str(model.project.source(table.spec.source or "", model.target).path),) if by_file else (),
        ("2026-01-01",) if table.spec.strategy.divided else (),
        table.spec.watermark if table.spec.strategy.adds and not table.landed else "",
    )


def replaced(load: Load) -> list[Replaced]:
    """The files or periods that a load read and of which rows are published, with their rows before and after; of a load
    that begins anew none."""
    last, read = load.last, load.record.brought
    if last is None or last.missing or last.strategy.is_view or load.anew:
        return []
    table, staging = (load.shape.schema, load.shape.name), load.warehouse.staging(load.shape, load.record.load_id)
    if load.shape.strategy.divided and read.periods:
        after = load.warehouse.by_period(load.shape, *staging)
        before = load.warehouse.by_period(load.shape, *table, kept=kept(load.table, last, periods=read.periods))
        return [Replaced(_named(load, p), before[p], after.get(p, 0)) for p in read.periods if p in before]
    if load.shape.strategy.adds and read.files and FILE in kept(load.table, last).columns:
        names = {name.casefold(): name for name in read.files}
        there, now = by_file(load, table), by_file(load, staging)
        return [Replaced(names[n], there[n], now.get(n, 0)) for n in sorted(names) if n in there]
    return []


def unchanged(load: Load, last: Published) -> tuple[str, ...]:
    """The files that a load read though they are as they were loaded."""
    before, now = fingerprints.contents(last.fingerprint), fingerprints.contents(load.record.fingerprint)
    same = {name[-NAMED:] for name, content in now.items() if before.get(name) == content}
    return tuple(name for name in load.record.brought.files if name in same)


def kept(
    table: Table,
    last: Published,
    *,
    periods: tuple[str | None, ...] | None = None,
    files: tuple[str, ...] | None = None,
) -> Kept:
    """The published rows of a table that a load is held against."""
    audit = [c.name for c in table.shape.columns[len(table.columns) :]]
    return Kept(frozenset(name.casefold() for name in (*last.columns, *audit)), last.strategy.versions, periods, files)


def _periods(load: Load) -> set[str | None]:
    if not load.shape.strategy.divided:
        return set()
    return {*load.warehouse.by_period(load.shape, *load.warehouse.staging(load.shape, load.record.load_id))}


def _ordered(periods: set[str | None]) -> tuple[str | None, ...]:
    return tuple(sorted(periods, key=lambda p: (p is None, p or "")))


def _named(load: Load, period: str | None) -> str:
    assert load.shape.partition_by is not None
    if period is None:
        return f"no {load.shape.partition_by.column}"
    return period[: {"day": 10, "month": 7, "year": 4}[load.shape.partition_by.grain]]


def by_file(load: Load, table: tuple[str, str]) -> dict[str, int]:
    """The rows of each file in a table, by its name in lower case."""
    found = load.warehouse.rows(f"SELECT {FILE} AS name, COUNT(*) AS n FROM {qualified(*table)} GROUP BY {FILE}")
    return {r["name"].casefold(): int(r["n"]) for r in found if r["name"] is not None}
