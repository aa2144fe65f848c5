"""Aggregates, and ORDER BY inside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from engine.core.sqltypes import BIGINT, FLOAT, INT, MAX, SqlType, avg_type, string, sum_type
from engine.tsql.bind.functions import PERCENTILES
from engine.tsql.bind.typed import OrderKey, Typed

if TYPE_CHECKING:
    from engine.tsql.bind.conversions import Scope
    from engine.tsql.bind.expressions import Expressions

_AGGREGATE_PLACES = {"select", "having", "order"}


def aggregate(binder: Expressions, node: exp.Expr, scope: Scope, *, windowed: bool) -> Typed:
    """Binds an aggregate; ``windowed`` when OVER follows it."""
    name = node.name.upper()
    if not windowed:
        if binder.place not in _AGGREGATE_PLACES:
            where = "another aggregate" if binder.place == "aggregate" else binder.place.upper()
            return binder.fail(node, f"{name} cannot stand in {where}", expected="HAVING, or a derived table")
        scope.aggregated = True
    outer, binder.place = binder.place, "aggregate" if not windowed else binder.place
    try:
        return _aggregate_of(binder, node, name, scope)
    finally:
        binder.place = outer


def _aggregate_of(binder: Expressions, node: exp.Expr, name: str, scope: Scope) -> Typed:
    given = list(node.expressions)
    distinct = False
    if given and isinstance(given[0], exp.Distinct):
        distinct, given = True, list(given[0].expressions)
    wanted = 2 if name == "STRING_AGG" else 1
    if len(given) != wanted and name != "GROUPING_ID":
        return binder.fail(node, f"{name} got {len(given)} arguments", expected=str(wanted))
    if name in ("COUNT", "COUNT_BIG"):
        counted = () if isinstance(given[0], exp.Star) else (binder.value(given[0], scope),)
        return _made(name, INT if name == "COUNT" else BIGINT, counted, distinct, nullable=False)
    args = tuple(binder.value(arg, scope) for arg in given)
    family = args[0].type.family
    if name in ("GROUPING", "GROUPING_ID"):
        return _made(name, INT, args, distinct, nullable=False)
    if name in ("SUM", "AVG"):
        try:
            return _made(name, sum_type(args[0].type) if name == "SUM" else avg_type(args[0].type), args, distinct)
        except ValueError as error:
            return binder.fail(node, str(error))
    if name in ("MIN", "MAX"):
        if family in ("bit", "uuid", "binary"):
            return binder.fail(node, f"{name} of {args[0].type}", expected="CAST(… AS int) or text")
        return _made(name, args[0].type, args, False)
    if name == "STRING_AGG":
        return _string_agg(binder, node, args, distinct)
    if family not in ("integer", "decimal", "float", "null"):
        return binder.fail(node, f"{name} does not take {args[0].type}", expected="a number")
    return _made(name, FLOAT, args, distinct)


def _made(name: str, t: SqlType, args: tuple[Typed, ...], distinct: bool, *, nullable: bool = True) -> Typed:
    padded = name in ("MIN", "MAX") and args[0].padded
    lineage = frozenset[tuple[str, str]]().union(*(a.lineage for a in args))
    rule = "DISTINCT" if distinct else ""
    return Typed(name, t, args, rule, nullable, padded, lineage)


def _string_agg(binder: Expressions, node: exp.Expr, args: tuple[Typed, ...], distinct: bool) -> Typed:
    if distinct:
        return binder.fail(node, "STRING_AGG takes no DISTINCT", expected="a derived table with SELECT DISTINCT")
    item, separator = args[0], args[1]
    if item.type.family != "string":
        item = binder.coerce(item, string("nvarchar", 4000))
    if separator.kind != "literal" or separator.type.family != "string":
        return binder.fail(node, "the separator of STRING_AGG is a text constant", expected="'…' written out")
    if item.type.length == MAX:
        t = item.type
    else:
        t = string("nvarchar", 4000) if item.type.unicode else string("varchar", 8000)
    return Typed("STRING_AGG", t, (item, separator), value=(), padded=item.padded, lineage=item.lineage)


def within_group(binder: Expressions, node: exp.WithinGroup, scope: Scope) -> Typed:
    """Binds STRING_AGG with its order."""
    name = node.this.name.upper()
    if name in PERCENTILES:
        return binder.fail(node, f"{name} needs OVER (…)", expected=f"{name}(…) WITHIN GROUP (ORDER BY …) OVER (…)")
    if name != "STRING_AGG":
        return binder.fail(node, f"{name} takes no WITHIN GROUP")
    result = aggregate(binder, node.this, scope, windowed=False)
    if result.kind == "STRING_AGG":
        outer, binder.place = binder.place, "aggregate"
        result.value = order_keys(binder, node.expression, scope)
        binder.place = outer
    return result


def order_keys(binder: Expressions, order: exp.Expr | None, scope: Scope) -> tuple[OrderKey, ...]:
    """Binds the terms of an ORDER BY inside OVER or WITHIN GROUP."""
    keys: list[OrderKey] = []
    for term in order.expressions if order is not None else ():
        inner = term.this if isinstance(term, exp.Ordered) else term
        descending = bool(isinstance(term, exp.Ordered) and term.args.get("desc"))
        if isinstance(inner, exp.Literal):
            binder.fail(inner, "a constant orders nothing here", expected="(SELECT NULL) or a column")
            continue
        if isinstance(inner, exp.Subquery) and inner.find(exp.From) is None:
            # ORDER BY (SELECT NULL): the usual way to say that no order is meant.
            continue
        keys.append(OrderKey(binder.value(inner, scope), descending))
    return tuple(keys)
