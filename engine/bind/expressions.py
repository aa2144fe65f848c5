"""Names and types of expressions: one pass over the tree, bottom up.

A fault is noted and the expression goes on as an untyped NULL, which fits everywhere, so that one mistake is one
problem and the rest of the statement is still looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from sqlglot import exp

from engine.bind import calls
from engine.bind.typed import (
    NOTHING,
    PREDICATE,
    CastRule,
    ColumnRef,
    Lineage,
    Query,
    Source,
    Typed,
    problem,
)
from engine.errors import Problem, nearest
from engine.sqltypes import (
    BIT,
    DATETIME,
    INT,
    NULL,
    Column,
    SqlType,
    common_type,
    concat_type,
    convertible,
    decimal_arithmetic,
    literal_digits,
    literal_number_type,
    parse_type,
    string,
    text_length,
)

NO_LENGTH = 30
"""CAST and CONVERT to a character type without a length keep 30 characters."""

_ARITHMETIC = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_BITWISE = {exp.BitwiseAnd: "&", exp.BitwiseOr: "|", exp.BitwiseXor: "^"}
_COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
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


class Expressions:
    """Binds expressions. ``place`` is the clause at hand; aggregates and windows are allowed in some places only."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self.place = "select"

    def subquery(self, node: exp.Expr, scope: Scope, *, named: bool = False) -> Query:
        """Binds a query inside an expression; the query binder knows how."""
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

    def bind(self, node: exp.Expr, scope: Scope) -> Typed:
        method = self._METHODS.get(type(node))
        if method is None:
            word = type(node).__name__
            return self.fail(node, f"this is not T-SQL that the warehouse knows ({word})")
        allowed = _PARTS.get(type(node), _TWO_SIDES)
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

    # conditions

    def _comparison(self, node: exp.Binary, scope: Scope) -> Typed:
        op = _COMPARISONS[type(node)]
        if isinstance(node.expression, (exp.All, exp.Any)):
            return self._quantified(node, op, scope)
        return self.compare(node, op, self.value(node.this, scope), self.value(node.expression, scope))

    def compare(self, node: exp.Expr, op: str, a: Typed, b: Typed) -> Typed:
        """``a op b`` with both sides brought to the type that wins by precedence."""
        t = self.common(node, (a, b))
        if t.family == "binary" and op not in ("=", "<>"):
            return self.fail(node, f"{op} does not take {t} here")
        families = {a.type.family, b.type.family}
        if families == {"string"} or families <= _COMPARED_AS_IS:
            sides = (a, b)
        else:
            sides = (self.coerce(a, t), self.coerce(b, t))
        return Typed(op, PREDICATE, sides, lineage=a.lineage | b.lineage)

    def _quantified(self, node: exp.Binary, op: str, scope: Scope) -> Typed:
        word = "ALL" if isinstance(node.expression, exp.All) else "ANY"
        inner = node.expression.this
        query = self.subquery(inner.this if isinstance(inner, exp.Subquery) else inner, scope)
        a = self.value(node.this, scope)
        self._one_column(node, query)
        if a.type.family != query.columns()[0].type.family:
            return self.fail(node, f"{a.type} {op} {word} of {query.columns()[0].type}", expected="the same type")
        return Typed("quantified", PREDICATE, (a,), value=(op, word, query))

    def _and(self, node: exp.Binary, scope: Scope) -> Typed:
        word = "AND" if isinstance(node, exp.And) else "OR"
        a, b = self.condition(node.this, scope), self.condition(node.expression, scope)
        return Typed(word, PREDICATE, (a, b), lineage=a.lineage | b.lineage)

    def _not(self, node: exp.Not, scope: Scope) -> Typed:
        a = self.condition(node.this, scope)
        return Typed("NOT", PREDICATE, (a,), lineage=a.lineage)

    def _is(self, node: exp.Is, scope: Scope) -> Typed:
        other = node.expression
        if not isinstance(other, exp.Null):
            return self.fail(node, "IS takes NULL or NOT NULL only", expected="= or <>")
        a = self.value(node.this, scope)
        return Typed("IS NULL", PREDICATE, (a,), lineage=a.lineage)

    def _between(self, node: exp.Between, scope: Scope) -> Typed:
        a = self.value(node.this, scope)
        low, high = self.value(node.args["low"], scope), self.value(node.args["high"], scope)
        from_low, to_high = self.compare(node, ">=", a, low), self.compare(node, "<=", a, high)
        return Typed("AND", PREDICATE, (from_low, to_high), lineage=from_low.lineage | to_high.lineage)

    def _in(self, node: exp.In, scope: Scope) -> Typed:
        if isinstance(node.this, exp.Tuple):
            return self.fail(node, "T-SQL has no row comparison", expected="EXISTS (SELECT … WHERE a = … AND b = …)")
        a = self.value(node.this, scope)
        inner = node.args.get("query")
        if inner is not None:
            query = self.subquery(inner.this if isinstance(inner, exp.Subquery) else inner, scope)
            self._one_column(node, query)
            t = query.columns()[0].type
            if "null" not in (a.type.family, t.family):
                a = self._to_query_type(node, a, query)
            return Typed("in_query", PREDICATE, (a,), value=query, lineage=a.lineage)
        items = [self.value(item, scope) for item in node.expressions]
        if not items:
            return self.fail(node, "IN needs a list or a subquery")
        t = self.common(node, (a, *items))
        families = {x.type.family for x in (a, *items)}
        if not (families == {"string"} or families <= _COMPARED_AS_IS):
            a, items = self.coerce(a, t), [self.coerce(item, t) for item in items]
        return Typed("IN", PREDICATE, (a, *items), lineage=a.lineage)

    def _to_query_type(self, node: exp.Expr, a: Typed, query: Query) -> Typed:
        t = query.columns()[0].type
        if {a.type.family, t.family} <= _EXACT or a.type.family == t.family:
            return a
        wanted = self.common(node, (a, Typed("column", t)))
        if wanted.family != t.family:
            self.fail(node, f"IN compares {a.type} with {t}", expected=f"CAST(… AS {wanted}) in the subquery")
        return self.coerce(a, wanted)

    def _exists(self, node: exp.Exists, scope: Scope) -> Typed:
        inner = node.this
        query = self.subquery(inner.this if isinstance(inner, exp.Subquery) else inner, scope)
        return Typed("exists", PREDICATE, value=query)

    def _like(self, node: exp.Expr, scope: Scope) -> Typed:
        escape = ""
        if isinstance(node, exp.Escape):
            mark = node.expression
            if not isinstance(mark, (exp.Literal, exp.National)) or len(mark.name) != 1:
                return self.fail(node, "ESCAPE takes one character")
            escape, node = mark.name, node.this
        if not isinstance(node, exp.Like):
            return self.fail(node, "ESCAPE belongs to LIKE")
        a = self.text(self.value(node.this, scope))
        pattern = self.text(self.value(node.expression, scope))
        like = Typed("LIKE", PREDICATE, (a, pattern), value=escape, lineage=a.lineage | pattern.lineage)
        like.node = node
        return Typed("NOT", PREDICATE, (like,), lineage=like.lineage) if node.args.get("negate") else like

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
            if not isinstance(style, exp.Literal) or style.is_string:
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

    # subqueries

    def _scalar_subquery(self, node: exp.Subquery, scope: Scope) -> Typed:
        query = self.subquery(node.this, scope)
        self._one_column(node, query)
        column = query.columns()[0]
        return Typed("subquery", column.type, value=query, padded=column.padded, lineage=column.lineage)

    def _one_column(self, node: exp.Expr, query: Query) -> None:
        if len(query.columns()) != 1:
            self.fail(node, f"this subquery gives {len(query.columns())} columns", expected="one column")

    def _call(self, node: exp.Expr, scope: Scope) -> Typed:
        return calls.bind_call(self, node, scope)

    def _collate(self, node: exp.Collate, scope: Scope) -> Typed:
        if node.expression.name.upper() in ("DATABASE_DEFAULT", "SQL_LATIN1_GENERAL_CP1_CI_AS"):
            return self.value(node.this, scope)
        return self.fail(node, f"COLLATE {node.expression.name}", expected="the default collation, without COLLATE")

    def _refused(self, node: exp.Expr, scope: Scope) -> Typed:
        message, instead = _TURNED_AWAY[type(node)]
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
        **dict.fromkeys(_COMPARISONS, _comparison),
        exp.And: _and,
        exp.Or: _and,
        exp.Not: _not,
        exp.Is: _is,
        exp.Between: _between,
        exp.In: _in,
        exp.Exists: _exists,
        exp.Like: _like,
        exp.Escape: _like,
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


