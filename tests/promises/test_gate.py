"""A failed gate: the published table stays byte for byte, what depends on it is skipped, the next run repairs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.project_files import FILES, PIPELINES, medallion, write_project
from tests.targets import ask

pytestmark = pytest.mark.usefixtures("target")

DIRTY = FILES["data/raw/orders.csv"] + "9,Zoe,5000.00,2024-03-01\n"  # type: ignore[operator]


def content(root: Path, table: str) -> bytes:
    return repr(sorted(map(repr, ask(root, f"SELECT * FROM {table}")))).encode()


def test_a_failed_gate_leaves_everything_published_as_it_was(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    silver, gold = content(root, "silver.orders"), content(root, "gold.customers")

    (root / "data/raw/orders.csv").write_text(DIRTY)
    said = medallion(root, "run")
    assert said.code == 2
    assert "amount: 1 of 4 values" in said.err
    assert "the published table is as it was" in said.err
    assert "gold.customers" in said.err and "because silver.orders was not published" in said.err
    assert content(root, "silver.orders") == silver
    assert content(root, "gold.customers") == gold
    kept = said.err.split("look at ")[1].split(")")[0]
    assert b"5000" in content(root, kept), "the staging table that failed is kept to look at"

    (root / "data/raw/orders.csv").write_text(FILES["data/raw/orders.csv"])
    repaired = medallion(root, "run")
    assert repaired.code == 0
    assert content(root, "silver.orders") == silver
    left = [name for (name,) in ask(root, "SELECT table_name FROM INFORMATION_SCHEMA.TABLES") if "__" in name]
    assert left == []


def test_the_ledger_keeps_the_failure_and_its_verdict(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": DIRTY})
    assert medallion(root, "run").code == 2
    status = json.loads(medallion(root, "status", "--json").out)
    load = next(r for r in status["loads"] if r["table_name"] == "silver.orders")
    assert (load["state"], load["verdict"]) == ("failed", "failed")
    failed = [v for v in status["verdicts"] if not v["success"]]
    assert [(v["table_name"], v["severity"], v["unexpected"]) for v in failed] == [("silver.orders", "critical", 1)]
    assert status["runs"][0]["state"] == "failed"


def test_a_warning_publishes_and_is_recorded(tmp_path: Path) -> None:
    suite = FILES["expectations/silver/orders.yaml"] + "    severity: warning\n"  # type: ignore[operator]
    root = write_project(tmp_path, {"data/raw/orders.csv": DIRTY, "expectations/silver/orders.yaml": suite})
    said = medallion(root, "run")
    assert said.code == 0
    assert "1 warning" in said.err
    assert b"5000" in content(root, "silver.orders")


def test_a_quarantine_rule_moves_the_row_and_publishes_the_rest(tmp_path: Path) -> None:
    suite = FILES["expectations/silver/orders.yaml"] + "    quarantine: true\n"  # type: ignore[operator]
    root = write_project(tmp_path, {"data/raw/orders.csv": DIRTY, "expectations/silver/orders.yaml": suite})
    said = medallion(root, "run", "--json")
    assert said.code == 0, said.err
    silver = next(t for t in json.loads(said.out)["tables"] if t["table"] == "silver.orders")
    assert (silver["rows_read"], silver["rows_quarantined"], silver["rows_filtered"], silver["rows_published"]) == (
        5,
        1,
        1,
        3,
    )
    rows = json.loads(medallion(root, "quarantine", "show", "silver.orders", "--json").out)
    assert [r["row_data"]["order_id"] for r in rows] == [9]
    assert "amount" in rows[0]["reasons"][0]

    done = medallion(root, "quarantine", "replay", "silver.orders", "--set", "amount=50", "--all", "--yes")
    assert done.code == 0, done.err
    assert b"Decimal('50.00')" in content(root, "silver.orders")
    assert json.loads(medallion(root, "quarantine", "show", "silver.orders", "--json").out) == []


def test_a_quarantined_row_keeps_every_reason(tmp_path: Path) -> None:
    suite = (
        FILES["expectations/silver/orders.yaml"]  # type: ignore[operator]
        + "    quarantine: true\n  - type: expect_column_values_to_be_in_set\n"
        + "    kwargs: {column: customer, value_set: [Ann, Bob, Cid]}\n    quarantine: true\n"
    )
    root = write_project(tmp_path, {"data/raw/orders.csv": DIRTY, "expectations/silver/orders.yaml": suite})
    assert medallion(root, "run").code == 0
    (row,) = json.loads(medallion(root, "quarantine", "show", "silver.orders", "--json").out)
    assert [reason.split()[0] for reason in row["reasons"]] == ["amount", "customer"]


JUDGED_AGAIN = {
    # what else the suite says, and whether the load is published
    "what is left is good": ("expect_column_max_to_be_between, kwargs: {column: amount, max_value: 100}", True),
    "too few are left": ("expect_table_row_count_to_be_between, kwargs: {min_value: 4}", False),
}


@pytest.mark.parametrize("case", JUDGED_AGAIN)
def test_what_is_judged_is_what_is_published(case: str, tmp_path: Path) -> None:
    rule, good = JUDGED_AGAIN[case]
    suite = FILES["expectations/silver/orders.yaml"] + f"    quarantine: true\n  - {{type: {rule}}}\n"  # type: ignore[operator]
    root = write_project(tmp_path, {"data/raw/orders.csv": DIRTY, "expectations/silver/orders.yaml": suite})
    said = medallion(root, "run", "--select", "+silver.orders")
    assert said.code == (0 if good else 2), said.err
    published = "SELECT rows_total FROM ops.loads WHERE table_name = 'silver.orders' AND state = 'published'"
    assert ask(root, published) == ([(3,)] if good else [])
    verdicts = "SELECT success, quarantine FROM ops.verdicts WHERE table_name = 'silver.orders' AND type = '{}'"
    assert ask(root, verdicts.format(rule.partition(",")[0])) == [(good, False)]


def test_replayed_rows_that_fail_again_are_held_again(tmp_path: Path) -> None:
    suite = FILES["expectations/silver/orders.yaml"] + "    quarantine: true\n"  # type: ignore[operator]
    root = write_project(tmp_path, {"data/raw/orders.csv": DIRTY, "expectations/silver/orders.yaml": suite})
    assert medallion(root, "run").code == 0
    before = content(root, "silver.orders")
    said = medallion(root, "quarantine", "replay", "silver.orders")
    assert said.code == 0, said.err
    assert "0 of 1 rows published, 1 still in quarantine" in said.err
    assert content(root, "silver.orders") == before
    assert len(json.loads(medallion(root, "quarantine", "show", "silver.orders", "--json").out)) == 1


def test_when_every_row_would_be_held_nothing_is_published(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    before = content(root, "bronze.orders")
    (root / "data/raw/orders.csv").write_text(
        "order_id,customer,amount,ordered_on\na,Ann,1,2024-01-01\nb,Bob,2,2024-01-01\n"
    )
    said = medallion(root, "run")
    assert said.code == 2
    assert "2 of 2 rows (100 %) would go to quarantine, and none is left" in said.err
    assert content(root, "bronze.orders") == before


def test_a_gate_tells_the_truth_about_a_published_view(tmp_path: Path) -> None:
    """The view shows the rows of its tables, whatever its gate says."""
    pipelines = PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n    load: view\n")
    root = write_project(tmp_path, {"pipelines.yaml": pipelines})
    assert medallion(root, "run").code == 0
    raw = root / "data/raw/orders.csv"
    raw.write_text(raw.read_text().replace("99.99", "1099.99"))
    said = medallion(root, "run")
    assert said.code == 2, said.err
    words = " ".join(said.err.split())
    assert "(the view is as it was declared, and shows what its tables have now; look at" in words, words
    assert "the published table is as it was" not in words
    assert ask(root, "SELECT COUNT(*) FROM silver.orders WHERE amount > 1000") == [(1,)]


def test_a_view_has_no_rows_to_quarantine(tmp_path: Path) -> None:
    suite = f"{FILES['expectations/silver/orders.yaml']}    quarantine: true\n"
    pipelines = PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n    load: view\n")
    root = write_project(tmp_path, {"pipelines.yaml": pipelines, "expectations/silver/orders.yaml": suite})
    said = medallion(root, "check")
    words = " ".join(said.err.split())
    assert said.code == 1, words
    assert "expectations/silver/orders.yaml:2:" in words and "silver.orders is a view, which has no rows of its own" in words
    assert "such as replace" in words
