"""T-SQL's LIKE on DuckDB: the one translation of patterns, for templates, row queries and expectations."""

from __future__ import annotations

from engine.tsql.like import like_regex


def like(text: str, pattern: str, escape: str = "", *, loose_end: bool = False) -> str:
    """The DuckDB condition of ``text LIKE pattern``, where ``text`` is SQL and ``pattern`` is a plain string.

    With ``loose_end`` blanks at the end of the text do not count, as they do not when everything is varchar.
    Raises ValueError for a pattern whose meaning on SQL Server cannot be told.
    """
    regex = like_regex(pattern, escape)
    if "[" not in pattern and not loose_end:
        return f"{text} ILIKE {_quoted(pattern)}" + (f" ESCAPE {_quoted(escape)}" if escape else "")
    return f"regexp_full_match({text}, {_quoted(regex + (' *' if loose_end else ''))}, 'is')"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