_TURNED_AWAY: dict[type[exp.Expr], tuple[str, str]] = {
    exp.AtTimeZone: ("AT TIME ZONE needs Windows time zone names", "times kept in UTC, DATEADD(minute, n, …)"),
    exp.Dot: ("user-defined functions and methods are not available", "the expression itself, or a Jinja macro"),
    exp.Parameter: ("variables are not available", "{{ name | literal }} in the template"),
    exp.NullSafeEQ: ("IS NOT DISTINCT FROM is SQL Server 2022", "EXISTS (SELECT a INTERSECT SELECT b)"),
    exp.NullSafeNEQ: ("IS DISTINCT FROM is SQL Server 2022", "NOT EXISTS (SELECT a INTERSECT SELECT b)"),
    exp.Boolean: ("T-SQL has no TRUE and FALSE", "1 or 0, or CAST(1 AS bit)"),
    exp.IgnoreNulls: ("IGNORE NULLS is SQL Server 2022", "a WHERE … IS NOT NULL in a derived table"),
    exp.RespectNulls: ("RESPECT NULLS is SQL Server 2022", "the same without it, it is the default"),
    exp.CurrentUser: ("depends on who is connected", "a column or {{ target }}"),
    exp.CurrentDate: ("CURRENT_DATE is not T-SQL", "CAST(GETDATE() AS date)"),
    exp.Bracket: ("T-SQL has no arrays", "OPENJSON or STRING_SPLIT"),
    exp.Tuple: ("T-SQL has no row values", "one value"),
    exp.Star: ("* stands in the SELECT list or in COUNT(*) only", "column names"),
}

