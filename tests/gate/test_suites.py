"""Suites: what a good one becomes, and what is said of a bad one, with its line."""

from __future__ import annotations

import datetime as dt
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from engine.core.errors import ProjectError
from engine.quality.suitefiles import load_suite
from engine.quality.suites import Suite, catalogue, suite_with_key

from . import catalogue as generator

GOOD = """\
expectations:
  - type: expect_column_values_to_be_in_set
    kwargs:
      column: kind
      value_set: "{{ kinds }}"
    severity: warning
    description: Only kinds we know
  - type: expect_column_values_to_be_between
    kwargs: {column: day, min_value: 2026-01-01, row_condition: 'col("kind") == "movie"'}
  - type: expect_compound_columns_to_be_unique
    kwargs: {column_list: [small, large]}
    quarantine: true
  - type: unexpected_rows_expectation
    kwargs:
      unexpected_rows_query: >-
        SELECT b.* FROM {batch} AS b WHERE b.day > {{ today | literal }} AND b.small > {{ limit }} AND b.kind = {{ kind | literal }}
    quarantine: true
"""


def test_a_good_suite(suite_of: Callable[..., Suite]) -> None:
    suite = suite_of(GOOD, kinds=["movie", "series"], today=dt.date(2026, 11, 20), limit=3, kind="it's")
    assert (suite.table, suite.file) == ("silver.things", "expectations/silver/things.yaml")
    in_set, between, compound, query = suite.expectations
    assert in_set.kwargs["value_set"] == ["movie", "series"]
    assert (in_set.severity, in_set.quarantine, in_set.description) == ("warning", False, "Only kinds we know")
    assert in_set.id == "expect_column_values_to_be_in_set(kind)"
    assert between.kwargs["min_value"] == "2026-01-01"
    assert between.kwargs["condition_parser"] == "great_expectations"
    assert compound.columns == ("small", "large")
    assert "b.day > CAST('2026-11-20' AS date) AND b.small > 3 AND b.kind = N'it''s'" in query.query
    assert suite.row_queries()[0][0].startswith("SELECT b.* FROM [gate].[__batch__] AS b WHERE")
    read = [(name, at.line) for name, at in suite.columns_read()]
    assert read == [("kind", 4), ("day", 9), ("kind", 9), ("small", 11), ("large", 11)]


