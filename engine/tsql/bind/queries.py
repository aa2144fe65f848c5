"""Queries: WITH entries, FROM with its joins and APPLYs, the SELECT list, grouping, ordering and set operations."""

from __future__ import annotations

from sqlglot import exp

from engine.core.errors import nearest
from engine.core.sqltypes import INT, NULL, Column, SqlType, common_type
from engine.tsql.bind.conversions import Scope, fits
from engine.tsql.bind.counting import driving_table
from engine.tsql.bind.expressions import reference
from engine.tsql.bind.grouping import Grouping
from engine.tsql.bind.typed import (
    Bound,
    CastRule,
    Catalog,
    CommonTable,
    OrderKey,
    Output,
    Query,
    Select,
    SetOperation,
    Typed,
)

_SELECT_PARTS = {
    "with_", "expressions", "from_", "joins", "where", "group", "having", "order", "distinct", "limit", "offset",
    "options", "kind", "hint", "laterals",
}  # fmt: skip
_PARENTHESES = {"this", "alias", "pivots", "sample", "joins", "laterals", "hints"}
_SET_PARTS = {"with_", "this", "expression", "distinct", "order", "limit", "offset", "options", "by_name", "side",
              "kind", "on"}  # fmt: skip


class Binder(Grouping):
    """Binds one statement to a catalogue."""

    def __init__(self, catalog: Catalog) -> None:
        super().__init__()
        self.catalog = catalog
        self.common_tables: dict[str, CommonTable] = {}

    def statement(self, tree: exp.Expr) -> Bound:
        """Binds the whole statement; problems are left in ``self.problems``."""
        query = self.query(tree, Scope(), named=True, top=True)
        for option in tree.args.get("options") or ():
            if option.name.upper() == "MAXRECURSION" and option.expression is not None:
                for entry in query.tables:
                    entry.deepest = int(option.expression.name)
        columns = tuple(
            # A column of nothing but NULL is an int in SQL Server.
            Column(c.name, INT, True, False, c.lineage) if c.type == NULL else c
            for c in query.columns()
        )
        return Bound(columns, driving_table(query), tree, query)

    def subquery(self, node: exp.Expr, scope: Scope, *, named: bool = False) -> Query:
        outer, self.place = self.place, "select"
        try:
            return self.query(node, scope, named=named)
        finally:
            self.place = outer

    def query(self, node: exp.Expr, outer: Scope, *, named: bool, top: bool = False) -> Query:
        """Binds a SELECT or set operation inside ``outer``. ``named`` demands a distinct name for every column."""
        while isinstance(node, exp.Subquery):
            self._only(node, _PARENTHESES)
            node = node.this
        tables = self._with(node, top)
        if isinstance(node, exp.SetOperation):
            query: Query = self._set_operation(node, outer, named=named, top=top)
        elif isinstance(node, exp.Select):
            query = self._select(node, outer, named=named, top=top)
        else:
            self.fail(node, "a SELECT belongs here")
            query = Select(outputs=[Output("?", Typed("null", NULL))], node=node)
        query.tables = tables
        return query

    # WITH

    def _with(self, node: exp.Expr, top: bool) -> list[CommonTable]:
        clause = node.args.get("with_")
        if clause is None:
            return []
        if not top:
            self.fail(clause, "WITH stands before the outermost SELECT only")
            return []
        if clause.args.get("recursive"):
            self.fail(clause, "RECURSIVE is not T-SQL", expected="WITH alone")
        entries: list[CommonTable] = []
        for cte in clause.expressions:
            if any(given and part not in ("this", "alias") for part, given in cte.args.items()):
                self.fail(cte, f"WITH {cte.alias} says more than T-SQL knows", expected="WITH name AS ( … )")
            name = cte.alias
            if name.lower() in self.common_tables:
                self.fail(cte, f"WITH names {name!r} twice")
            entry = CommonTable(name, name)
            names = [c.name for c in cte.args["alias"].columns]
            if isinstance(cte.this, exp.Union) and self._mentions(cte.this.expression, name):
                self._recursive(cte, entry, names)
            else:
                entry.query = self.query(cte.this, Scope(), named=not names)
                entry.columns = self.renamed(cte, entry.query.columns(), names)
            self.common_tables[name.lower()] = entry
            entries.append(entry)
        return entries

    def _mentions(self, node: exp.Expr, name: str) -> bool:
        return any(not t.db and t.name.lower() == name.lower() for t in node.find_all(exp.Table))

    def _recursive(self, cte: exp.CTE, entry: CommonTable, names: list[str]) -> None:
        union = cte.this
        entry.recursive = True
        if union.args.get("distinct"):
            self.fail(cte, f"{entry.name} reads itself", expected="UNION ALL between its two parts")
        anchor = self.query(union.this, Scope(), named=not names)
        entry.columns = tuple(
            Column(c.name, c.type, True, c.padded, c.lineage) for c in self.renamed(cte, anchor.columns(), names)
        )
        self.common_tables[entry.name.lower()] = entry
        step = self.query(union.expression, Scope(), named=False)
        if len(step.columns()) != len(entry.columns):
            self.fail(cte, f"the parts of {entry.name} have different numbers of columns")
            step = anchor
        for column, other in zip(entry.columns, step.columns(), strict=True):
            if other.type not in (column.type, NULL) and not self.problems:
                self.fail(
                    union.expression,
                    f"types do not match between the anchor and the recursive part in column {column.name!r}: "
                    f"{column.type} and {other.type}",
                    expected=f"CAST(… AS {column.type}) in both",
                )
        if isinstance(step, Select):
            outer_join = any(s.join in ("LEFT", "RIGHT", "FULL", "OUTER APPLY") for s in step.sources)
            if step.grouped or step.distinct or step.top is not None or outer_join:
                self.fail(union.expression, f"the recursive part of {entry.name} groups, cuts or outer joins")
        merged = tuple(
            Column(c.name, c.type, True, c.padded or o.padded, c.lineage | o.lineage)
            for c, o in zip(entry.columns, step.columns(), strict=True)
        )
        entry.columns = merged
        entry.query = SetOperation("UNION ALL", anchor, step, merged, node=union)
        self.common_tables.pop(entry.name.lower())

    # SELECT

    def _select(self, node: exp.Select, outer: Scope, *, named: bool, top: bool) -> Select:
        self._only(node, _SELECT_PARTS)
        scope = Scope(outer)
        result = Select(node=node)
        self.place = "FROM"
        self.from_clause(node, scope, result)
        if (where := node.args.get("where")) is not None:
            self.place = "where"
            result.where = self.condition(where.this, scope)
        self.place = "group"
        if (group := node.args.get("group")) is not None:
            self.grouping(group, scope, result)
        self.place = "select"
        self._outputs(node, scope, result)
        if (having := node.args.get("having")) is not None:
            self.place = "having"
            result.having = self.condition(having.this, scope)
        if (distinct := node.args.get("distinct")) is not None and distinct.args.get("on"):
            self.fail(distinct, "DISTINCT ON is not T-SQL", expected="ROW_NUMBER() OVER (PARTITION BY …) in a derived table")
        result.distinct = distinct is not None
        self.place = "order"
        if (order := node.args.get("order")) is not None:
            result.order = self._order(order, scope, result)
        self._paging(node, scope, result)
        self._ending(node, result, top)
        result.grouped = bool(result.grouping) or scope.aggregated or result.having is not None
        if result.grouped:
            self.check_grouped(result)
        if named:
            self._check_names(result)
        return result

    def _only(self, node: exp.Expr, parts: set[str]) -> None:
        for key, value in node.args.items():
            if value and key not in parts:
                words = {"into": "SELECT … INTO writes", "for_": "FOR XML and FOR JSON give one text, not rows",
                         "qualify": "QUALIFY is not T-SQL", "windows": "WINDOW is SQL Server 2022",
                         "locks": "FOR UPDATE is not T-SQL"}  # fmt: skip
                instead = {"into": "the SELECT alone", "for_": "STRING_AGG or CONCAT"}
                self.fail(
                    value if isinstance(value, exp.Expr) else node,
                    words.get(key, f"{key.strip('_').upper()} is not available here"),
                    expected=instead.get(key, ""),
                )

    def _outputs(self, node: exp.Select, scope: Scope, result: Select) -> None:
        if not node.expressions:
            self.fail(node, "the SELECT list is empty")
            result.outputs.append(Output("?", Typed("null", NULL)))
        for item in node.expressions:
            if isinstance(item, exp.Star) or (isinstance(item, exp.Column) and isinstance(item.this, exp.Star)):
                self._star(item, scope, result)
                continue
            inner = item.this if isinstance(item, exp.Alias) else item
            name = item.alias if isinstance(item, exp.Alias) else ""
            if not name and isinstance(inner, exp.EQ) and isinstance(inner.this, exp.Literal):
                self.fail(item, "'name' = value is not supported", expected="value AS [name]")
                continue
            expression = self.value(inner, scope)
            if not name and isinstance(inner, exp.Column):
                name = expression.value.name if expression.kind == "column" else inner.name
            result.outputs.append(Output(name, expression, item))

    def _star(self, item: exp.Expr, scope: Scope, result: Select) -> None:
        star = item if isinstance(item, exp.Star) else item.this
        if star.args.get("except_") or star.args.get("replace") or star.args.get("rename"):
            self.fail(item, "* takes no EXCEPT or REPLACE in T-SQL", expected="column names")
        wanted = item.args["table"].name if isinstance(item, exp.Column) else ""
        matching = [s for s in scope.sources if not wanted or s.name.lower() == wanted.lower()]
        if not matching:
            message = f"{wanted}.*: nothing in FROM is called {wanted!r}" if wanted else "* without FROM"
            self.fail(item, message, near=nearest(wanted, [s.name for s in scope.sources]))
        for source in matching:
            for column in source.columns.values():
                result.outputs.append(Output(column.name, reference(source, column), item))
            if source.kind == "unknown":
                result.outputs.append(Output("?", Typed("null", NULL), item))

    def _check_names(self, result: Select) -> None:
        seen: set[str] = set()
        for i, output in enumerate(result.outputs, start=1):
            if not output.name:
                self.fail(output.node, f"output column {i} has no name", expected="… AS name")
            elif output.name.lower() in seen and output.name != "?":
                self.fail(output.node, f"two output columns are called {output.name!r}", expected="distinct names")
            seen.add(output.name.lower())

    # ORDER BY, TOP, OFFSET, OPTION

    def _ending(self, node: exp.Expr, result: Select | SetOperation, top: bool) -> None:
        """ORDER BY without TOP or OFFSET, and OPTION, end a whole statement and nothing within one."""
        if top:
            return
        limited = result.offset is not None or (isinstance(result, Select) and result.top is not None)
        if (order := node.args.get("order")) is not None and not limited:
            self.fail(order, "ORDER BY in a subquery needs TOP or OFFSET")
        if options := node.args.get("options"):
            self.fail(options[0], "OPTION stands at the end of the whole statement, not of a part of it")

    def _order(self, order: exp.Order, scope: Scope, result: Select) -> list[OrderKey]:
        keys: list[OrderKey] = []
        names = {o.name.lower(): i for i, o in reversed(list(enumerate(result.outputs, start=1)))}
        for term in order.expressions:
            inner, descending = term.this, bool(term.args.get("desc"))
            position = 0
            if isinstance(inner, exp.Literal) and not inner.is_string:
                position = int(inner.this)
                if not 1 <= position <= len(result.outputs):
                    self.fail(inner, f"ORDER BY {position}: there are {len(result.outputs)} columns")
                    continue
            elif isinstance(inner, exp.Column) and not inner.table:
                position = names.get(inner.name.lower(), 0)
            if position:
                keys.append(OrderKey(result.outputs[position - 1].expression, descending, position))
                continue
            if isinstance(inner, exp.Subquery) and inner.find(exp.From) is None:
                continue
            key = self.value(inner, scope)
            found = [i for i, o in enumerate(result.outputs, start=1) if o.expression.key == key.key]
            if result.distinct and not found:
                self.fail(inner, "ORDER BY of a SELECT DISTINCT takes its output columns only")
            keys.append(OrderKey(key, descending, found[0] if found else 0))
        return keys

    def _paging(self, node: exp.Expr, scope: Scope, result: Select | SetOperation) -> None:
        limit, offset = node.args.get("limit"), node.args.get("offset")
        options = limit.args.get("limit_options") if limit is not None else None
        if offset is not None:
            result.offset = self._count(offset.expression, scope)
            if not node.args.get("order"):
                self.fail(offset, "OFFSET needs ORDER BY")
        if isinstance(limit, exp.Fetch):
            result.fetch = self._count(limit.args["count"], scope)
            if offset is None:
                self.fail(limit, "FETCH needs OFFSET … ROWS before it")
            if options is not None and (options.args.get("percent") or options.args.get("with_ties")):
                self.fail(limit, "FETCH takes ROWS ONLY in T-SQL")
        elif limit is not None:
            if not isinstance(result, Select):
                self.fail(limit, "TOP belongs to a SELECT")
                return
            if offset is not None:
                self.fail(limit, "TOP and OFFSET do not go together", expected="OFFSET … FETCH")
            percent = bool(options is not None and options.args.get("percent"))
            ties = bool(options is not None and options.args.get("with_ties"))
            result.top = self._count(limit.expression, scope, whole=not percent)
            result.top_rule = " ".join(w for w, on in (("PERCENT", percent), ("WITH TIES", ties)) if on)
            if ties and not node.args.get("order"):
                self.fail(limit, "TOP … WITH TIES needs ORDER BY")

    def _count(self, node: exp.Expr, scope: Scope, *, whole: bool = True) -> Typed:
        count = self.value(node, Scope())
        if whole and count.type.family not in ("integer", "null"):
            self.fail(node, f"a number of rows is whole, not {count.type}")
        return count

    # set operations

    def _set_operation(self, node: exp.SetOperation, outer: Scope, *, named: bool, top: bool) -> SetOperation:
        self._only(node, _SET_PARTS)
        if node.args.get("by_name") or node.args.get("side") or node.args.get("on"):
            self.fail(node, "set operations match columns by position in T-SQL")
        word = {exp.Union: "UNION", exp.Except: "EXCEPT", exp.Intersect: "INTERSECT"}[type(node)]
        if not node.args.get("distinct"):
            if word != "UNION":
                self.fail(node, f"{word} ALL is not T-SQL", expected=word)
            word += " ALL"
        for branch in (node.this, node.expression):
            if (order := branch.unnest().args.get("order")) is not None:
                instead = "a derived table around that SELECT, or ORDER BY after the last one"
                self.fail(order, f"ORDER BY in a part of {word}", expected=instead)
        left = self.query(node.this, outer, named=named)
        right = self.query(node.expression, outer, named=False)
        result = SetOperation(word, left, right, node=node)
        if len(left.columns()) != len(right.columns()):
            message = f"{word} of {len(left.columns())} and {len(right.columns())} columns"
            self.fail(node.expression, message, expected="the same number of columns")
            result.merged = left.columns()
            return result
        self._unify(node, result)
        if (order := node.args.get("order")) is not None:
            result.order = self._set_order(order, result)
        self._paging(node, outer, result)
        self._ending(node, result, top)
        return result

    def _unify(self, node: exp.Expr, result: SetOperation) -> None:
        types: list[SqlType] = []
        for a, b in zip(result.left.columns(), result.right.columns(), strict=True):
            try:
                types.append(common_type((a.type, b.type)))
            except ValueError as error:
                self.fail(node, f"column {a.name!r}: {error}")
                types.append(a.type)
        self._retype(result.left, types)
        self._retype(result.right, types)
        result.merged = tuple(
            Column(a.name, t, _nullable(result.word, a, b), a.padded or b.padded, a.lineage | b.lineage)
            for a, b, t in zip(result.left.columns(), result.right.columns(), types, strict=True)
        )

    def _retype(self, query: Query, types: list[SqlType]) -> None:
        if isinstance(query, SetOperation):
            self._retype(query.left, types)
            self._retype(query.right, types)
            query.merged = tuple(
                Column(c.name, t, c.nullable, c.padded, c.lineage) for c, t in zip(query.merged, types, strict=False)
            )
            return
        for output, t in zip(query.outputs, types, strict=False):
            e = output.expression
            if e.type.family == "string" == t.family and not t.fixed and fits(e.type, t):
                output.expression = Typed("retype", t, (e,), None, e.nullable, e.padded, e.lineage, e.node)
            elif e.type != t:
                output.expression = self.cast(e, t, CastRule(implicit=True))

    def _set_order(self, order: exp.Order, result: SetOperation) -> list[OrderKey]:
        names = {c.name.lower(): i for i, c in enumerate(result.merged, start=1)}
        keys: list[OrderKey] = []
        for term in order.expressions:
            inner = term.this
            if isinstance(inner, exp.Literal) and not inner.is_string:
                place = int(inner.this) if 1 <= int(inner.this) <= len(result.merged) else 0
            else:
                place = names.get(inner.name.lower(), 0) if isinstance(inner, exp.Column) else 0
            if not place:
                self.fail(inner, "ORDER BY of a set operation takes its output columns only")
                continue
            column = result.merged[place - 1]
            keys.append(
                OrderKey(Typed("column", column.type, padded=column.padded), bool(term.args.get("desc")), place)
            )
        return keys


def _nullable(word: str, a: Column, b: Column) -> bool:
    if word == "EXCEPT":
        return a.nullable
    return (a.nullable and b.nullable) if word == "INTERSECT" else (a.nullable or b.nullable)
