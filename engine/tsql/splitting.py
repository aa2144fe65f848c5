"""A SELECT taken apart where T-SQL lets something come in between."""

from __future__ import annotations


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
