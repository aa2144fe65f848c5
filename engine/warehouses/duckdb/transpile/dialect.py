"""A bound T-SQL SELECT as DuckDB SQL that gives what SQL Server gives, or a refusal that says what to write instead.

The world is closed: a construct is either known to be equal or refused. Connections are expected to have run
``SET default_collation = 'nocase'`` and ``SET TimeZone = 'UTC'``, and to hold the macros of ``install_macros``.

SQL Server's default collation, SQL_Latin1_General_CP1_CI_AS, is followed so far:

* equality, IN, joins, GROUP BY, DISTINCT, PARTITION BY and UNION ignore case and blanks at the end;
* order (<, >, ORDER BY, MIN, MAX) is by character code of the lower-case text: the same for ASCII letters and digits;
  accented letters and punctuation sort differently;
* LIKE ignores case and knows [] classes; accented letters and fractions are found in ranges such as [a-z] and [0-9];
* characters outside the Basic Multilingual Plane count as one, in SQL Server as two; ß and ss, æ and ae differ, in SQL
  Server they compare equal in some places.

Further limits, none of which changes a value in silence but by what is said here:

* datetime2(7) keeps microseconds; GETDATE() and its kin are UTC;
* floats are the same 64-bit numbers, but a sum of them depends on the order of addition on either side;
* a decimal product or quotient whose digits exceed 38 on the way raises an error where SQL Server may still round it;
* a JSON fragment comes out of JSON_QUERY without blanks between its parts, and a number written 1e5 comes out of
  JSON_VALUE as 100000.0;
* text that may be a date in the session's language (12.1.24, Jan 5 2024) raises an error, in TRY_CAST too;
* a whole-number constant in decimal arithmetic has as many digits as it shows, as in a query that SQL Server does not
  parameterise by itself.
"""

from __future__ import annotations

from textwrap import indent

from engine.core.sqltypes import MAX, Column, SqlType, string
from engine.tsql.bind.typed import (
    Bound,
    CastRule,
    CommonTable,
    OrderKey,
    Query,
    Refused,
    Select,
    SetOperation,
    Source,
    Typed,
    problem,
)
from engine.warehouses.duckdb.transpile.casts import cast
from engine.warehouses.duckdb.transpile.expressions import Renderer, quoted
from engine.warehouses.duckdb.transpile.macros import MACROS, install_macros

_LEVEL = '"#level"'
_NVMAX = string("nvarchar", MAX)

__all__ = ["MACROS", "Refused", "install_macros", "to_duckdb"]


def to_duckdb(bound: Bound) -> str:
    """The SELECT for DuckDB. Raises Refused, with every construct that cannot be had exactly and what to write
    instead."""
    renderer = QueryRenderer()
    text = renderer.query(bound.query)
    renderer.raise_problems()
    return text


