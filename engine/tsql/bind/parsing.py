"""T-SQL text to a syntax tree, holding it to one SELECT.

sqlglot reads a wide mixture of dialects and turns many T-SQL functions into its own idea of them at parse time. Here
the tokens are prepared first: function calls keep their T-SQL names and arguments as written, and words of other
dialects are turned away with what to write instead.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlglot import exp
from sqlglot.dialects.tsql import TSQL
from sqlglot.errors import ParseError, TokenError
from sqlglot.parsers.tsql import TSQLParser
from sqlglot.tokens import Token, TokenType

from engine.core.errors import Problem
from engine.tsql.bind.typed import BindError, problem


class _QuotedIdentifiers(TSQL):  # type: ignore[misc]
    """T-SQL with SET QUOTED_IDENTIFIER ON, as every driver has it: double quotes name things."""

    class Tokenizer(TSQL.Tokenizer):  # type: ignore[misc]
        QUOTES = ["'"]  # noqa: RUF012 - sqlglot's own way of declaring a dialect


_DIALECT = _QuotedIdentifiers()
_MARK = "\x01"
_NO_CALL = {
    "CAST", "CONVERT", "TRY_CAST", "TRY_CONVERT", "OPENJSON", "APPLY", "EXISTS", "ANY", "ALL", "SOME", "IN", "VALUES",
    "DATE", "TIME", "DATETIME", "DATETIME2", "TIMESTAMP", "CHAR", "NCHAR", "VARCHAR", "NVARCHAR", "DECIMAL", "NUMERIC",
    "FLOAT", "BINARY", "VARBINARY", "CASE", "AND", "OR", "NOT", "OVER", "ON", "AS", "FROM", "SELECT", "WHERE", "BY",
    "WHEN", "THEN", "ELSE", "UNION", "EXCEPT", "INTERSECT", "TOP", "WITH", "ROLLUP", "CUBE", "SETS", "PIVOT", "UNPIVOT",
    "BETWEEN", "LIKE", "HAVING", "JOIN", "GROUP", "DATETIMEOFFSET", "TRIM", "FILTER", "ESCAPE", "IS", "NULL",
    "DISTINCT",
}  # fmt: skip
_CALLS = (set(TSQLParser.FUNCTIONS) | set(TSQLParser.FUNCTION_PARSERS)) - _NO_CALL

_FOREIGN = {
    "LIMIT": "SELECT TOP (n) … or ORDER BY … OFFSET 0 ROWS FETCH NEXT n ROWS ONLY",
    "ILIKE": "LIKE, which ignores case already",
    "QUALIFY": "a derived table with the window function and WHERE around it",
    "||": "+ or CONCAT(…)",
    "::": "CAST(… AS type)",
    "==": "=",
    "//": "/ on whole numbers",
    "USING": "JOIN … ON a.key = b.key",
    "NATURAL": "JOIN … ON a.key = b.key",
    "RLIKE": "LIKE or PATINDEX",
    "REGEXP": "LIKE or PATINDEX",
    "SIMILAR TO": "LIKE or PATINDEX",
    "INTERVAL": "DATEADD(day, n, …)",
    "->": "JSON_VALUE(…, '$.path')",
    "->>": "JSON_VALUE(…, '$.path')",
    "<=>": "a = b OR (a IS NULL AND b IS NULL)",
    "ASOF": "OUTER APPLY (SELECT TOP (1) … ORDER BY …)",
    "LATERAL": "CROSS APPLY or OUTER APPLY",
}
_FIRST = {TokenType.SELECT, TokenType.WITH, TokenType.L_PAREN}
_NEVER_AFTER_COMMA = {
    TokenType.FROM, TokenType.WHERE, TokenType.R_PAREN, TokenType.GROUP_BY, TokenType.ORDER_BY, TokenType.COMMA,
    TokenType.HAVING, TokenType.SEMICOLON,
}  # fmt: skip
_NAMES_AND_TEXT = {TokenType.IDENTIFIER, TokenType.STRING, TokenType.NATIONAL_STRING}


def tokenize(sql: str) -> list[Token]:
    """The tokens of T-SQL text, each with where it stands."""
    return list(_DIALECT.tokenize(sql))


def parse(sql: str, *, file: str = "") -> exp.Expr:
    """The syntax tree of one SELECT, set operation or WITH … SELECT.

    Raises BindError for anything else, with the line and column in ``sql`` (``file`` is only named).
    """
    try:
        tokens = _DIALECT.tokenize(sql)
    except TokenError as error:
        raise BindError(Problem(f"the SQL cannot be read: {error}", file=file)) from error
    marked = _prepare(tokens, file)
    try:
        trees = _DIALECT.parser().parse(tokens, sql)
    except ParseError as error:
        raise BindError([_syntax_problem(fault, file) for fault in error.errors]) from error
    except RecursionError as error:
        raise BindError(Problem("the SELECT is nested too deeply to be read", file=file, line=1, column=1)) from error
    tree = trees[0] if trees else None
    while isinstance(tree, exp.Subquery) and tree.is_wrapper:
        tree = tree.this
    if isinstance(tree, exp.Subquery):
        said = "something follows the parentheses around the SELECT"
        raise BindError(replace(problem(tree, said, expected="it without parentheses"), file=file))
    if not isinstance(tree, (exp.Select, exp.SetOperation)):
        raise BindError(Problem("not a SELECT", file=file, line=1, column=1, expected=_ONE_SELECT))
    if marked:
        for node in tree.find_all(exp.Anonymous, exp.Identifier):
            name = node.args["this"]
            if isinstance(name, str) and name.endswith(_MARK):
                node.args["this"] = name[:-1]
    _place_options(tree, tokens)
    return tree


def _place_options(tree: exp.Expr, tokens: list[Token]) -> None:
    """Give OPTION (…) the place of its word; the parser keeps none for it."""
    words = [t for t in tokens if t.text.upper() == "OPTION" and t.token_type not in _NAMES_AND_TEXT]
    holders = [node for node in tree.find_all(exp.Query) if node.args.get("options")]
    if len(words) == len(holders) == 1:
        holders[0].args["options"][0].update_positions(words[0])


_ONE_SELECT = "one SELECT (WITH … SELECT and set operations included)"


def _prepare(tokens: list[Token], file: str) -> bool:
    if not tokens:
        raise BindError(Problem("the SQL is empty", file=file, expected=_ONE_SELECT))
    if tokens[0].token_type not in _FIRST:
        raise BindError(_first_word_problem(tokens[0], file))
    problems: list[Problem] = []
    marked = False
    last = len(tokens) - 1
    insertions: list[int] = []
    for i, token in enumerate(tokens):
        kind = token.token_type
        if kind in _NAMES_AND_TEXT:
            if kind is TokenType.STRING and i and tokens[i - 1].text.upper() in ("DATE", "TIMESTAMP", "TIME"):
                problems.append(_at(token, file, "typed literals are not T-SQL", "CAST('…' AS date)"))
            continue
        following = tokens[i + 1].token_type if i < last else None
        word = token.text.upper()
        if (following is TokenType.L_PAREN and word in _CALLS) or (word == "CHAR" and _is_call(tokens, i)):
            token.token_type = TokenType.VAR
            token.text += _MARK
            marked = True
        elif word in _FOREIGN and kind is not TokenType.VAR:
            problems.append(_at(token, file, f"{token.text} is not T-SQL", _FOREIGN[word]))
        elif kind is TokenType.COMMA and following in _NEVER_AFTER_COMMA:
            problems.append(_at(token, file, "nothing follows this comma", "an expression"))
        elif kind is TokenType.SEMICOLON and i < last:
            problems.append(_at(tokens[i + 1], file, "a second statement", _ONE_SELECT))
        elif kind is TokenType.PARAMETER:
            problems.append(_at(token, file, "variables are not available", "{{ name | literal }} in the template"))
        elif kind is TokenType.HASH or (kind is TokenType.VAR and word.startswith("#")):
            problems.append(_at(token, file, "temporary tables are not available", "a WITH entry"))
        elif word == "NULLS" and i < last and tokens[i + 1].text.upper() in ("FIRST", "LAST"):
            problems.append(_at(token, file, "NULLS FIRST and NULLS LAST are not T-SQL", "CASE WHEN … IS NULL …"))
        elif word == "REAL":
            insertions.append(i)
    if problems:
        raise BindError(problems)
    for i in reversed(insertions):
        # sqlglot reads REAL as FLOAT; float(24) is the same type and keeps its width.
        if tokens[i].token_type is TokenType.FLOAT:
            tokens[i + 1 : i + 1] = [
                _like(tokens[i], TokenType.L_PAREN, "("),
                _like(tokens[i], TokenType.NUMBER, "24"),
                _like(tokens[i], TokenType.R_PAREN, ")"),
            ]
    return marked


def _is_call(tokens: list[Token], i: int) -> bool:
    # CHAR(65) is a function unless it names a type: after AS, or first in CONVERT( … ).
    if i + 1 >= len(tokens) or tokens[i + 1].token_type is not TokenType.L_PAREN or i == 0:
        return False
    before = tokens[i - 1]
    if before.token_type is TokenType.ALIAS:
        return False
    return not (before.token_type is TokenType.L_PAREN and i > 1 and "CONVERT" in tokens[i - 2].text.upper())


def _like(token: Token, kind: TokenType, text: str) -> Token:
    return Token(kind, text, line=token.line, col=token.col, start=token.start, end=token.end)


def _at(token: Token, file: str, message: str, expected: str) -> Problem:
    column = max(1, token.col - (token.end - token.start))
    return Problem(message, file=file, line=token.line, column=column, expected=expected)


def _first_word_problem(token: Token, file: str) -> Problem:
    word = token.text.upper()
    if word in ("EXEC", "EXECUTE", "DECLARE", "SET", "IF", "BEGIN", "PRINT", "USE", "GO", "WHILE"):
        message = f"{word} is procedural T-SQL"
    elif word in ("INSERT", "UPDATE", "DELETE", "MERGE", "TRUNCATE", "CREATE", "ALTER", "DROP", "GRANT", "DENY"):
        message = f"{word} writes; the engine writes, a template only selects"
    else:
        message = f"{token.text!r} does not begin a SELECT"
    return _at(token, file, message, _ONE_SELECT)


def _syntax_problem(fault: dict[str, Any], file: str) -> Problem:
    text = fault.get("highlight") or ""
    column = max(1, (fault.get("col") or 1) - max(0, len(text) - 1))
    description = str(fault.get("description") or "invalid expression").split(" for <class")[0]
    near = f" near {text!r}" if text else ""
    return Problem(f"syntax error{near}: {description}", file=file, line=fault.get("line") or 0, column=column)


def tables_of(tree: exp.Expr) -> list[str]:
    """The physical tables ``tree`` reads, as lower-case ``schema.table`` in order of appearance, without repeats and
    without WITH names."""
    found: dict[str, None] = {}
    _collect(tree, frozenset(), found)
    return list(found)


def _collect(node: exp.Expr, hidden: frozenset[str], found: dict[str, None]) -> None:
    entries = node.args.get("with_")
    if entries is not None:
        for entry in entries.expressions:
            name = entry.alias.lower()
            _collect(entry.this, hidden | {name}, found)
            hidden = hidden | {name}
    if isinstance(node, exp.Table) and isinstance(node.this, exp.Identifier):
        name, schema = node.name.lower(), node.db.lower()
        if schema or name not in hidden:
            found[f"{schema or 'dbo'}.{name}"] = None
    for key, child in node.args.items():
        if key == "with_":
            continue
        for part in child if isinstance(child, list) else (child,):
            if isinstance(part, exp.Expr):
                _collect(part, hidden, found)