BAD = {
    "unknown key of a suite": ("expectation: []\n", 1, "'expectation' is no key of a suite", "expectations"),
    "not a list": ("expectations: yes please\n", 1, "expectations is not a list", ""),
    "not a mapping": ("- expect_column_to_exist\n", 1, "a suite is a mapping", ""),
    "an expectation that is a word": ("expectations:\n  - expect_column_to_exist\n", 2, "an expectation is a mapping", ""),
    "duplicate key": ("expectations: []\nexpectations: []\n", 2, "stands here a second time", ""),
    "tab": ("expectations:\n\t- type: x\n", 2, "a tab is used to indent", ""),
    "no type": ("expectations:\n  - kwargs: {column: a}\n", 2, "an expectation without a type", ""),
    "unknown expectation": (
        "expectations:\n  - type: expect_column_values_to_be_nul\n", 2, "unknown expectation 'expect_column_values_to_be_nul'",
        "expect_column_values_to_be_null"),
    "type in CamelCase": (
        "expectations:\n  - type: ExpectColumnValuesToBeUnique\n", 2, "unknown expectation 'ExpectColumnValuesToBeUnique'",
        "expect_column_values_to_be_unique"),
    "unknown key of an expectation": (
        "expectations:\n  - type: expect_column_to_exist\n    kwargs: {column: a}\n    severety: warning\n", 4,
        "'severety' is no key of an expectation", "severity"),
    "unknown argument": (
        "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs:\n      column: a\n      max_values: 3\n", 5,
        "'max_values' is no argument of expect_column_values_to_be_between", "max_value"),
    "missing argument": (
        "expectations:\n  - type: expect_column_values_to_be_in_set\n    kwargs: {column: a}\n", 3,
        "expect_column_values_to_be_in_set without value_set; expected value_set: a list", ""),
    "no arguments at all": ("expectations:\n  - type: expect_column_to_exist\n", 2, "expect_column_to_exist without column", ""),
    "argument of the wrong kind": (
        "expectations:\n  - type: expect_column_values_to_be_in_set\n    kwargs:\n      column: a\n      value_set: movie\n", 5,
        "value_set 'movie'; expected a list", ""),
    "number where a name belongs": ("expectations:\n  - type: expect_column_to_exist\n    kwargs: {column: 3}\n", 3, "column 3; expected text", ""),
    "share above one": (
        "expectations:\n  - type: expect_column_values_to_not_be_null\n    kwargs: {column: a, mostly: 95}\n", 3,
        "mostly 95; expected a number from 0 to 1", ""),
    "word that is none of the choices": (
        "expectations:\n  - type: expect_compound_columns_to_be_unique\n    kwargs: {column_list: [a], ignore_row_if: nevr}\n", 3,
        "ignore_row_if 'nevr'", "never"),
    "bounds the wrong way round": (
        "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: a, min_value: 9, max_value: 3}\n", 3,
        "min_value 9 is above max_value 3", ""),
    "a bound that is neither number nor date": (
        "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: a, min_value: tuesday}\n", 3,
        "min_value 'tuesday'; expected a date (YYYY-MM-DD) or a number", ""),
    "severity": (
        "expectations:\n  - type: expect_column_to_exist\n    kwargs: {column: a}\n    severity: warn\n", 4, "severity 'warn'", "warning"),
    "quarantine of a table": (
        "expectations:\n  - type: expect_table_row_count_to_be_between\n    kwargs: {min_value: 1}\n    quarantine: true\n", 4,
        "expect_table_row_count_to_be_between judges the table as a whole", ""),
    "quarantine that is a word": (
        "expectations:\n  - type: expect_column_values_to_be_unique\n    kwargs: {column: a}\n    quarantine: always\n", 4,
        "quarantine 'always'; expected true or false", ""),
    "regular expressions": (
        "expectations:\n  - type: expect_column_values_to_match_regex\n    kwargs: {column: a, regex: x+}\n", 2,
        "SQL Server 2019 has no regular expressions", ""),
    "types": ("expectations:\n  - type: expect_column_values_to_be_of_type\n    kwargs: {column: a, type_: INTEGER}\n", 2,
              "pipelines.yaml declares", ""),
    "query without batch": (
        "expectations:\n  - type: unexpected_rows_expectation\n    kwargs: {unexpected_rows_query: SELECT 1 FROM silver.users}\n", 3,
        "does not read {batch}", ""),
    "query that cannot quarantine": (
        "expectations:\n  - type: unexpected_rows_expectation\n    quarantine: true\n    kwargs:\n"
        "      unexpected_rows_query: SELECT b.* FROM {batch} AS b JOIN silver.users AS u ON u.id = b.id WHERE u.id > 3\n", 5,
        "rows cannot be quarantined by this query: it has a join at the top level", ""),
    **{
        f"query that cannot quarantine: {words}": (
            "expectations:\n  - type: unexpected_rows_expectation\n    quarantine: true\n    kwargs:\n"
            f"      unexpected_rows_query: {query}\n", 5, f"rows cannot be quarantined by this query: it {words}", "")
        for words, query in {
            "has TOP at the top level": "SELECT TOP (5) b.* FROM {batch} AS b WHERE b.id > 3",
            "has DISTINCT at the top level": "SELECT DISTINCT b.kind FROM {batch} AS b WHERE b.id > 3",
            "aggregates": "SELECT MAX(b.id) AS id FROM {batch} AS b WHERE b.id > 3",
            "has no WHERE": "SELECT b.* FROM {batch} AS b",
        }.items()
    },
    "query that does not parse": (
        "expectations:\n  - type: unexpected_rows_expectation\n    quarantine: true\n    kwargs:\n"
        "      unexpected_rows_query: SELECT b.* FROM {batch} AS b WHERE (b.id > 3\n", 5, "rows cannot be quarantined by this query", ""),
    "undefined variable": (
        "expectations:\n  - type: expect_column_values_to_be_in_set\n    kwargs: {column: a, value_set: '{{ knds }}'}\n", 3,
        "undefined variable 'knds'", "kinds"),
    "a variable that would become SQL": (
        "expectations:\n  - type: unexpected_rows_expectation\n    kwargs:\n"
        "      unexpected_rows_query: \"SELECT * FROM {batch} WHERE kind = '{{ kind }}'\"\n", 4,
        "{{ kind }} would become part of the statement; expected {{ kind | literal }}", ""),
    "Jinja that is more than a name": (
        "expectations:\n  - type: unexpected_rows_expectation\n    kwargs:\n"
        "      unexpected_rows_query: \"SELECT * FROM {batch} {% if x %} WHERE 1 = 1 {% endif %}\"\n", 4,
        "only {{ name | literal }} is filled in here", ""),
    "the same expectation twice": (
        "expectations:\n  - type: expect_column_to_exist\n    kwargs: {column: a}\n  - type: expect_column_to_exist\n    kwargs: {column: a}\n",
        4, "the same expectation stands on line 2", ""),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_suite_is_refused_with_its_line(case: str, suite_of: Callable[..., Suite]) -> None:
    text, line, message, nearest = BAD[case]
    with pytest.raises(ProjectError) as refused:
        suite_of(text, kinds=["movie"], kind="movie; DROP TABLE x")
    (problem,) = refused.value.problems
    assert (problem.file, problem.line) == ("expectations/silver/things.yaml", line)
    assert message in str(problem)
    assert problem.nearest == nearest


def test_everything_wrong_is_said_at_once(suite_of: Callable[..., Suite]) -> None:
    with pytest.raises(ProjectError) as refused:
        suite_of("expectations:\n  - type: expect_nothing\n  - type: expect_column_to_exist\n  - kwargs: {}\nmore: 1\n")
    assert [p.line for p in refused.value.problems] == [2, 3, 4, 5]


def test_two_expectations_of_one_kind_have_their_own_ids(suite_of: Callable[..., Suite]) -> None:
    text = """
expectations:
  - {type: expect_column_values_to_be_between, kwargs: {column: a, min_value: 1}}
  - {type: expect_column_values_to_be_between, kwargs: {column: a, max_value: 9}}
"""
    first, second = (e.id for e in suite_of(text).expectations)
    assert first == "expect_column_values_to_be_between(a)"
    assert second.startswith(first + "#")
    assert [e.id for e in suite_of(text).expectations] == [first, second]


def test_a_key_is_unique_and_never_missing() -> None:
    one = suite_with_key(Suite("silver.users"), ["user_id"])
    assert [(e.type, e.columns) for e in one.expectations] == [
        ("expect_column_values_to_not_be_null", ("user_id",)),
        ("expect_column_values_to_be_unique", ("user_id",)),
    ]
    two = suite_with_key(Suite("silver.episodes"), ["series_id", "season"])
    assert [e.columns for e in two.expectations] == [("series_id",), ("season",), ("series_id", "season")]
    assert all(e.severity == "critical" and not e.quarantine for e in (*one.expectations, *two.expectations))
    assert suite_with_key(Suite("x.y"), []).expectations == ()


@pytest.mark.parametrize(
    ("entry", "beside"),
    [
        ("kwargs: {column: User_ID}, quarantine: true", True),
        ("kwargs: {column: user_id}, severity: warning", True),
        ("kwargs: {column: user_id, mostly: 0.5}", True),
        ("kwargs: {column: user_id}", False),
    ],
)
def test_what_a_suite_says_of_its_key_is_judged_beside_the_engines_own_rule(
    entry: str, beside: bool, suite_of: Callable[..., Suite]
) -> None:
    suite = suite_of(f"expectations: [{{type: expect_column_values_to_be_unique, {entry}}}]")
    found = [e for e in suite_with_key(suite, ["user_id"]).expectations if e.type.endswith("unique")]
    assert len({e.id.casefold() for e in found}) == len(found) == 1 + beside
    assert (found[0].severity, found[0].quarantine, found[0].kwargs.get("mostly")) == ("critical", False, None)


def test_the_digest_follows_what_could_change_a_verdict(suite_of: Callable[..., Suite]) -> None:
    text = "expectations: [{type: expect_column_values_to_be_between, kwargs: {column: a, min_value: 1}}]"
    first = suite_of(text).digest
    assert suite_of("# a remark\n" + text).digest == first
    assert suite_of(text.replace("}}]", "}, description: why}]")).digest == first
    other = "{type: expect_column_to_exist, kwargs: {column: a}}"
    assert suite_of(text[:-1] + f", {other}]").digest == suite_of(text.replace("[", f"[{other}, ")).digest != first
    assert suite_of(text.replace("min_value: 1", "min_value: 2")).digest != first
    assert suite_of(text.replace("}}]", "}, severity: info}]")).digest != first


def test_reading_a_suite_imports_neither_great_expectations_nor_a_driver(tmp_path: Path) -> None:
    path = tmp_path / "expectations" / "silver" / "things.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("expectations: [{type: expect_column_to_exist, kwargs: {column: a}}]")
    assert load_suite(path, tmp_path).expectations
    code = (
        "import sys, pathlib; from engine.quality.suitefiles import load_suite; from engine.quality import gate; from engine.pages import quality;"
        f"root = pathlib.Path({str(tmp_path)!r}); load_suite(root / 'expectations/silver/things.yaml', root);"
        "heavy = set(sys.modules) & {'great_expectations', 'duckdb', 'sqlalchemy', 'pandas', 'pyarrow', 'sqlglot'};"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_the_catalogue_is_that_of_the_installed_great_expectations() -> None:
    assert generator.CATALOGUE.read_text(encoding="utf-8") == generator.text(), "run: python -m tests.gate.catalogue"
    assert {"rows", "kwargs"} <= set(catalogue()["unexpected_rows_expectation"])
