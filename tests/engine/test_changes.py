"""A table that is declared otherwise than what is published of it: what is kept, what is refused, and the way out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.project_files import PIPELINES, medallion, write_project
from tests.targets import ask, on_target

pytestmark = pytest.mark.usefixtures("target")

HEAD = "order_id,customer,amount,ordered_on\n"
FIRST = HEAD + "1,Ann,10.00,2024-01-01\n2,Bob,20.00,2024-01-02\n3,Cid,30.00,2024-01-03\n"
SECOND = HEAD + "2,Bob,25.00,2024-01-02\n3,Cid,30.00,2024-01-03\n4,Dan,40.00,2024-01-04\n"
SUITE = "expectations/silver/orders.yaml"
IDS = "SELECT order_id FROM silver.orders ORDER BY 1"


def declare(root: Path, load: str, *, key: str = "order_id", table: str = "silver.orders", **more: str) -> None:
    """Write pipelines.yaml with ``table`` declared so."""
    lines = {"load": load, **more}
    if load == "partition":
        lines["partition_by"] = "{column: ordered_on}"
    extra = "".join(f"\n    {k}: {v}" for k, v in lines.items())
    text = PIPELINES.replace(f"  {table}:\n", f"  {table}:{extra}\n")
    head, silver = text.split("  silver.orders:", 1)
    silver = silver.replace("    key: order_id\n", f"    key: {key}\n" if key else "", 1)
    (root / "pipelines.yaml").write_text(on_target(head + "  silver.orders:" + silver))


def loaded_twice(root: Path, load: str, **more: str) -> Path:
    """A project whose silver.orders was loaded from the first file and then from the second."""
    write_project(root, {"data/raw/orders.csv": FIRST, SUITE: None})
    declare(root, load, **more)
    run(root)
    (root / "data/raw/orders.csv").write_text(SECOND)
    run(root)
    return root


def judged_by(root: Path, suite: str) -> None:
    (root / SUITE).parent.mkdir(parents=True, exist_ok=True)
    (root / SUITE).write_text(suite)


def run(root: Path, *args: str) -> Any:
    said = medallion(root, "run", "--json", *args)
    assert said.code == 0, said.err
    return {t["table"]: t for t in json.loads(said.out)["tables"]}


def refused(root: Path, *args: str, code: int = 2) -> str:
    before = ask(root, "SELECT COUNT(*) FROM silver.orders")
    said = medallion(root, "run", "--json", *args)
    assert said.code == code, said.err
    assert ask(root, "SELECT COUNT(*) FROM silver.orders") == before
    return next(t["message"] for t in json.loads(said.out)["tables"] if t["state"] == "failed")


@pytest.mark.parametrize("becomes", ["replace", "view", "merge", "append"])
def test_history_is_not_lost_without_a_word(becomes: str, tmp_path: Path) -> None:
    root = loaded_twice(tmp_path, "scd2")
    declare(root, becomes)
    message = refused(root)
    assert "would lose its history: 2 closed versions" in message
    assert "--allow silver.orders:history" in message
    run(root, "--allow", "silver.orders:history")
    assert ask(root, IDS) == [(2,), (3,), (4,)]
    (root / "data/raw/orders.csv").write_text(SECOND.replace("25.00", "26.00"))
    if becomes != "append":
        run(root)
        assert ask(root, "SELECT CAST(amount AS INTEGER) FROM silver.orders ORDER BY order_id") == [(26,), (30,), (40,)]


@pytest.mark.parametrize("table", ["silver.orders", "bronze.orders"])
@pytest.mark.parametrize(("load", "becomes"), [("merge", "replace"), ("merge", "append"), ("partition", "replace"), ("merge", "view")])
def test_rows_of_earlier_loads_are_not_lost_without_a_word(load: str, becomes: str, table: str, tmp_path: Path) -> None:
    if table == "bronze.orders" and becomes == "view":
        pytest.skip("a loaded table cannot be a view")
    root = loaded_twice(tmp_path, load, table=table)
    declare(root, becomes, table=table)
    said = medallion(root, "run", "--json")
    assert said.code == 2, said.err
    message = next(t["message"] for t in json.loads(said.out)["tables"] if t["state"] == "failed")
    assert f"{table} would lose 1 of its 4 rows" in message and f"--allow {table}:rows" in message
    assert ask(root, f"SELECT COUNT(*) FROM {table}") == [(4,)]
    run(root, "--allow", f"{table}:rows")
    assert ask(root, f"SELECT order_id FROM {table} ORDER BY 1") == [(2,), (3,), (4,)]


@pytest.mark.parametrize("load", ["replace", "merge", "partition"])
def test_published_rows_become_current_versions_since_they_were_published(load: str, tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST, SUITE: None})
    declare(root, load)
    run(root)
    [(since,)] = ask(root, "SELECT finished_at FROM ops.loads WHERE table_name = 'silver.orders'")
    declare(root, "scd2")
    (root / "data/raw/orders.csv").write_text(SECOND)
    run(root)
    assert ask(root, "SELECT order_id, CASE WHEN valid_to IS NULL THEN 1 ELSE 0 END FROM silver.orders ORDER BY 1, 2") == [
        (1, 0), (2, 0), (2, 1), (3, 1), (4, 1)
    ]  # fmt: skip
    assert {t[0] for t in ask(root, "SELECT valid_from FROM silver.orders WHERE order_id IN (1, 3)")} == {since}
    assert {t[0] == since for t in ask(root, "SELECT valid_from FROM silver.orders WHERE order_id = 4")} == {False}


@pytest.mark.parametrize(("load", "becomes"), [("append", "merge"), ("replace", "merge"), ("replace", "partition"), ("merge", "partition"), ("replace", "append")])
def test_a_change_that_keeps_all_rows_just_works(load: str, becomes: str, tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST, SUITE: None})
    declare(root, load)
    run(root)
    declare(root, becomes)
    assert run(root)["silver.orders"]["rows_total"] == 3
    assert ask(root, IDS) == [(1,), (2,), (3,)]


def test_a_key_that_goes_or_comes_keeps_the_rows(tmp_path: Path) -> None:
    root = loaded_twice(tmp_path, "partition")
    declare(root, "partition", key="")
    assert run(root)["silver.orders"]["rows_total"] == 4
    declare(root, "merge", key="customer")
    assert run(root)["silver.orders"]["rows_total"] == 4
    assert ask(root, "SELECT order_id, CAST(amount AS INTEGER) FROM silver.orders ORDER BY 1") == [
        (1, 10), (2, 25), (3, 30), (4, 40)
    ]  # fmt: skip


@pytest.mark.parametrize("load", ["merge", "partition", "scd2"])
def test_a_new_key_has_to_hold_for_rows_that_stay(load: str, tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST + "4,Ann,40.00,2024-01-04\n5,Ann,1.00,2024-01-05\n", SUITE: None, "templates/silver/orders.sql": "SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o"})  # fmt: skip
    declare(root, load)
    run(root)
    (root / "data/raw/orders.csv").write_text(FIRST)
    declare(root, load, key="customer")
    message = refused(root)
    assert "1 keys (customer), which are new, stand there more than once: Ann (3 times)" in message
    assert "medallion run --full --select silver.orders" in message
    run(root, "--full", "--select", "silver.orders", "--allow", "silver.orders:rows")
    assert ask(root, "SELECT customer FROM silver.orders ORDER BY 1") == [("Ann",), ("Bob",), ("Cid",)]


def test_a_new_key_column_that_rows_that_stay_do_not_have(tmp_path: Path) -> None:
    root = loaded_twice(tmp_path, "merge")
    path = root / "templates/silver/orders.sql"
    path.write_text(path.read_text().replace("    o.order_id,\n", "    o.order_id,\n    o.order_id AS number,\n"))
    declare(root, "merge", key="number")
    assert "keeps 4 published rows, which would have no number and so no key (number)" in refused(root)


def test_columns_that_rows_that_stay_cannot_take_have_a_way_out(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST, SUITE: None})
    declare(root, "merge")
    run(root)
    path = root / "templates/silver/orders.sql"
    path.write_text(path.read_text().replace("    o.amount,\n", "    CAST(o.amount AS nvarchar(40)) AS amount,\n"))
    (root / "templates/gold/customers.sql").write_text("SELECT o.customer, COUNT(*) AS orders FROM silver.orders AS o GROUP BY o.customer")
    message = refused(root, code=3)
    assert "its columns changed" in message and "medallion run --full --select silver.orders" in message
    run(root, "--full", "--select", "silver.orders")
    assert ask(root, IDS) == [(1,), (2,), (3,)]
    run(root)


@pytest.mark.parametrize("load", ["merge", "append", "partition"])
def test_a_new_suite_judges_the_rows_that_stay(load: str, tmp_path: Path) -> None:
    root = loaded_twice(tmp_path, load, key="" if load == "append" else "order_id")
    entry = "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {{column: amount, min_value: {least}}}\n{more}"
    judged_by(root, entry.format(least=15, more=""))
    (root / "data/raw/orders.csv").write_text(SECOND.replace("40.00", "41.00"))
    message = refused(root)
    assert "of the whole table, with the rows that stay: " in message and "1 of" in message
    assert ask(root, "SELECT CAST(amount AS INTEGER) FROM silver.orders WHERE order_id = 1") == [(10,)]
    judged_by(root, entry.format(least=15, more="    severity: warning\n"))
    assert run(root)["silver.orders"]["verdict"] == "warned"
    (root / "data/raw/orders.csv").write_text(SECOND.replace("40.00", "42.00"))
    assert run(root)["silver.orders"]["verdict"] == "passed", "the suite has not changed: new rows are judged"


def test_a_new_quarantine_rule_takes_new_rows_and_tells_of_old_ones(tmp_path: Path) -> None:
    root = loaded_twice(tmp_path, "merge")
    entry = "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: amount, min_value: 15}\n    quarantine: true\n"
    judged_by(root, entry)
    (root / "data/raw/orders.csv").write_text(SECOND + "5,Eve,12.00,2024-01-05\n")
    assert "of the whole table, with the rows that stay: " in refused(root)
    judged_by(root, entry + "    severity: warning\n")
    table = run(root)["silver.orders"]
    assert (table["verdict"], table["rows_quarantined"], table["rows_total"]) == ("warned", 1, 4)


@pytest.mark.parametrize("entry", ["mostly: 0.1}", "}\n    severity: warning", "}\n    quarantine: true"])
def test_nothing_takes_the_place_of_the_keys_own_rule(entry: str, tmp_path: Path) -> None:
    kind = "expect_column_values_to_be_unique"
    suite = f"expectations:\n  - type: {kind}\n    kwargs: {{column: customer, {entry}\n".replace(", }", "}")
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST, SUITE: suite})
    declare(root, "replace", key="customer")
    run(root)
    (root / "data/raw/orders.csv").write_text(FIRST + "4,Ann,40.00,2024-01-04\n")
    if "quarantine" in entry:
        assert run(root, "--allow", "silver.orders:quarantine")["silver.orders"]["rows_quarantined"] == 2
        return
    assert "customer" in refused(root)
