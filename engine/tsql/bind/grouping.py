"""GROUP BY with its sets, and the rule that what is selected is grouped or aggregated."""

from __future__ import annotations

from sqlglot import exp

from engine.tsql.bind.conversions import Scope
from engine.tsql.bind.functions import AGGREGATES
from engine.tsql.bind.sources import Sources
from engine.tsql.bind.typed import Select, Typed


class Grouping(Sources):
    """Binds GROUP BY."""

    def grouping(self, group: exp.Group, scope: Scope, result: Select) -> None:
        """Binds the GROUP BY clause into ``result``."""
        if group.args.get("all") or group.args.get("totals"):
            self.fail(group, "GROUP BY ALL is deprecated", expected="the columns")
        plain: list[Typed] = []
        for term in group.expressions:
            if isinstance(term, exp.GroupingSets):
                result.grouping.append(("GROUPING SETS", [self._set(s, scope) for s in term.expressions]))
            elif isinstance(term, (exp.Rollup, exp.Cube)):
                word = "ROLLUP" if isinstance(term, exp.Rollup) else "CUBE"
                if not term.expressions:
                    self.fail(term, f"{word} of nothing", expected="columns")
                result.grouping.append((word, [self._set(s, scope) for s in term.expressions]))
            elif isinstance(term, exp.Tuple) and not term.expressions:
                result.grouping.append(("GROUPING SETS", [()]))
            else:
                plain.extend(self._group_key(term, scope))
        for word in ("rollup", "cube"):
            if group.args.get(word):
                result.grouping.append((word.upper(), [(key,) for key in plain]))
                plain = []
        if plain:
            result.grouping.insert(0, ("", [tuple(plain)]))

    def _set(self, node: exp.Expr, scope: Scope) -> tuple[Typed, ...]:
        if isinstance(node, (exp.Rollup, exp.Cube, exp.GroupingSets)):
            self.fail(node, "nested grouping sets", expected="the sets written out")
            return ()
        return self._group_key(node, scope)

    def _group_key(self, node: exp.Expr, scope: Scope) -> tuple[Typed, ...]:
        if isinstance(node, exp.Tuple):
            return tuple(key for part in node.expressions for key in self._group_key(part, scope))
        inner = node.unnest() if isinstance(node, exp.Paren) else node
        if isinstance(inner, exp.Literal):
            self.fail(inner, "GROUP BY takes no positions and no constants", expected="the expression itself")
            return ()
        return (self.value(inner, scope),)

    def check_grouped(self, result: Select) -> None:
        """Notes every column that is neither grouped nor aggregated."""
        keys = {key.key for _, sets in result.grouping for group in sets for key in group}
        for output in result.outputs:
            self._check_in_group(output.expression, keys, "the SELECT list", output.node)
        if result.having is not None:
            self._check_in_group(result.having, keys, "HAVING", result.having.node)
        for order in result.order:
            if not order.position:
                self._check_in_group(order.expression, keys, "ORDER BY", order.expression.node)

    def _check_in_group(self, t: Typed, keys: set[tuple[object, ...]], where: str, node: exp.Expr | None) -> None:
        if keys and t.key in keys:
            return
        if t.kind in AGGREGATES:
            return
        if t.kind == "column":
            message = f"column {t.value.name!r} stands in {where} but neither in GROUP BY nor in an aggregate"
            self.fail(t.node or node, message, expected="GROUP BY with it, or MAX(…)")
            return
        for arg in t.args:
            self._check_in_group(arg, keys, where, node)
