"""What a person allows a run to do once that is refused otherwise: ``--allow TABLE:WHAT``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.core.errors import Problem, ProjectError, nearest

WHAT = {
    "quarantine": "more rows in quarantine than guards.quarantine",
    "empty": "no rows where there were some",
    "drop": "fewer rows than guards.drop",
    "rise": "more rows than guards.rise",
    "history": "the closed versions of an scd2 table to go",
    "rows": "rows of earlier loads to go that its inputs no longer give",
}
"""Each word with what it allows."""
Allowed = Mapping[str, frozenset[str]]
"""For each table the words that are allowed in this run."""


def parse_allowed(given: Iterable[str], tables: Iterable[str]) -> Allowed:
    """``TABLE:WHAT`` texts by table. Raises ProjectError for a table or a word that does not exist."""
    known = list(tables)
    found: dict[str, set[str]] = {}
    for text in given:
        table, _, what = text.strip().partition(":")
        table = table.lower()
        if table not in known:
            raise ProjectError(
                Problem(
                    f"--allow {text}: there is no table {table!r}",
                    expected="TABLE:WHAT, such as silver.orders:empty",
                    nearest=nearest(table, known),
                )
            )
        if what not in WHAT:
            raise ProjectError(
                Problem(
                    f"--allow {text}: {what!r} is not something that can be allowed",
                    expected="one of " + ", ".join(f"{word} ({means})" for word, means in WHAT.items()),
                    nearest=nearest(what, WHAT),
                )
            )
        found.setdefault(table, set()).add(what)
    return {table: frozenset(words) for table, words in found.items()}


def how_to_allow(table: str, what: Iterable[str], *, full: bool) -> str:
    """The sentence with the command that allows all of it once."""
    words = "".join(f" --allow {table}:{word}" for word in dict.fromkeys(what))
    return f"to publish it all the same, once: medallion run --select {table}{words}{' --full' if full else ''}"