_TWO_SIDES = {"this", "expression"}
_PARTS: dict[type[exp.Expr], set[str]] = {
    exp.Column: {"this", "table", "db"},
    exp.Literal: {"this", "is_string"},
    exp.Div: {"this", "expression", "typed", "safe"},
    exp.In: {"this", "expressions", "query"},
    exp.Between: {"this", "low", "high"},
    exp.Like: {"this", "expression", "negate"},
    exp.Case: {"this", "ifs", "default"},
    exp.Cast: {"this", "to", "format"},
    exp.TryCast: {"this", "to", "format", "safe"},
    exp.Convert: {"this", "expression", "style", "safe"},
    exp.Anonymous: {"this", "expressions"},
    exp.Window: {"this", "partition_by", "order", "spec", "over", "alias"},
    exp.Trim: {"this", "expression", "position"},
    exp.HexString: {"this", "is_integer"},
    exp.AtTimeZone: {"this", "zone"},
    exp.Bracket: {"this", "expressions", "offset", "safe"},
    exp.Tuple: {"expressions"},
}
"""What each node may carry; anything more is another dialect's and would be lost in silence."""

_NUMBERS = {"integer", "decimal", "float", "bit"}
_EXACT = {"integer", "decimal"}
_COMPARED_AS_IS = {"integer", "decimal", "float"}


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


def fits(source: SqlType, target: SqlType) -> bool:
    """Whether every text of ``source`` is short enough for ``target``."""
    if target.length == -1:
        return True
    return source.length != -1 and (source.length or 1) <= (target.length or 1)


def union(*parts: Typed) -> Lineage:
    """The lineage of everything in ``parts``."""
    return NOTHING.union(*(p.lineage for p in parts))
