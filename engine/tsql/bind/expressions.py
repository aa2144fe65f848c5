"""Names and types of expressions: one pass over the tree, bottom up.

A fault is noted and the expression goes on as an untyped NULL, which fits everywhere, so that one mistake is one
problem and the rest of the statement is still looked at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from sqlglot import exp

from engine.core.errors import nearest
from engine.core.sqltypes import (
    BIT,
    DATETIME,
    INT,
    NULL,
    Column,
    SqlType,
    common_type,
    concat_type,
    decimal_arithmetic,
    literal_digits,
    literal_number_type,
    string,
)
from engine.tsql.bind import calls
from engine.tsql.bind.conditions import COMPARISONS, Conditions
from engine.tsql.bind.conversions import Scope, union
from engine.tsql.bind.nodes import PARTS, TURNED_AWAY, TWO_SIDES
from engine.tsql.bind.typed import (
    CastRule,
    ColumnRef,
    Source,
    Typed,
)

_NUMBER = re.compile(r"\d+\.?\d*([eE][+-]?\d*)?|\.\d+([eE][+-]?\d*)?")
_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_BITWISE = {exp.BitwiseAnd: "&", exp.BitwiseOr: "|", exp.BitwiseXor: "^"}


class Expressions(Conditions):
    """Binds every sort of expression node."""

    def bind(self, node: exp.Expr, scope: Scope) -> Typed:
        method = self._METHODS.get(type(node))
        if method is None:
            word = type(node).__name__
            return self.fail(node, f"this is not T-SQL that the warehouse knows ({word})")
        allowed = PARTS.get(type(node), TWO_SIDES)
        for part, given in node.args.items():
            if given and part not in allowed:
                return self.fail(node, f"{part.strip('_').replace('_', ' ').upper()} is not T-SQL here")
        result: Typed = method(self, node, scope)
        result.node = result.node or node
        return result

    # leaves

    def _column(self, node: exp.Column, scope: Scope) -> Typed:
        if isinstance(node.this, exp.Star):
            return self.fail(node, "* stands in the SELECT list or in COUNT(*) only")
        name, table, schema = node.name, node.table, node.args.get("db")
        folded = name.lower()
        if not table and folded == "current_date":
            return self.fail(node, "CURRENT_DATE is not T-SQL", expected="CAST(GETDATE() AS date)")
        wanted = f"{schema.name}.{table}".lower() if schema else table.lower()
        level: Scope | None = scope
        while level is not None:
            found: list[tuple[Source, Column]] = []
            for source in level.sources:
                if wanted and not _answers(source, wanted):
                    continue
                column = source.columns.get(folded)
                if column is not None:
                    found.append((source, column))
                elif source.kind == "unknown":
                    return Typed("null", NULL, node=node)
                elif wanted:
                    return self._unknown_column(node, name, [source])
            if len(found) > 1:
                names = " or ".join(f"{s.name}.{name}" for s, _ in found)
                return self.fail(node, f"column {name!r} is ambiguous", expected=names)
            if found:
                return reference(*found[0])
            level = level.parent
        if wanted:
            names_in_reach = [s.name for s in _in_reach(scope)]
            return self.fail(
                node,
                f"{node.sql(dialect='tsql')}: nothing in FROM is called {table!r}",
                near=nearest(table, names_in_reach),
            )
        return self._unknown_column(node, name, _in_reach(scope))

    def _unknown_column(self, node: exp.Column, name: str, sources: Sequence[Source]) -> Typed:
        known = [c.name for s in sources for c in s.columns.values()]
        where = f" in {sources[0].table or sources[0].name}" if len(sources) == 1 else ""
        if not sources:
            return self.fail(node, f"unknown column {name!r}: the SELECT reads no table")
        return self.fail(node, f"unknown column {name!r}{where}", near=nearest(name, known))

    def _literal(self, node: exp.Literal, scope: Scope) -> Typed:
        text = node.this
        if node.is_string:
            return _text_literal("varchar", text, 8000)
        if not _NUMBER.fullmatch(text):
            return self.fail(node, f"{text} is not a number")
        t = literal_number_type(text)
        if t.name == "decimal" and len(text.replace(".", "").lstrip("0")) > 38:
            return self.fail(node, f"{text} has more than 38 digits")
        return Typed("literal", t, value=text, nullable=False)

    def _national(self, node: exp.National, scope: Scope) -> Typed:
        return _text_literal("nvarchar", node.this, 4000)

    def _null(self, node: exp.Null, scope: Scope) -> Typed:
        return Typed("null", NULL)

    def _hex(self, node: exp.HexString, scope: Scope) -> Typed:
        digits = node.this if len(node.this) % 2 == 0 else "0" + node.this
        return Typed("hex", SqlType("varbinary", length=max(1, len(digits) // 2)), value=digits, nullable=False)

    def _paren(self, node: exp.Paren, scope: Scope) -> Typed:
        return self.bind(node.this, scope)

    def _now(self, node: exp.Expr, scope: Scope) -> Typed:
        return Typed("GETDATE", DATETIME, nullable=False)

    # arithmetic

    def _negative(self, node: exp.Neg, scope: Scope) -> Typed:
        a = self.value(node.this, scope)
        if a.kind == "literal" and a.type.family in ("integer", "decimal", "float"):
            value = a.value[1:] if a.value.startswith("-") else "-" + a.value
            return Typed("literal", a.type, value=value, nullable=False)
        if a.type.family == "bit" or a.type.family not in ("integer", "decimal", "float", "null"):
            return self.fail(node, f"- does not take {a.type}")
        return Typed("negate", a.type, (a,), nullable=a.nullable, lineage=a.lineage)

    def _arithmetic(self, node: exp.Binary, scope: Scope) -> Typed:
        op = _ARITHMETIC[type(node)]
        a, b = self.value(node.this, scope), self.value(node.expression, scope)
        fa, fb = a.type.family, b.type.family
        if op == "+" and {fa, fb} <= {"string", "null"} and "string" in (fa, fb):
            return self._concatenation(a, b)
        if "string" in (fa, fb) and fa != fb and {fa, fb} & _NUMBERS:
            # By precedence the number wins, so the text is read as that number.
            a, b = (self.coerce(a, b.type), b) if fa == "string" else (a, self.coerce(b, a.type))
            fa, fb = a.type.family, b.type.family
        if not {fa, fb} <= _NUMBERS | {"null"}:
            return self._no_arithmetic(node, op, a, b)
        if fa == "null" and fb == "null":
            return Typed("null", INT)
        if fa == "null" or fb == "null":
            a, b = (self.coerce(a, b.type), b) if fa == "null" else (a, self.coerce(b, a.type))
        result = self._arithmetic_type(node, op, a, b)
        if result is None:
            return Typed("null", NULL)
        if result.family in ("integer", "float"):
            a, b = self.coerce(a, result), self.coerce(b, result)
        a, b = (self.coerce(x, INT) if x.type.family == "bit" else x for x in (a, b))
        return Typed(op, result, (a, b), nullable=a.nullable or b.nullable, lineage=a.lineage | b.lineage)

    def _arithmetic_type(self, node: exp.Expr, op: str, a: Typed, b: Typed) -> SqlType | None:
        t = common_type((a.type, b.type))
        if t.family == "bit":
            self.fail(node, f"{op} does not take two bits", expected="CAST(… AS int)")
            return None
        if op == "%" and t.family == "float":
            self.fail(node, "% does not take float", expected="CAST(… AS decimal(p, s))")
            return None
        if t.name in ("money", "smallmoney"):
            if op in "+-":
                return t
            self.fail(node, f"money {op} rounds on the way", expected="CAST(… AS decimal(19, 4))")
            return None
        if t.name == "decimal":
            return decimal_arithmetic(op, _digits(a), _digits(b))
        return t

    def _no_arithmetic(self, node: exp.Expr, op: str, a: Typed, b: Typed) -> Typed:
        families = {a.type.family, b.type.family}
        if families & {"date", "datetime", "time", "datetimeoffset"}:
            hint = "DATEDIFF(day, …, …)" if op == "-" and len(families & _NUMBERS) == 0 else "DATEADD(day, n, …)"
            return self.fail(node, f"{a.type} {op} {b.type} does not go", expected=hint)
        return self.fail(node, f"{a.type} {op} {b.type} does not go", expected="numbers, or CAST(… AS …)")

    def _concatenation(self, a: Typed, b: Typed) -> Typed:
        if a.type.family == "null" or b.type.family == "null":
            known = b if a.type.family == "null" else a
            a, b = self.coerce(a, known.type), self.coerce(b, known.type)
        # An empty right side leaves the left side's blanks at the end.
        padded = b.padded or a.padded or (b.kind == "literal" and not b.value)
        nullable, lineage = a.nullable or b.nullable, a.lineage | b.lineage
        return Typed("||", concat_type(a.type, b.type), (a, b), nullable=nullable, padded=padded, lineage=lineage)

    def _bitwise(self, node: exp.Binary, scope: Scope) -> Typed:
        op = _BITWISE[type(node)]
        for side in (node.this, node.expression):
            # sqlglot ranks & | ^ below + and -, T-SQL ranks them alike.
            if isinstance(side, (*_ARITHMETIC, *_BITWISE)) and type(side) is not type(node):
                return self.fail(node, f"{op} mixed with other operators", expected="parentheses around each pair")
        a, b = self.value(node.this, scope), self.value(node.expression, scope)
        if not {a.type.family, b.type.family} <= {"integer", "bit", "null"}:
            return self._no_arithmetic(node, op, a, b)
        t = common_type((a.type, b.type))
        wide = INT if t.family == "bit" else t
        both = (self.coerce(a, wide), self.coerce(b, wide))
        result = Typed(op, wide, both, nullable=a.nullable or b.nullable, lineage=a.lineage | b.lineage)
        return self.coerce(result, BIT) if t.family == "bit" else result

    def _bitwise_not(self, node: exp.BitwiseNot, scope: Scope) -> Typed:
        a = self.value(node.this, scope)
        if a.type.name not in ("smallint", "int", "bigint"):
            return self.fail(node, f"~ does not take {a.type} here", expected="CAST(… AS int)")
        return Typed("~", a.type, (a,), nullable=a.nullable, lineage=a.lineage)

    # choices

    def _case(self, node: exp.Case, scope: Scope) -> Typed:
        subject = self.value(node.this, scope) if node.this is not None else None
        conditions: list[Typed] = []
        results: list[Typed] = []
        for branch in node.args["ifs"]:
            if subject is None:
                conditions.append(self.condition(branch.this, scope))
            else:
                conditions.append(self.compare(branch, "=", subject, self.value(branch.this, scope)))
            results.append(self.value(branch.args["true"], scope))
        default = node.args.get("default")
        results.append(self.value(default, scope) if default is not None else Typed("null", NULL))
        return self.choice(node, conditions, results)

    def choice(self, node: exp.Expr, conditions: Sequence[Typed], results: Sequence[Typed]) -> Typed:
        """CASE WHEN conditions THEN results, the last result being ELSE, all of one type."""
        t = self.common(node, results)
        coerced = [self.coerce(r, t) for r in results]
        return Typed(
            "CASE",
            t,
            (*(part for pair in zip(conditions, coerced, strict=False) for part in pair), coerced[-1]),
            nullable=any(r.nullable for r in coerced),
            padded=any(r.padded for r in coerced),
            lineage=union(*conditions, *coerced),
        )

    def _cast(self, node: exp.Cast, scope: Scope) -> Typed:
        if node.args.get("format") is not None:
            return self.fail(node, "CAST has no FORMAT", expected="CONVERT(type, …, style)")
        return self._converted(node, node.this, node.to, isinstance(node, exp.TryCast), None, scope)

    def _convert(self, node: exp.Convert, scope: Scope) -> Typed:
        style = node.args.get("style")
        number = None
        if style is not None:
            if not isinstance(style, exp.Literal) or not style.is_int:
                return self.fail(style, "the style of CONVERT is a number written out", expected="such as 23 or 120")
            number = int(style.this)
        return self._converted(node, node.expression, node.this, bool(node.args.get("safe")), number, scope)

    def _converted(
        self, node: exp.Expr, inner: exp.Expr, to: Any, safe: bool, style: int | None, scope: Scope
    ) -> Typed:
        t = self.type_of(node, to)
        a = self.value(inner, scope)
        if t is None:
            return a
        return self.cast(a, t, CastRule(style, safe))

    # subqueries

    def _scalar_subquery(self, node: exp.Subquery, scope: Scope) -> Typed:
        query = self.subquery(node.this, scope)
        self._one_column(node, query)
        column = query.columns()[0]
        return Typed("subquery", column.type, value=query, padded=column.padded, lineage=column.lineage)

    def _call(self, node: exp.Expr, scope: Scope) -> Typed:
        return calls.bind_call(self, node, scope)

    def _collate(self, node: exp.Collate, scope: Scope) -> Typed:
        if node.expression.name.upper() in ("DATABASE_DEFAULT", "SQL_LATIN1_GENERAL_CP1_CI_AS"):
            return self.value(node.this, scope)
        return self.fail(node, f"COLLATE {node.expression.name}", expected="the default collation, without COLLATE")

    def _refused(self, node: exp.Expr, scope: Scope) -> Typed:
        message, instead = TURNED_AWAY[type(node)]
        return self.fail(node, message, expected=instead)

    _METHODS: ClassVar[dict[type[exp.Expr], Callable[..., Typed]]] = {
        exp.Column: _column,
        exp.Literal: _literal,
        exp.National: _national,
        exp.Null: _null,
        exp.HexString: _hex,
        exp.Paren: _paren,
        exp.CurrentTimestamp: _now,
        exp.Neg: _negative,
        **dict.fromkeys(_ARITHMETIC, _arithmetic),
        **dict.fromkeys(_BITWISE, _bitwise),
        exp.BitwiseNot: _bitwise_not,
        **dict.fromkeys(COMPARISONS, Conditions._comparison),
        exp.And: Conditions._and,
        exp.Or: Conditions._and,
        exp.Not: Conditions._not,
        exp.Is: Conditions._is,
        exp.Between: Conditions._between,
        exp.In: Conditions._in,
        exp.Exists: Conditions._exists,
        exp.Like: Conditions._like,
        exp.Escape: Conditions._like,
        exp.Case: _case,
        exp.Cast: _cast,
        exp.TryCast: _cast,
        exp.Convert: _convert,
        exp.Subquery: _scalar_subquery,
        exp.Anonymous: _call,
        exp.Window: _call,
        exp.WithinGroup: _call,
        exp.Trim: _call,
        exp.Collate: _collate,
        **dict.fromkeys(
            (exp.AtTimeZone, exp.Dot, exp.Parameter, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Boolean, exp.IgnoreNulls,
             exp.RespectNulls, exp.CurrentUser, exp.CurrentDate, exp.Bracket, exp.Tuple, exp.Star),
            _refused,
        ),
    }  # fmt: skip


_NUMBERS = {"integer", "decimal", "float", "bit"}


def _answers(source: Source, wanted: str) -> bool:
    return source.name.lower() == wanted or ("." in wanted and source.table == wanted)


def _in_reach(scope: Scope) -> list[Source]:
    found: list[Source] = []
    level: Scope | None = scope
    while level is not None:
        found.extend(level.sources)
        level = level.parent
    return found


def reference(source: Source, column: Column) -> Typed:
    """The expression that reads ``column`` of ``source``."""
    lineage = frozenset(((source.table, column.name),)) if source.kind == "table" else column.lineage
    padded = column.padded and column.type.family == "string"
    nullable = column.nullable or source.optional
    return Typed("column", column.type, (), ColumnRef(source.alias, column.name), nullable, padded, lineage)


def _text_literal(name: str, text: str, longest: int) -> Typed:
    t = string(name, len(text)) if len(text) <= longest else string(name, -1)
    return Typed("literal", t, value=text, nullable=False, padded=text.endswith(" "))


def _digits(a: Typed) -> tuple[int, int]:
    if a.kind == "literal" and a.type == INT:
        return literal_digits(a.value.lstrip("-"))
    return a.type.digits


