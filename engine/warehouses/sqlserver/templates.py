"""The templates of ``sql`` and what they may say: names, conditions and literals, always quoted."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2

from engine.core.sqltypes import MAX, Column
from engine.tsql.templates import ident, literal


def names(columns: Iterable[Column | str], of: str = "") -> str:
    prefix = f"{ident(of)}." if of else ""
    return ", ".join(prefix + ident(c if isinstance(c, str) else c.name) for c in columns)


def _matched(columns: Iterable[str], left: str, right: str) -> str:
    return " AND ".join(f"{ident(left)}.{ident(c)} = {ident(right)}.{ident(c)}" for c in columns)


def _present(columns: Iterable[str]) -> str:
    # to PARTITION BY all nulls are one: rows without a key are never each other's repeats
    return " AND ".join(f"{ident(c)} IS NOT NULL" for c in columns)


def _exactly(columns: Iterable[Column], of: str) -> str:
    """The columns as values that are equal only when they are the same: the collation would let case and blanks go."""
    return ", ".join(
        f"CAST({names([c], of)} AS varbinary({'max' if c.type.length == MAX else 8000}))"
        if c.type.family == "string"
        else names([c], of)
        for c in columns
    )


def _message(text: str) -> str:
    # THROW swallows a lone percent sign, and with it the rest of the message.
    return literal(text[:1000].replace("%", "%%"))


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "sql"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    environment.filters.update(
        ident=ident,
        literal=literal,
        names=names,
        matched=_matched,
        exactly=_exactly,
        present=_present,
        message=_message,
        json=functools.partial(json.dumps, ensure_ascii=False),
    )
    return environment


def render(statement: str, **values: Any) -> str:
    return _templates().get_template(f"{statement}.sql").render(values)


def split_ctes(select: str) -> tuple[str, str]:
    """The WITH clause of a SELECT (empty when it has none) and the SELECT itself, without a closing semicolon.

    T-SQL takes a WITH clause only in front of the whole statement, so INSERT and the outer SELECT go in between.
    """
    from sqlglot import TokenType
    from sqlglot.dialects import TSQL

    tokens = TSQL.Tokenizer().tokenize(select)
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        return "", ""
    end = tokens[-1].end + 1
    if tokens[0].token_type is not TokenType.WITH:
        return "", select[:end]
    depth = 0
    for position, token in enumerate(tokens):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if depth == 0 and token.token_type is TokenType.R_PAREN:
            following = tokens[position + 1] if position + 1 < len(tokens) else None
            # after a CTE's column list comes AS, after its body a comma or the statement
            if following and following.token_type not in (TokenType.ALIAS, TokenType.COMMA):
                return select[: following.start].rstrip(), select[following.start : end]
    return "", select[:end]


def split_tail(main: str) -> tuple[str, str]:
    """A SELECT as it may stand in FROM ( … ), and the OPTION clause that goes to the end of the whole statement.

    ORDER BY is left out where neither TOP nor OFFSET needs it: T-SQL does not take it there, and it orders nothing.
    """
    from sqlglot import TokenType
    from sqlglot.dialects import TSQL

    tokens = TSQL.Tokenizer().tokenize(main)
    depth, kinds = 0, set()
    cut, option = len(main), len(main)
    for token in tokens:
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(token.token_type, 0)
        if depth:
            continue
        if token.token_type is TokenType.ORDER_BY:
            cut = token.start
            kinds.discard(TokenType.OFFSET)
        elif token.token_type is not TokenType.IDENTIFIER and token.text.upper() == "OPTION":
            option = token.start
        kinds.add(token.token_type)
    combined = kinds & {TokenType.UNION, TokenType.EXCEPT, TokenType.INTERSECT}
    if TokenType.OFFSET in kinds or (TokenType.TOP in kinds and not combined):
        cut = option
    return main[: min(cut, option)].rstrip(), main[option:]


def counted(select: str) -> str:
    """A statement that counts the rows of a SELECT."""
    ctes, main = split_ctes(select)
    main, option = split_tail(main)
    return "\n".join(p for p in (ctes, f"SELECT COUNT(*) AS [rows] FROM (\n{main}\n) AS [counted]", option) if p)
