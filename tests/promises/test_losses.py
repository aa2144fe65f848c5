"""Rows that go from a published table are counted and said, or refused until somebody asks for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.project_files import FILES, PIPELINES, UNGUARDED, medallion, write_project
from tests.targets import ask, on_target

pytestmark = pytest.mark.usefixtures("target")

HEAD = "order_id,customer,amount,ordered_on\n"
ORDERS = "data/raw/orders.csv"
SUITE = "expectations/silver/orders.yaml"
ALL = "SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o\n"
IDS = "SELECT order_id FROM silver.orders ORDER BY 1"


def lines(day: str, *ids: int) -> str:
    return "".join(f"{i},Customer {i},50.00,{day}\n" for i in ids)


def declare(root: Path, load: str, *, table: str = "silver.orders", key: bool = True, guards: str = UNGUARDED) -> None:
    """Write pipelines.yaml with ``table`` declared so; ``load`` may be ``partition by month`` or ``... of created_on``."""
    kind, _, by = load.partition(" by ")
    grain, _, column = by.partition(" of ")
    extra = f"    load: {kind}\n"
    if by:
        extra += f"    partition_by: {{column: {column or 'ordered_on'}, grain: {grain}}}\n"
    before, own = (PIPELINES + guards).split(f"  {table}:\n")
    if not key:  # nor has the table that reads it
        own = own.replace("    key: order_id\n", "")
    (root / "pipelines.yaml").write_text(on_target(f"{before}  {table}:\n{extra}{own}"))


def project(root: Path, load: str, content: str, **more: Any) -> Path:
    write_project(root, {ORDERS: HEAD + content, SUITE: None, "templates/silver/orders.sql": ALL})
    declare(root, load, **more)
    run(root)
    return root


def read(root: Path, content: str) -> None:
    (root / ORDERS).write_text(HEAD + content)


def run(root: Path, *args: str) -> Any:
    said = medallion(root, "run", "--json", *args)
    assert said.code == 0, said.err
    return {t["table"]: t for t in json.loads(said.out)["tables"]}


def refused(root: Path, *args: str, table: str = "silver.orders") -> str:
    before = ask(root, f"SELECT * FROM {table} ORDER BY 1")
    said = medallion(root, "run", "--json", *args)
    assert said.code == 2, said.err
    assert ask(root, f"SELECT * FROM {table} ORDER BY 1") == before
    message: str = next(t["message"] for t in json.loads(said.out)["tables"] if t["state"] == "failed")
    return message


# --- another partitioning --------------------------------------------------------------------------------------------

JANUARY = lines("2024-01-01", 1, 2) + lines("2024-01-02", 3)
LATER = lines("2024-01-31", 4) + lines("2024-02-01", 5)


@pytest.mark.parametrize(
    ("load", "becomes", "why"),
    [
        ("merge", "partition by month", "it was load: merge and is now load: partition"),
        ("append", "partition by month", "it was load: append and is now load: partition"),
        (
            "partition by day",
            "partition by month",
            "it was partitioned by day of ordered_on and is now by month of ordered_on",
        ),
        (
            "partition by day",
            "partition by year",
            "it was partitioned by day of ordered_on and is now by year of ordered_on",
        ),
    ],
)
def test_the_first_load_by_other_periods_takes_no_rows_without_a_word(
    load: str, becomes: str, why: str, tmp_path: Path
) -> None:
    root = project(tmp_path, load, lines("2023-12-31", 9) + JANUARY)
    read(root, LATER)
    run(root)
    declare(root, becomes)
    message = refused(root)
    assert (
        f"silver.orders would lose 3 of its 6 rows: rows of earlier loads that its inputs no longer give ({why}"
        in message
    )
    assert "--allow silver.orders:rows" in message
    done = run(root, "--allow", "silver.orders:rows")["silver.orders"]
    assert ask(root, IDS) == [(4,), (5,), (9,)], "December was not brought"
    assert (done["rows_published"], done["rows_removed"], done["verdict"]) == (2, 5, "warned")
    read(root, LATER)
    run(root, "--force")


@pytest.mark.parametrize(
    ("load", "becomes", "content", "left"),
    [
        ("partition by month", "partition by day", lines("2024-01-31", 6), [5, 6]),
        ("replace", "partition by month", lines("2024-01-30", 6), [5, 6]),
        ("merge", "partition by day", LATER, [1, 2, 3, 4, 5]),
    ],
)
def test_what_the_declaration_before_would_have_taken_too_is_not_lost(
    load: str, becomes: str, content: str, left: list[int], tmp_path: Path
) -> None:
    root = project(tmp_path, load, JANUARY)
    read(root, LATER)
    run(root)
    declare(root, becomes)
    read(root, content)
    run(root)
    assert [row[0] for row in ask(root, IDS)] == left


def test_a_partition_of_another_column_counts_the_rows_that_have_no_period_yet(tmp_path: Path) -> None:
    root = project(tmp_path, "partition by day", JANUARY)
    path = root / "templates/silver/orders.sql"
    path.write_text(ALL.replace("o.ordered_on FROM", "o.ordered_on, CAST(o.ordered_on AS date) AS booked_on FROM"))
    declare(root, "partition by month of booked_on")
    read(root, lines("2024-01-31", 4))
    assert run(root)["silver.orders"]["rows_total"] == 4
    path.write_text(path.read_text().replace("CAST(o.ordered_on AS date)", "CAST(NULL AS date)"))
    declare(root, "partition by year of booked_on")
    read(root, lines("2024-01-31", 5))
    assert "silver.orders would lose 3 of its 4 rows" in refused(root)


# --- a period that is nearly emptied ---------------------------------------------------------------------------------


def incremental(root: Path, grain: str = "day", **more: Any) -> Path:
    """A table whose load brought a day of 124 rows and one of 10, and whose SELECT now gives what came last."""
    text = lines("2024-01-01", *range(1, 125)) + lines("2024-01-02", *range(201, 211))
    return project(root, f"partition by {grain}", text, guards="", **more)


LATE = lines("2024-01-01", 125) + lines("2024-01-02", *range(201, 212)) + lines("2024-01-03", *range(301, 425))


def test_a_late_row_does_not_take_the_place_of_a_day_without_a_word(tmp_path: Path) -> None:
    root = incremental(tmp_path)
    read(root, LATE)
    message = refused(root)
    figures = "2024-01-01: 1 row after 124: 99.19 % fewer, more than the 50% of guards.drop"
    assert figures in message and "--allow silver.orders:drop" in message and "2024-01-02" not in message
    done = run(root, "--allow", "silver.orders:drop")["silver.orders"]
    assert (done["rows_published"], done["rows_removed"], done["rows_total"]) == (136, 134, 136)
    found = ask(
        root, "SELECT severity, message FROM ops.verdicts WHERE expectation_id = 'guard.drop.part' ORDER BY 1"
    )
    assert [(s, figures in m) for s, m in found] == [("critical", True), ("warning", True)]
    assert "allowed by --allow silver.orders:drop" in found[1][1]


def test_the_largest_of_several_periods_is_named_and_the_others_counted(tmp_path: Path) -> None:
    root = incremental(tmp_path)
    read(root, lines("2024-01-01", 1) + lines("2024-01-02", 201) + lines("2024-01-03", *range(301, 425)))
    assert (
        "2024-01-01: 1 row after 124: 99.19 % fewer, more than the 50% of guards.drop, and so 1 other"
        in refused(root)
    )


@pytest.mark.parametrize(("grain", "name"), [("month", "2024-01: "), ("year", "2024: ")])
def test_a_period_is_named_by_its_grain(grain: str, name: str, tmp_path: Path) -> None:
    root = incremental(tmp_path, grain)
    read(root, lines("2024-01-09", 125) + lines("2025-02-01", *range(301, 425)))
    assert f"{name}1 row after 134" in refused(root)


def test_rows_without_a_date_are_a_period(tmp_path: Path) -> None:
    root = project(tmp_path, "partition by day", lines("", *range(1, 9)), guards="")
    read(root, lines("", 1) + lines("2024-01-01", *range(11, 19)))
    assert "no ordered_on: 1 row after 8" in refused(root)


def test_what_the_table_declares_holds_for_its_periods(tmp_path: Path) -> None:
    root = incremental(tmp_path)
    text = (root / "pipelines.yaml").read_text()
    (root / "pipelines.yaml").write_text(
        text.replace("    load: partition\n", "    load: partition\n    guards: {drop: off}\n")
    )
    read(root, LATE)
    assert run(root)["silver.orders"]["rows_total"] == 136


def test_rows_in_quarantine_do_not_take_the_place_of_a_period(tmp_path: Path) -> None:
    """What counts is what is published of a period: the suite has taken the rest of it."""
    root = incremental(tmp_path)
    rule = FILES[SUITE] + "    quarantine: true\n"
    (root / SUITE).parent.mkdir(parents=True, exist_ok=True)
    (root / SUITE).write_text(rule)
    bad = lines("2024-01-02", *range(202, 211)).replace("50.00", "5000.00")
    read(root, lines("2024-01-01", *range(1, 125)) + lines("2024-01-02", 201) + bad)
    assert "2024-01-02: 1 row after 10: 90 % fewer" in refused(root)


# --- rows removed are said -------------------------------------------------------------------------------------------


def test_the_rows_that_a_load_removes_are_said(tmp_path: Path) -> None:
    root = project(tmp_path, "append", JANUARY, table="bronze.orders")
    (root / "data/raw/orders2.csv").write_text(HEAD + LATER)
    assert run(root)["bronze.orders"]["rows_removed"] == 0
    read(root, lines("2024-01-01", 1, 2))
    said = medallion(root, "run")
    assert said.code == 0, said.err
    line = next(one for one in said.err.splitlines() if "bronze.orders" in one)
    assert "2 rows" in line and "3 removed" in line
    assert ask(root, "SELECT rows_removed FROM ops.loads WHERE table_name = 'bronze.orders' ORDER BY number") == [
        (0,),
        (0,),
        (3,),
    ]
    [load] = [
        o for o in json.loads(medallion(root, "status", "--json").out)["loads"] if o["table_name"] == "bronze.orders"
    ]
    assert load["rows_removed"] == 3
    assert "removed" in medallion(root, "status").out


@pytest.mark.parametrize(("load", "removed"), [("merge", 0), ("scd2", 0), ("replace", 0), ("partition by day", 1)])
def test_a_row_that_takes_another_value_is_not_removed(load: str, removed: int, tmp_path: Path) -> None:
    root = project(tmp_path, load, JANUARY)
    read(root, lines("2024-01-02", 3).replace("50.00", "60.00"))
    assert run(root)["silver.orders"]["rows_removed"] == removed


def test_a_table_that_is_built_anew_says_the_rows_that_stood_there(tmp_path: Path) -> None:
    root = project(tmp_path, "merge", JANUARY)
    read(root, LATER)
    run(root)
    done = run(root, "--full", "--select", "silver.orders", "--allow", "silver.orders:rows")["silver.orders"]
    assert (done["rows_published"], done["rows_removed"], done["rows_total"]) == (2, 5, 2)


# --- what is lost by building anew -----------------------------------------------------------------------------------

RULE = "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: amount, max_value: 1000}\n    quarantine: true\n"


@pytest.mark.parametrize("table", ["bronze.orders", "silver.orders"])
def test_repaired_rows_and_older_versions_are_counted_as_lost(table: str, tmp_path: Path) -> None:
    """1 is no longer in the source, 2 was repaired by a replay, 3 has a newer version that is in quarantine."""
    content = lines("2024-01-01", *range(1, 11))
    root = write_project(
        tmp_path,
        {SUITE: None, "templates/silver/orders.sql": ALL, f"expectations/{table.replace('.', '/')}.yaml": RULE},
    )
    read(root, content.replace("2,Customer 2,50.00", "2,Customer 2,5000.00"))
    declare(root, "merge", table=table)
    run(root)
    said = medallion(root, "quarantine", "replay", table, "--set", "amount=500", "--all", "--yes")
    assert said.code == 0, said.err
    worse = content.removeprefix("1,Customer 1,50.00,2024-01-01\n")
    read(
        root,
        worse.replace("2,Customer 2,50.00", "2,Customer 2,5000.00").replace(
            "3,Customer 3,50.00", "3,Customer 3,6000.00"
        ),
    )
    run(root)
    assert ask(root, f"SELECT COUNT(*) FROM {table}") == [(10,)]
    message = refused(root, "--full", "--select", table, table=table)
    assert f"{table} would lose 3 of its 10 rows" in message
    assert f"--allow {table}:rows --full" in message
    run(root, "--full", "--select", table, "--allow", f"{table}:rows")
    assert ask(root, f"SELECT COUNT(*) FROM {table}") == [(7,)]
    [(message,)] = ask(
        root, "SELECT message FROM ops.verdicts WHERE expectation_id = 'guard.rows' AND severity = 'warning'"
    )
    assert "would lose 3 of its 10 rows" in message and f"allowed by --allow {table}:rows" in message


def test_without_a_key_rows_are_told_apart_as_wholes_and_counted(tmp_path: Path) -> None:
    one, two = "1,Ann,50.00,2024-01-01\n", "2,Bob,50.00,\n"
    root = project(tmp_path, "append", one * 3 + two * 2, table="bronze.orders", key=False)
    read(root, one + two * 4)
    declare(root, "replace", table="bronze.orders", key=False)
    assert "bronze.orders would lose 2 of its 5 rows" in refused(root, table="bronze.orders")


def test_a_row_that_is_spelt_otherwise_is_not_lost(tmp_path: Path) -> None:
    root = project(tmp_path, "append", "1,Ann,50.00,2024-01-01\n2,Bob,50.00,\n", table="bronze.orders", key=False)
    read(root, "1,ANN ,50.00,2024-01-01\n2,bob,50.00,\n")
    declare(root, "replace", table="bronze.orders", key=False)
    run(root)


def test_rows_that_a_load_stopped_early_would_lose_are_at_least_so_many(tmp_path: Path) -> None:
    root = project(tmp_path, "merge", lines("2024-01-01", *range(1, 11)), table="bronze.orders", guards="")
    (root / "expectations/bronze").mkdir(parents=True, exist_ok=True)
    (root / "expectations/bronze/orders.yaml").write_text(RULE)
    read(root, "".join(f"{i},X,much,2024-01-01\n" for i in range(1, 6)) + lines("2024-01-01", *range(6, 10)))
    message = refused(root, "--full", "--select", "bronze.orders", table="bronze.orders")
    assert "5 of 9 rows (56 %) would go to quarantine" in message
    assert "bronze.orders would lose at least 6 of its 10 rows" in message


def test_current_versions_that_no_load_gives_again_are_counted(tmp_path: Path) -> None:
    root = project(tmp_path, "scd2", JANUARY)
    declare(root, "replace")
    read(root, lines("2024-01-01", 1, 2))
    assert "silver.orders would lose 1 of its 3 current rows" in refused(root)
    run(root, "--allow", "silver.orders:rows")
