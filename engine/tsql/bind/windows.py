"""OVER: window functions, ranking, offsets and percentiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from engine.core.errors import nearest
from engine.core.sqltypes import BIGINT, FLOAT
from engine.tsql.bind.aggregates import aggregate, order_keys
from engine.tsql.bind.functions import AGGREGATES, OFFSETS, PERCENTILES, RANKINGS
from engine.tsql.bind.typed import OrderKey, Typed, WindowRule

if TYPE_CHECKING:
    from engine.tsql.bind.conversions import Scope
    from engine.tsql.bind.expressions import Expressions

_WINDOW_PLACES = {"select", "order"}


def window(binder: Expressions, node: exp.Window, scope: Scope) -> Typed:
    """Binds a function with OVER (…)."""
    inner = node.this
    if isinstance(inner, (exp.IgnoreNulls, exp.RespectNulls)):
        return binder.bind(inner, scope)
    if node.args.get("alias") is not None:
        return binder.fail(node, "WINDOW names are SQL Server 2022", expected="OVER (…) written out")
    if binder.place not in _WINDOW_PLACES:
        place = "an aggregate" if binder.place == "aggregate" else binder.place.upper()
        return binder.fail(node, f"a window function cannot stand in {place}", expected="a derived table around it")
    partition = tuple(binder.value(p, scope) for p in node.args.get("partition_by") or ())
    order_node = node.args.get("order")
    order = order_keys(binder, order_node, scope)
    if isinstance(inner, exp.WithinGroup):
        return _percentile(binder, inner, scope, partition, order_node)
    name = inner.name.upper() if isinstance(inner, exp.Anonymous) else ""
    frame = _frame(binder, node)
    if name in AGGREGATES and name not in ("STRING_AGG", "GROUPING", "GROUPING_ID"):
        function = aggregate(binder, inner, scope, windowed=True)
        if function.value == "DISTINCT":
            return binder.fail(node, f"{name}(DISTINCT …) takes no OVER", expected="a derived table with GROUP BY")
    elif name in RANKINGS or name in OFFSETS:
        if order_node is None:
            return binder.fail(node, f"{name} needs ORDER BY in OVER (…)")
        if frame and name not in ("FIRST_VALUE", "LAST_VALUE"):
            return binder.fail(node, f"{name} takes no ROWS or RANGE")
        function = _ranking(binder, inner, name, scope)
    else:
        return binder.fail(node, f"{name or 'this'} takes no OVER (…)", near=nearest(name, [*RANKINGS, *OFFSETS]))
    if frame and order_node is None:
        return binder.fail(node, "ROWS and RANGE need ORDER BY in OVER (…)")
    return _over(function, partition, order, frame)


def _over(function: Typed, partition: tuple[Typed, ...], order: tuple[OrderKey, ...], frame: str) -> Typed:
    rule = WindowRule(function, partition, order, frame)
    parts = (*function.args, *partition, *(k.expression for k in order))
    lineage = function.lineage.union(*(p.lineage for p in parts))
    return Typed("over", function.type, parts, rule, function.nullable, function.padded, lineage)


def _ranking(binder: Expressions, node: exp.Expr, name: str, scope: Scope) -> Typed:
    given = node.expressions
    low, high = {"NTILE": (1, 1), "LAG": (1, 3), "LEAD": (1, 3), "FIRST_VALUE": (1, 1), "LAST_VALUE": (1, 1)}.get(
        name, (0, 0)
    )
    if not low <= len(given) <= high:
        return binder.fail(node, f"{name} got {len(given)} arguments", expected=f"{low} to {high}" if high else "none")
    args = [binder.value(arg, scope) for arg in given]
    if name in ("PERCENT_RANK", "CUME_DIST"):
        return Typed(name, FLOAT, nullable=False, value="")
    if name in RANKINGS:
        return Typed(name, BIGINT, tuple(args), nullable=False, value="")
    t = args[0].type
    if len(args) == 3:
        args[2] = binder.coerce(args[2], t)
    lineage = args[0].lineage.union(*(a.lineage for a in args))
    padded = args[0].padded or (len(args) == 3 and args[2].padded)
    nullable = args[0].nullable or (name in ("LAG", "LEAD") and (len(args) < 3 or args[2].nullable))
    return Typed(name, t, tuple(args), "", nullable, padded, lineage)


def _percentile(
    binder: Expressions, node: exp.WithinGroup, scope: Scope, partition: tuple[Typed, ...], order: exp.Expr | None
) -> Typed:
    name = node.this.name.upper()
    if name not in PERCENTILES:
        return binder.fail(node, f"{name} takes no WITHIN GROUP with OVER")
    if order is not None:
        return binder.fail(node, f"{name} takes PARTITION BY only in OVER (…)")
    keys = order_keys(binder, node.expression, scope)
    share = binder.value(node.this.expressions[0], scope) if node.this.expressions else None
    if len(keys) != 1 or share is None or share.kind != "literal" or not 0 <= float(share.value) <= 1:
        return binder.fail(node, f"{name}(share) WITHIN GROUP (ORDER BY one number)", expected="a share from 0 to 1")
    item = keys[0].expression
    if item.type.family not in ("integer", "decimal", "float") and name == "PERCENTILE_CONT":
        return binder.fail(node, f"{name} does not order by {item.type}", expected="a number")
    t = FLOAT if name == "PERCENTILE_CONT" else item.type
    function = Typed(name, t, (share,), (keys[0],), padded=item.padded, lineage=item.lineage)
    return _over(function, partition, keys, "")


def _frame(binder: Expressions, node: exp.Window) -> str:
    spec = node.args.get("spec")
    if spec is None:
        return ""
    if spec.args.get("exclude") or spec.args.get("kind") == "GROUPS":
        binder.fail(node, "this window frame is not T-SQL", expected="ROWS BETWEEN … AND …")
        return ""

    def bound(side: str) -> str:
        edge, direction = spec.args.get(side), spec.args.get(f"{side}_side")
        if isinstance(edge, exp.Literal) and edge.is_int and spec.args["kind"] == "RANGE":
            binder.fail(node, "RANGE takes UNBOUNDED and CURRENT ROW only", expected="ROWS")
        elif isinstance(edge, exp.Expr) and not (isinstance(edge, exp.Literal) and edge.is_int):
            binder.fail(node, "a window frame counts rows with a whole number")
        elif isinstance(edge, exp.Expr) and direction not in ("PRECEDING", "FOLLOWING"):
            binder.fail(node, "PRECEDING or FOLLOWING is missing in a window frame")
        text = edge.name if isinstance(edge, exp.Expr) else str(edge or "CURRENT ROW")
        return f"{text} {direction}" if direction else text

    return f"{spec.args['kind']} BETWEEN {bound('start')} AND {bound('end') if spec.args.get('end') else 'CURRENT ROW'}"
