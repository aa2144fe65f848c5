"""Text in expectations: case and blanks at the end count as little as on SQL Server, on both targets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from engine.core.sqltypes import Column, parse_type
from engine.core.verdict import Verdict
from engine.quality import gxtext
from engine.quality.suites import Suite

from .conftest import Place, everywhere

COLUMNS = [Column("id", parse_type("int"), False), *(Column(n, parse_type("nvarchar(20)")) for n in ("name", "other"))]
ROWS = """
    (1, N'a',    N'A'),
    (2, N'A',    N'a '),
    (3, N'a ',   N'b'),
    (4, N'É',    N'é '),
    (5, N'é',    N'x'),
    (6, N'ß',    N'y'),
    (7, NULL,    NULL),
    (8, N'ab  ', N'abc')
"""

FAILING: dict[str, tuple[str, dict[str, Any], list[int]]] = {
    "unique": ("expect_column_values_to_be_unique", {"column": "name"}, [1, 2, 3, 4, 5]),
    "compound key": ("expect_compound_columns_to_be_unique", {"column_list": ["name", "other"]}, [1, 2]),
    "in set": ("expect_column_values_to_be_in_set", {"column": "name", "value_set": ["A ", "é", "AB"]}, [6]),
    "not in set": ("expect_column_values_to_not_be_in_set", {"column": "name", "value_set": ["A  ", "q"]}, [1, 2, 3]),
    "length": ("expect_column_value_lengths_to_equal", {"column": "name", "value": 1}, [8]),
    "length between": (
        "expect_column_value_lengths_to_be_between", {"column": "name", "min_value": 2, "max_value": 2}, [1, 2, 3, 4, 5, 6]),
    "pair equal": ("expect_column_pair_values_to_be_equal", {"column_A": "name", "column_B": "other"}, [3, 5, 6, 8]),
    "pair in set": (
        "expect_column_pair_values_to_be_in_set",
        {"column_A": "name", "column_B": "other", "value_pairs_set": [["a", "a "], ["A", "B"], ["é", "É"]]}, [5, 6, 8]),
    "unique within the row": (
        "expect_select_column_values_to_be_unique_within_record", {"column_list": ["name", "other"]}, [1, 2, 4]),
    "equal columns": ("expect_multicolumn_values_to_be_equal", {"column_list": ["name", "other"]}, [3, 5, 6, 8]),
    "among some rows": (
        "expect_column_values_to_be_null", {"column": "other", "row_condition": 'col("name") == "A "'}, [1, 2, 3]),
}  # fmt: skip
WHOLE: dict[str, tuple[str, dict[str, Any], bool]] = {
    "distinct count": ("expect_column_unique_value_count_to_be_between", {"min_value": 4, "max_value": 4}, True),
    "distinct share": ("expect_column_proportion_of_unique_values_to_be_between", {"max_value": 0.6}, True),
    "distinct in set": ("expect_column_distinct_values_to_be_in_set", {"value_set": ["a", "É ", "ß", "AB"]}, True),
    "distinct in set, not": ("expect_column_distinct_values_to_be_in_set", {"value_set": ["a", "ß", "AB"]}, False),
    "distinct contain": ("expect_column_distinct_values_to_contain_set", {"value_set": ["A ", "é"]}, True),
    "distinct equal": ("expect_column_distinct_values_to_equal_set", {"value_set": ["A", "é ", "ß", "ab"]}, True),
}


@pytest.fixture(scope="module")
def texts(place: Place) -> Iterator[Place]:
    place.make("texts", {c.name: c.type for c in COLUMNS})
    place.execute(f"INSERT INTO silver.texts VALUES {ROWS}")
    yield place


def judged(place: Place, suite_of: Callable[..., Suite], type_: str, kwargs: dict[str, Any], **more: Any) -> Verdict:
    suite = suite_of(json.dumps({"expectations": [{"type": type_, "kwargs": kwargs, **more}]}))
    (verdict,) = place.gate.judge("silver", "texts", suite, columns=COLUMNS)
    assert "cannot be judged" not in verdict.message, verdict.message
    return verdict


@everywhere
@pytest.mark.parametrize("case", FAILING)
def test_the_rows_that_fail_are_those_of_sql_server(case: str, texts: Place, suite_of: Callable[..., Suite]) -> None:
    type_, kwargs, failing = FAILING[case]
    verdict = judged(texts, suite_of, type_, kwargs, quarantine=True)
    rows = texts.execute(f"SELECT id FROM silver.texts WHERE {verdict.condition or '1 = 0'} ORDER BY id")
    assert [id_ for (id_,) in rows] == failing
    assert verdict.unexpected == len(failing)


@everywhere
@pytest.mark.parametrize("case", WHOLE)
def test_distinct_values_are_those_of_sql_server(case: str, texts: Place, suite_of: Callable[..., Suite]) -> None:
    type_, kwargs, holds = WHOLE[case]
    assert judged(texts, suite_of, type_, {"column": "name", **kwargs}).success is holds


def test_failing_values_are_shown_as_they_are(texts: Place, suite_of: Callable[..., Suite]) -> None:
    kwargs = {"column": "name", "like_pattern": "%[^ ]"}
    verdict = judged(texts, suite_of, "expect_column_values_to_match_like_pattern", kwargs)
    assert verdict.sample == ("'a '", "'ab  '")


def test_a_pattern_goes_to_sql_server_as_nvarchar_when_it_counts_and_when_it_selects() -> None:
    from sqlalchemy.dialects import mssql

    condition = gxtext.like(sa.column("name"), "ab%", "!", mssql.dialect())
    text = str(condition.compile(dialect=mssql.dialect(), compile_kwargs={"literal_binds": True}))
    assert text == "name LIKE N'ab%' ESCAPE '!'"
