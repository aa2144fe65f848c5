"""A small warehouse, one gate, and a short way to judge a table by a suite written as YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.core.sqltypes import Column, SqlType, parse_type
from engine.core.verdict import Verdict
from engine.quality.gate import Gate
from engine.quality.suitefiles import load_suite
from engine.quality.suites import BATCH, Suite
from engine.tsql.bind import bind, parse
from engine.warehouses.duckdb.engine import duckdb_engine
from engine.warehouses.duckdb.transpile.dialect import to_duckdb
from engine.warehouses.sqlserver.connect import drained
from tests import targets

COLUMNS = {
    "id": "bigint", "name": "nvarchar(20)", "kind": "nvarchar(10)", "small": "int", "large": "int", "score": "decimal(5,1)",
    "day": "date", "at": "datetime2(3)", "other_id": "int",
}  # fmt: skip

# id, name, kind, small, large, score, day, at, other_id
ROWS = """
    (1, 'ann',   'movie',  1, 5,    10.0, '2026-01-01', '2026-01-01 10:00:00', 1),
    (2, 'Bob',   'MOVIE',  2, 2,    20.5, '2026-01-02', '2026-01-02 10:00:00', 2),
    (3, 'bob',   'series', 3, 9,    99.9, '2026-01-03', '2026-01-03 10:00:00', 3),
    (4, NULL,    'radio',  4, 1,    NULL, '2025-12-31', NULL,                  NULL),
    (5, 'O''Ro', NULL,     5, NULL, 30.0, NULL,         '2027-01-01 00:00:00', 9),
    (6, '',      'movie',  1, 5,    -1.0, '2026-02-01', '2026-01-01 10:00:00', 1),
    (7, '100%x', 'Series', NULL, NULL, 40.0, '2026-03-01', '2026-01-05 10:00:00', 8)
"""
STAGING = "__staging_things_20261120T231501_4f3a9c"


def columns() -> list[Column]:
    """The columns of the staging table."""
    return [Column(name, parse_type(type_)) for name, type_ in COLUMNS.items()]


everywhere = pytest.mark.parametrize("place", targets.TARGETS, indirect=True, scope="module")
"""Judges once on each configured target; other tests judge on the embedded one alone."""


class Place:
    """An open warehouse with silver.<STAGING> (seven rows), silver.others (ids 1 to 3) and silver.nobody (empty)."""

    def __init__(self, execute: Callable[[str], list[tuple[Any, ...]]], gate: Gate, *, tsql: bool) -> None:
        self.execute, self.gate, self.tsql = execute, gate, tsql
        execute("CREATE SCHEMA silver")
        for table in (STAGING, "nobody"):
            self.make(table, {name: parse_type(type_) for name, type_ in COLUMNS.items()})
        self.make("others", {"other_id": parse_type("int")})
        execute(f"INSERT INTO silver.{STAGING} VALUES {ROWS}")
        execute("INSERT INTO silver.others VALUES (1), (2), (3)")

    def make(self, table: str, columns: dict[str, SqlType]) -> None:
        """A new table in silver."""
        types = {name: f"{type_} NULL" if self.tsql else type_.duckdb for name, type_ in columns.items()}
        declared = ", ".join(f'"{name}" {type_}' for name, type_ in types.items())
        self.execute(f"CREATE TABLE silver.{table} ({declared})")

    def translate(self, tsql: str) -> str:
        """A row query as the warehouse takes it."""
        if self.tsql:
            return tsql
        return to_duckdb(
            bind(parse(tsql), {BATCH: columns(), "silver.others": [Column("other_id", parse_type("int"))]})
        )


@pytest.fixture(scope="module")
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    if getattr(request, "param", "embedded") == "server":
        yield from on_the_server()
    else:
        yield from embedded(tmp_path_factory.mktemp("gate") / "warehouse.duckdb")


def embedded(path: Path) -> Iterator[Place]:
    with duckdb.connect(str(path)) as con:

        def cursor() -> duckdb.DuckDBPyConnection:
            opened = con.cursor()
            opened.execute("SET default_collation = 'nocase'")
            return opened

        gate, own = Gate(duckdb_engine(cursor)), cursor()
        yield Place(lambda sql: own.execute(sql).fetchall(), gate, tsql=False)
        gate.close()


def on_the_server() -> Iterator[Place]:
    with targets.new_database() as settings:
        connection = targets.connect(settings)
        gate = Gate(targets.connector(settings).engine(1))
        yield Place(lambda sql: drained(connection, sql)[1], gate, tsql=True)
        gate.close()
        connection.close()


@pytest.fixture(scope="module")
def gate(place: Place) -> Gate:
    return place.gate


@pytest.fixture
def suite_of(tmp_path: Path) -> Callable[..., Suite]:
    """A suite from the text of its file."""

    def write(text: str, **variables: Any) -> Suite:
        path = tmp_path / "expectations" / "silver" / "things.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return load_suite(path, tmp_path, variables=variables)

    return write


@pytest.fixture
def judge(place: Place, suite_of: Callable[..., Suite]) -> Callable[..., list[Verdict]]:
    """The verdicts of a suite, given as YAML text, on the staging table."""

    def run(text: str, table: str = STAGING) -> list[Verdict]:
        return place.gate.judge(
            "silver", table, suite_of(text), columns=columns(), key=["id"], transpile=place.translate
        )

    return run
