"""What SQL Server refuses of a SELECT that becomes part of a statement, told by `check` on the embedded target too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project_files import PIPELINES, medallion, write_project

COLUMNS = "o.order_id,\n  o.customer,\n  o.amount,\n  o.ordered_on"
SELECT = f"SELECT\n  {COLUMNS}\nFROM bronze.orders AS o"
LONG = "c" * 129
OPTION = "OPTION stands at the end of the whole statement, not of a part of it"
WRAPPED = f"SELECT x.* FROM (\n{SELECT}\n%s) AS x"

REFUSED: dict[str, tuple[str, str]] = {
    "order in a derived table": (WRAPPED % "ORDER BY o.amount", "orders.sql:8:10: ORDER BY in a subquery needs TOP"),
    "order in a WITH": (
        f"WITH x AS (\n{SELECT}\nORDER BY o.amount)\nSELECT x.* FROM x",
        "orders.sql:8:10: ORDER BY in a subquery needs TOP",
    ),
    "order in an IN": (
        SELECT + "\nWHERE o.amount IN (SELECT b.amount FROM bronze.orders AS b ORDER BY b.amount)",
        "orders.sql:7:69: ORDER BY in a subquery needs TOP",
    ),
    "parentheses and an order": (
        f"({SELECT})\nORDER BY amount OFFSET 1 ROWS",
        "something follows the parentheses around the SELECT",
    ),
    "option in a derived table": (WRAPPED % "OPTION (MAXDOP 1)", f"orders.sql:8:1: {OPTION}"),
    "a reserved word as a name": (SELECT.replace("o.customer", "o.customer AS key"), "orders.sql:3:17: key is a reserved word of T-SQL, and a name only in brackets; expected [key]"),
    "a reserved word for a table": (SELECT.replace("AS o", "AS user").replace("o.", "user."), "orders.sql:6:23: user is a reserved word"),
    "a name that is too long": (SELECT.replace("o.customer", f"o.customer AS {LONG}"), "has 129 characters, SQL Server allows 128"),
    "an alias that is too long": (f"WITH {LONG} AS ({SELECT})\nSELECT o.* FROM {LONG} AS o", "has 129 characters, SQL Server allows 128"),
    "distinct on": (SELECT.replace("SELECT", "SELECT DISTINCT ON (o.customer)"), "DISTINCT ON is not T-SQL"),
    "into": (SELECT.replace("FROM", "INTO bronze.more FROM"), "SELECT … INTO writes"),
    "an empty name": (SELECT.replace("o.customer", "o.customer AS []"), "orders.sql:3:17: a name is empty"),
}  # fmt: skip
NOT_BY_ITS_PARSER: dict[str, tuple[str, str]] = {
    "order in a part of a union": (
        f"{SELECT.replace('SELECT', 'SELECT TOP 1')}\nORDER BY o.amount\nUNION ALL\n{SELECT}",
        "orders.sql:7:10: ORDER BY in a part of UNION ALL; expected a derived table around that SELECT",
    ),
    "for json": (SELECT + "\nFOR JSON PATH", "FOR XML and FOR JSON give one text, not rows"),
    "no name": (SELECT.replace("o.customer", "UPPER(o.customer)"), "output column 2 has no name"),
    "one name twice": (
        SELECT.replace("o.customer", "o.amount AS Order_ID"),
        "two output columns are called 'Order_ID'",
    ),
    "two statements": (SELECT + ";\nSELECT 1 AS a", "a second statement"),
}
"""What the server refuses and Microsoft's parser leaves to the server."""
TAKEN: dict[str, str] = {
    "order": SELECT + "\nORDER BY o.amount",
    "order of a union": f"{SELECT}\nUNION ALL\n{SELECT}\nORDER BY amount",
    "top": SELECT.replace("SELECT", "SELECT TOP (3)") + "\nORDER BY o.amount",
    "offset": SELECT + "\nORDER BY o.amount OFFSET 1 ROWS",
    "offset of a union": f"{SELECT}\nUNION\n{SELECT}\nORDER BY amount OFFSET 0 ROWS FETCH NEXT 2 ROWS ONLY",
    "order in a derived table of a union": WRAPPED.replace("(\nSELECT", "(\nSELECT TOP 1") % "ORDER BY o.amount" + f"\nUNION ALL\n{SELECT}",
    "with": f"WITH x AS (\n{SELECT})\nSELECT x.* FROM x",
    "a semicolon": SELECT + ";\n-- the end\n",
    "parentheses": f"({SELECT})",
    "words that are not reserved": SELECT.replace("o.customer", "o.customer AS customer, 1 AS value, 2 AS date, 3 AS name, 4 AS type, 5 AS level, 6 AS [key]"),
    "an order within": SELECT.replace("o.amount", "o.amount, ROW_NUMBER() OVER (ORDER BY o.amount) AS n"),
    "a comment that says so": SELECT + " -- ORDER BY amount OPTION (RECOMPILE)",
}  # fmt: skip


def checked(tmp_path: Path, template: str, more: str = "", suite: str | None = None) -> tuple[int, str]:
    changes: dict[str, str | bytes | None] = {
        "templates/silver/orders.sql": template,
        "pipelines.yaml": PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n" + more),
    }
    if suite is not None:
        text = f"expectations:\n  - type: unexpected_rows_expectation\n    kwargs:\n      unexpected_rows_query: >-\n        {suite}\n"
        changes["expectations/silver/orders.yaml"] = text
    said = medallion(write_project(tmp_path, changes), "check")
    return said.code, " ".join(said.err.split())


@pytest.mark.parametrize("load", ["replace", "view"])
@pytest.mark.parametrize("case", [*REFUSED, *NOT_BY_ITS_PARSER])
def test_a_select_is_refused_with_its_line(case: str, load: str, tmp_path: Path) -> None:
    template, says = (REFUSED | NOT_BY_ITS_PARSER)[case]
    code, said = checked(tmp_path, template, f"    load: {load}\n")
    assert code == 1
    assert says in said


@pytest.mark.parametrize("more", ["", "    dedupe: ordered_on desc, amount\n"])
@pytest.mark.parametrize("case", TAKEN)
def test_a_select_is_taken(case: str, more: str, tmp_path: Path) -> None:
    assert checked(tmp_path, TAKEN[case], more)[0] == 0
    ran = medallion(tmp_path, "run", "--select", "+silver.orders")
    assert ran.code == (2 if "UNION ALL" in TAKEN[case] and not more else 0), ran.err  # the key stands there twice


@pytest.mark.parametrize(
    ("dedupe", "says"),
    [
        ("built.ordered_on desc", "dedupe: built.ordered_on: nothing in FROM is called 'built'"),
        ("amount) AS n, ROW_NUMBER() OVER (ORDER BY amount", "goes on after its ORDER BY"),
        ("ordered desc", "dedupe: unknown column 'ordered'"),
    ],
)
def test_dedupe_is_text_that_the_server_takes(dedupe: str, says: str, tmp_path: Path) -> None:
    code, said = checked(tmp_path, SELECT, f"    dedupe: {dedupe}\n")
    assert code == 1
    assert says in said


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELECT b.amount, b.amount FROM {batch} AS b", "two output columns are called 'amount'"),
        ("SELECT b.amount * 2 FROM {batch} AS b", "output column 1 has no name"),
    ],
)
def test_a_query_of_a_suite_is_part_of_a_statement_too(query: str, says: str, tmp_path: Path) -> None:
    code, said = checked(tmp_path, SELECT, suite=query)
    assert code == 1
    assert "expectations/silver/orders.yaml:2:5: " + says in said
