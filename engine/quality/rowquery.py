"""Row queries, the SQL of ``unexpected_rows_expectation``: from T-SQL over ``{batch}`` to what the warehouse runs.

A query that keeps or drops the rows of ``{batch}`` one by one also yields the condition under which a row fails, which
is what moves rows to quarantine without a key ever leaving the warehouse.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

    from engine.warehouses.dialect import Dialect as SqlDialect

BATCH_SCHEMA, BATCH_TABLE = "gate", "__batch__"
BATCH = f"{BATCH_SCHEMA}.{BATCH_TABLE}"
"""The table that stands for ``{batch}`` while a row query is bound and translated: put the judged table's columns
under this name into the catalogue."""

_MARK = "__medallion_batch__"
_NOT_AT_THE_TOP = {
    "with_": "WITH", "joins": "a join", "laterals": "APPLY", "group": "GROUP BY", "having": "HAVING",
    "distinct": "DISTINCT", "limit": "TOP", "order": "ORDER BY", "offset": "OFFSET",
}  # fmt: skip
_BARE = re.compile(rf'"{BATCH_TABLE}"|\[{BATCH_TABLE}\]|\b{BATCH_TABLE}\b')
_FULL = re.compile(rf'(?:"{BATCH_SCHEMA}"|\[{BATCH_SCHEMA}\]|\b{BATCH_SCHEMA})\s*\.\s*(?:{_BARE.pattern})')


class NotRowWise(ValueError):
    """The query does not keep or drop the rows of {batch} one by one."""


def check_row_wise(tsql: str) -> str:
    """The name by which a row-wise query calls the table it judges, empty when it gives none.

    Raises NotRowWise with the reason when the query's WHERE is not the condition under which a row fails.
    """
    import sqlglot
    from sqlglot import exp

    try:
        tree = sqlglot.parse_one(re.sub(r"\{batch\}", _MARK, tsql), dialect="tsql")
    except sqlglot.errors.ParseError as error:
        first = error.errors[0] if error.errors else {}
        raise NotRowWise(
            f"{first.get('description', 'it does not parse')} near {first.get('highlight', '')!r}"
        ) from None
    if not isinstance(tree, exp.Select):
        raise NotRowWise("it is not one SELECT")
    for part, words in _NOT_AT_THE_TOP.items():
        if tree.args.get(part):
            raise NotRowWise(f"it has {words} at the top level")
    source = tree.args.get("from_")
    table = source.this if source is not None else None
    if not isinstance(table, exp.Table) or table.name != _MARK:
        raise NotRowWise("it does not select from {batch}")
    if tree.args.get("where") is None:
        raise NotRowWise("it has no WHERE")
    if any(a.parent_select is tree and a.find_ancestor(exp.Window) is None for a in tree.find_all(exp.AggFunc)):
        raise NotRowWise("it aggregates")
    if tree.args["where"].find(exp.Window) is not None:
        raise NotRowWise("it has a window function in its WHERE")
    return _alias_used_once(tree, table)


def _alias_used_once(tree: exp.Select, table: exp.Table) -> str:
    from sqlglot import exp

    alias = str(table.alias)
    if not alias:
        return ""
    others = [t for t in tree.find_all(exp.Table, exp.Subquery, exp.CTE) if t is not table]
    if any(t.alias_or_name.casefold() == alias.casefold() for t in others):
        raise NotRowWise(f"the name {alias} stands for {{batch}} and for another table")
    return alias


class RowQuery:
    """A translated row query. ``template`` is for Great Expectations, with ``{batch}`` for the table, and the same in
    every load."""

    def __init__(self, translated: str, dialect: SqlDialect) -> None:
        self._text = translated.strip().rstrip(";").rstrip()
        self._dialect = dialect
        # Great Expectations fills the query in with str.format and hands it to a parser of :name parameters.
        braces = _FULL.sub("{batch}", self._text.replace("{", "{{").replace("}", "}}"))
        self.template = re.sub(r"(?<![:\w\\]):(?=\w)", r"\\:", braces)

    def sql(self, schema: str, table: str) -> str:
        """The query over the table ``schema.table``, which must be plain names."""
        return _FULL.sub(f"{schema}.{table}", self._text)

    def count(self, schema: str, table: str) -> str:
        """A statement that counts the rows of the query."""
        return self._dialect.counted(self.sql(schema, table))

    def condition(self, alias: str, table: str) -> str:
        """The WHERE of the query, for use in ``SELECT * FROM <schema>.<table> WHERE …``: ``alias``, by which the query
        calls the table (if it does), becomes the table's own name.

        Raises NotRowWise when the translation left no WHERE at the top level.
        """
        tokens = self._tokens()
        depth = 0
        for i, token in enumerate(tokens):
            kind = token.token_type.name
            depth += (kind == "L_PAREN") - (kind == "R_PAREN")
            if depth == 0 and kind == "WHERE":
                return "(" + self._renamed(tokens[i + 1 :], token.end + 1, alias or BATCH_TABLE, table) + ")"
        raise NotRowWise("its translation has no WHERE at the top level")

    def _tokens(self) -> list[Token]:
        from sqlglot.dialects import Dialect

        return list(Dialect.get_or_raise(self._dialect.name).tokenize(self._text))

    def _renamed(self, tokens: list[Token], start: int, alias: str, table: str) -> str:
        out, at = [], start
        for i, token in enumerate(tokens):
            follows_dot = i > 0 and tokens[i - 1].token_type.name == "DOT"
            before_dot = i + 1 < len(tokens) and tokens[i + 1].token_type.name == "DOT"
            if before_dot and not follows_dot and token.text.casefold() == alias.casefold():
                out += [self._text[at : token.start], table]
                at = token.end + 1
        text = "".join([*out, self._text[at:]]).strip()
        return text + "\n" if "--" in text else text
