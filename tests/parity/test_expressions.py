"""One table of T-SQL and what SQL Server gives for it, held against every target there is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine.tsql.bind import BindError, Refused
from engine.warehouses.duckdb.transpile.dialect import to_duckdb
from tests.microsoft import Microsoft, Unavailable, microsoft
from tests.parity.targets import OnDuckdb, OnSqlServer, Target, compared, load, open_target
from tests.targets import live

TABLE = load()
CASES: list[dict[str, Any]] = TABLE["cases"]
TARGETS = ["duckdb", pytest.param("sqlserver", marks=live)]
BABELFISH: dict[str, str] = yaml.safe_load((Path(__file__).parent / "babelfish.yaml").read_text(encoding="utf-8"))
"""What Babelfish does otherwise than SQL Server, by the case that shows it."""


def sql_of(case: dict[str, Any]) -> str:
    return str(case["sql"]) if "sql" in case else f"SELECT {case['expr']} AS v"


@pytest.fixture(scope="module", params=TARGETS)
def target(request: pytest.FixtureRequest) -> Iterator[Target]:
    with open_target(request.param, TABLE["tables"]) as opened:
        yield opened


def test_ids_are_unique() -> None:
    ids = [case["id"] for case in CASES]
    assert len(ids) == len(set(ids))
    assert len(ids) >= 150


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_case(target: Target, case: dict[str, Any], request: pytest.FixtureRequest) -> None:
    if isinstance(target, OnSqlServer) and target.babelfish and case["id"] in BABELFISH:
        request.applymarker(pytest.mark.xfail(strict=True, reason=f"Babelfish: {BABELFISH[case['id']]}"))
    holds(target, case)


def test_every_deviation_is_of_a_case() -> None:
    assert set(BABELFISH) <= {case["id"] for case in CASES}


def holds(target: Target, case: dict[str, Any]) -> None:
    sql = sql_of(case)
    if "refused" in case or "problem" in case:
        turned_away(target, case, sql)
    elif "error" in case:
        with pytest.raises(Exception) as raised:
            target.execute(sql)
        assert not isinstance(raised.value, BindError), raised.value
        if isinstance(target, OnDuckdb):
            assert re.search(case["error"], str(raised.value), re.IGNORECASE), raised.value
    else:
        gives(target, case, sql)


@pytest.fixture(scope="module")
def checker() -> Microsoft:
    try:
        return microsoft()
    except Unavailable as reason:
        pytest.skip(f"not held against Microsoft's parser: {reason}")


def test_every_case_that_runs_is_tsql_to_microsofts_parser(checker: Microsoft) -> None:
    errors = {case["id"]: checker.parse_errors(sql_of(case)) for case in CASES if "problem" not in case}
    assert {name: found for name, found in errors.items() if found} == {}


def turned_away(target: Target, case: dict[str, Any], sql: str) -> None:
    if isinstance(target, OnDuckdb):
        with pytest.raises(BindError) as raised:
            to_duckdb(target.bind(sql))
        words = case.get("refused") or case["problem"]
        assert words in str(raised.value)
        assert isinstance(raised.value, Refused) == ("refused" in case)
        assert all(problem.line for problem in raised.value.problems), "every problem has a place"
    elif "problem" in case and not case.get("stricter"):
        with pytest.raises(Exception):  # noqa: B017 - each driver has its own
            target.execute(sql)


def gives(target: Target, case: dict[str, Any], sql: str) -> None:
    rows = target.execute(sql)
    if "count" in case:
        assert len(rows) == case["count"]
    else:
        expected = case["rows"] if "rows" in case else [[case["value"]]]
        ordered = bool(case.get("ordered"))
        assert compared(rows, ordered=ordered) == compared(expected, ordered=ordered)
    if isinstance(target, OnDuckdb):
        bound = target.bind(sql)
        assert [c.type.duckdb for c in bound.columns] == target.types(sql), "the type that was promised came out"
        types = [str(c.type) for c in bound.columns]
        if "types" in case:
            assert types == case["types"]
        if "type" in case:
            assert types == [case["type"]]
