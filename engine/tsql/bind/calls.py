"""Function calls: scalar functions by their signature, aggregates, window functions, and the choices that look like
calls (ISNULL, COALESCE, NULLIF, IIF, CHOOSE)."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from sqlglot import exp

from engine.core.errors import nearest
from engine.core.sqltypes import (
    BIGINT,
    DATETIME,
    DATETIME2,
    FLOAT,
    INT,
    NULL,
    string,
)
from engine.tsql.bind.aggregates import aggregate, within_group
from engine.tsql.bind.functions import (
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
from engine.tsql.bind.typed import PREDICATE, Typed
from engine.tsql.bind.windows import window

if TYPE_CHECKING:
    from engine.tsql.bind.conversions import Scope
    from engine.tsql.bind.expressions import Expressions


def bind_call(binder: Expressions, node: exp.Expr, scope: Scope) -> Typed:
    """Binds a call of any sort."""
    if isinstance(node, exp.Window):
        return window(binder, node, scope)
    if isinstance(node, exp.WithinGroup):
        return within_group(binder, node, scope)
    if isinstance(node, exp.Trim):
        return _trim(binder, node, scope)
    name = node.name.upper()
    if name in CHOICE_BINDERS:
        return CHOICE_BINDERS[name](binder, node, scope)
    if name in AGGREGATES:
        return aggregate(binder, node, scope, windowed=False)
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
        if a.kind == "literal" and a.type == INT:
            # DATEADD(month, DATEDIFF(month, 0, d), 0): a whole number is so many days after 1900-01-01.
            day = dt.date(1900, 1, 1) + dt.timedelta(days=int(a.value))
            return binder.coerce(Typed("literal", string("varchar", 10), value=f"{day}", node=node), DATETIME)
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
