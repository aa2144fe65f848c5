"""What a reader of the terminal is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from engine.core.verdict import Verdict
from engine.quality.verdicts import percent, shown

from .conftest import everywhere

SENTENCES: list[tuple[str, dict[str, Any], str]] = [
    ("expect_column_values_to_not_be_null", {"column": "name"}, "name: 1 of 7 values (14 %) are missing: id 4"),
    ("expect_column_values_to_be_unique", {"column": "small"}, "small: 2 of 6 values (33 %) occur more than once: 1"),
    ("expect_column_values_to_be_in_set", {"column": "kind", "value_set": ["movie", "series"]},
     "kind: 1 of 6 values (17 %) are none of ('movie', 'series'): 'radio'"),
    ("expect_column_values_to_be_between", {"column": "score", "min_value": 0, "max_value": 50},
     "score: 2 of 6 values (33 %) are not between 0 and 50: 99.9, -1"),
    ("expect_column_values_to_be_between", {"column": "day", "min_value": "2026-01-01"},
     "day: 1 of 6 values (17 %) are not at least 2026-01-01: 2025-12-31"),
    ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "large", "column_B": "small", "or_equal": True},
     "large, small: 1 of 6 rows (17 %) do not have large at least small: (large=1, small=4)"),
    ("expect_compound_columns_to_be_unique", {"column_list": ["small", "large"]},
     "small, large: 2 of 6 rows (33 %) share their values with another row: (small=1, large=5)"),
    ("expect_table_row_count_to_be_between", {"min_value": 1_000}, "7 rows, expected at least 1,000"),
    ("expect_table_row_count_to_equal", {"value": 8}, "7 rows, expected 8"),
    ("expect_table_row_count_to_equal_other_table", {"other_table_name": "others"},
     "the number of rows differs from others: (self=7, other=3)"),
    ("expect_table_column_count_to_equal", {"value": 8}, "9 columns, expected 8"),
    ("expect_table_columns_to_match_set", {"column_set": ["ID", "name", "kind", "small", "large", "score", "day", "when"]},
     "the columns differ: missing when; not expected at, other_id"),
    ("expect_column_to_exist", {"column": "when"}, "when: the table has no such column"),
    ("expect_column_max_to_be_between", {"column": "score", "max_value": 50}, "score: the largest value is 99.9, expected at most 50"),
    ("expect_column_min_to_be_between", {"column": "score", "min_value": 0}, "score: the smallest value is -1, expected at least 0"),
    ("expect_column_mean_to_be_between", {"column": "small", "min_value": 3, "max_value": 4},
     "small: the average is 2.667, expected between 3 and 4"),
    ("expect_column_sum_to_be_between", {"column": "small", "min_value": 17}, "small: the sum is 16, expected at least 17"),
    ("expect_column_median_to_be_between", {"column": "small", "min_value": 3}, "small: the median is 2.5, expected at least 3"),
    ("expect_column_stdev_to_be_between", {"column": "small", "max_value": 1},
     "small: the standard deviation is 1.633, expected at most 1"),
    ("expect_column_unique_value_count_to_be_between", {"column": "small", "min_value": 6},
     "small: 5 distinct values, expected at least 6"),
    ("expect_column_distinct_values_to_be_in_set", {"column": "small", "value_set": [1, 2, 3, 4]},
     "small: (5) occur, expected only (1, 2, 3, 4)"),
    ("expect_column_distinct_values_to_contain_set", {"column": "small", "value_set": [1, 77]},
     "small: (77) do not occur, expected all of (1, 77)"),
    ("expect_column_distinct_values_to_equal_set", {"column": "small", "value_set": [1, 2, 3, 4]},
     "small: the distinct values differ from (1, 2, 3, 4) by (5)"),
    ("expect_column_most_common_value_to_be_in_set", {"column": "small", "value_set": [2]},
     "small: the most common value (1) is none of (2)"),
    ("expect_column_proportion_of_unique_values_to_be_between", {"column": "small", "min_value": 0.9},
     "small: the distinct share is 0.8333, expected at least 0.9"),
    ("expect_column_proportion_of_non_null_values_to_be_between", {"column": "large", "min_value": 0.9},
     "large: the share present is 0.7143, expected at least 0.9"),
]  # fmt: skip


@everywhere
@pytest.mark.parametrize(
    ("type_", "kwargs", "sentence"), SENTENCES, ids=[f"{t}-{i}" for i, (t, _, _) in enumerate(SENTENCES)]
)
def test_a_failed_expectation_says_what_is_wrong(
    judge: Callable[..., list[Verdict]], type_: str, kwargs: dict[str, Any], sentence: str
) -> None:
    (verdict,) = judge(json.dumps({"expectations": [{"type": type_, "kwargs": kwargs, "severity": "warning"}]}))
    assert not verdict.success
    assert verdict.message == sentence
    assert verdict.severity == "warning"


@everywhere
def test_a_row_query_speaks_with_its_description(judge: Callable[..., list[Verdict]]) -> None:
    query = "SELECT b.* FROM {batch} AS b WHERE b.small > 3"
    (verdict,) = judge(
        json.dumps(
            {
                "expectations": [
                    {
                        "type": "unexpected_rows_expectation",
                        "kwargs": {"unexpected_rows_query": query},
                        "description": "Small is small",
                    }
                ]
            }
        )
    )
    assert verdict.message == "Small is small: 2 of 7 rows (29 %) fail: id 4, 5"
    assert verdict.reason == "Small is small"


@everywhere
def test_a_query_about_the_whole_table_shows_what_it_found(judge: Callable[..., list[Verdict]]) -> None:
    query = "SELECT COUNT(*) AS n FROM {batch} AS b HAVING COUNT(*) <> (SELECT COUNT(*) FROM silver.others)"
    (verdict,) = judge(
        json.dumps(
            {
                "expectations": [
                    {
                        "type": "unexpected_rows_expectation",
                        "kwargs": {"unexpected_rows_query": query},
                        "description": "As many as others",
                    }
                ]
            }
        )
    )
    assert verdict.message == "As many as others: 1 row found: (n=7)"


@pytest.mark.parametrize(
    ("part", "whole", "words"),
    [
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33 %"),
        (37, 222_785, "0.017 %"),
        (222_784, 222_785, "99.99955 %"),
        (3, 70, "4.3 %"),
        (0, 0, "0 %"),
    ],
)
def test_percentages_keep_two_digits_that_mean_something(part: int, whole: int, words: str) -> None:
    assert percent(part, whole) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "NULL"),
        ("it's", '"it\'s"'),
        ("x" * 50, "'" + "x" * 39 + "…'"),
        (1234567, "1,234,567"),
        (2.0, "2"),
        (True, "true"),
        ([1, "a"], "(1, 'a')"),
    ],
)
def test_values_as_a_reader_wants_them(value: Any, words: str) -> None:
    assert shown(value) == words
