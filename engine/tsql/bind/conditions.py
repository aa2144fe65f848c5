"""Conditions: comparisons, AND and OR, IN, BETWEEN, LIKE and EXISTS."""

from __future__ import annotations

from sqlglot import exp

from engine.tsql.bind.conversions import Conversions, Scope, union
from engine.tsql.bind.typed import PREDICATE, Query, Typed

COMPARISONS = {exp.EQ: "=", exp.NEQ: "<>", exp.GT: ">", exp.GTE: ">=", exp.LT: "<", exp.LTE: "<="}
_EXACT = {"integer", "decimal"}
_COMPARED_AS_IS = {"integer", "decimal", "float"}


class Conditions(Conversions):
    """Binds what is true, false or unknown."""

    def _comparison(self, node: exp.Binary, scope: Scope) -> Typed:
        op = COMPARISONS[type(node)]
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
        # A long chain leans to the left; walking it here keeps the recursion as deep as the parentheses.
        word, kind = ("AND", exp.And) if isinstance(node, exp.And) else ("OR", exp.Or)
        sides: list[exp.Expr] = []
        rest: exp.Expr = node
        while isinstance(rest, kind):
            sides.append(rest.expression)
            rest = rest.this
        parts = [self.condition(side, scope) for side in (rest, *reversed(sides))]
        return Typed(word, PREDICATE, tuple(parts), lineage=union(*parts))

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
