"""How many rows of its table a SELECT drops, as a query of its own over the very same FROM, joins and WHERE.

The query is put together from the author's own text, so it means on every target what the SELECT means there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.tokens import Token, TokenType

from engine.tsql.bind.parsing import tokenize
from engine.tsql.bind.typed import Bound, Query, Select, Source

_INNER = {"INNER", "CROSS", "CROSS APPLY"}
_KEEPING = {"LEFT", "OUTER APPLY"}
_JOIN_WORDS = {
    TokenType.INNER, TokenType.LEFT, TokenType.RIGHT, TokenType.FULL, TokenType.OUTER, TokenType.CROSS,
}  # fmt: skip
_JOIN_HINTS = {"HASH", "LOOP", "MERGE", "REMOTE"}
_TAIL = {TokenType.WHERE, TokenType.ORDER_BY, TokenType.OPTION, TokenType.SEMICOLON}
_CHANGING = {
    "GETDATE", "GETUTCDATE", "SYSDATETIME", "SYSUTCDATETIME", "SYSDATETIMEOFFSET", "CURRENT_TIMESTAMP", "NEWID", "RAND",
    "TOP", "OFFSET", "ROW_NUMBER", "NTILE", "FIRST_VALUE", "LAST_VALUE", "LAG", "LEAD",
}  # fmt: skip
"""Words of a filter that may let other rows through when it is asked a second time."""


@dataclass(frozen=True)
class Counting:
    """How the rows that a SELECT drops are counted. ``query`` is T-SQL that gives one number: the rows of the driving
    table that no row of the result comes from; it is empty where the SELECT can drop none. ``joined``: a row may come
    out several times."""

    query: str
    joined: bool


def driving_table(query: Query) -> str | None:
    """The stored table whose rows ``query`` keeps or drops one by one: first in FROM, with no RIGHT or FULL join behind
    it, and neither grouped nor cut nor made distinct. None for every other query."""
    if not isinstance(query, Select) or query.grouped or query.distinct or query.top is not None:
        return None
    if query.offset is not None or not query.sources or query.sources[0].kind != "table":
        return None
    if any(s.join not in _INNER | _KEEPING for s in query.sources[1:]):
        return None
    return query.sources[0].table


def counting(bound: Bound, sql: str, key: Sequence[str] = ()) -> Counting | None:
    """How the rows that ``bound``, whose text is ``sql``, drops are counted; None where that cannot be told.

    ``key`` are columns that tell the rows of the driving table apart, empty when there are none.
    """
    query = bound.query
    if bound.driving is None or not isinstance(query, Select) or not isinstance(query.node, exp.Select):
        return None
    where_node = query.node.args.get("where")
    kept, named = _deciding(query, where_node)
    joined = len(query.sources) > 1
    if not kept and where_node is None:
        return Counting("", joined)
    text = _split(sql)
    if text is None or len(text.sources) != len(query.sources):
        return None
    filtered = _filtered(text, [query.sources.index(s) for s in kept], query, key)
    if filtered is None:
        return None
    commons = {t.name.lower() for t in query.tables}
    if commons & named:
        filtered = f"{text.commons}\n{filtered}\n{text.option}"
    return None if _changes(filtered) else Counting(filtered.strip(), joined)


def _deciding(query: Select, where: exp.Expr | None) -> tuple[list[Source], set[str]]:
    """The joined sources that decide which rows come out, and the tables named there or in WHERE. An outer join that
    nothing behind it asks about drops none."""
    asked, named = _mentioned(where)
    kept: list[Source] = []
    for source in reversed(query.sources[1:]):
        if source.join in _KEEPING and "" not in asked and source.name.lower() not in asked:
            continue
        kept.insert(0, source)
        columns, tables = _mentioned(source.node.parent if source.node is not None else None)
        asked |= columns
        named |= tables
    return kept, named


def _mentioned(node: exp.Expr | None) -> tuple[set[str], set[str]]:
    """What columns are taken from ('' for one that does not say), and the unqualified tables that are read."""
    if node is None:
        return set(), set()
    columns = {c.table.lower() for c in node.find_all(exp.Column)}
    return columns, {t.name.lower() for t in node.find_all(exp.Table) if not t.db}


def _filtered(text: _Text, kept: list[int], query: Select, key: Sequence[str]) -> str | None:
    first = text.sources[0].source
    if not kept:
        return f"{_HEAD} {first}\nWHERE CASE WHEN (\n{text.where}\n) THEN 1 ELSE 0 END = 0"
    joins = [text.sources[i] for i in kept]
    if all(query.sources[i].join in _INNER for i in kept):
        inner = [joins[0].source, *(f"{j.word} {j.source}" + (f" ON {j.on}" if j.on else "") for j in joins[1:])]
        conditions = [c for c in (joins[0].on, text.where) if c]
        outer = first
    elif key:
        # Whether an outer join found a row cannot be asked row by row on every target; by the key it can.
        row, name = query.sources[0].name, query.sources[0].table
        inner = [first, *(f"{j.word} {j.source}" + (f" ON {j.on}" if j.on else "") for j in joins)]
        conditions = [*([text.where] if text.where else []), *(f"[{row}].[{k}] = [__row].[{k}]" for k in key)]
        schema, _, table = name.partition(".")
        outer = f"[{schema}].[{table}] AS [__row]"
    else:
        return None
    filter_ = "".join(f"\n{'AND' if i else 'WHERE'} (\n{c}\n)" for i, c in enumerate(conditions))
    return f"{_HEAD} {outer}\nWHERE NOT EXISTS (\nSELECT 1 AS [one] FROM " + "\n".join(inner) + f"{filter_}\n)"


_HEAD = "SELECT COUNT_BIG(*) AS [rows_filtered] FROM"


def _changes(sql: str) -> bool:
    names = (TokenType.IDENTIFIER, TokenType.STRING, TokenType.NATIONAL_STRING)
    return any(t.token_type not in names and t.text.upper() in _CHANGING for t in tokenize(sql))


# --- the text of a SELECT ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    word: str
    source: str
    on: str


@dataclass(frozen=True)
class _Text:
    commons: str
    sources: list[_Part]
    where: str
    option: str


def _split(sql: str) -> _Text | None:
    """The parts of the outermost SELECT as they are written; None when they do not lie open."""
    tokens = _outermost(tokenize(sql))
    selects = [i for i, t in enumerate(tokens) if t.token_type is TokenType.SELECT]
    froms = [i for i, t in enumerate(tokens) if t.token_type is TokenType.FROM]
    if len(selects) != 1 or len(froms) != 1:
        return None
    body = tokens[froms[0] + 1 :]
    tail = next((i for i, t in enumerate(body) if t.token_type in _TAIL), len(body))
    ends = {t.token_type: t for t in reversed(body[tail:])}
    closing = ends.get(TokenType.SEMICOLON)
    end = closing.start if closing else len(sql)
    order, option = ends.get(TokenType.ORDER_BY), ends.get(TokenType.OPTION)
    where = ends.get(TokenType.WHERE)
    where_end = min([t.start for t in (order, option) if t is not None], default=end)
    starts = [(tokens[froms[0]].end + 1, tokens[froms[0]].end + 1), *_joins(body[:tail])]
    stops = [*(begin for begin, _ in starts[1:]), body[tail].start if tail < len(body) else end]
    sources = []
    for (begin, word_end), stop in zip(starts, stops, strict=True):
        on = next((t for t in body[:tail] if t.token_type is TokenType.ON and word_end <= t.start < stop), None)
        word = sql[begin:word_end].strip()
        sources.append(
            _Part(
                "CROSS JOIN" if word == "," else word,
                sql[word_end : on.start if on else stop].strip() + "\n",
                sql[on.end + 1 : stop].strip() + "\n" if on else "",
            )
        )
    return _Text(
        sql[: tokens[selects[0]].start],
        sources,
        sql[where.end + 1 : where_end].strip() if where else "",
        sql[option.start : end] if option else "",
    )


def _outermost(tokens: list[Token]) -> list[Token]:
    found, depth = [], 0
    for token in tokens:
        if token.token_type is TokenType.R_PAREN:
            depth -= 1
        elif token.token_type is TokenType.L_PAREN:
            depth += 1
        elif depth == 0:
            found.append(token)
    return found


def _joins(tokens: list[Token]) -> list[tuple[int, int]]:
    """Where each join begins, and where the words that name it end."""
    found = []
    for i, token in enumerate(tokens):
        if token.token_type is TokenType.COMMA:
            found.append((token.start, token.end + 1))
        elif token.token_type in (TokenType.JOIN, TokenType.APPLY):
            first = i
            if (
                first > 1
                and tokens[first - 1].text.upper() in _JOIN_HINTS
                and tokens[first - 2].token_type in _JOIN_WORDS
            ):
                first -= 1
            while first and tokens[first - 1].token_type in _JOIN_WORDS:
                first -= 1
            found.append((tokens[first].start, token.end + 1))
    return found
