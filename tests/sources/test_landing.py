"""Every case lands in a stored table and leaves as Arrow batches, and the books balance both ways."""

from __future__ import annotations

import datetime as dt
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from engine.config.specs import CsvSource, JsonSource
from engine.core.errors import SourceError
from engine.core.sqltypes import parse_type
from engine.core.tables import AUDIT_COLUMNS
from engine.sources import SourceColumn, land, open_source
from engine.sources.files import csv as csv_files
from engine.sources.landing import Scan
from tests.sources.cases import CSV, JSON, VALUES, Case

CASES = [pytest.param(c, id=f"{c.type}: {c.id}") for c in (*CSV, *JSON)]
LOADED_AT = dt.datetime(2026, 11, 20, 23, 15, 1, tzinfo=dt.UTC)


@pytest.fixture
def con(tmp_path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(tmp_path / "warehouse.duckdb") as connection:
        connection.execute("SET default_collation = 'nocase'; SET TimeZone = 'UTC'; SET enable_progress_bar_print = false")
        yield connection


def scanned(case: Case, con: duckdb.DuckDBPyConnection, folder: Path) -> Scan:
    folder.mkdir(exist_ok=True)
    for name, data in case.files.items():
        (folder / name).write_bytes(data)
    options = {"path": next(iter(case.files)), **case.options}
    spec = CsvSource(type="csv", **options) if case.type == "csv" else JsonSource(type="json", **options)
    columns = [SourceColumn(name, parse_type(text)) for name, text in case.columns.items()]
    return open_source(spec, folder).scan(con, columns, load_id="20261120T231501_4f3a9c", loaded_at=LOADED_AT)


def plain(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(str(v) if isinstance(v, Decimal) else v for v in row) for row in rows]


@pytest.mark.parametrize("one_load", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_stored(case: Case, one_load: bool, con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    if case.error:
        with pytest.raises(SourceError) as error:
            land(con, scanned(case, con, tmp_path / "raw"), "staging", "held", one_load=one_load)
        assert str(error.value) == case.error
        return
    scan = scanned(case, con, tmp_path / "raw")
    landed = land(con, scan, "staging", "held", one_load=one_load)
    rows = con.execute("SELECT * EXCLUDE (_loaded_at, _source_file, _load_id) FROM staging ORDER BY _source_file, _source_row").fetchall()
    assert plain(rows) == case.rows
    held: dict[int, list[str]] = {}
    for row, reasons, data in con.execute("SELECT source_row, reasons, row_data FROM held ORDER BY source_file, source_row").fetchall():
        held.setdefault(row, []).extend(json.loads(reasons))
        assert isinstance(json.loads(data), dict)
    assert held == case.held
    assert landed.rows_read == landed.rows_staged + landed.rows_quarantined
    assert landed.rows_staged == len(case.rows)
    found = con.execute("SELECT column_name, column_type FROM (DESCRIBE staging)").fetchall()
    assert found == [(c.name, c.type.duckdb) for c in (*scan.columns, *AUDIT_COLUMNS)]


@pytest.mark.parametrize("case", [c for c in CASES if not c.values[0].error])
def test_batches(case: Case, tmp_path: Path) -> None:
    with duckdb.connect() as con:
        con.execute("SET TimeZone = 'UTC'; SET enable_progress_bar_print = false")
        with scanned(case, con, tmp_path / "raw").batches(con) as batches:
            table = batches.rows(1_000).read_all()
            held = batches.held(1_000).read_all()
            assert batches.landed.rows_read == table.num_rows + held.num_rows
        rows = [tuple(r.values()) for r in table.drop_columns(["_loaded_at", "_source_file", "_load_id"]).to_pylist()]
        assert plain(rows) == case.rows
        assert held.num_rows >= len(case.held)


@pytest.mark.parametrize(("type_", "text", "expected"), [pytest.param(*v, id=f"{v[0]} {v[1][:40]!r}") for v in VALUES])
def test_value(type_: str, text: str, expected: str, con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    case = Case("", f'c,k\n"{text}",1\n'.encode(), {"c": type_, "k": "int"})
    land(con, scanned(case, con, tmp_path / "raw"), "staging", "held")
    reasons = con.execute("SELECT reasons::VARCHAR FROM held").fetchall()
    if reasons:
        assert json.loads(reasons[0][0]) == [f"c: '{text}' {expected}"]
    else:
        assert con.execute("SELECT c::VARCHAR FROM staging").fetchall() == [(expected,)]


@pytest.mark.parametrize("one_load", [False, True])
def test_audit_columns(one_load: bool, con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    scan = scanned(Case("", b"id\n1\nx\n", {"id": "int"}), con, tmp_path / "raw")
    land(con, scan, "staging", "held", one_load=one_load)
    assert con.execute("SELECT * FROM staging").fetchall() == [
        (1, dt.datetime(2026, 11, 20, 23, 15, 1), "in.csv", 1, "20261120T231501_4f3a9c")
    ]
    assert con.execute("SELECT * FROM held").fetchall() == [
        ("20261120T231501_4f3a9c-1", "20261120T231501_4f3a9c", dt.datetime(2026, 11, 20, 23, 15, 1), "in.csv", 2,
         '["id: \'x\' is not a number (int)"]', '{"id":"x"}', "held", None, None)
    ]


def test_changed_files(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("id\n1\n")
    source = open_source(CsvSource(type="csv", path="*.csv"), tmp_path)
    before = source.fingerprint()
    assert source.changed_files(before) == []
    (tmp_path / "b.csv").write_text("id\n1\n2\n")
    (tmp_path / "c.csv").write_text("id\n1\n")
    assert [p.name for p in source.changed_files(before)] == ["b.csv", "c.csv"]
    assert source.fingerprint() != before


def test_a_file_of_the_same_size_is_another_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id\n1\n")
    source = open_source(CsvSource(type="csv", path="a.csv"), tmp_path)
    before, at = source.fingerprint(), path.stat().st_mtime_ns
    path.write_text("id\n2\n")
    os.utime(path, ns=(at, at + 1_000_000))
    assert source.fingerprint() != before
    assert source.changed_files(before) == [path]


def test_a_row_that_is_lost_on_the_way_is_an_error(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    scan = scanned(Case("", b"id\n1\n2\n3\n", {"id": "int"}), con, tmp_path / "raw")
    settle = scan.parts[0].settle

    def losing(*args: Any) -> Any:
        con.execute("DELETE FROM staging WHERE id = 3")
        return settle(*args)

    scan.parts[0].settle = losing  # type: ignore[method-assign]
    scan.parts[0].numbered = True
    with pytest.raises(SourceError, match="3 rows were read, 2 staged and 0 held back; the books do not balance"):
        land(con, scan, "staging", "held")


def test_a_line_that_the_reader_passes_over_without_a_word_is_missed(
    con: duckdb.DuckDBPyConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = csv_files.CsvPart._reader
    monkeypatch.setattr(csv_files.CsvPart, "_reader", lambda part, path: f"(FROM {reader(part, path)} LIMIT 2)")
    scan = scanned(Case("", b"id\n1\n2\n3\n", {"id": "int"}), con, tmp_path / "raw")
    with pytest.raises(SourceError, match="its rows cannot be told apart"):
        land(con, scan, "staging", "held")


@pytest.mark.parametrize(("pattern", "words"), [
    ("none.csv", "none.csv: no such file; looked in {0}, which has raw. Put the file there or correct the source's path"),
    ("gone/*.csv", "gone/*.csv: no such file; looked in {0}/gone, which does not exist. Put the file there or correct the source's path"),
    ("raw", "raw: is a folder; name its files, such as raw/*.csv"),
])  # fmt: skip
def test_no_file(pattern: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    with pytest.raises(SourceError) as error:
        open_source(CsvSource(type="csv", path=pattern), tmp_path).files()
    assert str(error.value) == words.format(tmp_path)


def test_undeclared_names(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,Extra One,,extra.two\n1,2,3,4\n")
    source = open_source(CsvSource(type="csv", path="a.csv"), tmp_path)
    assert source.columns() == ["id", "Extra One", "column_3", "extra.two"]
    assert source.undeclared([SourceColumn("key", parse_type("int"), "id")]) == ["Extra_One", "column_3", "extra_two"]


def test_a_column_from_another_header(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("nr,x\n1,2\n")
    source = open_source(CsvSource(type="csv", path="a.csv"), tmp_path)
    scan = source.scan(con, [SourceColumn("id", parse_type("int"), "NR")], load_id="l", loaded_at=LOADED_AT)
    assert [c.name for c in scan.columns] == ["id", "x"]
    land(con, scan, "staging", "held")
    assert con.execute("SELECT id, x FROM staging").fetchall() == [(1, "2")]


def test_many_faults_are_numbered(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    lines = ["bad" if i % 7 == 0 else f"{i},{i}" for i in range(1, 300_001)]
    case = Case("", ("id,n\n" + "\n".join(lines) + "\n").encode(), {"id": "int", "n": "int"})
    told: list[int] = []
    landed = land(con, scanned(case, con, tmp_path / "raw"), "staging", "held", told.append)
    assert (landed.rows_read, landed.rows_quarantined) == (300_000, 300_000 // 7)
    assert con.execute("SELECT count(*) FROM staging WHERE id <> _source_row").fetchone() == (0,)
    assert con.execute("SELECT count(*) FROM held WHERE source_row % 7 <> 0").fetchone() == (0,)
    assert told[-1] == 300_000
    assert told[:-1] == sorted(told[:-1])


def test_a_stray_quote_in_a_large_file(con: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    # Larger than the database's buffers, where its own parser loses rows after such a quote.
    rows = b"".join(b"%d,%s\n" % (i, b"x" * 90) for i in range(2, 800_001))
    case = Case("", b'id,name\n"1,a\n' + rows, {"id": "int", "name": "nvarchar(100)"})
    landed = land(con, scanned(case, con, tmp_path / "raw"), "staging", "held")
    assert (landed.rows_read, landed.rows_staged) == (800_000, 799_999)
    assert con.execute("SELECT count(*) FROM staging WHERE id <> _source_row").fetchone() == (0,)
