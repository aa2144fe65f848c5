"""What binding says about a SELECT: its columns, its lineage, and every fault with its place."""

from __future__ import annotations

import pytest

from engine.core.sqltypes import Column, parse_type
from engine.tsql.bind import BindError, bind, parse, tables_of
from engine.tsql.bind.typed import Bound
from engine.warehouses.duckdb.transpile.dialect import to_duckdb

CATALOG = {
    "silver.users": [
        Column("user_id", parse_type("nvarchar(20)"), nullable=False, padded=False),
        Column("full_name", parse_type("nvarchar(100)")),
        Column("signup_date", parse_type("date")),
        Column("is_active", parse_type("bit"), nullable=False),
    ],
    "silver.sessions": [
        Column("session_id", parse_type("bigint"), nullable=False),
        Column("user_id", parse_type("nvarchar(20)"), padded=False),
        Column("minutes", parse_type("int")),
        Column("watched", parse_type("decimal(5,1)")),
    ],
}


def bound(sql: str) -> Bound:
    return bind(parse(sql), CATALOG)


FAULTS = [
    # statement, (line, column, words, nearest) of each problem in text order
    ("SELECT usr_id FROM silver.users", [(1, 8, "unknown column 'usr_id'", "user_id")]),
    ("SELECT u.full_nme FROM silver.users AS u", [(1, 8, "unknown column 'full_nme'", "full_name")]),
    ("SELECT user_id FROM silver.usrs", [(1, 21, "unknown table silver.usrs", "silver.users")]),
    ("SELECT user_id FROM users", [(1, 21, "unknown table users", "silver.users")]),
    ("SELECT s.user_id\nFROM silver.users AS u", [(1, 8, "nothing in FROM is called 's'", "")]),
    (
        "SELECT\n  usr_id,\n  full_nam\nFROM silver.users",
        [(2, 3, "unknown column 'usr_id'", "user_id"), (3, 3, "unknown column 'full_nam'", "full_name")],
    ),
    (
        "SELECT user_id FROM silver.users AS u JOIN silver.sessions AS s ON s.user_id = u.user_id",
        [(1, 8, "column 'user_id' is ambiguous", "")],
    ),
    ("SELECT COUNT(*) FROM silver.users", [(1, 8, "output column 1 has no name", "")]),
    ("SELECT user_id, full_name AS USER_ID FROM silver.users", [(1, 17, "two output columns", "")]),
    ("SELECT LEM(full_name) AS n FROM silver.users", [(1, 8, "unknown function LEM", "LEN")]),
    ("SELECT LEN(full_name, 2) AS n FROM silver.users", [(1, 8, "LEN got 2 arguments", "")]),
    ("SELECT signup_date + 1 AS d FROM silver.users", [(1, 8, "date + int does not go", "")]),
    ("SELECT COALESCE(signup_date, 0) AS d FROM silver.users", [(1, 8, "type clash", "")]),
    ("SELECT CAST(minutes AS nvarchr(5)) AS d FROM silver.sessions", [(1, 13, "unknown type", "")]),
    ("SELECT user_id, SUM(minutes) AS m FROM silver.sessions", [(1, 8, "neither in GROUP BY", "")]),
    (
        "SELECT user_id, COUNT(*) AS n FROM silver.sessions GROUP BY user_id HAVING minutes > 3",
        [(1, 76, "stands in HAVING but neither in GROUP BY", "")],
    ),
    ("SELECT 1 AS a FROM silver.users CROSS JOIN silver.users", [(1, 44, "stands in FROM twice", "")]),
    ("SELECT DATEDIFF(dya, signup_date, signup_date) AS d FROM silver.users", [(1, 17, "not a date part", "")]),
    (
        "SELECT user_id FROM silver.users WHERE EXISTS (SELECT 1 AS one OPTION (MAXRECURSION 5))",
        [(1, 64, "OPTION stands at the end", "")],
    ),
    ("SELECT 1 AS a UNION ALL SELECT 1, 2", [(1, 32, "1 and 2 columns", "")]),
    ("SELECT d.x FROM (SELECT 1) AS d (x, y)", [(1, 25, "2 column names for 1 columns", "")]),
    ("WITH a AS (SELECT 1 AS x), a AS (SELECT 2 AS x) SELECT x FROM a", [(1, 28, "WITH names 'a' twice", "")]),
    ("SELECT x.n FROM silver.users, (SELECT user_id AS n FROM silver.nope) AS x", [(1, 57, "unknown table", "")]),
    ("SELECT u.user_id FROM silver.users AS u INNER JOIN silver.sessions AS s", [(1, 52, "has no ON", "")]),
    ("SELECT user_id FROM other.silver.users", [(1, 21, "another database", "")]),
    ("SELECT user_id FROM silver.users WHERE is_active", [(1, 40, "not a condition", "")]),
    ("SELECT TOP (5) WITH TIES user_id FROM silver.users", [(1, 13, "needs ORDER BY", "")]),
    ("SELECT user_id FROM silver.users OFFSET 5 ROWS", [(1, 41, "OFFSET needs ORDER BY", "")]),
]


