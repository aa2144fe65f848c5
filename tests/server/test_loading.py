"""Rows into a server by both ways, bulk copy and arrays of parameters: every type comes back as it was sent, every row is
counted, and what fails half-way leaves nothing twice."""

from __future__ import annotations

import datetime as dt
import logging
import os
import threading
import time
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from engine.core.errors import WarehouseError
from engine.core.sqltypes import Column, parse_type
from engine.warehouses.sqlserver import load as sqlserver_load
from engine.warehouses.sqlserver.connect import Connector
from engine.warehouses.sqlserver.load import COMMIT_ROWS, LOADER, MOST_ROWS, load
from tests import targets

pytestmark = targets.live
WAYS = ("bulk", "inserts")

ARROW = {
    "int": pa.int32(), "bigint": pa.int64(), "smallint": pa.int16(), "tinyint": pa.uint8(), "bit": pa.bool_(),
    "float": pa.float64(), "real": pa.float32(), "date": pa.date32(), "decimal(38,10)": pa.decimal128(38, 10),
    "decimal(9,2)": pa.decimal128(9, 2), "money": pa.decimal128(19, 4), "datetime2(6)": pa.timestamp("us"),
    "datetime2(3)": pa.timestamp("us"), "datetime2(0)": pa.timestamp("us"), "time(6)": pa.time64("us"),
    "varbinary(16)": pa.binary(), "varbinary(max)": pa.binary(),
}  # fmt: skip
CASES: dict[str, tuple[str, list[Any]]] = {
    "int": ("int", [0, 1, -1, 2**31 - 1, -(2**31), None]),
    "bigint": ("bigint", [2**63 - 1, -(2**63), 0, None]),
    "smallint": ("smallint", [32767, -32768, None]),
    "tinyint": ("tinyint", [0, 255, None]),
    "bit": ("bit", [True, False, None]),
    "float": ("float", [1.5, -1e300, 5e-324, 0.1, None]),
    "decimal": ("decimal(9,2)", [Decimal("0.00"), Decimal("-9999999.99"), Decimal("12.50"), None]),
    "wide decimal": ("decimal(38,10)", [Decimal("9" * 28 + "." + "9" * 10), Decimal("-0.0000000001"), None]),
    "money": ("money", [Decimal("922337203685477.5807"), Decimal("-0.0001"), None]),
    "date": ("date", [dt.date(1, 1, 1), dt.date(9999, 12, 31), dt.date(2024, 2, 29), None]),
    "datetime2": ("datetime2(6)", [dt.datetime(1753, 1, 1), dt.datetime(2024, 12, 31, 23, 59, 59, 999999), None]),
    "datetime2(3)": ("datetime2(3)", [dt.datetime(2024, 1, 1, 0, 0, 0, 123000), None]),
    "datetime2(0)": ("datetime2(0)", [dt.datetime(2024, 1, 1, 12, 0, 1), None]),
    "time": ("time(6)", [dt.time(0, 0), dt.time(23, 59, 59, 999999), None]),
    "text": ("nvarchar(20)", ["", "a", "x" * 20, "Zürich", "日本語", "😀😀", "it's", 'a"b', "a\tb\nc", " ends in blanks  ", None]),
    "varchar": ("varchar(10)", ["", "abc", "x" * 10, None]),
    "long text": ("nvarchar(4000)", ["x" * 4000, "ü" * 4000, "", None]),
    "text without an end": ("nvarchar(max)", ["x" * 1_000_000, "ü" * 70_000, "", None]),
    "binary": ("varbinary(16)", [b"", b"\x00\xff" * 8, None]),
}  # fmt: skip


@pytest.fixture(scope="module")
def database() -> Iterator[dict[str, str]]:
    with targets.new_database() as settings:
        yield settings


@pytest.fixture
def server(database: dict[str, str]) -> Iterator[tuple[Connector, Any]]:
    connector = Connector(targets.server_spec(database))
    connection = connector.connect()
    yield connector, connection
    connection.close()


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv(LOADER, request.param)
    return str(request.param)


