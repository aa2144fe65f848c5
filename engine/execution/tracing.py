"""From a row of a table that is built by SELECTs back to the rows of files that it was made of, by lineage."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.compile.manifest import Model, Table
from engine.core.errors import WarehouseError
from engine.core.numbers import digits
from engine.core.quoting import quoted
from engine.core.sqltypes import Column
from engine.warehouses.protocol import Warehouse

FIRST = 5
"""Origins that are named; of more only the number."""
_UNTRACEABLE = ("binary", "float", "null")
"""Families whose values do not come back from JSON as they went in."""


@dataclass
class Origins:
    """The rows of source tables that a row was made of: the first few, and how many there are (at least, behind a table
    in between). ``why_not`` says why there are none."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    total: int = 0
    why_not: str = ""


def trace(model: Model, warehouse: Warehouse, table: Table, row: Mapping[str, Any]) -> Origins:
    """Where a row of a built table came from, as the tables that it reads are published now."""
    origins = Origins()
    led = False
    for source, values in _leads(model, table, row):
        led = True
        try:
            _follow(model, warehouse, source, values, origins)
        except WarehouseError:
            continue  # never published, or with other columns than it has now
    if not origins.rows:
        origins.why_not = (
            "no row of what it reads has its values now"
            if led
            else "its values are not taken over as they are from one table"
            if table.spec.key_columns
            else "its SELECT does not keep or drop the rows of one table"
        )
    return origins


def standing(warehouse: Warehouse, table: Table, row: Mapping[str, Any]) -> str:
    """Where the published row with the key of ``row`` is from, in words; empty where there is none, or nobody can tell."""
    known = {c.name.casefold(): c for c in table.columns}
    key = [known[k.casefold()] for k in table.spec.key_columns]
    if not key or any(row.get(c.name) is None or c.type.family in _UNTRACEABLE for c in key):
        return ""
    where = " AND ".join(_is(warehouse, c, row[c.name]) for c in key)
    current = " AND valid_to IS NULL" if table.spec.strategy.versions else ""
    origin = "_load_id, _source_file, _source_row" if table.landed else "1 AS there"
    schema, name = table.name.split(".")
    try:
        found = warehouse.rows(f"SELECT {origin} FROM {quoted(schema)}.{quoted(name)} WHERE {where}{current}")
    except WarehouseError:
        return ""  # never published, or with other columns than it has now
    if not found:
        return ""
    one = found[0]
    return f"{one['_source_file']} row {one['_source_row']} by {one['_load_id']}" if table.landed else "a row of its key"


def _follow(
    model: Model, warehouse: Warehouse, source: Table, values: Sequence[tuple[Column, Any]], origins: Origins
) -> None:
    schema, name = source.name.split(".")
    where = " AND ".join(_is(warehouse, column, value) for column, value in values)
    found = f"{quoted(schema)}.{quoted(name)} WHERE {where}"
    if source.landed:
        origins.total += int(warehouse.rows(f"SELECT COUNT(*) AS n FROM {found}")[0]["n"])
        rows = warehouse.rows(f"SELECT _source_file, _source_row FROM {found} ORDER BY _source_file, _source_row")
        for r in rows[: FIRST - len(origins.rows)]:
            origins.rows.append(
                {"table": source.name, "source_file": r["_source_file"], "source_row": r["_source_row"]}
            )
        return
    columns = ", ".join(quoted(c.name) for c in source.columns)
    for row in warehouse.rows(f"SELECT {columns} FROM {found}")[:FIRST]:
        for further, known in _leads(model, source, row):
            _follow(model, warehouse, further, known, origins)


def _leads(model: Model, table: Table, row: Mapping[str, Any]) -> Iterator[tuple[Table, list[tuple[Column, Any]]]]:
    """The tables in which a row's values lead to its origins, with the columns and values by which: where the whole key
    comes from one table its key alone; without a key all that comes from the table whose rows the SELECT keeps."""
    keys = {k.casefold() for k in table.spec.key_columns}
    driving = (table.bound.driving or "").lower() if table.bound is not None else ""
    for name in table.inputs:
        source = model.tables[name]
        known = {c.name.casefold(): c for c in source.columns}
        mapped: dict[str, tuple[Column, Any]] = {}
        for column in table.columns:
            pairs = [c for t, c in column.lineage if t.lower() == name]
            origin = known.get(pairs[0].casefold()) if len(pairs) == 1 else None
            if origin is None or column.name not in row or column.type.family != origin.type.family:
                continue
            if origin.type.family not in _UNTRACEABLE:
                mapped[column.name.casefold()] = (origin, row[column.name])
        if keys and keys <= mapped.keys():
            yield source, [mapped[k] for k in sorted(keys)]
        elif not keys and mapped and name == driving:
            yield source, list(mapped.values())


def _is(warehouse: Warehouse, column: Column, value: Any) -> str:
    if value is None:
        return f"{quoted(column.name)} IS NULL"
    return f"{quoted(column.name)} = {warehouse.dialect.typed(digits(value), column.type)}"