class QueryRenderer(Renderer):
    """Renders queries around expressions."""

    def query(self, query: Query, *, keys: bool = False) -> str:
        text = self._select(query, keys) if isinstance(query, Select) else self._set_operation(query, keys)
        return self._with(query.tables) + text

    def _with(self, tables: list[CommonTable]) -> str:
        if not tables:
            return ""
        entries = []
        for entry in tables:
            if entry.query is None:
                continue
            columns = ", ".join(quoted(c.name) for c in entry.columns)
            if entry.recursive and entry.deepest:
                columns += f", {_LEVEL}"
                body = self._counted_recursion(entry, entry.query)
            else:
                body = self.query(entry.query)
            entries.append(f"{quoted(entry.name)} ({columns}) AS (\n{indent(body, '    ')}\n)")
        word = "WITH RECURSIVE " if any(t.recursive for t in tables) else "WITH "
        return word + ", ".join(entries) + "\n"

    def _counted_recursion(self, entry: CommonTable, query: Query) -> str:
        """The recursive entry with its rounds counted, because SQL Server stops at 100 unless told otherwise."""
        if not isinstance(query, SetOperation) or not isinstance(query.right, Select):
            return self.query(query)
        own = [s.alias for s in query.right.sources if s.value is entry]
        if len(own) != 1:
            self.problems.append(problem(query.node, f"{entry.name} reads itself more than once"))
            return ""
        level = f"{quoted(own[0])}.{_LEVEL}"
        stop = f"error('The maximum recursion {entry.deepest} has been exhausted before statement completion.')"
        step = f"CASE WHEN {level} >= {entry.deepest} THEN {stop} ELSE {level} + 1 END"
        anchor = f"SELECT *, 0 FROM (\n{indent(self.query(query.left), '    ')}\n)"
        return f"{anchor}\nUNION ALL\n{self._select(query.right, False, step)}"

    # SELECT

    def _select(self, q: Select, keys: bool, extra: str = "") -> str:
        outer, self.replaced = self.replaced, {}
        lines: list[str] = []
        tail = self._sources(q)
        if q.where is not None:
            tail.append(f"WHERE {self.sql(q.where)}")
        if q.grouping:
            tail.append(self._group_by(q))
        if q.having is not None:
            tail.append(f"HAVING {self.sql(q.having)}")
        outputs = [self._output(o.expression, o.name, keys) for o in q.outputs]
        outputs.extend([extra] if extra else [])
        lines.append(self._head(q, keys))
        lines.append(",\n".join(f"    {o}" for o in outputs))
        lines.extend(tail)
        lines.extend(self._page(q))
        self.replaced = outer
        return "\n".join(lines)

    def _output(self, t: Typed, name: str, keys: bool) -> str:
        text = self.key(t) if keys else self.strict(t)
        return f"{text} AS {quoted(name)}" if name else text

    def _head(self, q: Select, keys: bool) -> str:
        if not q.distinct:
            return "SELECT"
        if keys or not any(o.expression.padded for o in q.outputs):
            return "SELECT DISTINCT"
        return f"SELECT DISTINCT ON ({', '.join(self.key(o.expression) for o in q.outputs)})"

    def _group_by(self, q: Select) -> str:
        sets = len(q.grouping) > 1 or q.grouping[0][0] != ""
        terms: list[str] = []
        for word, groups in q.grouping:
            if not word:
                terms.extend(self.key(key) for key in groups[0])
                continue
            shown = [", ".join(self.key(key) for key in group) for group in groups]
            terms.append(f"{word} ({', '.join(f'({s})' if s != '' else '()' for s in shown)})")
        replaced: dict[tuple[object, ...], str] = {}
        for _, groups in q.grouping:
            for group in groups:
                for key in group:
                    if key.padded and key.type.family == "string":
                        # The group's own spelling, one of those that compare equal.
                        own = f"any_value({self.sql(key)})"
                        text = self.key(key)
                        replaced[key.key] = f"CASE WHEN grouping({text}) = 0 THEN {own} END" if sets else own
        self.replaced = replaced
        return f"GROUP BY {', '.join(terms)}"

    def _page(self, q: Select) -> list[str]:
        lines: list[str] = []
        order = self.order(q.order)
        if q.top is not None and q.top_rule:
            if q.distinct:
                self.refuse(q.top, "TOP with PERCENT or TIES of a SELECT DISTINCT", "a derived table")
            lines.append(f"QUALIFY {self._top_condition(q)}")
        if q.order:
            lines.append(f"ORDER BY {order}")
        if q.top is not None and not q.top_rule:
            lines.append(f"LIMIT {self.sql(q.top)}")
        lines.extend(_slice(self, q))
        return lines

    def _top_condition(self, q: Select) -> str:
        if q.top is None:
            return "TRUE"
        order = ", ".join(self._order_text(q))
        over = f"OVER (ORDER BY {order})" if order else "OVER ()"
        rank = f"rank() {over}" if "TIES" in q.top_rule else f"row_number() {over}"
        if "PERCENT" in q.top_rule:
            # SQL Server rounds a share of a row up to the whole row.
            return f"{rank} <= ceil(count(*) OVER () * {self.sql(q.top)} / 100.0)"
        return f"{rank} <= {self.sql(q.top)}"

    def _order_text(self, q: Select) -> list[str]:
        return [self.order([OrderKey(key.expression, key.descending)]) for key in q.order]

    # FROM

    def _sources(self, q: Select) -> list[str]:
        lines: list[str] = []
        for source in q.sources:
            text = self._source(source)
            if not source.join:
                lines.append(f"FROM {text}")
            elif source.join == "CROSS APPLY":
                lines.append(f"CROSS JOIN LATERAL {text}")
            elif source.join == "OUTER APPLY":
                lines.append(f"LEFT JOIN LATERAL {text} ON TRUE")
            else:
                on = f" ON {self.sql(source.on)}" if source.on is not None else ""
                lines.append(f"{source.join} JOIN {text}{on}")
        return lines

    def _source(self, s: Source) -> str:
        alias = quoted(s.alias)
        if s.kind == "table":
            schema, _, name = s.table.partition(".")
            return f"{quoted(schema)}.{quoted(name)} AS {alias}"
        if s.kind == "common":
            return f"{quoted(s.value.name)} AS {alias}"
        columns = ", ".join(quoted(c.name) for c in s.columns.values())
        if s.kind == "derived" and s.query is not None:
            return f"(\n{indent(self.nested(s.query), '    ')}\n) AS {alias} ({columns})"
        if s.kind == "values":
            return f"({self._values(s)}) AS {alias} ({columns})"
        if s.kind == "string_split":
            return f"({self._string_split(s)}) AS {alias} ({columns})"
        return f"({self._openjson(s)}) AS {alias} ({columns})"

    def _values(self, s: Source) -> str:
        types = [c.type for c in s.columns.values()]
        rows: list[str] = []
        for i, row in enumerate(s.rows):
            cells = [self.strict(cell) for cell in row]
            if i == 0:
                # The first row fixes the types, whatever the others hold.
                cells = [
                    c if t.family == "string" or c.startswith("CAST(") else f"CAST({c} AS {t.duckdb})"
                    for c, t in zip(cells, types, strict=True)
                ]
            rows.append(f"({', '.join(cells)})")
        return f"VALUES {', '.join(rows)}"

    def _string_split(self, s: Source) -> str:
        text, separator = s.args
        if separator.value.upper() != separator.value.lower():
            return self.refuse(separator, "STRING_SPLIT by a letter", "another separator")
        return f"SELECT unnest(string_split({self.sql(text)}, {self.sql(separator)}))"

    def _openjson(self, s: Source) -> str:
        text = self.sql(s.args[0])
        where, fields = s.value
        path = self.text_literal(self.json_path(s.args[0], where))
        if fields is None:
            # Elements keep their text, strings lose their quotes, null is NULL.
            return (
                "SELECT e.key, CASE WHEN e.type = 'VARCHAR' THEN json_extract_string(e.value, '$') "
                "WHEN e.type <> 'NULL' THEN CAST(e.value AS VARCHAR) END, tsql.json_kind(e.type) "
                f"FROM json_each({text}, {path}) AS e"
            )
        picked: list[str] = []
        for _, t, own, as_json in fields:
            inner = self.text_literal(self.json_path(s.args[0], own))
            if as_json:
                picked.append(f"tsql.json_query(j.item, {inner})")
                continue
            value = Typed("json", _NVMAX, node=s.args[0].node)
            picked.append(self._json_cast(value, f"tsql.json_value(j.item, {inner})", t))
        return f"SELECT {', '.join(picked)} FROM (SELECT unnest(tsql.json_rows({text}, {path})) AS item) AS j"

    def _json_cast(self, value: Typed, text: str, t: SqlType) -> str:
        if t.family == "string" and t.length != MAX and not t.fixed:
            # OPENJSON fails on text that is too long for its column; a cast would cut it.
            return f"tsql.room({text}, {t.length}, '{t}')"
        return cast(value, text, t, CastRule(implicit=True), self.refuse)

    # set operations

    def _set_operation(self, q: SetOperation, keys: bool) -> str:
        padded = not keys and any(c.padded and c.type.family == "string" for c in q.merged)
        left, right = self._branch(q.left, keys), self._branch(q.right, keys)
        if q.word == "UNION ALL" or not padded:
            text = f"{left}\n{q.word}\n{right}"
            if isinstance(q.left, Select) and self._paged(q):
                text = f"SELECT * FROM (\n{indent(text, '    ')}\n)"
        else:
            text = self._padded_set(q, left, right)
        lines = [text]
        if q.order:
            lines.append(f"ORDER BY {self.order(q.order)}")
        lines.extend(_slice(self, q))
        return "\n".join(lines)

    def _paged(self, q: SetOperation) -> bool:
        return bool(q.order or q.offset is not None)

    def _branch(self, query: Query, keys: bool) -> str:
        text = self.query(query, keys=keys)
        if isinstance(query, SetOperation) or query.top is not None or query.offset is not None or query.order:
            return f"(\n{indent(text, '    ')}\n)"
        return text

    def _padded_set(self, q: SetOperation, left: str, right: str) -> str:
        names = [f"c{i}" for i in range(1, len(q.merged) + 1)]
        listed = ", ".join(names)
        distinct = ", ".join(_column_key("l", n, c) for n, c in zip(names, q.merged, strict=True))
        shown = ", ".join(f"l.{n} AS {quoted(c.name)}" for n, c in zip(names, q.merged, strict=True))
        if q.word == "UNION":
            both = indent(f"{left}\nUNION ALL\n{right}", "    ")
            return f"SELECT DISTINCT ON ({distinct}) {shown}\nFROM (\n{both}\n) AS l ({listed})"
        same = " AND ".join(
            f"{_column_key('l', n, c)} IS NOT DISTINCT FROM {_column_key('r', n, c)}"
            for n, c in zip(names, q.merged, strict=True)
        )
        word = "NOT EXISTS" if q.word == "EXCEPT" else "EXISTS"
        return (
            f"SELECT DISTINCT ON ({distinct}) {shown}\nFROM (\n{indent(left, '    ')}\n) AS l ({listed})\n"
            f"WHERE {word} (SELECT 1 FROM (\n{indent(right, '    ')}\n) AS r ({listed}) WHERE {same})"
        )


def _column_key(alias: str, name: str, column: Column) -> str:
    text = f"{alias}.{name}"
    return f"rtrim({text}, ' ')" if column.padded and column.type.family == "string" else text


def _slice(renderer: Renderer, q: Select | SetOperation) -> list[str]:
    lines = []
    if q.fetch is not None:
        lines.append(f"LIMIT {renderer.sql(q.fetch)}")
    if q.offset is not None:
        lines.append(f"OFFSET {renderer.sql(q.offset)}")
    return lines
