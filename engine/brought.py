"""What a load read, for which rows of earlier loads make way: noted when its rows are staged, before any of them is
quarantined or dropped, and kept with the load until it is published."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.load import Load
from engine.model import Model, Table
from engine.warehouse import NOTHING_BROUGHT, Brought

if TYPE_CHECKING:
    from engine.sources import Landed

FILE = "_source_file"
_BY_FILE = ("merge", "append", "partition")


def landed(load: Load, rows: Landed) -> Brought:
    """What a load from a source read; its rows have just been staged."""
    if load.shape.load not in _BY_FILE:
        return NOTHING_BROUGHT
    return Brought(rows.files, _ordered({*rows.periods, *_periods(load)}))


def built(load: Load) -> Brought:
    """What a load from a SELECT read; its rows have just been staged."""
    watermark = load.table.spec.watermark if load.shape.load == "append" else ""
    return Brought(periods=_ordered(_periods(load)), watermark=watermark)


def example(model: Model, table: Table) -> Brought:
    """What a load of a table may have read, to show its statements with."""
    load = table.spec.load
    by_file = table.landed and load in _BY_FILE
    return Brought(
        (str(model.project.source(table.spec.source or "", model.target).path),) if by_file else (),
        ("2026-01-01",) if load == "partition" else (),
        table.spec.watermark if load == "append" and not table.landed else "",
    )


def emptied(load: Load) -> dict[str, int]:
    """The published rows of each file or period that a load read and of which it has no row as it is staged now, by
    name; of a load that begins anew none."""
    last, read = load.last, load.record.brought
    if last is None or last.missing or load.anew:
        return {}
    table, staging = (load.shape.schema, load.shape.name), load.warehouse.staging(load.shape, load.record.load_id)
    if load.shape.load == "partition":
        assert load.shape.partition_by is not None
        gone = {*read.periods} - {*load.warehouse.by_period(load.shape, *staging)}
        known = gone and _has(load, table, load.shape.partition_by.column)
        there = load.warehouse.by_period(load.shape, *table) if known else {}
        return {_named(load, p): there[p] for p in _ordered(gone) if p in there}
    if load.shape.load != "append" or not read.files:
        return {}
    names = {name.casefold(): name for name in read.files}
    lost = names.keys() - _by_file(load, staging).keys()
    counted = _by_file(load, table) if lost and _has(load, table, FILE) else {}
    return {names[n]: counted[n] for n in sorted(lost) if n in counted}


def _periods(load: Load) -> set[str | None]:
    if load.shape.load != "partition":
        return set()
    return {*load.warehouse.by_period(load.shape, *load.warehouse.staging(load.shape, load.record.load_id))}


def _ordered(periods: set[str | None]) -> tuple[str | None, ...]:
    return tuple(sorted(periods, key=lambda p: (p is None, p or "")))


def _named(load: Load, period: str | None) -> str:
    assert load.shape.partition_by is not None
    if period is None:
        return f"no {load.shape.partition_by.column}"
    return period[: {"day": 10, "month": 7, "year": 4}[load.shape.partition_by.grain]]


def _by_file(load: Load, table: tuple[str, str]) -> dict[str, int]:
    found = load.warehouse.rows(f"SELECT {FILE} AS name, COUNT(*) AS n FROM {_quoted(table)} GROUP BY {FILE}")
    return {r["name"].casefold(): int(r["n"]) for r in found if r["name"] is not None}


def _has(load: Load, table: tuple[str, str], column: str) -> bool:
    """Whether the published table, which may have been declared otherwise, has a column."""
    names = load.warehouse.query(f"SELECT * FROM {_quoted(table)} WHERE 1 = 0")[0]
    return column.casefold() in {name.casefold() for name in names}


def _quoted(table: tuple[str, str]) -> str:
    return ".".join(f'"{name}"' for name in table)  # understood by every warehouse
