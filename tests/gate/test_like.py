"""LIKE: a template's WHERE, a suite's expectation and what SQL Server documents, by pattern and value."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from engine.core.sqltypes import Column, parse_type
from engine.quality.rowquery import BATCH, RowQuery
from engine.quality.suites import Suite
from engine.tsql.bind import bind, parse
from engine.warehouses.dialect import dialect_of
from engine.warehouses.duckdb.transpile.dialect import to_duckdb
from tests.targets import is_babelfish

from .conftest import Place, everywhere

WORDS = ("abc", "ABC", "abc ", "Zoë", "zoe", "é", "É", "e", "b1", "b²", "b½", "50%", "50x", "a_c", "a[b", "a]b", "a-b",
         "a^b", "a\\c", "a.c", "", "ß", "z", "ž")  # fmt: skip
COLUMNS = [Column("id", parse_type("int"), False), Column("word", parse_type("nvarchar(20)"))]

# pattern, escape character, the words that SQL Server finds: default collation, nvarchar
FINDS: list[tuple[str, str, tuple[str, ...]]] = [
    ("abc", "", ("abc", "ABC")),
    ("ABC%", "", ("abc", "ABC", "abc ")),
    ("abc_", "", ("abc ",)),
    ("%c ", "", ("abc ",)),
    ("", "", ("",)),
    ("_", "", ("é", "É", "e", "ß", "z", "ž")),
    ("é", "", ("é", "É")),
    ("e", "", ("e",)),
    ("ZO_", "", ("Zoë", "zoe")),
    ("ZOË", "", ("Zoë",)),
    ("a_c", "", ("abc", "ABC", "a_c", "a\\c", "a.c")),
    ("a[_]c", "", ("a_c",)),
    ("a!_c", "!", ("a_c",)),
    ("a\\c", "", ("a\\c",)),
    ("a\\_c", "\\", ("a_c",)),
    ("a.[c]", "", ("a.c",)),
    ("50[%]", "", ("50%",)),
    ("50!%", "!", ("50%",)),
    ("5!0x", "!", ("50x",)),
    ("a[[]b", "", ("a[b",)),
    ("a![b", "!", ("a[b",)),
    ("a]b", "", ("a]b",)),
    ("a[!]]b", "!", ("a]b",)),
    ("a[-]b", "", ("a-b",)),
    ("a[-x]b", "", ("a-b",)),
    ("a[!^x]b", "!", ("a^b",)),
    ("a[^^]b", "", ("a[b", "a]b", "a-b")),
    ("[B-Z]%", "", ("Zoë", "zoe", "é", "É", "e", "b1", "b²", "b½", "ß", "z")),
    ("[^a-c]%", "", ("Zoë", "zoe", "é", "É", "e", "50%", "50x", "ß", "z", "ž")),
    ("[d-e]", "", ("e",)),
    ("[a-z]", "", ("é", "É", "e", "ß", "z")),
    ("b[0-9]", "", ("b1", "b²", "b½")),
    ("b[1-2]", "", ("b1", "b²")),
    ("%[^a-z]", "", ("abc ", "b1", "b²", "b½", "50%", "ž")),
]
POSTGRESQL = {
    "abc",
    "a_c",
    "a\\c",
    "a[!]]b",
    "a[!^x]b",
    "[B-Z]%",
    "[^a-c]%",
    "[d-e]",
    "[a-z]",
    "b[0-9]",
    "b[1-2]",
    "%[^a-z]",
}
"""Patterns with which Babelfish finds other words: its classes, backslashes and blanks are PostgreSQL's."""


@pytest.fixture(scope="module")
def words(place: Place) -> Iterator[Place]:
    place.make("words", {c.name: c.type for c in COLUMNS})
    listed = ", ".join(f"({i}, N'{word}')" for i, word in enumerate(WORDS))
    place.execute(f"INSERT INTO silver.words VALUES {listed}, (99, NULL)")
    yield place


def by_template(place: Place, condition: str) -> set[str]:
    query = f"SELECT b.word FROM {BATCH} AS b WHERE b.word {condition}"
    translated = query if place.tsql else to_duckdb(bind(parse(query), {BATCH: COLUMNS}))
    text = RowQuery(translated, dialect_of("mssql" if place.tsql else "duckdb")).sql("silver", "words")
    return {word for (word,) in place.execute(text)}


def by_suite(place: Place, suite: Suite) -> set[str]:
    """The words that the suite's one expectation lets pass."""
    (verdict,) = place.gate.judge("silver", "words", suite, columns=COLUMNS)
    assert "cannot be judged" not in verdict.message, verdict.message
    condition = verdict.condition or "1 = 0"
    failing = {word for (word,) in place.execute(f"SELECT word FROM silver.words WHERE {condition}")}
    assert verdict.unexpected == len(failing)
    return set(WORDS) - failing


@everywhere
@pytest.mark.parametrize(("pattern", "escape", "found"), FINDS, ids=[p or "nothing" for p, _, _ in FINDS])
def test_a_pattern_finds_the_same_in_a_template_and_in_a_suite(
    pattern: str, escape: str, found: tuple[str, ...], words: Place, suite_of: Callable[..., Suite]
) -> None:
    literal = "N'" + pattern.replace("'", "''") + "'" + (f" ESCAPE '{escape}'" if escape else "")
    kwargs = {"column": "word", "like_pattern": pattern} | ({"escape": escape} if escape else {})
    listed = {"column": "word", "like_pattern_list": [pattern]} | ({"escape": escape} if escape else {})

    def judged(type_: str, kwargs: dict[str, object]) -> set[str]:
        return by_suite(words, suite_of(json.dumps({"expectations": [{"type": type_, "kwargs": kwargs}]})))

    like, not_like = by_template(words, f"LIKE {literal}"), by_template(words, f"NOT LIKE {literal}")
    assert judged("expect_column_values_to_match_like_pattern", kwargs) == like
    assert judged("expect_column_values_to_match_like_pattern_list", listed) == like
    if words.tsql and is_babelfish() and (pattern in POSTGRESQL or escape):
        return  # its NOT LIKE does not heed ESCAPE either
    assert judged("expect_column_values_to_not_match_like_pattern", kwargs) == not_like
    assert judged("expect_column_values_to_not_match_like_pattern_list", listed) == not_like
    assert like == set(found)
    assert not_like == set(WORDS) - set(found)


@everywhere
@pytest.mark.parametrize("type_", ["varchar(20)", "char(20)"])
def test_a_suites_pattern_is_nvarchar_whatever_the_column(
    type_: str, words: Place, suite_of: Callable[..., Suite]
) -> None:
    """What is counted and what is moved to quarantine is the same, where the server tells varchar from nvarchar."""
    table, columns = f"words_{type_[:4].rstrip('(')}", [Column("word", parse_type(type_))]
    words.make(table, {"word": columns[0].type})
    blanks = " " * 16 if type_.startswith("char") else " "
    words.execute(f"INSERT INTO silver.{table} VALUES ('abcd{blanks}'), ('abcd{blanks}'), ('x{blanks}')")
    suite = suite_of(
        "expectations: [{type: expect_column_values_to_match_like_pattern, quarantine: true,"
        " kwargs: {column: word, like_pattern: abcd}}]"
    )
    (verdict,) = words.gate.judge("silver", table, suite, columns=columns)
    if words.tsql and is_babelfish():
        assert "cannot be judged" not in verdict.message
    else:
        assert verdict.unexpected == 3, verdict.message
    moved = words.execute(f"SELECT COUNT(*) FROM silver.{table} WHERE {verdict.condition or '1 = 0'}")
    assert moved == [(verdict.unexpected,)]
