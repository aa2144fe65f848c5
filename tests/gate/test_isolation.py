"""One expectation that cannot be judged says so, and the others are judged as if it were not there."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.core.sqltypes import parse_type
from engine.core.verdict import Verdict
from engine.quality.gate import Gate
from engine.quality.suites import Expectation, Suite

from .conftest import STAGING, Place, columns, everywhere

BROKEN: list[tuple[str, dict[str, Any], str]] = [
    ("expect_column_values_to_not_be_null", {"column": "nope"}, "nope: cannot be judged: the table has no column nope"),
    ("expect_column_max_to_be_between", {"column": "nope", "max_value": 3}, "nope: cannot be judged: the table has no column nope"),
    ("expect_column_mean_to_be_between", {"column": "name", "max_value": 3}, "name: cannot be judged: No function matches"),
    ("expect_column_sum_to_be_between", {"column": "name", "max_value": 3}, "name: cannot be judged: No function matches"),
    ("expect_column_values_to_be_between", {"column": "day", "min_value": "2026-02-30"}, "day: cannot be judged: "),
    ("expect_multicolumn_sum_to_equal", {"column_list": ["small", "nope"], "sum_total": 3}, "small, nope: cannot be judged: the table has no column"),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT nope FROM {batch}"}, "cannot be judged: Referenced column \"nope\" not found"),
    ("unexpected_rows_expectation", {"unexpected_rows_query": "SELECT * FROM {batch} WHERE"}, "cannot be judged: "),
    ("expect_table_row_count_to_equal_other_table", {"other_table_name": "nowhere"}, "cannot be judged: Table with name nowhere does not exist!"),
    ("expect_column_values_to_match_regex", {"column": "name", "regex": "a"}, "name: cannot be judged: Regex is not supported"),
    ("expect_no_such_thing", {"column": "name"}, "name: cannot be judged: expect_no_such_thing not found"),
]  # fmt: skip
SOUND: list[tuple[str, dict[str, Any], bool]] = [
    ("expect_column_values_to_not_be_null", {"column": "name"}, False),
    ("expect_column_max_to_be_between", {"column": "small", "max_value": 5}, True),
    ("expect_column_values_to_be_unique", {"column": "id"}, True),
    ("expect_table_row_count_to_equal", {"value": 7}, True),
    ("expect_column_values_to_be_in_set", {"column": "small", "value_set": [1]}, False),
]


def _expectation(number: int, type_: str, kwargs: dict[str, Any]) -> Expectation:
    return Expectation(str(number), type_, kwargs, severity="info")


@everywhere
@pytest.mark.parametrize("case", range(len(BROKEN)), ids=[f"{t}-{i}" for i, (t, _, _) in enumerate(BROKEN)])
def test_a_broken_expectation_fails_alone(case: int, gate: Gate, place: Place) -> None:
    type_, kwargs, words = BROKEN[case]
    sound = [_expectation(i, t, k) for i, (t, k, _) in enumerate(SOUND)]
    first, *others = gate.judge(
        "silver", STAGING, Suite(expectations=(_expectation(99, type_, kwargs), *sound)), columns=columns()
    )
    if not place.tsql:
        assert first.message.startswith(words)
    assert "cannot be judged: " in first.message
    assert (first.success, first.severity, first.quarantine, first.blocks) == (False, "critical", False, True)
    assert [v.success for v in others] == [holds for _, _, holds in SOUND]


@everywhere
def test_all_broken_ones_at_once(gate: Gate, place: Place) -> None:
    mixed = [_expectation(i, t, k) for i, (t, k, _) in enumerate(BROKEN)] + [
        _expectation(100 + i, t, k) for i, (t, k, _) in enumerate(SOUND)
    ]
    verdicts = gate.judge("silver", STAGING, Suite(expectations=tuple(mixed)), columns=columns())
    assert [v.id for v in verdicts] == [e.id for e in mixed]
    for verdict, (_, _, words) in zip(verdicts, BROKEN, strict=False):
        assert verdict.message.startswith(words) or (place.tsql and "cannot be judged: " in verdict.message)
    assert [v.success for v in verdicts[len(BROKEN) :]] == [holds for _, _, holds in SOUND]


def test_a_transpiler_that_refuses_is_a_verdict(gate: Gate) -> None:
    def refuse(sql: str) -> str:
        raise ValueError("FORMAT has no equal here; write CONVERT instead")

    query = {"unexpected_rows_query": "SELECT * FROM {batch} WHERE FORMAT(day, 'd') = 'x'"}
    suite = Suite(expectations=(_expectation(0, "unexpected_rows_expectation", query), _expectation(1, *SOUND[3][:2])))
    refused, sound = gate.judge("silver", STAGING, suite, columns=columns(), transpile=refuse)
    assert refused.message == "cannot be judged: FORMAT has no equal here; write CONVERT instead"
    assert sound.success


@pytest.mark.parametrize(
    ("translated", "words"),
    [
        ("SELECT * FROM gate.__batch__ AS b WHERE b.small > 1 LIMIT 1", "cannot be judged"),
        (
            "SELECT b.* FROM gate.__batch__ AS b JOIN silver.others AS o ON o.other_id = b.other_id WHERE b.small > 1",
            "2 rows fail, but 4 meet the condition that would move them",
        ),
    ],
)
def test_rows_that_the_condition_does_not_match_are_never_moved(gate: Gate, translated: str, words: str) -> None:
    """A translation whose WHERE means something else than the query found is caught before a row is moved."""
    query = {"unexpected_rows_query": "SELECT * FROM {batch} AS b WHERE b.small > 1"}
    suite = Suite(expectations=(Expectation("0", "unexpected_rows_expectation", query, quarantine=True),))
    (verdict,) = gate.judge("silver", STAGING, suite, columns=columns(), transpile=lambda sql: translated)
    assert not verdict.quarantine
    assert verdict.blocks
    assert words in verdict.message


@everywhere
def test_columns_are_found_whatever_their_case(gate: Gate) -> None:
    suite = Suite(expectations=(_expectation(0, "expect_column_values_to_be_unique", {"column": "ID"}),
                                _expectation(1, "expect_column_values_to_not_be_null", {"column": "Other_Id"})))  # fmt: skip
    unique, not_null = gate.judge("silver", STAGING, suite, columns=columns())
    assert unique.success
    assert (not_null.unexpected, not_null.success) == (1, False)


@everywhere
def test_each_table_is_judged_by_what_it_holds_now(gate: Gate, place: Place) -> None:
    suite = Suite(expectations=(_expectation(0, "expect_column_values_to_not_be_null", {"column": "x"}),))
    for values, failing in (("(1), (NULL)", 1), ("(NULL), (NULL)", 2), ("(1)", 0)):
        place.make("changing", {"x": parse_type("int")})
        place.execute(f"INSERT INTO silver.changing VALUES {values}")
        (verdict,) = gate.judge("silver", "changing", suite, columns=())
        assert verdict.unexpected == failing
        place.execute("DROP TABLE silver.changing")


@everywhere
def test_preparing_leaves_the_verdicts_as_they_are(gate: Gate) -> None:
    mixed = [_expectation(i, t, k) for i, (t, k, _) in enumerate(BROKEN)] + [
        _expectation(100 + i, t, k) for i, (t, k, _) in enumerate(SOUND)
    ]
    suite = Suite(expectations=tuple(mixed))
    before = gate.judge("silver", STAGING, suite, columns=columns())
    gate.prepare(suite)
    assert gate.judge("silver", STAGING, suite, columns=columns()) == before


@everywhere
def test_nothing_stays_open_after_a_judgement(judge: Callable[..., list[Verdict]], place: Place) -> None:
    place.make("short_lived", {"id": parse_type("bigint")})
    judge("expectations: [{type: expect_column_values_to_be_unique, kwargs: {column: id}}]", table="short_lived")
    place.execute(
        "EXEC sp_rename N'silver.short_lived', N'gone', N'OBJECT'"
        if place.tsql
        else "ALTER TABLE silver.short_lived RENAME TO gone"
    )
    place.execute("DROP TABLE silver.gone")


def test_judging_writes_nothing_to_the_terminal(
    judge: Callable[..., list[Verdict]], capfd: pytest.CaptureFixture[str]
) -> None:
    expectations = [{"type": t, "kwargs": k} for t, k, _ in SOUND]
    expectations += [{"type": t, "kwargs": k} for t, k, _ in BROKEN[:7] if k.get("min_value") != "2026-02-30"]
    judge(json.dumps({"expectations": expectations[:9]}))
    assert capfd.readouterr() == ("", "")


def test_what_great_expectations_seldom_needs_is_not_imported() -> None:
    code = (
        "import sys; from engine.quality.gate import preload; preload().join();"
        "assert 'engine.quality.gx' in sys.modules, 'not loaded';"
        "assert not {'scipy.stats', 'altair', 'great_expectations.render.renderer.site_builder.x'} & set(sys.modules), 'loaded';"
        "import gc; assert gc.isenabled();"
        "from scipy import stats; assert stats.norm.cdf(0) == 0.5;"
        "from great_expectations.expectations.core import expect_column_kl_divergence_to_be_less_than as e; assert e.alt.Chart and e.stats.entropy"
    )
    subprocess.run(
        [sys.executable, "-W", "error::ImportWarning", "-c", code], check=True, cwd=Path(__file__).parents[2]
    )
