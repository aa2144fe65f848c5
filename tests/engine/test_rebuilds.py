"""When a table is built again, from where, and what is in it then: rebuilds, tables dropped by hand, loads run twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.engine.test_changes import FIRST, HEAD, IDS, SECOND, declare, loaded_twice, refused, run
from tests.project_files import PIPELINES, medallion, write_project
from tests.targets import ask, change, on_target

pytestmark = pytest.mark.usefixtures("target")

SILVER = "templates/silver/orders.sql"
SINCE = (
    "SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o\n"
    "WHERE o.ordered_on > COALESCE(CAST({{ watermark | literal }} AS date), CAST('1900-01-01' AS date))\n"
)


def states(root: Path, *args: str) -> dict[str, Any]:
    said = medallion(root, "ls", "--json", *args)
    assert said.code == 0, said.err
    return {r["table"]: (r["state"], r["reason"]) for r in json.loads(said.out)}


def since_watermark(root: Path, load: str, key: str = "order_id") -> Path:
    write_project(root, {"data/raw/orders.csv": FIRST, SILVER: SINCE, "expectations/silver/orders.yaml": None})
    declare(root, load, key=key, watermark="ordered_on")
    run(root)
    return root


@pytest.mark.parametrize(
    ("text", "stale"),
    [
        ("-- why\nselect\n    [o].order_id, o.customer,\n  o.amount, o.\"ordered_on\" /* when */ from bronze.Orders as o where o.amount >= {{ least }}", False),
        ("SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o WHERE o.amount >= 10", False),
        ("SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o WHERE o.amount >= 11", True),
        ("SELECT o.order_id, o.customer, o.amount + 0 AS amount, o.ordered_on FROM bronze.orders AS o WHERE o.amount >= {{ least }}", True),
    ],
)  # fmt: skip
def test_a_table_is_stale_when_its_select_says_something_else(text: str, stale: bool, tmp_path: Path) -> None:
    root = write_project(tmp_path)
    run(root)
    (root / SILVER).write_text(text)
    assert run(root)["silver.orders"]["state"] == ("published" if stale else "unchanged")


def test_descriptions_and_blanks_of_the_yaml_rebuild_nothing_and_an_alias_is_made(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    run(root)
    suite = root / "expectations/silver/orders.yaml"
    suite.write_text("# checked\n" + suite.read_text() + "    description: the amount is sane\n")
    text = PIPELINES.replace("  silver.orders:\n    key: order_id", "  silver.orders:\n    description: Orders\n    tags: [x]\n    key: [order_id]")
    (root / "pipelines.yaml").write_text(on_target(text))
    assert {t["state"] for t in run(root).values()} == {"unchanged"}
    (root / "pipelines.yaml").write_text(on_target(text.replace("tags: [x]", "alias: dbo.silver_orders")))
    run(root)
    assert ask(root, "SELECT COUNT(*) FROM dbo.silver_orders") == [(3,)]


@pytest.mark.parametrize("load", ["merge", "append", "partition"])
def test_a_full_run_reads_from_the_start_and_puts_it_in_one_step(load: str, tmp_path: Path) -> None:
    root = since_watermark(tmp_path, load, key="" if load == "append" else "order_id")
    change(root, "UPDATE silver.orders SET amount = 1 WHERE order_id = 2")
    built = run(root, "--full", "--select", "silver.orders", "--allow", "silver.orders:rows")["silver.orders"]
    assert (built["rows_published"], built["rows_total"]) == (3, 3)
    assert ask(root, "SELECT CAST(amount AS INTEGER) FROM silver.orders ORDER BY order_id") == [(10,), (20,), (30,)]
    (root / "data/raw/orders.csv").write_text(FIRST + "4,Dan,40.00,2024-01-04\n")
    assert run(root)["silver.orders"]["rows_published"] == 1
    assert ask(root, IDS) == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("table", ["silver.orders", "bronze.orders"])
def test_a_full_run_does_not_lose_rows_without_a_word(table: str, tmp_path: Path) -> None:
    root = loaded_twice(tmp_path, "merge", table=table)
    said = medallion(root, "run", "--json", "--full", "--select", table)
    assert said.code == 2, said.err
    message = json.loads(said.out)["tables"][0]["message"]
    assert "would lose 1 of its 4 rows" in message and f"--allow {table}:rows --full" in message
    assert ask(root, f"SELECT COUNT(*) FROM {table}") == [(4,)]
    run(root, "--full", "--select", table, "--allow", f"{table}:rows")
    assert ask(root, f"SELECT order_id FROM {table} ORDER BY 1") == [(2,), (3,), (4,)]


def test_a_full_run_keeps_history_unless_it_is_told_to_let_it_go(tmp_path: Path) -> None:
    root = loaded_twice(tmp_path, "scd2")
    assert "2 closed versions" in refused(root, "--full", "--select", "silver.orders")
    run(root, "--full", "--select", "silver.orders", "--allow", "silver.orders:history")
    assert ask(root, "SELECT order_id FROM silver.orders WHERE valid_to IS NULL ORDER BY 1") == [(2,), (3,), (4,)]
    assert ask(root, "SELECT COUNT(*) FROM silver.orders") == [(3,)]


def test_a_gate_judges_the_whole_of_a_full_run(tmp_path: Path) -> None:
    root = since_watermark(tmp_path, "merge")
    (root / "expectations/silver").mkdir(parents=True, exist_ok=True)
    (root / "expectations/silver/orders.yaml").write_text(
        "expectations:\n  - type: expect_table_row_count_to_be_between\n    kwargs: {min_value: 4}\n"
    )
    refused(root, "--full", "--select", "silver.orders")
    (root / "data/raw/orders.csv").write_text(FIRST + "4,Dan,40.00,2024-01-04\n")
    run(root, "--full")
    assert ask(root, IDS) == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("load", ["replace", "merge", "append", "partition", "scd2"])
def test_a_table_dropped_by_hand_is_missing_and_built_from_the_start(load: str, tmp_path: Path) -> None:
    root = tmp_path
    if load in ("replace", "scd2"):
        write_project(root, {"data/raw/orders.csv": FIRST})
        declare(root, load)
        run(root)
    else:
        since_watermark(root, load)
    change(root, "DROP TABLE silver.orders")
    assert states(root)["silver.orders"] == ("missing", "it is missing from the warehouse")
    loads = json.loads(medallion(root, "status", "--json").out)["loads"]
    assert {r["table_name"]: r["state"] for r in loads}["silver.orders"] == "missing"
    said = medallion(root, "run", "--json", "--select", "gold.customers", "--force")
    assert said.code == 3 and "silver.orders is missing from the warehouse" in said.out
    built = run(root)["silver.orders"]
    assert (built["message"], built["rows_total"]) == ("it is missing from the warehouse", 3)
    assert ask(root, IDS) == [(1,), (2,), (3,)]
    assert states(root)["silver.orders"][0] == "fresh"


def test_a_dropped_table_that_appends_files_reads_all_of_them(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST + "9,Eve,much,2024-01-03\n"})
    declare(root, "append", table="bronze.orders")
    run(root)
    (root / "data/raw/orders_2.csv").write_text(HEAD + "7,Eve,70.00,2024-01-07\n")
    run(root)
    change(root, "DROP TABLE bronze.orders")
    assert run(root)["bronze.orders"]["rows_read"] == 5
    assert ask(root, "SELECT order_id FROM bronze.orders ORDER BY 1") == [(1,), (2,), (3,), (7,)]
    assert ask(root, "SELECT COUNT(*) FROM quarantine.bronze_orders WHERE state = 'held'") == [(1,)]


def test_a_view_in_the_place_of_a_table_is_not_what_was_published(tmp_path: Path) -> None:
    root = since_watermark(tmp_path, "merge")
    change(root, "DROP TABLE silver.orders", "CREATE VIEW silver.orders AS SELECT 1 AS order_id")
    assert states(root)["silver.orders"] == ("missing", "a view stands in its place in the warehouse")
    run(root)
    assert ask(root, IDS) == [(1,), (2,), (3,)]


def test_an_append_without_a_key_never_doubles_its_rows(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST})
    declare(root, "append", key="")
    run(root)
    path = root / SILVER
    path.write_text("-- a remark\n" + path.read_text())
    assert run(root)["silver.orders"]["state"] == "unchanged"
    message = refused(root, "--force", "--select", "silver.orders")
    assert "silver.orders appends without a key, and its inputs have not changed" in message
    assert "medallion run --full --select silver.orders" in message
    declare(root, "append", key="", alias="dbo.silver_orders")
    path.write_text(path.read_text().replace("    o.amount,\n", "    o.amount,\n    o.amount * 2 AS twice,\n"))
    table = run(root)["silver.orders"]
    assert (table["state"], table["rows_published"], table["rows_total"]) == ("published", 0, 3)
    assert ask(root, "SELECT COUNT(*), COUNT(twice) FROM dbo.silver_orders") == [(3, 0)]
    (root / "data/raw/orders.csv").write_text(SECOND)
    assert run(root)["silver.orders"]["rows_total"] == 6, "other inputs are other rows"
    run(root, "--full", "--select", "silver.orders", "--allow", "silver.orders:rows")
    assert ask(root, IDS) == [(2,), (3,), (4,)]
    assert "would double" in refused(root, "--force", "--select", "silver.orders")


def test_a_table_that_a_suite_reads_does_not_double_an_append(tmp_path: Path) -> None:
    suite = "expectations:\n  - type: unexpected_rows_expectation\n    kwargs:\n      unexpected_rows_query: SELECT b.* FROM {batch} AS b WHERE NOT EXISTS (SELECT 1 FROM silver.orders AS o WHERE o.customer = b.customer)\n"
    template = "SELECT o.customer, o.amount FROM bronze.orders AS o"
    root = write_project(tmp_path, {"templates/gold/customers.sql": template, "expectations/gold/customers.yaml": suite})
    text = PIPELINES.replace("  gold.customers:\n    key: customer\n", "  gold.customers:\n    load: append\n")
    (root / "pipelines.yaml").write_text(on_target(text.replace("least: 10", "least: 1")))
    run(root)
    (root / "pipelines.yaml").write_text(on_target(text.replace("least: 10", "least: 2")))
    tables = run(root)
    assert tables["silver.orders"]["state"] == "published"
    assert tables["gold.customers"]["rows_total"] == 4


def test_a_snapshot_of_another_day_is_another_load(tmp_path: Path) -> None:
    template = "SELECT CAST({{ logical_date | literal }} AS date) AS day, COUNT(*) AS orders FROM bronze.orders AS o"
    root = write_project(tmp_path, {"templates/gold/customers.sql": template})
    text = PIPELINES.replace("  gold.customers:\n    key: customer\n", "  gold.customers:\n    load: append\n")
    (root / "pipelines.yaml").write_text(on_target(text))
    for day, rows in (("2024-01-01", 1), ("2024-01-02", 2), ("2024-01-02", 2), ("2024-01-01", 2)):
        run(root, "--logical-date", day)
        assert ask(root, "SELECT COUNT(*) FROM gold.customers") == [(rows,)]


def test_another_watermark_begins_with_what_is_published(tmp_path: Path) -> None:
    root = since_watermark(tmp_path, "append", key="")
    (root / SILVER).write_text(SINCE.replace("o.ordered_on > COALESCE(CAST({{ watermark | literal }} AS date), CAST('1900-01-01' AS date))", "o.order_id > COALESCE(CAST({{ watermark | literal }} AS int), 0)"))  # fmt: skip
    declare(root, "append", key="", watermark="order_id")
    run(root)
    assert ask(root, IDS) == [(1,), (2,), (3,)]
    (root / "data/raw/orders.csv").write_text(FIRST + "4,Dan,40.00,2024-01-04\n")
    run(root)
    assert ask(root, IDS) == [(1,), (2,), (3,), (4,)]


@pytest.mark.parametrize("load", ["append", "merge", "scd2"])
def test_a_warehouse_of_an_earlier_version_is_built_once_more_and_nothing_doubles(load: str, tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST})
    declare(root, load, key="" if load == "append" else "order_id")
    run(root)
    change(root, "ALTER TABLE ops.loads DROP COLUMN declared", "UPDATE ops.loads SET definition = 'of before'")
    assert medallion(root, "ls").code == 3
    run(root)
    assert ask(root, IDS) == [(1,), (2,), (3,)]
    assert {t["state"] for t in run(root).values()} == {"unchanged"}


def test_rows_are_not_replayed_into_a_table_that_is_missing(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST + "9,Eve,much,2024-01-03\n"})
    declare(root, "append", table="bronze.orders")
    run(root)
    change(root, "DROP TABLE bronze.orders")
    said = medallion(root, "quarantine", "replay", "bronze.orders", "--all", "--yes", "--set", "amount=5")
    assert said.code == 3 and "it is missing from the warehouse" in " ".join(said.err.split()), said.err
    assert run(root)["bronze.orders"]["rows_total"] == 3


REPLAYED = ("quarantine", "replay", "bronze.orders", "--all", "--set", "amount=9", "--yes")


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.parametrize("what", ["a replay", "another SELECT"])
def test_rows_that_come_without_a_new_source_are_not_passed_over(what: str, keyed: bool, tmp_path: Path) -> None:
    log = "  gold.log: {load: append" + (", key: order_id}\n" if keyed else "}\n")
    select = "SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o WHERE o.amount > %s\n"
    changes: dict[str, str | bytes | None] = {
        "pipelines.yaml": PIPELINES.replace("  gold.customers:\n", f"{log}  gold.customers:\n"),
        "templates/gold/log.sql": "SELECT o.order_id, o.amount FROM silver.orders AS o\n",
        "data/raw/orders.csv": FIRST + "8,Eve,5.00,2024-01-08\n9,Eve,much,2024-01-03\n",
        SILVER: select % 7,
    }
    root = write_project(tmp_path, changes)
    run(root)
    if what == "a replay":
        assert medallion(root, *REPLAYED).code == 0
    else:
        (root / SILVER).write_text(select % 1)
    said = medallion(root, "run")
    assert said.code == 2, said.err
    assert "gold.log appends, and what it reads was replayed, undone or declared anew since" in " ".join(said.err.split())
    run(root, "--full", "--select", "gold.log")
    assert [i for (i,) in ask(root, "SELECT order_id FROM gold.log ORDER BY 1")][-1] == (9 if what == "a replay" else 8)
    assert states(root)["gold.log"][0] == "fresh"


def test_history_can_be_read_by_templates_and_suites(tmp_path: Path) -> None:
    changes: dict[str, str | bytes | None] = {
        "pipelines.yaml": PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n    load: scd2\n"),
        "templates/gold/customers.sql": "SELECT o.customer, COUNT(*) AS orders, MAX(o.valid_from) AS since\nFROM silver.orders AS o\nWHERE o.is_current = 1 AND o.valid_to IS NULL\nGROUP BY o.customer\n",
        "data/raw/orders.csv": FIRST,
    }
    root = write_project(tmp_path, changes)
    run(root)
    (root / "data/raw/orders.csv").write_text(FIRST.replace("20.00", "25.00"))
    run(root)
    assert ask(root, "SELECT SUM(orders) FROM gold.customers") == [(3,)]