@pytest.mark.parametrize(("sql", "expected"), FAULTS, ids=[words[0][2] + " " + s[:30] for s, words in FAULTS])
def test_faults_have_place_and_nearest_name(sql: str, expected: list[tuple[int, int, str, str]]) -> None:
    with pytest.raises(BindError) as raised:
        bound(sql)
    problems = raised.value.problems
    assert len(problems) == len(expected), problems
    for problem, (line, column, words, near) in zip(problems, expected, strict=True):
        assert words in problem.message
        assert (problem.line, problem.column, problem.nearest) == (line, column, near)


UNREADABLE = [
    ("INSERT INTO silver.users SELECT 1", "INSERT writes"),
    ("DELETE FROM silver.users", "DELETE writes"),
    ("EXEC sp_who", "EXEC is procedural"),
    ("DECLARE @x int = 1", "DECLARE is procedural"),
    ("SELECT 1 AS a; DROP TABLE silver.users", "a second statement"),
    ("SELECT @x AS a", "variables are not available"),
    ("SELECT a FROM #t", "temporary tables"),
    ("SELECT a FROM t LIMIT 5", "LIMIT is not T-SQL"),
    ("SELECT a::int FROM t", ":: is not T-SQL"),
    ("SELECT a, FROM t", "nothing follows this comma"),
    ("SELECT a FROM t WHERE", "syntax error"),
    ("SELECT (a FROM t", "syntax error"),
    ("SELECT 'a FROM t", "cannot be read"),
    ("SELECT a FROM t JOIN u USING (x)", "USING is not T-SQL"),
    ("SELECT DATE '2024-01-01' AS d", "typed literals"),
    ("", "the SQL is empty"),
    ("-- only a comment", "empty"),
]


@pytest.mark.parametrize(("sql", "words"), UNREADABLE)
def test_only_one_select_is_read(sql: str, words: str) -> None:
    with pytest.raises(BindError, match=words.replace("(", r"\(")):
        parse(sql)


def test_columns_carry_type_nullability_and_lineage() -> None:
    result = bound(
        """
        WITH totals AS (
            SELECT user_id, SUM(minutes) AS minutes, AVG(watched) AS average FROM silver.sessions GROUP BY user_id
        )
        SELECT u.user_id, COALESCE(t.minutes, 0) AS minutes, t.average, u.full_name + N'!' AS shout,
            COUNT(*) OVER () AS n
        FROM silver.users AS u
        LEFT JOIN totals AS t ON t.user_id = u.user_id
        """
    )
    shown = [(c.name, str(c.type), c.nullable, sorted(c.lineage)) for c in result.columns]
    assert shown == [
        ("user_id", "nvarchar(20)", False, [("silver.users", "user_id")]),
        ("minutes", "int", False, [("silver.sessions", "minutes")]),
        ("average", "decimal(38,6)", True, [("silver.sessions", "watched")]),
        ("shout", "nvarchar(101)", True, [("silver.users", "full_name")]),
        ("n", "int", False, []),
    ]
    assert not result.columns[0].padded
    assert result.columns[3].padded


@pytest.mark.parametrize(
    ("join", "nullable"),
    [("INNER", [False, False]), ("LEFT", [False, True]), ("RIGHT", [True, False]), ("FULL", [True, True])],
)
def test_outer_join_makes_columns_nullable(join: str, nullable: list[bool]) -> None:
    result = bound(f"SELECT s.session_id, u.user_id FROM silver.sessions AS s {join} JOIN silver.users AS u ON 1 = 1")
    assert [c.nullable for c in result.columns] == nullable


