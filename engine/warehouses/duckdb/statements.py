"""The statements that keep tables on DuckDB, as text. Each is a small template in ``sql``."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2

from engine.core.layers import LAYERS
from engine.core.quoting import qualified, quoted
from engine.core.sqltypes import Column, SqlType
from engine.core.tables import (
    AUDIT_COLUMNS,
    HISTORY_COLUMNS,
    QUARANTINE_COLUMNS,
    UNCHANGED,
    Brought,
    Change,
    Kept,
    TableShape,
)

SCHEMAS = ("ops", *LAYERS, "quarantine", "dbo", "tsql")
HISTORY = ("valid_from", "valid_to", "is_current")
_JSON_TEXT = r'"(?:[^"\\]|\\.)*"'


def text(value: object) -> str:
    """A text literal."""
    return "'" + str(value).replace("'", "''") + "'"


def value(found: object) -> str:
    """A Python value as a literal. Raises TypeError for a type that no ledger row has."""
    if found is None:
        return "NULL"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int | float):
        return repr(found)
    if isinstance(found, dt.datetime):
        return f"TIMESTAMP {text(found)}"
    if isinstance(found, dt.date):
        return f"DATE {text(found)}"
    if isinstance(found, str):
        return text(found)
    raise TypeError(f"{type(found).__name__} has no literal")


def written(shape: TableShape, rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """The statements that put rows in the place of those with their key; the parts of the key that all rows share are
    replaced as a whole."""
    name, first = qualified(shape.schema, shape.name), rows[0]
    where = " AND ".join(
        f"{quoted(k)} = {value(first[k])}" for k in shape.key if all(row[k] == first[k] for row in rows)
    )
    names = ", ".join(quoted(n) for n in first)
    values = ", ".join("(" + ", ".join(value(v) for v in row.values()) + ")" for row in rows)
    return [f"DELETE FROM {name} WHERE {where}", f"INSERT INTO {name} ({names}) VALUES {values}"]


def staging_name(shape: TableShape, load_id: str) -> tuple[str, str]:
    """Schema and name of a load's staging table. It lies in the table's own schema, because DuckDB renames within a
    schema only, and a rename is what makes publishing as cheap for ten million rows as for ten."""
    return shape.schema, f"__staging_{shape.name}__{load_id}"


def held_name(shape: TableShape, load_id: str) -> tuple[str, str]:
    """Schema and name of the rows that this load holds back, until they are published to quarantine."""
    return shape.schema, f"__held_{shape.name}__{load_id}"


def quarantine_name(shape: TableShape) -> tuple[str, str]:
    return "quarantine", f"{shape.schema}_{shape.name}"


def _folded(column: Column, source: str = "") -> str:
    # A key compares as SQL Server compares it: trailing blanks do not count (case is the connection's collation).
    name = f"{source}.{quoted(column.name)}" if source else quoted(column.name)
    return f"rtrim({name}, ' ')" if column.type.family == "string" and column.padded else name


def _folded_said(column: Column, of: str) -> str:
    """What the data of a held row says of a key's column."""
    said = f"TRY_CAST({_said(column.name, of, column.type)} AS {column.type.duckdb})"
    return f"rtrim({said}, ' ')" if column.type.family == "string" and column.padded else said


def _list(values: Sequence[str | None]) -> str:
    return f"[{', '.join('NULL' if v is None else text(v) for v in values)}]"


def _exact(column: Column) -> str:
    return 'COLLATE "C"' if column.type.family == "string" else ""


def _all_digits(column: Column, source: str = "") -> str:
    """The value of a column as json_object writes all its digits: a decimal of up to 18 it would pass through a double,
    and one that is all fraction it would write without the 0 before the point, which is not JSON."""
    name = f"{source}.{quoted(column.name)}" if source else quoted(column.name)
    if column.type.family != "decimal":
        return name
    _, scale = column.type.digits
    return f"CAST({name} AS {f'DECIMAL(38,{scale})' if scale < 38 else 'VARCHAR'})"


