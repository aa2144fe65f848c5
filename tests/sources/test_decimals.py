"""Decimals of more than 18 digits are cast by Arrow: same values, same reasons as by the database's own cast."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.specs import CsvSource
from engine.core.sqltypes import Column, parse_type
from engine.sources import SourceColumn, land, open_source
from engine.sources.conform import conform
from engine.sources.decimals import wide_decimals
from tests.project_files import PIPELINES, UNGUARDED, medallion, write_project
from tests.targets import ask

TYPES = ["decimal(38,10)", "decimal(19,2)", "money", "decimal(38,0)", "decimal(38,38)", "decimal(20,19)", "decimal(30,29)"]
TEXTS = [
    "0", "1", "-1", "+1", "00012", "-0", "+0.0", "1.5", "-1.50", "1.", ".5", "-.5", ".", "-", "+", "", " ", "1.2.3", "--1", "+-1", "- 1",
    " 1.5", "1.5 ", "\t1.5\t", "\n1.5", "1.5\n", "1\u00a05", "1_000", "1,000", "1e3", "1E3", "1.5e-3", "e3", "0x1F", "NaN", "inf",
    "Infinity", "null", "\u0665", "\uff11", "1.2300000000000", "1.23000000001", "0.00000000001", "1.0000000000", "1.00000000000000000000",
    "9" * 18, "9" * 28, "9" * 28 + "." + "9" * 10, "-" + "9" * 28 + "." + "9" * 10, "9" * 29, "9" * 38, "9" * 39, "9" * 400,
    "0" * 60 + "1", "0." + "9" * 38, "0." + "9" * 39, "." + "9" * 38, "." + "0" * 60, "99999999999999999.99", "99999999999999999.999",
    "922337203685477.5807", "922337203685477.58075", "170141183460469231731687303715884105727", "1 2", "$5", "5%", "(5)", "1/2", "5\x00", "\x005",
]  # fmt: skip
numbers = st.from_regex(r"\A\s?[+-]?[0-9]{0,42}(\.[0-9]{0,42}0{0,5})?([eE][+-]?[0-9]{1,3})?\s?\Z", fullmatch=True)
nearby = st.text(alphabet="0123456789.+-eE_ ,\t\n", max_size=45)


@pytest.fixture(scope="module")
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def both(con: duckdb.DuckDBPyConnection, texts: list[str | None]) -> tuple[list[Any], list[Any]]:
    """The texts by the database's cast and by Arrow's, in every type: values, whether good, and the reasons."""
    columns = [Column(f"c{i}", parse_type(t)) for i, t in enumerate(TYPES)]
    xs = ", ".join(f"t AS x{i}" for i in range(len(TYPES)))
    raw = f"SELECT {xs}, n AS _row, NULL::VARCHAR AS _fault, NULL::VARCHAR AS _raw FROM (SELECT unnest($1) AS t, generate_subscripts($1, 1) AS n)"
    old = con.execute(f"SELECT * FROM ({conform(raw, columns)}) ORDER BY _row", [texts]).fetchall()
    with wide_decimals(con, columns) as casts:
        assert len(casts) == len({c.type.duckdb for c in columns})
        return old, con.execute(f"SELECT * FROM ({conform(raw, columns, casts)}) ORDER BY _row", [texts]).fetchall()


def test_known_texts(con: duckdb.DuckDBPyConnection) -> None:
    old, new = both(con, [*TEXTS, None])
    assert new == old
    assert [r[0] for r in new[:4]] == [Decimal(0), Decimal(1), Decimal(-1), Decimal(1)]
    # A text among others must fare as it does alone.
    for text, row in zip(TEXTS, new, strict=False):
        alone = both(con, [text])[1][0]
        assert alone[: len(TYPES)] == row[: len(TYPES)]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.none() | numbers | nearby, min_size=1, max_size=30))
def test_any_text(con: duckdb.DuckDBPyConnection, texts: list[str | None]) -> None:
    old, new = both(con, texts)
    assert new == old


def test_tables_that_land_side_by_side_leave_no_function_behind(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("d\n" + "".join(f"{i}.25\nx\n" for i in range(20_000)))

    def load(con: duckdb.DuckDBPyConnection, name: str) -> tuple[Any, ...]:
        source = open_source(CsvSource(type="csv", path="a.csv"), tmp_path)
        columns = [SourceColumn("d", parse_type("decimal(38,10)"))]
        scan = source.scan(con, columns, load_id=name, loaded_at=dt.datetime(2026, 11, 20, tzinfo=dt.UTC))
        landed = land(con, scan, f"s{name}", f"h{name}")
        return landed.rows_staged, landed.rows_quarantined, con.execute(f"SELECT sum(d) FROM s{name}").fetchall()

    with duckdb.connect(tmp_path / "w.duckdb") as con:
        before = con.execute("SELECT count(*) FROM duckdb_functions()").fetchall()
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(load, [con.cursor() for _ in range(8)], map(str, range(8))))
        assert found == [(20_000, 20_000, [(Decimal(199_995_000),)])] * 8
        assert con.execute("SELECT count(*) FROM duckdb_functions()").fetchall() == before


@pytest.mark.usefixtures("target")
def test_wide_decimals_of_a_csv_file(tmp_path: Path) -> None:
    text = PIPELINES.replace("decimal(9,2)", "decimal(38,10)").replace("tables:\n", UNGUARDED + "tables:\n", 1)
    lines = ["1,Ann,1234567890123456789012345678.0123456789,", "2,Bob, +2.50000000000 ,", "3,Cid,0.00000000001,", "4,Dan,1e3,", "5,Eve,,"]
    data = "order_id,customer,amount,ordered_on\n" + "\n".join(lines) + "\n"
    root = write_project(tmp_path, {"pipelines.yaml": text, "data/raw/orders.csv": data})
    said = medallion(root, "run", "--select", "bronze.orders")
    assert said.code == 0, said.err
    assert ask(root, "SELECT order_id, amount FROM bronze.orders ORDER BY order_id") == [
        (1, Decimal("1234567890123456789012345678.0123456789")), (2, Decimal("2.5")), (5, None),
    ]  # fmt: skip
    held = medallion(root, "quarantine", "show", "bronze.orders", "--json").out
    assert "amount: '0.00000000001' has more than the 10 decimal places of decimal(38,10)" in held
    assert "amount: '1e3' is not a number (decimal(38,10))" in held