TYPES = [
    ("SELECT COALESCE(user_id, full_name) AS v FROM silver.users", "nvarchar(100)", False),
    ("SELECT CASE WHEN is_active = 1 THEN user_id ELSE full_name END AS v FROM silver.users", "nvarchar(100)", True),
    ("SELECT user_id AS v FROM silver.users UNION ALL SELECT full_name FROM silver.users", "nvarchar(100)", True),
    ("SELECT user_id AS v FROM silver.users EXCEPT SELECT full_name FROM silver.users", "nvarchar(100)", False),
    ("SELECT user_id AS v FROM silver.users INTERSECT SELECT full_name FROM silver.users", "nvarchar(100)", False),
    # Microsoft's "Precision, scale, and length": the fraction makes room for max(p1 - s1, p2 - s2) whole digits
    *(
        (f"SELECT CAST(1 AS {a}) {op} CAST(1 AS {b}) AS v", expected, False)
        for op in "+-"
        for a, b, expected in (
            ("decimal(9,2)", "decimal(5,4)", "decimal(12,4)"),
            ("decimal(38,10)", "decimal(9,2)", "decimal(38,10)"),
            ("decimal(38,10)", "decimal(38,30)", "decimal(38,10)"),
            ("decimal(38,2)", "decimal(38,20)", "decimal(38,2)"),
            ("decimal(38,0)", "decimal(9,2)", "decimal(38,0)"),
        )
    ),
]


@pytest.mark.parametrize(("sql", "expected", "nullable"), TYPES)
def test_what_type_a_column_has(sql: str, expected: str, nullable: bool) -> None:
    (column,) = bound(sql).columns
    assert (str(column.type), column.nullable) == (expected, nullable)


DRIVING = [
    ("SELECT user_id FROM silver.users", "silver.users"),
    ("SELECT user_id FROM silver.users WHERE is_active = 1", "silver.users"),
    ("SELECT u.user_id FROM silver.users AS u JOIN silver.sessions AS s ON s.user_id = u.user_id", "silver.users"),
    ("SELECT user_id, ROW_NUMBER() OVER (ORDER BY user_id) AS n FROM silver.users", "silver.users"),
    ("SELECT d.user_id FROM (SELECT user_id FROM silver.users) AS d WHERE d.user_id > N'a'", None),
    ("WITH d AS (SELECT user_id FROM silver.users) SELECT user_id FROM d", None),
    ("SELECT DISTINCT user_id FROM silver.users", None),
    ("SELECT user_id, COUNT(*) AS n FROM silver.sessions GROUP BY user_id", None),
    ("SELECT MAX(minutes) AS m FROM silver.sessions", None),
    ("SELECT TOP (3) user_id FROM silver.users ORDER BY user_id", None),
    ("SELECT user_id FROM silver.users UNION ALL SELECT user_id FROM silver.sessions", None),
    ("SELECT u.user_id, s.value FROM silver.users AS u CROSS APPLY STRING_SPLIT(u.full_name, ' ') AS s", "silver.users"),
    ("SELECT s.user_id FROM silver.users AS u RIGHT JOIN silver.sessions AS s ON s.user_id = u.user_id", None),
]


@pytest.mark.parametrize(("sql", "table"), DRIVING)
def test_driving_table(sql: str, table: str | None) -> None:
    assert bound(sql).driving == table


def test_tables_in_order_without_with_names() -> None:
    tree = parse(
        "WITH a AS (SELECT 1 AS x FROM silver.Sessions), b AS (SELECT x FROM a) "
        "SELECT b.x FROM b JOIN [silver].[users] AS u ON EXISTS (SELECT 1 FROM gold.more) JOIN plain ON 1 = 1"
    )
    assert tables_of(tree) == ["silver.sessions", "silver.users", "gold.more", "dbo.plain"]


def test_binding_leaves_the_tree_as_it_was() -> None:
    tree = parse("SELECT u.*, LEN(u.full_name) AS n FROM silver.users AS u WHERE u.full_name LIKE 'a%' ORDER BY n")
    before = repr(tree)
    to_duckdb(bind(tree, CATALOG))
    assert repr(tree) == before


def test_string_keys_without_blanks_compare_plainly() -> None:
    joined = "FROM silver.sessions AS s JOIN silver.users AS u ON u.user_id = s.user_id"
    sql = to_duckdb(bound(f"SELECT s.session_id {joined}"))
    assert 'ON "u"."user_id" = "s"."user_id"' in sql


def test_injection_stays_text() -> None:
    sql = to_duckdb(bound("SELECT 'x''; DROP TABLE silver.users; --' AS a"))
    assert "'x''; DROP TABLE silver.users; --'" in sql


def test_long_chains_are_read() -> None:
    chain = " OR ".join(f"session_id = {i}" for i in range(3000))
    assert to_duckdb(bound(f"SELECT session_id FROM silver.sessions WHERE {chain}")).count(" OR ") == 2999


def test_deep_nesting_is_a_problem_not_a_crash() -> None:
    nested = "(" * 2000 + "1" + ")" * 2000
    with pytest.raises(BindError):
        bound(f"SELECT {nested} AS a")
