"""What a table's watermark is made from, as far as its SELECT tells."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot import exp

from engine.config.specs import TableSpec
from engine.config.yamlfile import Node
from engine.core.errors import Problem
from engine.core.sqltypes import Column
from engine.tsql.bind import Bound, meaning
from engine.tsql.bind.typed import Query, SetOperation

ARRIVAL = ("_loaded_at", "_load_id")
"""The columns of a loaded table that say when a row came."""
CLOCKS = ("CURRENT_TIMESTAMP", "GETDATE", "GETUTCDATE", "SYSDATETIME", "SYSUTCDATETIME")
Origins = frozenset[tuple[str, str]]


@dataclass(frozen=True)
class Watermark:
    """``meaning`` changes when the column is computed otherwise; ``arrivals`` are the tables and columns of arrival that
    it comes from."""

    meaning: str
    arrivals: Origins
    clock: str = ""
    """what it reads the clock of a load by, with the table where it does; empty when it does not"""


@dataclass(frozen=True)
class Selects:
    """The SELECTs of the tables, as text is parsed and bound."""

    trees: Mapping[str, exp.Expr]
    bound: Mapping[str, Bound]


def clock_of(name: str, bound: Bound, column: str, selects: Selects, tables: Mapping[str, TableSpec]) -> str:
    """By what a column of a table reads the clock of a load, in words; empty when it does not. A table in between that
    adds rows reads it once for each of them."""
    seen: set[tuple[str, str]] = set()
    todo = [(name, column.casefold(), bound)]
    while todo:
        table, wanted, select = todo.pop()
        place = next((n for n, c in enumerate(select.columns) if c.name.casefold() == wanted), None)
        if place is None or (table, wanted) in seen:
            continue
        seen.add((table, wanted))
        lineage = select.columns[place].lineage
        # What a subquery computes has no node here.
        read = [n for n in _nodes(select.query, place) if n is not None] if lineage else [selects.trees[table]]
        found = next((said for node in read if (said := _clock(node))), "")
        if found:
            return f"{found} in the SELECT of {table}"
        todo += [
            (t, c.casefold(), selects.bound[t])
            for t, c in lineage
            if t in selects.bound and not tables[t].strategy.adds
        ]
    return ""


def _clock(node: exp.Expr) -> str:
    for found in node.find_all(exp.CurrentTimestamp, exp.Anonymous):
        said = "CURRENT_TIMESTAMP" if isinstance(found, exp.CurrentTimestamp) else str(found.this).upper()
        if said in CLOCKS:
            return said if isinstance(found, exp.CurrentTimestamp) else f"{said}()"
    return ""


def watermark_of(
    bound: Bound, column: str, catalog: Mapping[str, Sequence[Column]], landed: Collection[str]
) -> Watermark | None:
    """What a column of a SELECT is made from; None where the SELECT has no such column."""
    place = next((n for n, c in enumerate(bound.columns) if c.name.casefold() == column.casefold()), None)
    if place is None:
        return None
    lineage = bound.columns[place].lineage
    said = [sorted(lineage), [_said(node) for node in _nodes(bound.query, place)]]
    digest = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]
    return Watermark(digest, _arrivals(lineage, catalog, landed))


def _nodes(query: Query, place: int) -> Iterator[exp.Expr | None]:
    if isinstance(query, SetOperation):
        yield from _nodes(query.left, place)
        yield from _nodes(query.right, place)
    else:
        yield query.outputs[place].node if place < len(query.outputs) else None


def _said(node: exp.Expr | None) -> str:
    """What an output column says, whatever its tables are called in the SELECT."""
    if node is None:
        return ""
    plain = node.unalias().copy()
    for column in list(plain.find_all(exp.Column)):
        for part in ("table", "db"):
            column.set(part, None)
    return meaning(plain)


def _arrivals(lineage: Origins, catalog: Mapping[str, Sequence[Column]], landed: Collection[str]) -> Origins:
    found: set[tuple[str, str]] = set()
    seen: set[tuple[str, str]] = set()
    todo = list(lineage)
    while todo:
        table, name = at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        if table in landed and name.lower() in ARRIVAL:
            found.add((table, name.lower()))
        todo += [o for c in catalog.get(table, ()) if c.name.lower() == name.lower() for o in c.lineage]
    return frozenset(found)


def arrival_faults(
    node: Node, name: str, spec: TableSpec, tables: Mapping[str, TableSpec], mark: Watermark | None
) -> Iterator[Problem]:
    """An append without a key whose watermark every load of its input renews: it would take all rows again."""
    if mark is None or not spec.strategy.adds or spec.key_columns:
        return
    if mark.clock:
        yield node.problem(
            ("tables", name, "watermark"),
            f"the watermark {spec.watermark} of {name} is the clock of a load ({mark.clock}), which is later at each of "
            "them: all its rows would be appended again",
            value=True,
            expected="a column of the business as the watermark, or a key with load: merge",
        )
    for table, column in sorted(mark.arrivals):
        if not tables[table].strategy.adds:
            yield node.problem(
                ("tables", name, "watermark"),
                f"the watermark {spec.watermark} of {name} comes from {table}.{column}, which every load of it renews "
                f"(load: {tables[table].load}): all its rows would be appended again",
                value=True,
                expected=f"a column of the business as the watermark, a key with load: merge, or load: append for {table}",
            )
