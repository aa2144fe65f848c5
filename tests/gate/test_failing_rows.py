"""Each expectation about rows: which rows fail, and that the condition selects exactly these."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from engine.core.sqltypes import parse_type
from engine.core.verdict import Verdict
from tests.targets import differs_on_babelfish

from .conftest import STAGING, Place, everywhere

FAILING = {
    "not null": ("expect_column_values_to_not_be_null", {"column": "name"}, [4]),
    "null": ("expect_column_values_to_be_null", {"column": "large"}, [1, 2, 3, 4, 6]),
    "unique": ("expect_column_values_to_be_unique", {"column": "small"}, [1, 6]),
    "unique ignores case, as SQL Server does": ("expect_column_values_to_be_unique", {"column": "name"}, [2, 3]),
    "unique among some rows": (
        "expect_column_values_to_be_unique", {"column": "kind", "row_condition": 'col("small") > 1'}, []),
    "in set, nulls are ignored": ("expect_column_values_to_be_in_set", {"column": "kind", "value_set": ["movie", "series"]}, [4]),
    "not in set": ("expect_column_values_to_not_be_in_set", {"column": "name", "value_set": ["ann", "O'Ro"]}, [1, 5]),
    "between": ("expect_column_values_to_be_between", {"column": "score", "min_value": 0, "max_value": 99.9}, [6]),
    "strictly between": (
        "expect_column_values_to_be_between", {"column": "score", "min_value": -1, "max_value": 99.9, "strict_min": True, "strict_max": True},
        [3, 6]),
    "days between": ("expect_column_values_to_be_between", {"column": "day", "min_value": "2026-01-01", "max_value": "2026-02-01"}, [4, 7]),
    "moments at most": ("expect_column_values_to_be_between", {"column": "at", "max_value": "2026-12-31T00:00:00"}, [5]),
    "between among some rows": (
        "expect_column_values_to_be_between",
        {"column": "small", "min_value": 3, "row_condition": 'col("kind") == "movie"', "condition_parser": "great_expectations"}, [1, 2, 6]),
    "length": ("expect_column_value_lengths_to_be_between", {"column": "name", "min_value": 1, "max_value": 4}, [6, 7]),
    "length equals": ("expect_column_value_lengths_to_equal", {"column": "name", "value": 3}, [5, 6, 7]),
    "like": ("expect_column_values_to_match_like_pattern", {"column": "name", "like_pattern": "%b%"}, [1, 5, 6, 7]),
    "like ignores case": ("expect_column_values_to_match_like_pattern", {"column": "name", "like_pattern": "B_B"}, [1, 5, 6, 7]),
    "like with a set": ("expect_column_values_to_match_like_pattern", {"column": "name", "like_pattern": "[a-c]%"}, [5, 6, 7]),
    "like with an excluded set": ("expect_column_values_to_match_like_pattern", {"column": "name", "like_pattern": "[^a-c]%"}, [1, 2, 3, 6]),
    "like with an escape": ("expect_column_values_to_match_like_pattern", {"column": "name", "like_pattern": "%!%%", "escape": "!"}, [1, 2, 3, 5, 6]),
    "not like": ("expect_column_values_to_not_match_like_pattern", {"column": "name", "like_pattern": "%b"}, [2, 3]),
    "like one of": ("expect_column_values_to_match_like_pattern_list", {"column": "name", "like_pattern_list": ["a%", "b%"]}, [5, 6, 7]),
    "like all of": (
        "expect_column_values_to_match_like_pattern_list", {"column": "name", "like_pattern_list": ["%n%", "a%"], "match_on": "all"},
        [2, 3, 5, 6, 7]),
    "like none of": ("expect_column_values_to_not_match_like_pattern_list", {"column": "name", "like_pattern_list": ["a%", "%x"]}, [1, 7]),
    "pair equal": ("expect_column_pair_values_to_be_equal", {"column_A": "small", "column_B": "large"}, [1, 3, 4, 5, 6]),
    "pair, either missing": (
        "expect_column_pair_values_to_be_equal",
        {"column_A": "small", "column_B": "large", "ignore_row_if": "either_value_is_missing"}, [1, 3, 4, 6]),
    "a above b": ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "large", "column_B": "small", "or_equal": True}, [4]),
    "pair in set": (
        "expect_column_pair_values_to_be_in_set", {"column_A": "small", "column_B": "large", "value_pairs_set": [[1, 5], [2, 2]]},
        [3, 4, 5]),
    "compound key": ("expect_compound_columns_to_be_unique", {"column_list": ["small", "large"]}, [1, 6]),
    "unique within the row": ("expect_select_column_values_to_be_unique_within_record", {"column_list": ["small", "large"]}, [2]),
    "sum of columns": ("expect_multicolumn_sum_to_equal", {"column_list": ["small", "large"], "sum_total": 6}, [2, 3, 4]),
    "equal columns": ("expect_multicolumn_values_to_be_equal", {"column_list": ["small", "other_id"]}, [4, 5, 7]),
    "z score": ("expect_column_value_z_scores_to_be_less_than", {"column": "score", "threshold": 1.5, "double_sided": True}, [3]),
    "mostly, still too many": ("expect_column_values_to_be_in_set", {"column": "small", "value_set": [1, 2], "mostly": 0.9}, [3, 4, 5]),
    "rows of a query": (
        "unexpected_rows_expectation",
        {"unexpected_rows_query": "SELECT b.* FROM {batch} AS b WHERE NOT EXISTS (SELECT 1 FROM silver.others AS o WHERE o.other_id = b.other_id)"},
        [4, 5, 7]),
    "rows of a query without an alias": (
        "unexpected_rows_expectation",
        {"unexpected_rows_query":
         "SELECT * FROM {batch} WHERE small > 1 AND other_id IN (SELECT o.other_id FROM silver.others o WHERE o.other_id = {batch}.other_id)"},
        [2, 3]),
    "rows of a query with braces and colons": (
        "unexpected_rows_expectation",
        {"unexpected_rows_query": "SELECT * FROM {batch} AS b WHERE b.name <> '{3} :x' AND b.id < 3"}, [1, 2]),
}  # fmt: skip


@everywhere
@pytest.mark.parametrize("case", FAILING)
def test_the_condition_selects_exactly_the_rows_that_fail(
    case: str, judge: Callable[..., list[Verdict]], place: Place, request: pytest.FixtureRequest
) -> None:
    if "escape" in case:
        differs_on_babelfish(request, "server" if place.tsql else "embedded", "NOT LIKE does not heed ESCAPE")
    type_, kwargs, failing = FAILING[case]
    suite = {"expectations": [{"type": type_, "kwargs": kwargs, "quarantine": True}]}
    (verdict,) = judge(json.dumps(suite))
    assert "cannot be judged" not in verdict.message
    assert verdict.success == (not failing)
    assert verdict.unexpected == len(failing)
    if failing:
        rows = place.execute(f"SELECT id FROM silver.{STAGING} WHERE {verdict.condition} ORDER BY id")
        assert [id_ for (id_,) in rows] == failing
        left = place.execute(
            f"SELECT COUNT(*) FROM silver.{STAGING} WHERE id NOT IN (SELECT id FROM silver.{STAGING} WHERE {verdict.condition})"
        )
        assert left == [(7 - len(failing),)]
        assert verdict.reason and verdict.message
        assert len(place.execute(verdict.rows_sql)) == len(failing)


@everywhere
def test_quarantine_is_complete_however_many_rows_fail(judge: Callable[..., list[Verdict]], place: Place) -> None:
    place.make("many", {"id": parse_type("bigint"), "name": parse_type("nvarchar(20)")})
    digits = ", ".join(f"({n})" for n in range(10))
    power = " CROSS JOIN ".join(f"(VALUES {digits}) AS {d}(n)" for d in "abcd")
    three = "(VALUES (0), (1), (2)) AS e(n)"
    place.execute(
        "INSERT INTO silver.many SELECT a.n + 10 * b.n + 100 * c.n + 1000 * d.n + 10000 * e.n, N'ann'"
        f" FROM {power} CROSS JOIN {three}"
    )
    (verdict,) = judge(
        "expectations: [{type: expect_column_values_to_be_unique, kwargs: {column: name}, quarantine: true}]",
        table="many",
    )
    assert (verdict.unexpected, verdict.total) == (30_000, 30_000)
    assert place.execute(f"SELECT COUNT(*) FROM silver.many WHERE {verdict.condition}") == [(30_000,)]
    assert len(verdict.sample) <= 5


@everywhere
def test_a_few_failing_values_are_allowed_by_mostly(judge: Callable[..., list[Verdict]]) -> None:
    (verdict,) = judge(
        "expectations: [{type: expect_column_values_to_be_in_set, kwargs: {column: small, value_set: [1, 2, 3, 4], mostly: 0.8}}]"
    )
    assert verdict.success
    assert (verdict.unexpected, verdict.total) == (1, 6)


@everywhere
def test_an_empty_table_fails_nothing_about_rows(judge: Callable[..., list[Verdict]]) -> None:
    expectations = [{"type": t, "kwargs": k} for t, k, _ in FAILING.values() if "z_score" not in t]
    seen = {json.dumps(e): e for e in expectations}
    verdicts = judge(json.dumps({"expectations": list(seen.values())}), table="nobody")
    assert [v.message for v in verdicts if not v.success] == []