def made(connection: Any, columns: list[Column], name: str = "t") -> tuple[str, str]:
    connection.execute(f"DROP TABLE IF EXISTS dbo.[{name.replace(']', ']]')}]").close()
    listed = ", ".join(f"[{c.name.replace(']', ']]')}] {c.type} NULL" for c in columns)
    connection.execute(f"CREATE TABLE dbo.[{name.replace(']', ']]')}] ({listed})").close()
    return "dbo", name


def arrow(tsql: str) -> pa.DataType:
    return ARROW.get(tsql, pa.string())


def batches(columns: list[Column], values: list[list[Any]], at_once: int = MOST_ROWS) -> Any:
    table = pa.table({c.name: pa.array(v, arrow(str(c.type))) for c, v in zip(columns, values, strict=True)})
    return lambda: iter(table.to_batches(at_once))


def one(connection: Any, sql: str) -> tuple[Any, ...]:
    return tuple(connection.execute(sql).fetchone())


def back(connection: Any, name: str = "t") -> list[tuple[Any, ...]]:
    return [
        tuple(row) for row in connection.execute(f"SELECT * FROM dbo.[{name.replace(']', ']]')}] ORDER BY 1").fetchall()
    ]


@pytest.mark.parametrize("case", CASES)
def test_every_value_comes_back_as_it_was_sent(case: str, way: str, server: tuple[Connector, Any]) -> None:
    connector, connection = server
    tsql, values = CASES[case]
    columns = [Column("n", parse_type("int")), Column("v", parse_type(tsql))]
    where = made(connection, columns)
    sent = load(
        connector, connection, where, columns, batches(columns, [list(range(len(values))), values]), len(values)
    )
    assert sent.way == way
    got = [v for _, v in back(connection)]
    assert got == values


def test_a_uuid_comes_back(way: str, server: tuple[Connector, Any]) -> None:
    connector, connection = server
    columns = [Column("n", parse_type("int")), Column("v", parse_type("uniqueidentifier"))]
    where = made(connection, columns)
    value = uuid.UUID("12345678-9abc-def0-1234-56789abcdef0")
    load(connector, connection, where, columns, batches(columns, [[1, 2], [str(value), None]]), 2)
    assert [v if v is None else uuid.UUID(str(v)) for _, v in back(connection)] == [value, None]


