"""What a bound SELECT looks like: every name resolved, every expression with its T-SQL type.

The sqlglot tree stays untouched, so that the original text can still go to SQL Server; these nodes point back into it
for line and column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp

from engine.core.errors import Problem, ProjectError
from engine.core.sqltypes import Column, SqlType

Catalog = Mapping[str, Sequence[Column]]
"""What tables there are: lower-case ``schema.table`` to columns in order."""

Lineage = frozenset[tuple[str, str]]
NOTHING: Lineage = frozenset()

PREDICATE = SqlType("predicate")
"""The "type" of a condition. T-SQL has no boolean values, so conditions and values never stand in for each other."""


class BindError(ProjectError):
    """A SELECT that cannot be bound to the tables it reads. ``problems`` holds every fault found, in text order;
    line and column count in the rendered SQL."""


class Refused(BindError):
    """A construct for which the embedded warehouse cannot give exactly what SQL Server gives. The message says what to
    write instead."""


@dataclass(slots=True)
class Typed:
    """An expression. ``kind`` names what it is ('column', 'literal', 'cast', '+', 'LEN', ...); ``value`` is what the
    kind needs besides its operands; ``padded`` says that a string may end in blanks."""

    kind: str
    type: SqlType
    args: tuple[Typed, ...] = ()
    value: Any = None
    nullable: bool = True
    padded: bool = False
    lineage: Lineage = NOTHING
    node: exp.Expr | None = None

    def walk(self) -> Iterator[Typed]:
        """This expression and everything it is made of, subqueries excluded."""
        yield self
        for arg in self.args:
            yield from arg.walk()

    @property
    def key(self) -> tuple[Any, ...]:
        """Equal for expressions that are written alike after resolution; GROUP BY matches by it."""
        value = self.value
        if self.kind in ("subquery", "exists", "in_query", "quantified"):
            value = id(value)
        elif isinstance(value, WindowRule):
            value = (value.function.kind, value.frame, len(value.partition), [k.descending for k in value.order])
        return (self.kind, str(self.type), str(value), tuple(arg.key for arg in self.args))


@dataclass(frozen=True, slots=True)
class ColumnRef:
    """Where a column comes from: the source's alias in the rendered SQL and the column's own name."""

    source: str
    name: str


@dataclass(frozen=True, slots=True)
class CastRule:
    """How a value is converted. ``safe`` gives NULL instead of an error; ``implicit`` was not written by the author."""

    style: int | None = None
    safe: bool = False
    implicit: bool = False


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One ORDER BY term. ``position`` counts from 1 when it is an output column, else 0."""

    expression: Typed
    descending: bool = False
    position: int = 0


@dataclass(frozen=True, slots=True)
class WindowRule:
    """The OVER clause of a window function, whose arguments are the function's own."""

    function: Typed
    partition: tuple[Typed, ...]
    order: tuple[OrderKey, ...]
    frame: str


@dataclass(slots=True)
class Source:
    """One thing in FROM. ``alias`` is unique in the whole statement's nesting; ``name`` is what the author calls it."""

    kind: str
    alias: str
    name: str
    columns: dict[str, Column]
    table: str = ""
    query: Query | None = None
    rows: list[tuple[Typed, ...]] = field(default_factory=list)
    args: tuple[Typed, ...] = ()
    value: Any = None
    join: str = ""
    """'' for the first source, else INNER, LEFT, RIGHT, FULL, CROSS, CROSS APPLY or OUTER APPLY"""
    on: Typed | None = None
    optional: bool = False
    """an outer join may leave this source without a row, so that all its columns are NULL"""
    node: exp.Expr | None = None


@dataclass(slots=True)
class Output:
    """One column of a SELECT list."""

    name: str
    expression: Typed
    node: exp.Expr | None = None

    def column(self) -> Column:
        e = self.expression
        return Column(self.name, e.type, e.nullable, e.padded, e.lineage)


@dataclass(slots=True)
class CommonTable:
    """One WITH entry. ``columns`` is filled before the body is bound when the entry reads itself."""

    name: str
    alias: str
    columns: tuple[Column, ...] = ()
    query: Query | None = None
    recursive: bool = False
    deepest: int = 100
    """how many rounds a recursive entry may take before SQL Server stops it; 0 is no limit"""


@dataclass(slots=True)
class Select:
    """A bound SELECT. ``grouping`` holds (word, sets) pairs: ('', keys), ('ROLLUP', sets), ('GROUPING SETS', sets)."""

    outputs: list[Output] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    where: Typed | None = None
    grouping: list[tuple[str, list[tuple[Typed, ...]]]] = field(default_factory=list)
    grouped: bool = False
    having: Typed | None = None
    order: list[OrderKey] = field(default_factory=list)
    distinct: bool = False
    top: Typed | None = None
    top_rule: str = ""
    """'', 'PERCENT', 'WITH TIES' or both"""
    offset: Typed | None = None
    fetch: Typed | None = None
    tables: list[CommonTable] = field(default_factory=list)
    node: exp.Expr | None = None

    def columns(self) -> tuple[Column, ...]:
        return tuple(output.column() for output in self.outputs)


@dataclass(slots=True)
class SetOperation:
    """UNION, UNION ALL, EXCEPT or INTERSECT of two queries whose columns have been brought to common types."""

    word: str
    left: Query
    right: Query
    merged: tuple[Column, ...] = ()
    order: list[OrderKey] = field(default_factory=list)
    offset: Typed | None = None
    fetch: Typed | None = None
    tables: list[CommonTable] = field(default_factory=list)
    node: exp.Expr | None = None

    def columns(self) -> tuple[Column, ...]:
        return self.merged


Query = Select | SetOperation


@dataclass(slots=True)
class Bound:
    """A statement whose names and types are known. ``driving`` is the one stored table whose rows the SELECT keeps
    or drops one by one, or None; ``tree`` is the parsed text, unchanged."""

    columns: tuple[Column, ...]
    driving: str | None
    tree: exp.Expr
    query: Query
    sql: str = ""


def position(node: exp.Expr | None) -> tuple[int, int]:
    """Line and column (from 1) where ``node`` starts in the rendered SQL; where the parser kept no place for it, that
    of what is around it; (0, 0) when there is none at all."""
    while node is not None:
        best: tuple[int, int, int] | None = None
        for part in node.walk():
            meta = part._meta
            if meta and "line" in meta:
                start = meta.get("start", 0)
                if best is None or start < best[0]:
                    best = (start, meta["line"], max(1, meta["col"] - (meta.get("end", start) - start)))
        if best:
            return best[1], best[2]
        node = node.parent
    return 0, 0


def problem(node: exp.Expr | None, message: str, *, expected: str = "", nearest: str = "") -> Problem:
    """A Problem at the place of ``node``."""
    line, column = position(node)
    return Problem(message, line=line, column=column, expected=expected, nearest=nearest)
