"""FROM: tables, WITH names, derived tables, VALUES, STRING_SPLIT and OPENJSON, and how they are joined."""

from __future__ import annotations

from sqlglot import exp

from engine.core.errors import nearest
from engine.core.sqltypes import MAX, NULL, Column, SqlType, common_type, parse_type, string
from engine.tsql.bind.conversions import Scope
from engine.tsql.bind.expressions import Expressions
from engine.tsql.bind.typed import Catalog, CommonTable, Query, Select, Source

_HARMLESS_HINTS = {"NOLOCK", "READUNCOMMITTED", "READCOMMITTED", "TABLOCK", "FORCESEEK", "FORCESCAN", "NOEXPAND"}
_NVMAX = string("nvarchar", MAX)


class Sources(Expressions):
    """Binds the sources of a SELECT into a scope."""

    catalog: Catalog
    common_tables: dict[str, CommonTable]

    def query(self, node: exp.Expr, outer: Scope, *, named: bool, top: bool = False) -> Query:
        raise NotImplementedError

    def from_clause(self, node: exp.Select, scope: Scope, result: Select) -> None:
        """Binds FROM and its joins, left to right."""
        clause = node.args.get("from_")
        if clause is None:
            return
        self._add(clause.this, scope, "", result)
        for join in (*(clause.this.args.get("joins") or ()), *(node.args.get("joins") or ())):
            self._join(join, scope, result)

    def _join(self, join: exp.Join, scope: Scope, result: Select) -> None:
        if any(given and part not in ("this", "side", "kind", "on", "hint") for part, given in join.args.items()):
            self.fail(join, "this join is not T-SQL", expected="JOIN … ON a.key = b.key")
        side, kind = join.side.upper(), join.kind.upper()
        inner = join.this
        if isinstance(inner, exp.Lateral):
            word = "CROSS APPLY" if inner.args.get("cross_apply") else "OUTER APPLY"
            self._add(inner, scope, word, result)
            return
        on = join.args.get("on")
        word = side or ("CROSS" if kind == "CROSS" or (not kind and on is None) else "INNER")
        if side not in ("", "LEFT", "RIGHT", "FULL") or kind not in ("", "INNER", "OUTER", "CROSS"):
            self.fail(join, f"{side} {kind} JOIN is not T-SQL".replace("  ", " "))
        source = self._add(inner, scope, word, result)
        if on is not None:
            self.place = "on"
            source.on = self.condition(on, scope)
            self.place = "FROM"
        elif word != "CROSS":
            self.fail(join, f"{word} JOIN {source.name} has no ON", expected="ON a.key = b.key, or CROSS JOIN")

    def _add(self, node: exp.Expr, scope: Scope, join: str, result: Select) -> Source:
        # An APPLY sees what stands to its left; anything else sees only the queries around.
        around = scope if "APPLY" in join else scope.parent or Scope()
        source = self._source(node, around)
        source.join = join
        source.node = node
        name = source.name.lower()
        if any(s.name.lower() == name and s.table == source.table for s in scope.sources if name):
            self.fail(node, f"{source.name!r} stands in FROM twice", expected="an alias of its own")
        alias = source.name or "x"
        tail = 2
        while scope.taken(alias.lower()):
            alias = f"{source.name or 'x'}_{tail}"
            tail += 1
        source.alias = alias
        if join in ("RIGHT", "FULL"):
            for earlier in scope.sources:
                earlier.optional = True
        source.optional = join in ("LEFT", "FULL", "OUTER APPLY")
        scope.sources.append(source)
        result.sources.append(source)
        return source

    def _source(self, node: exp.Expr, around: Scope) -> Source:
        alias = node.args.get("alias")
        names = [c.name for c in alias.columns] if isinstance(alias, exp.TableAlias) else []
        label = alias.name if alias is not None else ""
        if node.args.get("pivots"):
            self.fail(node, "PIVOT and UNPIVOT are not supported", expected=_INSTEAD_OF_PIVOT)
        known = ("this", "db", "catalog", "alias", "hints", "pivots", "sample", "version", "joins", "expressions",
                 "cross_apply", "path")  # fmt: skip
        for part, given in node.args.items():
            if given and part not in known:
                self.fail(node, f"{part.strip('_').upper()} is not T-SQL in FROM")
        if node.args.get("sample"):
            self.fail(node, "TABLESAMPLE gives other rows each time", expected="TOP (n) … ORDER BY")
        inner = node
        if isinstance(inner, exp.Lateral):
            inner = inner.this
        if isinstance(inner, exp.Table) and isinstance(inner.this, exp.Identifier):
            return self._table(inner, label, names)
        if isinstance(inner, exp.Table):
            inner = inner.this
        if isinstance(inner, exp.Subquery):
            inner = inner.this
        while isinstance(inner, exp.Subquery) and inner.is_wrapper:
            inner = inner.this
        if isinstance(inner, exp.Values):
            return self._values(inner, label, names, around)
        if isinstance(inner, exp.OpenJSON):
            return self._openjson(inner, label, names, around)
        if isinstance(inner, exp.Anonymous):
            return self._table_function(node, inner, label, names, around)
        if isinstance(inner, (exp.Select, exp.SetOperation)):
            if not label:
                self.fail(node, "a derived table needs a name", expected="( … ) AS name")
            query = self.subquery_in_from(inner, around, named=not names)
            return Source("derived", "", label, _by_name(self.renamed(node, query.columns(), names)), query=query)
        if isinstance(inner, exp.Table) or inner.find(exp.Join):
            self.fail(node, "joins in parentheses are not supported", expected="joins one after the other")
        else:
            self.fail(node, "this cannot stand in FROM")
        return Source("unknown", "", label, {})

    def subquery_in_from(self, node: exp.Expr, around: Scope, *, named: bool) -> Query:
        """Binds a derived table's query."""
        outer = self.place
        try:
            return self.query(node, around, named=named)
        finally:
            self.place = outer

    def renamed(self, node: exp.Expr, columns: tuple[Column, ...], names: list[str]) -> tuple[Column, ...]:
        """``columns`` under the names of a column list such as ``AS d (a, b)``."""
        if not names:
            return columns
        if len(names) != len(columns):
            self.fail(node, f"{len(names)} column names for {len(columns)} columns")
            columns = (*columns, *(Column(n, NULL) for n in names))[: len(names)]
        if len({n.lower() for n in names}) != len(names):
            self.fail(node, "the column list names a column twice")
        return tuple(
            Column(n, c.type, c.nullable, c.padded, c.lineage) for n, c in zip(names, columns, strict=True)
        )

    def _table(self, node: exp.Table, label: str, names: list[str]) -> Source:
        name, schema = node.name, node.db
        for hint in node.args.get("hints") or ():
            words = {h.name.upper() for h in hint.expressions} if isinstance(hint, exp.WithTableHint) else {"?"}
            if not words <= _HARMLESS_HINTS:
                self.fail(hint, "this table hint is not supported", expected="no hint")
        if node.args.get("version"):
            self.fail(node, "FOR SYSTEM_TIME needs a temporal table", expected="the history table of an scd2 load")
        if node.catalog:
            self.fail(node, f"{node.catalog}.{schema}.{name} is in another database", expected="schema.table")
            return Source("unknown", "", label or name, {})
        if names:
            self.fail(node, "a table takes an alias without a column list", expected=f"{name} AS {label}")
        entry = self.common_tables.get(name.lower()) if not schema else None
        if entry is not None:
            return Source("common", "", label or name, _by_name(entry.columns), value=entry, query=entry.query)
        full = f"{schema or 'dbo'}.{name}".lower()
        columns = self.catalog.get(full)
        if columns is None:
            close = self._nearest_table(schema.lower(), name)
            self.fail(node, f"unknown table {f'{schema}.' if schema else ''}{name}", near=close)
            return Source("unknown", "", label or name, {})
        return Source("table", "", label or name, {c.name.lower(): c for c in columns}, table=full)

    def _nearest_table(self, schema: str, name: str) -> str:
        """The known table most like ``schema.name``: in the same schema first, then under any schema."""
        tables = [k.split(".", 1) for k in self.catalog]
        close = nearest(name, [t for s, t in tables if s == schema])
        if close:
            return f"{schema}.{close}"
        close = nearest(name, [*(t for _, t in tables), *self.common_tables])
        return next((f"{s}.{t}" for s, t in tables if t == close), close)

    def _values(self, node: exp.Values, label: str, names: list[str], around: Scope) -> Source:
        rows = [
            tuple(self.value(v, around) for v in (row.expressions if isinstance(row, exp.Tuple) else (row,)))
            for row in node.expressions
        ]
        widths = {len(row) for row in rows}
        if len(widths) != 1 or len(names) != len(rows[0]):
            self.fail(node, "VALUES needs rows of one width and a name for each column", expected="… AS v (a, b)")
            return Source("unknown", "", label, {})
        columns: list[Column] = []
        for i, name in enumerate(names):
            cells = [row[i] for row in rows]
            try:
                t = common_type(c.type for c in cells)
            except ValueError as error:
                self.fail(node, f"column {name!r}: {error}")
                t = NULL
            if t.family == "null":
                t = SqlType("int")
            for j, row in enumerate(rows):
                rows[j] = (*row[:i], self.coerce(row[i], t), *row[i + 1 :])
            cells = [row[i] for row in rows]
            lineage = cells[0].lineage.union(*(c.lineage for c in cells))
            columns.append(Column(name, t, any(c.nullable for c in cells), any(c.padded for c in cells), lineage))
        return Source("values", "", label, _by_name(columns), rows=rows)

    def _table_function(
        self, node: exp.Expr, call: exp.Anonymous, label: str, names: list[str], around: Scope
    ) -> Source:
        name = call.name.upper()
        if name != "STRING_SPLIT":
            instead = "a recursive WITH" if name == "GENERATE_SERIES" else "a table, a derived table or OPENJSON"
            self.fail(node, f"{name} cannot stand in FROM here", expected=instead)
            return Source("unknown", "", label or name, {})
        if len(call.expressions) != 2:
            self.fail(node, "STRING_SPLIT takes a text and a separator (its third argument is SQL Server 2022)")
            return Source("unknown", "", label or name, {})
        text, separator = (self.text(self.value(a, around)) for a in call.expressions)
        if separator.kind != "literal" or len(separator.value) != 1:
            self.fail(node, "STRING_SPLIT takes one character as separator", expected="'…' written out")
        t = string("nvarchar" if text.type.unicode else "varchar", text.type.length or 1)
        column = Column("value", t, False, True, text.lineage)
        columns = self.renamed(node, (column,), names)
        return Source("string_split", "", label or "STRING_SPLIT", _by_name(columns), args=(text, separator))

    def _openjson(self, node: exp.OpenJSON, label: str, names: list[str], around: Scope) -> Source:
        text = self.text(self.value(node.this, around))
        path = node.args.get("path")
        where = "$"
        if isinstance(path, exp.Expr):
            if not isinstance(path, (exp.Literal, exp.National)):
                self.fail(path, "the path of OPENJSON is a text constant", expected="'$.…' written out")
            else:
                where = path.name
        if not node.expressions:
            columns = [
                Column("key", string("nvarchar", 4000), False, True),
                Column("value", _NVMAX, True, True, text.lineage),
                Column("type", parse_type("tinyint"), False, False),
            ]
            return Source(
                "openjson", "", label or "OPENJSON", _by_name(self.renamed(node, tuple(columns), names)),
                args=(text,), value=(where, None),
            )  # fmt: skip
        columns, fields = [], []
        for field in node.expressions:
            t = self.type_of(field, field.args["kind"], default_length=1) or NULL
            as_json = bool(field.args.get("as_json"))
            if as_json and t != _NVMAX:
                self.fail(field, "AS JSON needs nvarchar(max)")
            own = field.args.get("path")
            name = field.this.name
            fields.append((name, t, own.name if own is not None else f'$."{name}"', as_json))
            columns.append(Column(name, t, True, t.family == "string", text.lineage))
        return Source(
            "openjson", "", label or "OPENJSON", _by_name(self.renamed(node, tuple(columns), names)),
            args=(text,), value=(where, fields),
        )  # fmt: skip


_INSTEAD_OF_PIVOT = "SUM(CASE WHEN … THEN … END) per column, or CROSS APPLY (VALUES (…), (…)) to unpivot"


def _by_name(columns: tuple[Column, ...] | list[Column]) -> dict[str, Column]:
    return {c.name.lower(): c for c in columns}

