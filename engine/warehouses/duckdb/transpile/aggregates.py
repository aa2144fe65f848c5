"""Aggregates and window functions on DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.sqltypes import BIGINT, MAX, decimal
from engine.tsql.bind.typed import Typed, WindowRule

if TYPE_CHECKING:
    from engine.warehouses.duckdb.transpile.expressions import Renderer

AGGREGATE_KINDS = ("SUM", "AVG", "MIN", "MAX", "COUNT", "COUNT_BIG", "STDEV", "STDEVP", "VAR", "VARP", "GROUPING",
                    "GROUPING_ID")  # fmt: skip


def aggregate(r: Renderer, t: Typed, over: str = "") -> str:
    """SQL of an aggregate, ``over`` being its OVER clause when it has one."""
    if r.replaced and not over and t.kind not in ("GROUPING", "GROUPING_ID"):
        # Inside an aggregate a grouping column is the row's own value.
        outer, r.replaced = r.replaced, {}
        text = aggregate(r, t)
        r.replaced = outer
        return text
    distinct = "DISTINCT " if t.value == "DISTINCT" else ""
    if t.kind in ("COUNT", "COUNT_BIG"):
        text = f"count({_counted(r, t, distinct)}){over}"
        return f"CAST({text} AS INTEGER)" if t.kind == "COUNT" else text
    a = r.strict(t.args[0])
    if t.kind == "SUM":
        text = f"sum({distinct}{a}){over}"
        plain = t.type.name in ("decimal", "float")
        return text if plain else f"CAST({text} AS {t.type.duckdb})"
    if t.kind == "AVG":
        return _average(r, t, f"sum({distinct}{a}){over}", f"count({distinct}{a}){over}")
    if t.kind in ("GROUPING", "GROUPING_ID"):
        outer, r.replaced = r.replaced, {}
        listed = ", ".join(r.key(x) for x in t.args)
        r.replaced = outer
        return f"CAST(grouping({listed}) AS INTEGER)"
    name = {"STDEV": "stddev_samp", "STDEVP": "stddev_pop", "VAR": "var_samp", "VARP": "var_pop"}.get(t.kind)
    if name:
        return f"{name}({distinct}CAST({a} AS DOUBLE)){over}"
    return f"{t.kind.lower()}({a}){over}"


def _counted(r: Renderer, t: Typed, distinct: str) -> str:
    if not t.args:
        return "*"
    a = t.args[0]
    if not distinct:
        return r.sql(a)
    # COUNT(DISTINCT) is the one place where DuckDB does not look at the collation.
    return f"DISTINCT lower({r.key(a)})" if a.type.family == "string" else f"DISTINCT {r.sql(a)}"


def _average(r: Renderer, t: Typed, total: str, count: str) -> str:
    if t.type.family == "float":
        return f"{total} / {count}"
    if t.type.family == "integer":
        # SQL Server adds up in the type of the result, so an overflowing sum is an error there too.
        return f"CAST(CAST({total} AS {t.type.duckdb}) // {count} AS {t.type.duckdb})"
    return r.quotient(total, f"nullif({count}, 0)", decimal(38, t.args[0].type.digits[1]), BIGINT, t)


def string_agg(r: Renderer, t: Typed) -> str:
    """SQL of STRING_AGG."""
    item, separator = t.args
    outer, r.replaced = r.replaced, {}
    order = f" ORDER BY {r.order(t.value)}" if t.value else ""
    text = f"string_agg({r.sql(item)}, {r.sql(separator)}{order})"
    r.replaced = outer
    return text if t.type.length == MAX else f"tsql.at_most({text}, {t.type.length})"


def over_clause(r: Renderer, t: Typed) -> str:
    """SQL of a function with its OVER clause."""
    rule: WindowRule = t.value
    function = rule.function
    if function.kind == "null":
        return "NULL"
    if function.kind.startswith("PERCENTILE"):
        return _percentile(r, t, function, rule)
    parts: list[str] = []
    if rule.partition:
        parts.append("PARTITION BY " + ", ".join(r.key(p) for p in rule.partition))
    if rule.order:
        parts.append("ORDER BY " + r.order(rule.order))
        if rule.frame:
            parts.append(rule.frame)
    over = f" OVER ({' '.join(parts)})"
    if function.kind in AGGREGATE_KINDS:
        return aggregate(r, function, over)
    args = ", ".join(r.strict(a) for a in function.args)
    return f"{function.kind.lower()}({args}){over}"


def _percentile(r: Renderer, t: Typed, function: Typed, rule: WindowRule) -> str:
    key = rule.order[0]
    share = function.args[0].value
    partition = "PARTITION BY " + ", ".join(r.key(p) for p in rule.partition) if rule.partition else ""
    if function.kind == "PERCENTILE_CONT":
        number = f"1 - {share}" if key.descending else share
        return f"quantile_cont(CAST({r.sql(key.expression)} AS DOUBLE), {number}) OVER ({partition})"
    if key.descending:
        return r.refuse(t, "PERCENTILE_DISC with DESC", "the order turned round")
    return f"quantile_disc({r.strict(key.expression)}, {share}) OVER ({partition})"
