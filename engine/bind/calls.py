"""Function calls: scalar functions by their signature, aggregates, window functions, and the choices that look like
calls (ISNULL, COALESCE, NULLIF, IIF, CHOOSE)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from engine.bind.functions import (
    AGGREGATES,
    DATE_PARTS,
    FUNCTIONS,
    KNOWN,
    OFFSETS,
    PERCENTILES,
    RANKINGS,
    TIME_PARTS,
    UNAVAILABLE,
)
from engine.bind.typed import PREDICATE, OrderKey, Typed, WindowRule
from engine.errors import nearest
from engine.sqltypes import (
    BIGINT,
    DATETIME,
    DATETIME2,
    FLOAT,
    INT,
    MAX,
    NULL,
    avg_type,
    string,
    sum_type,
)

if TYPE_CHECKING:
    from engine.bind.expressions import Expressions, Scope

_AGGREGATE_PLACES = {"select", "having", "order"}
_WINDOW_PLACES = {"select", "order"}


def bind_call(binder: Expressions, node: exp.Expr, scope: Scope) -> Typed:
    """Binds a call of any sort."""
    if isinstance(node, exp.Window):
        return _window(binder, node, scope)
    if isinstance(node, exp.WithinGroup):
        return _within_group(binder, node, scope)
    if isinstance(node, exp.Trim):
        return _trim(binder, node, scope)
    name = node.name.upper()
    if name in CHOICE_BINDERS:
        return CHOICE_BINDERS[name](binder, node, scope)
    if name in AGGREGATES:
        return _aggregate(binder, node, scope, windowed=False)
    if name in RANKINGS or name in OFFSETS:
        return binder.fail(node, f"{name} needs OVER (…)", expected=f"{name}(…) OVER (ORDER BY …)")
    if name in PERCENTILES:
        return binder.fail(node, f"{name} needs WITHIN GROUP (ORDER BY …) OVER (…)")
    return _scalar(binder, node, name, scope)


def _scalar(binder: Expressions, node: exp.Expr, name: str, scope: Scope) -> Typed:
    signature = FUNCTIONS.get(name)
    if signature is None:
        if name in UNAVAILABLE:
            return binder.fail(node, f"{name} {UNAVAILABLE[name]}")
        return binder.fail(node, f"unknown function {name}", near=nearest(name, KNOWN))
    given = node.expressions
    if not signature.low <= len(given) <= signature.high:
        wanted = str(signature.low) if signature.low == signature.high else f"{signature.low} to {signature.high}"
        return binder.fail(node, f"{name} got {len(given)} arguments", expected=wanted)
    part = ""
    args: list[Typed] = []
    for i, arg in enumerate(given):
        kind = signature.kinds[min(i, len(signature.kinds) - 1)]
        if kind == "k":
            part = _date_part(binder, arg)
            args.append(Typed("keyword", NULL, value=part, nullable=False))
        else:
            args.append(_argument(binder, name, kind, arg, scope))
    if name == "DATEADD":
        args[2] = _datetime_if_text(binder, args[2])
    fault = _date_part_fault(name, part, args) if part else ""
    if fault:
        return binder.fail(node, fault)
    values = [a for a in args if a.kind != "keyword"]
    if not signature.padded:
        padded = name in ("UPPER", "LOWER", "LTRIM") and values[0].padded
    elif name in ("REPLACE", "CONCAT", "CONCAT_WS"):
        # CONCAT can end in any argument when the later ones are NULL or empty.
        padded = any(v.padded or (name == "REPLACE" and i == 0) for i, v in enumerate(values))
    else:
        padded = True
    return Typed(
        name,
        signature.result(args),
        tuple(args),
        nullable=signature.nulls == "always" or (signature.nulls == "any" and any(v.nullable for v in values)),
        padded=padded,
        lineage=frozenset().union(*(v.lineage for v in values)),
        node=node,
    )


def _argument(binder: Expressions, name: str, kind: str, node: exp.Expr, scope: Scope) -> Typed:
    a = binder.value(node, scope)
    family = a.type.family
    if kind == "s":
        return binder.text(a)
    if kind == "t":
        if a.kind != "literal" or family != "string":
            return binder.fail(node, f"{name} takes a text constant here", expected="'…' written out")
        return a
    if kind == "i":
        if name == "DATEADD":
            return binder.coerce(a, INT)
        if a.type.name in ("int", "smallint", "tinyint", "bigint"):
            return a
        return binder.coerce(a, BIGINT if a.type.name == "decimal" and (a.type.precision or 0) > 9 else INT)
    if kind == "n":
        if family == "string":
            return binder.coerce(a, FLOAT)
        if family not in ("integer", "decimal", "float", "bit", "null"):
            return binder.fail(node, f"{name} does not take {a.type}", expected="a number")
        return binder.coerce(a, INT) if family in ("bit", "null") else a
    if kind == "f":
        if family not in ("integer", "decimal", "float", "bit", "null", "string"):
            return binder.fail(node, f"{name} does not take {a.type}", expected="a number")
        return binder.coerce(a, FLOAT)
    if kind == "d":
        if family in ("string", "null"):
            return a if name == "DATEADD" else binder.coerce(a, DATETIME2)
        if family not in ("date", "datetime", "time"):
            return binder.fail(node, f"{name} does not take {a.type}", expected="a date, such as CAST(… AS date)")
    return a


def _datetime_if_text(binder: Expressions, a: Typed) -> Typed:
    return binder.coerce(a, DATETIME) if a.type.family in ("string", "null") else a


def _date_part(binder: Expressions, node: exp.Expr) -> str:
    name = node.name.lower() if isinstance(node, (exp.Column, exp.Var, exp.Identifier)) else ""
    part = DATE_PARTS.get(name, "")
    if not part:
        shown = node.sql(dialect="tsql")
        binder.fail(node, f"{shown} is not a date part", expected="a word such as day, month, year", near="")
    return part


def _date_part_fault(name: str, part: str, args: list[Typed]) -> str:
    moments = [a.type.family for a in args[1:] if a.type.family in ("date", "time", "datetime")]
    if part == "tzoffset":
        return f"{name} with tzoffset needs time zones; keep times in UTC"
    if name in ("DATEADD", "DATEPART", "DATENAME"):
        if part in TIME_PARTS and "date" in moments:
            return f"{name}({part}, …) does not take a date; write CAST(… AS datetime2(3))"
        if part not in TIME_PARTS and "time" in moments:
            return f"{name}({part}, …) does not take a time"
    if name in ("DATEADD", "DATEDIFF", "DATEDIFF_BIG") and part == "iso_week":
        return f"{name} does not take iso_week; write week"
    if name == "DATEADD" and part == "nanosecond":
        return "DATEADD(nanosecond, …) is finer than the embedded warehouse keeps; write microsecond"
    return ""


def _trim(binder: Expressions, node: exp.Trim, scope: Scope) -> Typed:
    a = binder.text(binder.value(node.this, scope))
    result = FUNCTIONS["TRIM"].result((a,))
    characters = node.args.get("expression")
    if characters is None:
        return Typed("TRIM", result, (a,), nullable=a.nullable, lineage=a.lineage, node=node)
    if node.args.get("position"):
        return binder.fail(node, "TRIM with LEADING or TRAILING is SQL Server 2022", expected="LTRIM or RTRIM")
    marks = binder.value(characters, scope)
    if marks.kind != "literal" or marks.type.family != "string":
        return binder.fail(node, "TRIM takes a text constant before FROM", expected="'…' written out")
    return Typed("TRIM", result, (a, marks), nullable=a.nullable, padded=True, lineage=a.lineage, node=node)


# aggregates and windows


def _aggregate(binder: Expressions, node: exp.Expr, scope: Scope, *, windowed: bool) -> Typed:
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


def _made(name: str, t: object, args: tuple[Typed, ...], distinct: bool, *, nullable: bool = True) -> Typed:
    padded = name in ("MIN", "MAX") and args[0].padded
    lineage = frozenset[tuple[str, str]]().union(*(a.lineage for a in args))
    rule = "DISTINCT" if distinct else ""
    return Typed(name, t, args, rule, nullable, padded, lineage)  # type: ignore[arg-type]


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


def _within_group(binder: Expressions, node: exp.WithinGroup, scope: Scope) -> Typed:
    name = node.this.name.upper()
    if name in PERCENTILES:
        return binder.fail(node, f"{name} needs OVER (…)", expected=f"{name}(…) WITHIN GROUP (ORDER BY …) OVER (…)")
    if name != "STRING_AGG":
        return binder.fail(node, f"{name} takes no WITHIN GROUP")
    result = _aggregate(binder, node.this, scope, windowed=False)
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


def _window(binder: Expressions, node: exp.Window, scope: Scope) -> Typed:
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
        function = _aggregate(binder, inner, scope, windowed=True)
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
        text = edge.name if isinstance(edge, exp.Expr) else str(edge or "CURRENT ROW")
        return f"{text} {direction}" if direction else text

    return f"{spec.args['kind']} BETWEEN {bound('start')} AND {bound('end') if spec.args.get('end') else 'CURRENT ROW'}"


# choices


def _values(binder: Expressions, node: exp.Expr, scope: Scope, low: int, high: int) -> list[Typed] | None:
    if not low <= len(node.expressions) <= high:
        wanted = str(low) if low == high else f"at least {low}"
        binder.fail(node, f"{node.name.upper()} got {len(node.expressions)} arguments", expected=wanted)
        return None
    return [binder.value(arg, scope) for arg in node.expressions]


_FAILED = Typed("null", NULL)


def _isnull(binder: Expressions, node: exp.Expr, scope: Scope) -> Typed:
    args = _values(binder, node, scope, 2, 2)
    if args is None:
        return _FAILED
    a, b = args
    t = b.type if a.type.family == "null" else a.type
    b = binder.coerce(b, t)
    padded, lineage = a.padded or b.padded, a.lineage | b.lineage
    nullable = a.nullable and b.nullable
    return Typed("COALESCE", t, (binder.coerce(a, t), b), None, nullable, padded, lineage)


def _coalesce(binder: Expressions, node: exp.Expr, scope: Scope) -> Typed:
    args = _values(binder, node, scope, 2, 1000)
    if args is None:
        return _FAILED
    t = binder.common(node, args)
    args = [binder.coerce(a, t) for a in args]
    lineage = args[0].lineage.union(*(a.lineage for a in args))
    nullable = all(a.nullable for a in args)
    return Typed("COALESCE", t, tuple(args), None, nullable, any(a.padded for a in args), lineage)


def _nullif(binder: Expressions, node: exp.Expr, scope: Scope) -> Typed:
    args = _values(binder, node, scope, 2, 2)
    if args is None:
        return _FAILED
    same = binder.compare(node, "=", args[0], args[1])
    padded, lineage = args[0].padded, args[0].lineage | args[1].lineage
    return Typed("NULLIF", args[0].type, (args[0], same), args[1], True, padded, lineage)


def _iif(binder: Expressions, node: exp.Expr, scope: Scope) -> Typed:
    if len(node.expressions) != 3:
        return binder.fail(node, f"IIF got {len(node.expressions)} arguments", expected="3")
    condition = binder.condition(node.expressions[0], scope)
    results = [binder.value(arg, scope) for arg in node.expressions[1:]]
    return binder.choice(node, (condition,), results)


def _choose(binder: Expressions, node: exp.Expr, scope: Scope) -> Typed:
    args = _values(binder, node, scope, 2, 1000)
    if args is None:
        return _FAILED
    index = binder.coerce(args[0], INT)
    conditions = [
        Typed("=", PREDICATE, (index, Typed("literal", INT, value=str(i), nullable=False)), lineage=index.lineage)
        for i in range(1, len(args))
    ]
    return binder.choice(node, conditions, [*args[1:], Typed("null", NULL)])


CHOICE_BINDERS = {
    "ISNULL": _isnull,
    "COALESCE": _coalesce,
    "NULLIF": _nullif,
    "IIF": _iif,
    "CHOOSE": _choose,
}
