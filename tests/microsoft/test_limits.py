"""SQL Server's limits are known before a server is asked."""

from __future__ import annotations

import pytest

from engine.core.sqltypes import Column, parse_type
from engine.core.tables import AUDIT_COLUMNS, TableShape
from engine.tsql.splitting import split_ctes
from engine.warehouses.sqlserver import statements as sql
from engine.warehouses.sqlserver.shape import BABELFISH, Capabilities, limits, lock_name, short_name, width


def shape(
    name: str = "t", *, key: tuple[str, ...] = (), load: str = "replace", storage: str = "rowstore", alias: str = "",
    types: dict[str, str] | None = None, **more: str,
) -> TableShape:  # fmt: skip
    columns = tuple(Column(column, parse_type(text)) for column, text in (types or more or {"a": "int"}).items())
    return TableShape("gold", name, columns, key=key, load=load, storage=storage, alias=alias)


MANY = {f"c{number}": "int" for number in range(1025)}
FITS = [
    shape(a="nvarchar(450)", key=("a",)),
    shape(a="nvarchar(850)", key=("a",), storage="columnstore"),
    shape("n" * 94, a="int"),
    shape(a="nvarchar(max)", storage="columnstore"),
    shape(types={f"c{number}": "nvarchar(4000)" for number in range(300)}),
    shape(types={f"c{number}": "char(1000)" for number in range(8)}),
]
FAULTS = [
    (shape("n" * 95), "staging leaves room for 94"),
    (shape("n" * 129), "has 129 characters, SQL Server allows 128"),
    (shape(types={"c" * 129: "int"}), "the column name"),
    (shape(alias="dbo." + "v" * 129), "the alias name"),
    (shape(a="nvarchar(451)", key=("a",)), "the key takes up to 902 bytes, a clustered index allows 900"),
    (shape(a="nvarchar(447)", key=("a",), load="scd2"), "the key takes up to 901 bytes"),
    (shape(a="nvarchar(851)", key=("a",), storage="columnstore"), "a nonclustered index allows 1,700"),
    (shape(a="varchar(max)", key=("a",)), "which no index takes"),
    (shape(types=MANY), "1025 columns, SQL Server allows 1024"),
    (shape(types={f"c{n}": "int" for n in range(33)}, key=tuple(f"c{n}" for n in range(33))), "the key has 33 columns"),
    (shape(types={f"c{n}": "nchar(1000)" for n in range(5)}), "the fixed-length columns take 10,008 bytes"),
    (shape(User="int", user="int"), "the columns User and user have the same name"),
    (shape(types={"a.b": "int"}), "has a dot"),
]


@pytest.mark.parametrize("fits", FITS)
def test_what_fits_is_not_complained_of(fits: TableShape) -> None:
    assert limits(fits) == []


@pytest.mark.parametrize(("wrong", "words"), FAULTS, ids=[words for _, words in FAULTS])
def test_what_does_not_fit_is_said_in_a_sentence(wrong: TableShape, words: str) -> None:
    found = limits(wrong)
    assert len(found) == 1, found
    assert words in found[0]


def test_max_types_keep_a_columnstore_off_before_2017() -> None:
    wide = shape(a="int", b="nvarchar(max)", key=("a",), storage="columnstore")
    old = Capabilities(columnstore_max_types=False)
    assert limits(wide, old) == ["b nvarchar(max) does not fit a columnstore index before SQL Server 2017"]
    assert "COLUMNSTORE" in sql.create_table(wide)
    assert "PRIMARY KEY NONCLUSTERED" in sql.create_table(wide)
    for server in (old, BABELFISH):
        assert "COLUMNSTORE" not in sql.create_table(wide, server)
        assert "PRIMARY KEY CLUSTERED" in sql.create_table(wide, server)


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("nvarchar(10)", 20), ("varchar(10)", 10), ("char(3)", 3), ("nvarchar(max)", 24), ("decimal(9,1)", 5),
        ("decimal(10,1)", 9), ("decimal(28,0)", 13), ("decimal(38,2)", 17), ("datetime2(0)", 6), ("datetime2(2)", 6),
        ("datetime2(3)", 7), ("datetime2(7)", 8), ("time(2)", 3), ("time(4)", 4), ("time(7)", 5), ("date", 3),
        ("datetimeoffset(7)", 10), ("uniqueidentifier", 16), ("bit", 1), ("float", 8), ("real", 4),
    ],
)  # fmt: skip
def test_widths_are_those_of_the_documentation(text: str, bytes_: int) -> None:
    assert width(parse_type(text)) == bytes_


def test_long_names_stay_apart_when_cut() -> None:
    one, other = short_name("n" * 200 + "a"), short_name("n" * 200 + "b")
    assert len(one) == len(other) == 128
    assert one != other
    assert len(lock_name("s" * 128 + "." + "t" * 128)) == 255


@pytest.mark.parametrize(
    ("select", "ctes", "main"),
    [
        ("SELECT 1 AS a", "", "SELECT 1 AS a"),
        ("SELECT 1 AS a ; ; ", "", "SELECT 1 AS a"),
        ("-- why\nSELECT 1 AS a -- end", "", "-- why\nSELECT 1 AS a"),
        ("WITH a AS (SELECT 1 AS x) SELECT x FROM a", "WITH a AS (SELECT 1 AS x)", "SELECT x FROM a"),
        (
            "with [a)] ([x]) as (SELECT (1)), b AS (SELECT ')' AS y)\n(SELECT 1 AS z)",
            "with [a)] ([x]) as (SELECT (1)), b AS (SELECT ')' AS y)",
            "(SELECT 1 AS z)",
        ),
    ],
)
def test_a_with_clause_is_told_from_its_select(select: str, ctes: str, main: str) -> None:
    assert split_ctes(select) == (ctes, main)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (shape(load="merge"), "needs a key"),
        (shape(load="scd2", key=("a",)), "needs the moment"),
        (shape(load="partition"), "needs a column to partition by"),
        (shape(load="view"), "needs its SELECT"),
    ],
)
def test_a_strategy_says_what_it_lacks(wrong: TableShape, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        sql.publish(wrong, "20261120T231501_4f3a9c", "")


def test_only_rows_that_landed_have_a_last_one() -> None:
    with pytest.raises(ValueError, match="only a source's rows"):
        sql.settle_keys(shape(key=("a",)), "20261120T231501_4f3a9c")
    source = TableShape("bronze", "t", shape().columns + AUDIT_COLUMNS, key=("a",))
    assert "[_source_row] DESC" in sql.settle_keys(source, "20261120T231501_4f3a9c")
