"""Bound T-SQL expressions as DuckDB SQL.

Every expression comes out with the DuckDB type of its T-SQL type, with one exception: decimal arithmetic is left to
DuckDB's own (equally scaled) types until ``strict`` pins it down where the type shows.
"""

from __future__ import annotations

from collections.abc import Callable

from engine.core.errors import Problem
from engine.core.sqltypes import MAX, SqlType
from engine.tsql.bind.typed import OrderKey, Query, Refused, Typed, problem
from engine.tsql.like import INSTEAD, like_regex
from engine.warehouses.duckdb.transpile.aggregates import AGGREGATE_KINDS, aggregate, over_clause, string_agg
from engine.warehouses.duckdb.transpile.casts import cast
from engine.warehouses.duckdb.transpile.functions import FUNCTIONS
from engine.warehouses.duckdb.transpile.like import like

_INFIX = {"+", "-", "*", "/", "%", "||", "&", "|", "^", "=", "<>", "<", ">", "<=", ">=", "AND", "OR", "NOT", "IN",
          "in_query", "LIKE", "IS NULL", "negate", "~"}  # fmt: skip
_LOOSE = {"+", "-", "*", "%", "negate", "CASE", "COALESCE", "NULLIF", "literal", "retype"}


class Renderer:
    """Turns bound expressions into DuckDB SQL; refusals are collected in ``problems``."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.replaced: dict[tuple[object, ...], str] = {}
        """Grouping keys that stand for themselves in another form while one SELECT list is rendered."""

    def query(self, query: Query, *, keys: bool = False) -> str:
        """SQL of a query; with ``keys`` its columns come as comparison keys. The query renderer knows how."""
        raise NotImplementedError

    def refuse(self, t: Typed, message: str, instead: str) -> str:
        """Notes that the embedded warehouse cannot give SQL Server's answer; returns filler SQL."""
        text = f"{message}: the embedded warehouse cannot give what SQL Server gives"
        self.problems.append(problem(t.node, text, expected=instead))
        return "NULL"

    def raise_problems(self) -> None:
        if self.problems:
            raise Refused(dict.fromkeys(self.problems))

    # entry points

    def sql(self, t: Typed) -> str:
        """SQL of ``t``."""
        if self.replaced and t.kind != "literal":
            known = self.replaced.get(t.key)
            if known is not None:
                return known
        method = _METHODS.get(t.kind)
        if method is not None:
            return method(self, t)
        function = FUNCTIONS.get(t.kind)
        if function is not None:
            return function(self, t, [self.strict(a) if a.kind != "keyword" else a.value for a in t.args])
        return self.refuse(t, t.kind, "something else")

    def operand(self, t: Typed) -> str:
        """SQL of ``t`` fit to stand beside an operator."""
        text = self.sql(t)
        inner = t
        while inner.kind == "retype":
            inner = inner.args[0]
        return f"({text})" if inner.kind in _INFIX and not text.startswith("tsql.") else text

    def strict(self, t: Typed) -> str:
        """SQL of ``t`` with exactly the DuckDB type of its T-SQL type."""
        text = self.sql(t)
        if t.kind == "null":
            return f"CAST(NULL AS {t.type.duckdb})"
        if t.type.family == "decimal" and t.kind in _LOOSE:
            return f"CAST({text} AS {t.type.duckdb})"
        return text

    def key(self, t: Typed) -> str:
        """SQL of ``t`` as something that compares and groups as T-SQL compares: text without its last blanks."""
        if t.type.family != "string" or not t.padded:
            return self.strict(t) if t.type.family == "decimal" else self.sql(t)
        if t.kind == "literal":
            return self.text_literal(t.value.rstrip(" "))
        return f"rtrim({self.sql(t)}, ' ')"

    def text_literal(self, text: str) -> str:
        return "'" + text.replace("'", "''") + "'"

    def order(self, keys: tuple[OrderKey, ...] | list[OrderKey]) -> str:
        """ORDER BY terms; T-SQL puts NULL below everything."""
        terms: list[str] = []
        for key in keys:
            text = str(key.position) if key.position else self.key(key.expression)
            nulls = " NULLS LAST" if key.descending else " NULLS FIRST"
            terms.append(text + (" DESC" if key.descending else "") + (nulls if key.expression.nullable else ""))
        return ", ".join(terms)

    # leaves

    def _column(self, t: Typed) -> str:
        return f"{quoted(t.value.source)}.{quoted(t.value.name)}"

    def _literal(self, t: Typed) -> str:
        if t.type.family == "string":
            return self.text_literal(t.value)
        if t.type.name == "float":
            return f"CAST({t.value} AS DOUBLE)"
        if t.type.name == "decimal" and "." not in t.value:
            return f"CAST({t.value} AS {t.type.duckdb})"
        return str(t.value)

    def _null(self, t: Typed) -> str:
        return "NULL"

    def _hex(self, t: Typed) -> str:
        return f"unhex('{t.value}')"

    def _retype(self, t: Typed) -> str:
        return self.sql(t.args[0])

    def _cast(self, t: Typed) -> str:
        return cast(t.args[0], self.strict(t.args[0]), t.type, t.value, self.refuse)

    # operators

    def _negate(self, t: Typed) -> str:
        return f"-{self.operand(t.args[0])}"

    def _plus(self, t: Typed) -> str:
        a, b = t.args
        if t.type.name != "decimal":
            text = f"{self.operand(a)} {t.kind} {self.operand(b)}"
            return f"tsql.finite({text})" if t.type.family == "float" else text
        scales = (_scale(a.type), _scale(b.type))
        first = self.operand(a)
        if (t.type.precision or 0) > 18 and a.type.digits[0] <= 18 and b.type.digits[0] <= 18:
            # DuckDB stays with 18 digits while both operands fit them, and overflows where SQL Server does not.
            first = f"CAST({first} AS DECIMAL({t.type.precision},{scales[0]}))"
        text = f"{first} {t.kind} {self.operand(b)}"
        if t.kind == "*":
            if sum(scales) > 38:
                return self.refuse(t, f"a product with {sum(scales)} fractional digits", "CAST to fewer digits first")
            # Beyond 38 digits SQL Server rounds the product to the scale that is left.
            return text if sum(scales) == t.type.scale else f"CAST({text} AS {t.type.duckdb})"
        if (t.type.scale or 0) < max(scales):
            return self.refuse(t, f"{a.type} {t.kind} {b.type} overflows 38 digits", "CAST to fewer digits first")
        return text

    def _divide(self, t: Typed) -> str:
        a, b = t.args
        if t.type.name == "decimal":
            return self.quotient(self.operand(a), self._divisor(b), a.type, b.type, t)
        operator = "//" if t.type.family == "integer" else "/"
        text = f"{self.operand(a)} {operator} {self._divisor(b)}"
        return f"tsql.finite({text})" if operator == "/" else text

    def quotient(self, a: str, b: str, type_a: SqlType, type_b: SqlType, t: Typed) -> str:
        """``a / b`` cut off at the scale of ``t``, in whole-number arithmetic."""
        scale = t.type.scale or 0
        scale_a, scale_b = _scale(type_a), _scale(type_b)
        if scale > 37:
            return self.refuse(t, f"a quotient with {scale} fractional digits", "CAST to fewer digits first")
        digits = max(scale_a, scale + scale_b)
        divisor_digits = digits - scale
        a, b = _widened(a, type_a, scale_a), _widened(b, type_b, divisor_digits)
        if divisor_digits > scale_b:
            b = f"({b} * {10 ** (divisor_digits - scale_b)})"
        unit = "0." + "0" * (scale - 1) + "1"
        shift = 10 ** (digits - scale_a)
        units = f"{10**scale_a}, {shift}, {10**scale_b}, {unit}"
        most = (2**63 - 1) // shift
        text = f"tsql.quotient({a}, {b}, {units}, {most})" if most else f"tsql.wide_quotient({a}, {b}, {units})"
        return f"CAST({text} AS {t.type.duckdb})"

    def _divisor(self, b: Typed) -> str:
        text = self.operand(b)
        if b.kind == "literal" and float(b.value) != 0:
            return f"({text})" if text.startswith("-") else text
        inner = b
        while inner.kind == "cast" and inner.value.implicit and inner.args[0].type.family == "integer":
            inner = inner.args[0]
        never_zero = inner.kind == "NULLIF" and inner.value.kind == "literal" and float(inner.value.value or 0) == 0
        return text if never_zero else f"tsql.nonzero({text})"

    def _modulo(self, t: Typed) -> str:
        return f"{self.operand(t.args[0])} % {self._divisor(t.args[1])}"

    def _concat(self, t: Typed) -> str:
        a, b = t.args
        if _is_null_cast(a) or _is_null_cast(b):
            return "CAST(NULL AS VARCHAR)"
        text = f"{self.sql(a) if a.kind == '||' else self.operand(a)} || {self.operand(b)}"
        longest = (a.type.length or 1) + (b.type.length or 1)
        if t.type.length == MAX or longest <= (t.type.length or 1):
            return text
        return f"left({text}, {t.type.length})"

    def _infix(self, t: Typed) -> str:
        operator = {"^": "xor"}.get(t.kind, t.kind)
        if operator == "xor":
            return f"xor({self.sql(t.args[0])}, {self.sql(t.args[1])})"
        return f"({self.operand(t.args[0])} {operator} {self.operand(t.args[1])})"

    def _invert(self, t: Typed) -> str:
        return f"~{self.operand(t.args[0])}"

    # conditions

    def _true(self, t: Typed) -> str:
        return "TRUE"

    def _compare(self, t: Typed) -> str:
        a, b = t.args
        for x, y in ((a, b), (b, a)):
            # flag = 1: the bit was brought to int; compare it as it is.
            if _is_bit_as_number(x) and y.kind == "literal" and y.value in ("0", "1") and t.kind in ("=", "<>"):
                return f"{self.operand(x.args[0])} {t.kind} {'TRUE' if y.value == '1' else 'FALSE'}"
        return f"{self._side(a)} {t.kind} {self._side(b)}"

    def _side(self, t: Typed) -> str:
        text = self.key(t)
        return f"({text})" if t.kind in _INFIX and not text.startswith(("rtrim(", "tsql.", "CAST(")) else text

    def _and(self, t: Typed) -> str:
        parts = [f"({self.sql(a)})" if a.kind in ("AND", "OR") and a.kind != t.kind else self.sql(a) for a in t.args]
        return f" {t.kind} ".join(parts)

    def _not(self, t: Typed) -> str:
        a = t.args[0]
        if a.kind == "IS NULL":
            return f"{self.operand(a.args[0])} IS NOT NULL"
        if a.kind in ("exists", "LIKE", "IN", "in_query"):
            return self._negated(a)
        return f"NOT ({self.sql(a)})"

    def _negated(self, a: Typed) -> str:
        if a.kind == "exists":
            return f"NOT {self.sql(a)}"
        if a.kind in ("IN", "in_query"):
            return (
                self.sql(a).replace(" IN (", " NOT IN (", 1)
                if " IN (" not in self._side(a.args[0])
                else (f"NOT ({self.sql(a)})")
            )
        return f"NOT ({self.sql(a)})"

    def _is_null(self, t: Typed) -> str:
        return f"{self.operand(t.args[0])} IS NULL"

    def _in(self, t: Typed) -> str:
        first, *items = t.args
        return f"{self._side(first)} IN ({', '.join(self.key(i) for i in items)})"

    def _in_query(self, t: Typed) -> str:
        return f"{self._side(t.args[0])} IN ({self.nested(t.value, keys=True)})"

    def _quantified(self, t: Typed) -> str:
        operator, word, query = t.value
        return f"{self._side(t.args[0])} {operator} {word} ({self.nested(query, keys=True)})"

    def _exists(self, t: Typed) -> str:
        return f"EXISTS ({self.nested(t.value)})"

    def _subquery(self, t: Typed) -> str:
        return f"({self.nested(t.value)})"

    def nested(self, query: Query, *, keys: bool = False) -> str:
        """SQL of a query inside an expression."""
        outer, self.replaced = self.replaced, {}
        text = self.query(query, keys=keys)
        self.replaced = outer
        return text

    # LIKE

    def _like(self, t: Typed) -> str:
        a, pattern = t.args
        text = self.operand(a)
        if pattern.kind != "literal":
            if t.value or (a.padded and not (a.type.unicode or pattern.type.unicode)):
                return self.refuse(t, "LIKE with a computed pattern here", "a constant pattern, or CHARINDEX(…) > 0")
            return f"tsql.like_text({text}, {self.sql(pattern)})"
        # For varchar the blanks at the end of the text do not count; for nvarchar they do.
        loose_end = a.padded and not (a.type.unicode or pattern.type.unicode) and not pattern.value.endswith("%")
        try:
            return like(text, pattern.value, t.value, loose_end=loose_end)
        except ValueError as error:
            return self.refuse(t, str(error), INSTEAD)

    def like_regex(self, t: Typed, pattern: str) -> str:
        """The regular expression of a LIKE pattern; a pattern without one is refused."""
        try:
            return like_regex(pattern)
        except ValueError as error:
            return self.refuse(t, str(error), INSTEAD)

    def json_path(self, t: Typed, path: str) -> str:
        """A T-SQL JSON path for DuckDB."""
        path = path.strip()
        if path.lower().startswith("lax "):
            path = path[4:].strip()
        if not path.startswith("$") or "*" in path:
            self.refuse(t, f"the JSON path {path!r}", "a lax path such as $.a.b[0]")
        return path

    # choices

    def _case(self, t: Typed) -> str:
        parts = ["CASE"]
        for i in range(0, len(t.args) - 1, 2):
            parts.append(f"WHEN {self.sql(t.args[i])} THEN {self.sql(t.args[i + 1])}")
        if t.args[-1].kind != "null" and not _is_null_cast(t.args[-1]):
            parts.append(f"ELSE {self.sql(t.args[-1])}")
        return " ".join((*parts, "END"))

    def _coalesce(self, t: Typed) -> str:
        return f"coalesce({', '.join(self.sql(a) for a in t.args)})"

    def _nullif(self, t: Typed) -> str:
        first, same = t.args
        alike = first.type == t.value.type or {first.type.family, t.value.type.family} <= {"integer"}
        if alike and not (first.padded or t.value.padded):
            return f"nullif({self.sql(first)}, {self.sql(t.value)})"
        return f"CASE WHEN {self.sql(same)} THEN NULL ELSE {self.sql(first)} END"


