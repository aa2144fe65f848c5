"""What every binder stands on: scopes, problems, types and the conversions SQL Server makes by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from engine.core.errors import Problem
from engine.core.sqltypes import NULL, SqlType, common_type, convertible, parse_type, string, text_length
from engine.tsql.bind.typed import NOTHING, PREDICATE, CastRule, Lineage, Query, Source, Typed, problem

NO_LENGTH = 30
"""CAST and CONVERT to a character type without a length keep 30 characters."""

_TYPE_WORDS = {"UTINYINT": "tinyint", "UUID": "uniqueidentifier", "DOUBLE": "float", "TIMESTAMPTZ": "datetimeoffset"}


class Scope:
    """The sources an expression may name, and the scope around it for correlated subqueries."""

    __slots__ = ("aggregated", "parent", "sources")

    def __init__(self, parent: Scope | None = None) -> None:
        self.parent = parent
        self.sources: list[Source] = []
        self.aggregated = False

    def taken(self, alias: str) -> bool:
        """Whether ``alias`` already names a source here or further out."""
        scope: Scope | None = self
        while scope is not None:
            if any(s.alias.lower() == alias for s in scope.sources):
                return True
            scope = scope.parent
        return False


class Conversions:
    """Binds values and conditions; what a node becomes is left to ``bind``.

    ``place`` is the clause at hand; aggregates and windows are allowed in some places only.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.place = "select"

    def subquery(self, node: exp.Expr, scope: Scope, *, named: bool = False) -> Query:
        """Binds a query inside an expression; the query binder knows how."""
        raise NotImplementedError

    def bind(self, node: exp.Expr, scope: Scope) -> Typed:
        """Binds one node of any sort."""
        raise NotImplementedError

    def fail(self, node: exp.Expr | None, message: str, *, expected: str = "", near: str = "") -> Typed:
        """Notes a problem at ``node`` and returns an expression that fits everywhere."""
        self.problems.append(problem(node, message, expected=expected, nearest=near))
        return Typed("null", NULL, node=node)

    # values and conditions

    def value(self, node: exp.Expr, scope: Scope) -> Typed:
        """Binds ``node`` as a value."""
        t = self.bind(node, scope)
        if t.type is PREDICATE:
            return self.fail(node, "a condition is not a value", expected="CASE WHEN … THEN 1 ELSE 0 END")
        return t

    def condition(self, node: exp.Expr, scope: Scope) -> Typed:
        """Binds ``node`` as a condition."""
        t = self.bind(node, scope)
        if t.type is not PREDICATE:
            if not self.problems:
                self.fail(node, f"a value of type {t.type} is not a condition", expected="a comparison such as … = 1")
            return Typed("true", PREDICATE, node=node)
        return t

    # conversions

    def type_of(self, node: exp.Expr, to: Any, default_length: int = NO_LENGTH) -> SqlType | None:
        """The SqlType a type name in the text stands for, or None with a problem noted."""
        if not isinstance(to, exp.DataType):
            self.fail(node, "a type name belongs here")
            return None
        word = to.args.get("kind") if to.this is exp.DType.USERDEFINED else to.this.value
        name = _TYPE_WORDS.get(str(word), str(word))
        sizes = ",".join(str(p.name) for p in to.expressions)
        try:
            return parse_type(f"{name}({sizes})" if sizes else name, default_length=default_length)
        except ValueError as error:
            self.fail(node, str(error))
            return None

    # conversions

    def common(self, node: exp.Expr, sides: Sequence[Typed]) -> SqlType:
        """The type all of ``sides`` are brought to; a clash is noted."""
        try:
            return common_type(s.type for s in sides)
        except ValueError as error:
            self.fail(node, f"type clash: {error}")
            return NULL

    def coerce(self, a: Typed, t: SqlType) -> Typed:
        """``a`` as ``t`` the way SQL Server converts by itself; ``a`` itself where nothing changes."""
        if a.type == t or t.family == "null":
            return a
        if a.type.family == t.family == "string" and not t.fixed and fits(a.type, t):
            if a.kind == "literal":
                return Typed("literal", t, value=a.value, nullable=False, padded=a.padded, node=a.node)
            return Typed("retype", t, (a,), nullable=a.nullable, padded=a.padded, lineage=a.lineage, node=a.node)
        if not convertible(a.type, t):
            return self.fail(a.node, f"type clash: {a.type} does not become {t} by itself", expected="CAST(… AS …)")
        return self.cast(a, t, CastRule(implicit=True))

    def cast(self, a: Typed, t: SqlType, rule: CastRule) -> Typed:
        """``a`` converted to ``t``."""
        padded = t.family == "string" and (
            t.fixed or (a.type.family == "string" and (a.padded or not fits(a.type, t)))
        )
        nullable = a.nullable or (rule.safe and a.type != t)
        return Typed("cast", t, (a,), value=rule, nullable=nullable, padded=padded, lineage=a.lineage, node=a.node)

    def text(self, a: Typed) -> Typed:
        """``a`` as text, for functions that take text."""
        if a.type.family == "string":
            return a
        return self.coerce(a, string("varchar", text_length(a.type)))

    def _one_column(self, node: exp.Expr, query: Query) -> None:
        if len(query.columns()) != 1:
            self.fail(node, f"this subquery gives {len(query.columns())} columns", expected="one column")


def fits(source: SqlType, target: SqlType) -> bool:
    """Whether every text of ``source`` is short enough for ``target``."""
    if target.length == -1:
        return True
    return source.length != -1 and (source.length or 1) <= (target.length or 1)


def union(*parts: Typed) -> Lineage:
    """The lineage of everything in ``parts``."""
    return NOTHING.union(*(p.lineage for p in parts))
