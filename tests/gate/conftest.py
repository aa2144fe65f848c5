"""One DuckDB file, one gate, and a short way to judge a table by a suite written as YAML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.bind import bind, parse
from engine.gate import Gate, Verdict
from engine.sqltypes import Column, parse_type
from engine.suites import BATCH, Suite, load_suite
from engine.warehouse.duckdb_dialect import to_duckdb
from engine.warehouse.duckdb_engine import duckdb_engine

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


@pytest.fixture(scope="session")
def con(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """An open warehouse with silver.<STAGING> (seven rows), silver.others (ids 1 to 3) and silver.nobody (empty)."""
    con = duckdb.connect(str(tmp_path_factory.mktemp("gate") / "warehouse.duckdb"))
    con.execute("SET default_collation = 'nocase'")
    con.execute("CREATE SCHEMA silver")
    declared = ", ".join(f'"{name}" {parse_type(type_).duckdb}' for name, type_ in COLUMNS.items())
    con.execute(f"CREATE TABLE silver.{STAGING} ({declared})")
    con.execute(f"INSERT INTO silver.{STAGING} VALUES {ROWS}")
    con.execute(f"CREATE TABLE silver.nobody AS SELECT * FROM silver.{STAGING} WHERE 1 = 0")
    con.execute("CREATE TABLE silver.others AS SELECT CAST(range AS INTEGER) AS other_id FROM range(1, 4)")
    yield con
    con.close()


@pytest.fixture(scope="session")
def gate(con: duckdb.DuckDBPyConnection) -> Iterator[Gate]:
    def cursor() -> duckdb.DuckDBPyConnection:
        opened = con.cursor()
        opened.execute("SET default_collation = 'nocase'")
        return opened

    engine = duckdb_engine(cursor)
    yield Gate(engine)
    engine.dispose()


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
def judge(gate: Gate, suite_of: Callable[..., Suite]) -> Callable[..., list[Verdict]]:
    """The verdicts of a suite, given as YAML text, on the staging table."""

    def run(text: str, table: str = STAGING) -> list[Verdict]:
        columns = [Column(name, parse_type(type_)) for name, type_ in COLUMNS.items()]
        catalog = {BATCH: columns, "silver.others": [Column("other_id", parse_type("int"))]}

        def transpile(tsql: str) -> str:
            return to_duckdb(bind(parse(tsql), catalog))

        return gate.judge("silver", table, suite_of(text), columns=columns, key=["id"], transpile=transpile)

    return run