_METHODS: dict[str, Callable[..., str]] = {
    "column": Renderer._column,
    "literal": Renderer._literal,
    "null": Renderer._null,
    "hex": Renderer._hex,
    "retype": Renderer._retype,
    "cast": Renderer._cast,
    "negate": Renderer._negate,
    **dict.fromkeys(("+", "-", "*"), Renderer._plus),
    "/": Renderer._divide,
    "%": Renderer._modulo,
    "||": Renderer._concat,
    **dict.fromkeys(("&", "|", "^"), Renderer._infix),
    "~": Renderer._invert,
    "true": Renderer._true,
    **dict.fromkeys(("=", "<>", "<", ">", "<=", ">="), Renderer._compare),
    **dict.fromkeys(("AND", "OR"), Renderer._and),
    "NOT": Renderer._not,
    "IS NULL": Renderer._is_null,
    "IN": Renderer._in,
    "in_query": Renderer._in_query,
    "quantified": Renderer._quantified,
    "exists": Renderer._exists,
    "subquery": Renderer._subquery,
    "LIKE": Renderer._like,
    "CASE": Renderer._case,
    "COALESCE": Renderer._coalesce,
    "NULLIF": Renderer._nullif,
    **dict.fromkeys(AGGREGATE_KINDS, aggregate),
    "STRING_AGG": string_agg,
    "over": over_clause,
}


def quoted(name: str) -> str:
    """``name`` as a DuckDB identifier."""
    return '"' + name.replace('"', '""') + '"'


def _scale(t: SqlType) -> int:
    return t.digits[1]


def _widened(text: str, t: SqlType, growth: int) -> str:
    """``text`` with room for ``growth`` more digits when it is multiplied."""
    precision, scale = t.digits
    return f"CAST({text} AS DECIMAL(38,{scale}))" if scale and precision <= 18 < precision + growth else text


def _is_bit_as_number(t: Typed) -> bool:
    return t.kind == "cast" and t.value.implicit and t.args[0].type.family == "bit"


def _is_null_cast(t: Typed) -> bool:
    return t.kind == "cast" and t.value.implicit and t.args[0].kind == "null"