@pytest.mark.parametrize("rows", [0, 1, MOST_ROWS, MOST_ROWS + 1, COMMIT_ROWS, COMMIT_ROWS + 1])
def test_every_row_arrives_around_the_sizes_of_batches(
    rows: int, server: tuple[Connector, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    connector, connection = server
    columns = [Column("n", parse_type("int")), Column("s", parse_type("nvarchar(10)"))]
    for way in WAYS if rows <= MOST_ROWS + 1 else ("bulk",):
        monkeypatch.setenv(LOADER, way)
        where = made(connection, columns)
        told: list[int] = []
        load(
            connector,
            connection,
            where,
            columns,
            batches(columns, [list(range(rows)), ["ab"] * rows]),
            rows,
            told.append,
        )
        assert one(connection, "SELECT COUNT_BIG(*), COALESCE(SUM(CAST(n AS bigint)), 0) FROM dbo.t") == (
            rows,
            rows * (rows - 1) // 2,
        )
        assert told == sorted(told) and (told or [0])[-1] == rows


@pytest.mark.parametrize("length", [1, 507, 508, 509, 510, 511, 1019, 1020, 1021, 1022])
def test_rows_around_the_size_of_a_packet_arrive(length: int, way: str, server: tuple[Connector, Any]) -> None:
    # A bulk copy was seen to wait for ever when what it sent was a multiple of 4,088 bytes.
    connector, connection = server
    columns = [Column("n", parse_type("int")), Column("s", parse_type("nvarchar(2000)"))]
    where = made(connection, columns)
    load(connector, connection, where, columns, batches(columns, [list(range(8)), ["x" * length] * 8]), 8)
    assert one(connection, "SELECT COUNT(*), MIN(LEN(s)), MAX(LEN(s)) FROM dbo.t") == (8, length, length)


def test_names_and_many_columns(way: str, server: tuple[Connector, Any]) -> None:
    connector, connection = server
    bracket = "" if targets.is_babelfish() else "]"  # Babelfish takes no ]] in a name
    odd = f"odd 'name{bracket}"
    columns = [
        Column("a b", parse_type("int")),
        *(Column(f"order {k}{bracket}", parse_type("int")) for k in range(220)),
    ]
    where = made(connection, columns, odd)
    load(connector, connection, where, columns, batches(columns, [[7, 8]] * 221), 2)
    assert back(connection, odd) == [(7,) * 221, (8,) * 221]


@pytest.mark.parametrize("rows", [sqlserver_load.ROWS_PER_WRITER * 2])
def test_several_writers_bring_every_row_once(
    rows: int, server: tuple[Connector, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LOADER, "bulk")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    connector, connection = server
    columns = [Column("n", parse_type("int"))]
    where = made(connection, columns)
    numbers = pa.array(range(rows), pa.int32())
    load(connector, connection, where, columns, lambda: iter(pa.table({"n": numbers}).to_batches(COMMIT_ROWS)), rows)
    found = one(connection, "SELECT COUNT_BIG(*), COUNT_BIG(DISTINCT n), MIN(n), MAX(n) FROM dbo.t")
    assert found == (rows, rows, 0, rows - 1)


def test_a_copy_that_breaks_half_way_is_loaded_the_other_way_and_nothing_is_twice(
    server: tuple[Connector, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(LOADER, "bulk")
    connector, connection = server
    columns = [Column("n", parse_type("int"))]
    where = made(connection, columns)
    table = pa.table({"n": pa.array(range(5_000), pa.int32())})
    tries: list[int] = []

    def sent() -> Iterator[pa.RecordBatch]:
        tries.append(1)
        for number, batch in enumerate(table.to_batches(1_000)):
            if len(tries) == 1 and number == 3:
                raise RuntimeError("the wire broke")
            yield batch

    with caplog.at_level(logging.WARNING):
        done = load(connector, connection, where, columns, sent, 5_000)
    assert done.way == "inserts"
    assert "loading by INSERT" in caplog.text
    assert one(connection, "SELECT COUNT(*), COUNT(DISTINCT n) FROM dbo.t") == (5_000, 5_000)


def test_a_source_that_breaks_is_told(way: str, server: tuple[Connector, Any]) -> None:
    connector, connection = server
    columns = [Column("n", parse_type("int"))]
    where = made(connection, columns)

    def sent() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": pa.array([1, 2], pa.int32())})
        raise ValueError("the file ends in the middle of a row")

    with pytest.raises(ValueError, match="ends in the middle"):
        load(connector, connection, where, columns, sent, 4)


def test_rows_that_are_lost_are_noticed(way: str, server: tuple[Connector, Any]) -> None:
    connector, connection = server
    columns = [Column("n", parse_type("int"))]
    where = made(connection, columns)
    with pytest.raises(
        WarehouseError, match=r"3 rows were sent to \[dbo\]\.\[t\] but 2 arrived; nothing was published"
    ):
        load(connector, connection, where, columns, batches(columns, [[1, 2]]), 3)


def test_a_copy_that_stands_still_is_given_up(server: tuple[Connector, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOADER, "bulk")
    connector, connection = server
    columns = [Column("n", parse_type("int"))]
    where = made(connection, columns)
    go_on = threading.Event()

    def sent() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": pa.array([1, 2], pa.int32())})
        go_on.wait(60)

    monkeypatch.setattr(sqlserver_load, "STALL_SECONDS", 1.0)
    with pytest.raises(
        WarehouseError, match=rf"took no rows for .* and was given up; {LOADER}=inserts loads without it"
    ):
        load(connector, connection, where, columns, sent, 4)
    go_on.set()
    time.sleep(0.5)  # the copy's own thread ends, and lets go of the table


def test_an_unknown_way_is_refused(server: tuple[Connector, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LOADER, "turbo")
    with pytest.raises(WarehouseError, match="expected bulk or inserts"):
        load(*server, ("dbo", "t"), [Column("n", parse_type("int"))], lambda: iter(()), 1)