def _said(name: str, source: str, type_: SqlType | None = None) -> str:
    """What a quarantined row says in a column. A decimal is read from the text of ``row_data``, for DuckDB's JSON
    functions make a double of it; the pattern passes whole pairs, so that no text is taken for a name."""
    if type_ is None or type_.family != "decimal":
        return f"({source}.row_data ->> {text('$.' + quoted(name))})"
    pattern = f'^\\{{(?:{_JSON_TEXT}:(?:{_JSON_TEXT}|[^",]*),)*{re.escape(json.dumps(name, ensure_ascii=False))}:"?([^",}}]*)'
    return f"TRY_CAST(regexp_extract({source}.row_data, {text(pattern)}, 1) AS {type_.duckdb})"


@lru_cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "sql"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    environment.filters |= {"q": quoted, "text": text, "folded": _folded, "exact": _exact, "list": _list}
    environment.filters |= {"all_digits": _all_digits, "said": _said, "folded_said": _folded_said}
    return environment


def statement(template: str, shape: TableShape, load_id: str = "", **values: Any) -> str:
    """Render ``sql/<template>.sql`` for one table and one load."""
    known = {
        "name": qualified(shape.schema, shape.name),
        "table": shape.name,
        "columns": shape.columns,
        "key": [c for k in shape.key for c in shape.columns if c.name == k],
        "staging": qualified(*staging_name(shape, load_id)),
        "held": qualified(*held_name(shape, load_id)),
        "quarantine": qualified(*quarantine_name(shape)),
        "held_columns": QUARANTINE_COLUMNS,
        "load_id": load_id,
        "partition_by": shape.partition_by,
    }
    return _environment().get_template(f"{template}.sql").render(known | values).strip()


def create_table(shape: TableShape) -> str:
    return statement("create_table", shape)


def build(shape: TableShape, load_id: str, select: str, *, ranked: bool = False, empty: bool = False) -> str:
    """The staging table of a SELECT that is DuckDB SQL already; with ``ranked`` it has a column ``__rank``, with
    ``empty`` no rows."""
    template = "stage_view" if shape.strategy.is_view else "build"
    return statement(template, shape, load_id, select=select, ranked=ranked, empty=empty)


def whole_name(shape: TableShape, load_id: str) -> tuple[str, str]:
    """Schema and name of the copy of all rows that the table would have after a load. It goes when staging goes."""
    return staging_name(shape, f"whole_{load_id}")


def lay_whole(shape: TableShape, load_id: str, there: Sequence[str], *, brought: Brought) -> str:
    """All rows that the table would have after a load, as a table; ``there`` are the published columns."""
    folded = {name.lower() for name in there}
    whole = qualified(*whole_name(shape, load_id))
    return statement("lay_whole", shape, load_id, whole=whole, there=folded, load=shape.load, brought=brought)


def by_period(shape: TableShape, schema: str, name: str, kept: Kept | None = None) -> str:
    """A query for the rows of each period in a table of this shape, or of its rows ``kept``."""
    assert shape.partition_by is not None
    there = kept or Kept(frozenset({shape.partition_by.column.lower()}))
    return statement("by_period", shape, name=qualified(schema, name), within=there, **_stood(shape, there))


def lost(shape: TableShape, load_id: str, compared: Sequence[str], kept: Kept) -> str:
    """A query for the number of the published rows ``kept`` that a load has not; columns ``compared`` tell them apart."""
    told_apart = [c for c in shape.columns if c.name in compared]
    return statement("lost", shape, load_id, compared=told_apart, within=kept.periods, files=kept.files, **_stood(shape, kept))


def _stood(shape: TableShape, kept: Kept) -> dict[str, Any]:
    # A column that is new is NULL in all rows that stand there.
    by = shape.partition_by.column if shape.partition_by else ""
    return {"current": kept.current, "stood": f"published.{quoted(by)}" if kept.has(by) else "CAST(NULL AS DATE)"}


def hold(
    shape: TableShape, load_id: str, reasons: Sequence[tuple[str, str]], *, landed: bool, moment: dt.datetime
) -> str:
    """Copy the rows that meet any of the conditions to the held rows, each with every reason that applies."""
    audit = {c.name for c in AUDIT_COLUMNS}
    data = [c for c in shape.columns if not (landed and c.name in audit)]
    return statement("hold", shape, load_id, reasons=reasons, landed=landed, moment=moment, data=data)


def history_shape(shape: TableShape) -> TableShape:
    """The published shape of an scd2 table: its columns and the three of its history."""
    return replace(shape, columns=(*shape.columns, *HISTORY_COLUMNS))


def publish(
    shape: TableShape, load_id: str, *, brought: Brought, moment: dt.datetime, select: str = "", holds: bool = False
) -> list[str]:
    """The statements that make a staged load the published table, by the table's strategy. ``holds``: it has held rows."""
    compared = [c for c in shape.columns if c.name not in shape.key]
    script = []
    if shape.strategy.keeps:
        script.append(create_table(history_shape(shape) if shape.strategy.versions else nullable(shape)))
    script += _statements(
        statement(
            f"publish_{shape.load}",
            shape,
            load_id,
            brought=brought,
            moment=moment,
            select=select,
            compared=compared,
            holds=holds,
        )
    )
    if shape.alias:
        schema, name = shape.alias.split(".")
        if schema not in SCHEMAS:
            script.append(f"CREATE SCHEMA IF NOT EXISTS {quoted(schema)}")
        script.append(statement("alias_view", shape, alias=qualified(schema, name)))
    return script


def unchanged(shape: TableShape, load_id: str) -> str:
    """Counts the staged rows that are what the current versions of an scd2 table say already; ask it before they change."""
    compared = [c for c in shape.columns if c.name not in shape.key]
    return statement("unchanged_scd2", shape, load_id, compared=compared)


def opened_up(shape: TableShape, change: Change = UNCHANGED) -> list[str]:
    """The statements that store a table's generated columns as plain ones, and its rows as ``change`` wants them."""
    rows = f"* FROM {qualified(shape.schema, shape.name)}"
    if change.since is not None:
        rows = (
            f"*, TIMESTAMP {text(change.since)} AS valid_from, CAST(NULL AS TIMESTAMP) AS valid_to, true AS is_current"
            f" FROM {qualified(shape.schema, shape.name)}"
        )
    elif change.current:
        rows = f"* EXCLUDE ({', '.join(HISTORY)}) FROM {qualified(shape.schema, shape.name)} WHERE is_current"
    return _statements(statement("open_up", shape, rows=rows))


def supersede(shape: TableShape, load_id: str, *, brought: Brought, holds: bool) -> list[str]:
    """The statements that make the table's quarantine, and mark what in it this load has read anew: every row for a
    table that is built whole, else the rows of its files, or its periods, or (built) its keys where it is merged and the
    values of its watermark where it is appended. They come before ``publish``, which uses staging up."""
    by = shape.key if shape.strategy.matches and not brought.files else (brought.watermark,)
    again = [c for name in by for c in shape.columns if c.name.casefold() == name.casefold()]
    return _statements(
        statement("supersede", shape, load_id, load=shape.load, brought=brought, again=again, holds=holds)
    )


def publish_quarantine(shape: TableShape, load_id: str, *, holds: bool) -> list[str]:
    """The statements that add a load's held rows to the table's quarantine."""
    return _statements(statement("publish_quarantine", shape, load_id, holds=holds))


def nullable(shape: TableShape) -> TableShape:
    """The shape without NOT NULL: on DuckDB the gate keeps nulls out, as it does from a renamed staging table."""
    return replace(shape, columns=tuple(replace(c, nullable=True) for c in shape.columns))


def landed_columns(columns: Sequence[Column]) -> tuple[Column, ...]:
    """What a table loaded from a source holds: its columns, then the audit columns."""
    return (*columns, *AUDIT_COLUMNS)


def _statements(script: str) -> list[str]:
    return [s for s in (part.strip() for part in re.split(r"^;$", script, flags=re.MULTILINE)) if s]
