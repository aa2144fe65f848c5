"""Quarantined rows on their way back: never over newer rows, judged as the table would become, and back again."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.project_files import FILES, UNGUARDED, Said, medallion, write_project
from tests.project_files import PIPELINES as GUARDED
from tests.promises.test_kill import tables
from tests.targets import ask, change, process_environment

pytestmark = pytest.mark.usefixtures("target")

PIPELINES = GUARDED + UNGUARDED
HEAD = "order_id,customer,amount,ordered_on\n"
GOOD = HEAD + "1,Ann,10.00,2024-01-01\n2,Bob,20.00,2024-01-02\n"
SUITE = "expectations/silver/orders.yaml"
RULE = str(FILES[SUITE]) + "    quarantine: true\n"
MONTHS = "    load: partition\n    partition_by: {column: ordered_on, grain: month}\n"


def run(root: Path, *args: str, code: int = 0) -> Said:
    said = medallion(root, "run", *args)
    assert said.code == code, said.err
    return said


def source(root: Path, text: str, name: str = "orders.csv") -> None:
    (root / "data/raw" / name).write_text(text)


def quarantine(root: Path, table: str = "bronze.orders", *args: str) -> list[dict[str, Any]]:
    said = medallion(root, "quarantine", "show", table, "--json", *args)
    assert said.code == 0, said.err
    return json.loads(said.out)  # type: ignore[no-any-return]


def replay(root: Path, table: str = "bronze.orders", *args: str, code: int = 0) -> str:
    said = medallion(root, "quarantine", "replay", table, *args)
    assert said.code == code, said.err
    return " ".join(said.err.split())


def rows_of_status(root: Path, table: str) -> int:
    """The rows that ``status`` shows of a table."""
    line = next(line for line in medallion(root, "status").out.splitlines() if line.startswith(table))
    words = line.split()
    return int(words[3] if words[2] in ("passed", "warned", "held") else words[2])


def amounts(root: Path, table: str = "bronze.orders") -> dict[int, float]:
    return {i: float(a) for i, a in ask(root, f"SELECT order_id, amount FROM {table}")}


def states(root: Path, table: str = "bronze_orders") -> list[tuple[Any, ...]]:
    return ask(root, f"SELECT state, COUNT(*) FROM quarantine.{table} GROUP BY state ORDER BY state")


def landed(tmp_path: Path, load: str, content: str, **changes: str) -> Path:
    pipelines = PIPELINES.replace("  bronze.orders:\n", f"  bronze.orders:\n{load}")
    root = write_project(tmp_path, {"pipelines.yaml": pipelines, "data/raw/orders.csv": content, **changes})
    run(root)
    return root


LOADS = {"replace": "", "merge": "    load: merge\n", "partition": MONTHS, "append": "    load: append\n"}
SUITE_B = "expectations/bronze/orders.yaml"
STRICT = "expectations:\n- {type: expect_column_values_to_be_between, kwargs: {column: amount, max_value: 1000}, quarantine: true}\n"


# -- newer and older -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", ["merge", "partition", "append"])
def test_a_row_never_takes_the_place_of_a_newer_one(load: str, tmp_path: Path) -> None:
    """Load 1 quarantines 7 of one file; load 2 brings 7 repaired from another; the file of load 1 is gone by then."""
    root = landed(
        tmp_path, LOADS[load], GOOD, **{"data/raw/orders_1.csv": HEAD + "7,Eve,much,2024-02-07\n8,Fay,8,2024-02-08\n"}
    )
    (root / "data/raw/orders_1.csv").unlink()
    # Of another period, so that only the key tells that it is the same order.
    source(root, HEAD + "7,Eve,71.00,2024-03-07\n", "orders_2.csv")
    run(root)
    said = replay(root, "bronze.orders", "--all", "--yes", "--set", "amount=70")
    assert "0 of 1 rows published, 1 still in quarantine" in said
    assert amounts(root)[7] == 71
    reasons = quarantine(root)[0]["reasons"]
    assert "amount: 'much' is not" in reasons[0]
    assert "order_id: the key stands in the table already, loaded later by" in reasons[1]
    assert "from row 1 of data/raw/orders_2.csv" in reasons[1]
    assert replay(root).startswith("bronze.orders: 0 of 1"), "and it stays there, whatever is tried"
    assert len(quarantine(root)) == 1


def test_a_newer_row_takes_the_place_of_an_older_one_in_a_merged_table(tmp_path: Path) -> None:
    root = landed(tmp_path, LOADS["merge"], GOOD)
    source(root, HEAD + "1,Ann,much,2024-01-01\n2,Bob,20.00,2024-01-02\n")
    run(root)
    before = tables(root)["bronze.orders"]
    replay(root, "bronze.orders", "--all", "--yes", "--set", "amount=11")
    assert amounts(root) == {1: 11, 2: 20}
    load_id = quarantine(root, "bronze.orders", "--all")[0]["replay_load_id"]
    assert medallion(root, "quarantine", "undo", load_id).code == 0
    assert tables(root)["bronze.orders"] == before, "what it replaced is back"


@pytest.mark.parametrize("load", ["replace", "append", "partition"])
def test_another_table_does_not_replace_single_rows(load: str, tmp_path: Path) -> None:
    """Row 3 of the file is later than row 1, but only a merged table takes one row for another."""
    root = landed(tmp_path, LOADS[load], GOOD + "1,Ann,much,2024-01-01\n")
    replay(root, "bronze.orders", "--all", "--yes", "--set", "amount=11")
    assert amounts(root) == {1: 10, 2: 20}
    assert f"load: {load} does not replace single rows" in quarantine(root)[0]["reasons"][-1]


@pytest.mark.parametrize("load", ["replace", "merge"])
def test_of_a_built_table_nobody_can_tell_which_row_is_newer(load: str, tmp_path: Path) -> None:
    pipelines = PIPELINES.replace("  silver.orders:\n", f"  silver.orders:\n    load: {load}\n").replace(
        "    key: order_id\n    columns", "    columns"
    )
    content = GOOD + "1,Ann,5000,2024-01-01\n"
    root = write_project(tmp_path, {"pipelines.yaml": pipelines, "data/raw/orders.csv": content, SUITE: RULE})
    run(root)
    replay(root, "silver.orders", "--all", "--yes", "--set", "amount=500")
    assert amounts(root, "silver.orders") == {1: 10, 2: 20}
    assert "which of the two is the newer cannot be told" in quarantine(root, "silver.orders")[0]["reasons"][-1]


def test_a_replayed_row_is_as_old_as_the_load_that_quarantined_it(tmp_path: Path) -> None:
    """Two versions of 7, quarantined by two loads; the first is replayed first, the second still takes its place."""
    root = landed(tmp_path, LOADS["merge"], GOOD, **{"data/raw/orders_1.csv": HEAD + "7,Eve,much,2024-02-07\n"})
    (root / "data/raw/orders_1.csv").unlink()
    source(root, HEAD + "7,Eve,more,2024-02-07\n8,Fay,8.00,2024-02-08\n", "orders_2.csv")
    run(root)
    newer, older = quarantine(root)
    assert (newer["row_data"]["amount"], older["row_data"]["amount"]) == ("more", "much")
    replay(root, "bronze.orders", "--row", older["quarantine_id"], "--set", "amount=70")
    assert amounts(root)[7] == 70
    replay(root, "bronze.orders", "--row", newer["quarantine_id"], "--set", "amount=71")
    assert amounts(root)[7] == 71


def test_of_two_quarantined_rows_of_one_key_the_later_goes_and_the_other_stays(tmp_path: Path) -> None:
    root = landed(tmp_path, "", GOOD + "7,Eve,much,2024-01-07\n7,Eve,more,2024-01-08\n")
    said = replay(root, "bronze.orders", "--all", "--yes", "--set", "amount=70")
    assert "1 of 2 rows published, 1 still in quarantine" in said
    assert ask(root, "SELECT _source_row FROM bronze.orders WHERE order_id = 7") == [(4,)]
    (left,) = quarantine(root)
    assert left["source_row"] == 3
    assert "has the same key, the later one goes first" in left["reasons"][-1]


# -- superseded ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", LOADS)
def test_rows_of_a_file_that_was_loaded_again_are_superseded(load: str, tmp_path: Path) -> None:
    """Also where the column to partition by did not parse, and also where the load brings bad rows of its own."""
    bad = "7,Eve,much,2024-01-07\n8,Fay,8,soon\n"
    root = landed(tmp_path, LOADS[load], GOOD, **{"data/raw/orders_1.csv": HEAD + bad + "9,Gil,9,2024-02-09\n"})
    assert states(root) == [("held", 2)]
    source(root, HEAD + "7,Eve,71.00,2024-01-07\n8,Fay,8,later\n9,Gil,9,2024-02-09\n", "orders_1.csv")
    run(root)
    assert states(root) == [("held", 1), ("superseded", 2)]
    assert [r["row_data"]["ordered_on"] for r in quarantine(root)] == ["later"]


def test_rows_of_a_file_that_was_not_loaded_again_stay(tmp_path: Path) -> None:
    root = landed(tmp_path, LOADS["append"], GOOD + "7,Eve,much,2024-01-07\n")
    source(root, HEAD + "8,Fay,8.00,2024-01-08\n", "orders_2.csv")
    run(root)
    assert states(root) == [("held", 1)]


def test_rows_of_a_period_that_was_loaded_again_are_superseded(tmp_path: Path) -> None:
    january, february = (
        HEAD + "1,Ann,5000,2024-01-01\n2,Bob,20,2024-01-02\n",
        HEAD + "3,Cid,6000,2024-02-01\n4,Dan,4,2024-02-02\n",
    )
    pipelines = PIPELINES.replace("  silver.orders:\n", f"  silver.orders:\n{MONTHS}")
    root = write_project(
        tmp_path,
        {"pipelines.yaml": pipelines, SUITE: RULE, "data/raw/orders.csv": january, "data/raw/orders_2.csv": february,
         "templates/silver/orders.sql": str(FILES["templates/silver/orders.sql"]).replace("{{ least }}", "0")},
    )  # fmt: skip
    run(root)
    assert states(root, "silver_orders") == [("held", 2)]
    (root / "data/raw/orders.csv").unlink()
    source(root, february.replace("6000", "600"), "orders_2.csv")
    run(root)
    assert states(root, "silver_orders") == [("held", 1), ("superseded", 1)]
    assert [r["row_data"]["order_id"] for r in quarantine(root, "silver.orders")] == [1]


def test_rows_without_a_date_are_superseded_when_they_are_read_again_from_another_file(tmp_path: Path) -> None:
    """Of a row whose date is not one, and of a line that did not parse, nobody knows the period."""
    bad = HEAD + "1,Ann,10,2024-01-01\n7,Eve,much,\n8,Fay,8,soon\n9\n"
    root = landed(tmp_path, MONTHS, GOOD, **{"data/raw/orders_1.csv": bad})
    assert states(root) == [("held", 3)]
    (root / "data/raw/orders_1.csv").unlink()
    source(root, HEAD + "7,Eve,71.00,\n", "orders_2.csv")
    run(root)
    assert states(root) == [("held", 2), ("superseded", 1)]
    assert all(r["row_data"].get("order_id") != "7" for r in quarantine(root))


@pytest.mark.parametrize("load", ["partition", "merge"])
def test_the_rows_of_a_renamed_file_are_in_quarantine_once(load: str, tmp_path: Path) -> None:
    bad = HEAD + "7,Eve,7,2024-01-07\n8,Fay,8,soon\n9\n"
    root = landed(tmp_path, LOADS[load], GOOD, **{"data/raw/orders_1.csv": bad})
    assert states(root) == [("held", 2)]
    (root / "data/raw/orders_1.csv").rename(root / "data/raw/orders_2.csv")
    run(root)
    assert states(root) == [("held", 2), ("superseded", 2)]
    assert {r["source_file"] for r in quarantine(root)} == {"data/raw/orders_2.csv"}


def test_rows_of_a_key_that_was_built_again_are_superseded(tmp_path: Path) -> None:
    pipelines = PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n    load: merge\n")
    bad = GOOD + "3,Cid,6000,2024-02-01\n4,Dan,7000,2024-02-02\n5,Eve,8000,2024-02-03\n"
    root = write_project(tmp_path, {"pipelines.yaml": pipelines, SUITE: RULE, "data/raw/orders.csv": bad})
    run(root)
    source(root, GOOD + "3,Cid,600,2024-02-01\n4,Dan,7001,2024-02-02\n")
    run(root)
    left = {r["row_data"]["order_id"]: float(r["row_data"]["amount"]) for r in quarantine(root, "silver.orders")}
    assert left == {4: 7001, 5: 8000}
    assert states(root, "silver_orders") == [("held", 2), ("superseded", 2)]


# -- definitions -----------------------------------------------------------------------------------------------------

CHANGES = {
    "suite": ({SUITE: RULE.replace("1000", "6000")}, 0),
    "template": ({"templates/silver/orders.sql": str(FILES["templates/silver/orders.sql"]).replace(">=", ">")}, 0),
    "columns": (
        {"templates/silver/orders.sql": str(FILES["templates/silver/orders.sql"]).replace("o.amount,", "CAST(o.amount AS decimal(12,2)) AS amount,")},
        1,
    ),
    "load": ({"pipelines.yaml": PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n    load: merge\n")}, 1),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_replay_leaves_a_changed_table_stale(what: str, tmp_path: Path) -> None:
    changes, code = CHANGES[what]
    root = write_project(
        tmp_path, {"pipelines.yaml": PIPELINES, SUITE: RULE, "data/raw/orders.csv": GOOD + "9,Eve,5000,2024-01-09\n"}
    )
    run(root)
    write_project(
        root,
        {"pipelines.yaml": PIPELINES, SUITE: RULE, "data/raw/orders.csv": GOOD + "9,Eve,5000,2024-01-09\n", **changes},
    )
    fix = [] if what == "suite" else ["--all", "--yes", "--set", "amount=50"]
    said = replay(root, "silver.orders", *fix, code=code)
    if code:
        assert "the definition of silver.orders changed since it was published" in said
        assert "`medallion run --select silver.orders` first" in said
        assert 9 not in amounts(root, "silver.orders")
    else:
        assert "1 of 1 rows published" in said
        assert "still stale" in said
        assert amounts(root, "silver.orders")[9] == (5000 if what == "suite" else 50)
    states_ = {r["table"]: r for r in json.loads(medallion(root, "ls", "--json").out)}
    assert states_["silver.orders"]["reason"] == "its definition changed"


# -- the gate --------------------------------------------------------------------------------------------------------


def test_a_new_suite_judges_the_whole_table_after_a_replay_too(tmp_path: Path) -> None:
    root = landed(tmp_path, LOADS["merge"], GOOD + "3,Cid,much,2024-01-03\n")
    (root / SUITE_B).parent.mkdir(exist_ok=True)
    (root / SUITE_B).write_text(STRICT.replace("max_value: 1000", "max_value: 15").replace(", quarantine: true", ""))
    replay(root, "bronze.orders", "--all", "--set", "amount=5", "--yes")
    source(root, HEAD + "4,Dan,1.00,2024-01-04\n")
    said = run(root, "--select", "bronze.orders", code=2)
    assert "1 of 4 values (25 %) are not at most 15" in " ".join(said.err.split())


def test_one_bad_row_does_not_keep_the_others_back(tmp_path: Path) -> None:
    """A critical rule about single rows keeps its row in quarantine; it stops a run, not a replay."""
    rules = "expectations:\n- {type: expect_column_values_to_be_between, kwargs: {column: amount, min_value: 0, max_value: 100}}\n"
    root = landed(tmp_path, "", GOOD + "7,Eve,1,soon\n8,Fay,800,soon\n", **{SUITE_B: rules})
    said = replay(root, "bronze.orders", "--all", "--yes", "--set", "ordered_on=2024-01-09")
    assert "1 of 2 rows published, 1 still in quarantine" in said
    assert sorted(amounts(root)) == [1, 2, 7]
    (left,) = quarantine(root)
    assert left["reasons"][0].startswith("ordered_on: 'soon' is not")
    assert left["reasons"][1].startswith("with ordered_on=2024-01-09: amount")
    assert left["row_data"]["ordered_on"] == "soon", "what it was is not lost"


WHOLE = {
    "rows there must be": ("expect_table_row_count_to_be_between, kwargs: {min_value: 2}", 0),
    "rows there may be": ("expect_table_row_count_to_be_between, kwargs: {max_value: 2}", 2),
    "a mean that stays": ("expect_column_mean_to_be_between, kwargs: {column: amount, min_value: 10, max_value: 20}", 0),
    "a sum that is too much": ("expect_column_sum_to_be_between, kwargs: {column: amount, max_value: 31}", 2),
    "most of the values": ("expect_column_values_to_be_between, kwargs: {column: amount, min_value: 5, mostly: 0.6}", 0),
    "too few of the values": ("expect_column_values_to_be_between, kwargs: {column: amount, min_value: 5, mostly: 0.7}", 2),
    "distinct values": ("expect_column_distinct_values_to_contain_set, kwargs: {column: customer, value_set: [Ann, Bob]}", 0),
    "a query about all": (
        "unexpected_rows_expectation, kwargs: {unexpected_rows_query: 'SELECT COUNT(*) AS n FROM {batch} AS b HAVING COUNT(*) < 3'}", 0),
}  # fmt: skip


@pytest.mark.parametrize("what", WHOLE)
@pytest.mark.parametrize("load", ["replace", "append"])
def test_rules_about_the_table_judge_it_as_it_would_become(what: str, load: str, tmp_path: Path) -> None:
    rule, code = WHOLE[what]
    root = landed(tmp_path, LOADS[load], GOOD + "7,Eve,2,soon\n")
    # The rule is new and the run has not been yet: what was published without it is judged with the row.
    (root / "expectations/bronze").mkdir(parents=True)
    (root / SUITE_B).write_text(f"expectations:\n- {{type: {rule}}}\n")
    before = tables(root)
    said = replay(root, "bronze.orders", "--all", "--yes", "--set", "ordered_on=2024-01-09", code=code)
    if code:
        assert "the rows stay in quarantine: " in said
        assert tables(root) == before
    else:
        assert sorted(amounts(root)) == [1, 2, 7]


def test_a_value_that_would_stand_twice_stays_in_quarantine(tmp_path: Path) -> None:
    rule = "expectations:\n- {type: expect_column_values_to_be_unique, kwargs: {column: customer}}\n"
    root = landed(tmp_path, "", GOOD + "7,Ann,7,soon\n8,Fay,8,soon\n", **{SUITE_B: rule})
    said = replay(root, "bronze.orders", "--all", "--yes", "--set", "ordered_on=2024-01-09")
    assert "1 of 2 rows published, 1 still in quarantine" in said
    assert sorted(amounts(root)) == [1, 2, 8]
    assert "customer: the value stands in another row of the table" in quarantine(root)[0]["reasons"][-1]


# -- repairs and back ------------------------------------------------------------------------------------------------


def test_a_replay_says_by_number_why_rows_stay(tmp_path: Path) -> None:
    """Two rows of a kind that differ in their values, one of another kind."""
    bad = "3,Cid,much,2024-01-03\n4,Dan,more,2024-01-04\n5,Eve,5.00,never\n"
    root = landed(tmp_path, "", GOOD + bad)
    said = replay(root)
    assert "0 of 3 rows published, 3 still in quarantine 2 rows: amount: a value is not" in said
    assert "1 row: ordered_on: a value is not" in said


def test_set_needs_to_know_which_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    root = landed(tmp_path, "", GOOD + "7,Eve,much,2024-01-07\n8,Fay,more,2024-01-08\n")
    said = replay(root, "bronze.orders", "--set", "amount=1", code=1)
    assert "either --row ID (once for each) or --all" in said
    assert "amount=1 changes 2 rows of bronze.orders" in replay(
        root, "bronze.orders", "--set", "amount=1", "--all", code=1
    )
    assert len(amounts(root)) == 2, "nobody said yes"
    (one, _) = quarantine(root)
    replay(root, "bronze.orders", "--set", "amount=1", "--row", one["quarantine_id"])
    replay(root, "bronze.orders", "--set", "amount=2", "--all", "--yes")
    assert sorted(amounts(root).values()) == [1, 2, 10, 20]
    kept = [(r["row_data"]["amount"], r["repairs"]) for r in quarantine(root, "bronze.orders", "--all")]
    assert sorted(map(str, kept)) == ["('more', {'amount': '2'})", "('much', {'amount': '1'})"]


@pytest.mark.parametrize("table", ["bronze.orders", "silver.orders"])
@pytest.mark.parametrize("keyed", [True, False])
def test_a_replay_can_be_undone(table: str, keyed: bool, tmp_path: Path) -> None:
    bad = "7,Eve,5000,2024-01-07\n8,Fay,6000,2024-01-08\n"
    suite = f"expectations/{table.replace('.', '/')}.yaml"
    pipelines = PIPELINES if keyed else PIPELINES.replace("    key: order_id\n", "")
    root = write_project(
        tmp_path, {"pipelines.yaml": pipelines, SUITE: None, "data/raw/orders.csv": GOOD + bad, suite: RULE}
    )
    run(root)
    before, waiting = tables(root), quarantine(root, table)
    replay(root, table, "--all", "--yes", "--set", "amount=50")
    assert len(amounts(root, table)) == 4
    assert rows_of_status(root, table) == 4
    done = quarantine(root, table, "--all")
    one, load_id = done[0]["quarantine_id"], done[0]["replay_load_id"]
    assert medallion(root, "quarantine", "undo", one, "--table", table).code == 0
    assert len(amounts(root, table)) == rows_of_status(root, table) == 3
    said = medallion(root, "quarantine", "undo", load_id)
    assert said.code == 0, said.err
    assert quarantine(root, table) == waiting
    assert {k: v for k, v in tables(root).items() if k in before} == before
    assert not [k for k in tables(root) if "replayed" in k], "nothing is left behind"
    assert "nothing replayed is named" in " ".join(medallion(root, "quarantine", "undo", load_id).err.split())
    replay(root, table, "--all", "--yes", "--set", "amount=50")
    assert len(amounts(root, table)) == 4


@pytest.mark.parametrize("table", ["bronze.orders", "silver.orders"])
def test_a_quarantined_row_whose_key_is_published_meanwhile_says_so(table: str, tmp_path: Path) -> None:
    suite = f"expectations/{table.replace('.', '/')}.yaml"
    pipelines = PIPELINES.replace(f"  {table}:\n", f"  {table}:\n    load: append\n")
    two = "7,Eve,5000,2024-01-07\n8,Fay,6000,2024-01-08\n"
    root = write_project(
        tmp_path, {"pipelines.yaml": pipelines, SUITE: None, "data/raw/orders.csv": GOOD + two, suite: RULE}
    )
    run(root)
    assert [r["published"] for r in quarantine(root, table)] == ["", ""]
    assert "its key is published" not in medallion(root, "quarantine", "show", table).out
    change(root, f"UPDATE {table} SET order_id = 7 WHERE order_id = 1")
    first, second = sorted(quarantine(root, table), key=lambda r: str(r["row_data"]["order_id"]))
    assert "row" in first["published"] and second["published"] == ""
    assert medallion(root, "quarantine", "show", table).out.count("its key is published") == 1
    replay(root, table, "--row", first["quarantine_id"], "--set", "amount=50")
    assert "the key stands in the table already" in str(quarantine(root, table))


@pytest.mark.parametrize("table", ["bronze.orders", "silver.orders"])
def test_what_a_later_load_touched_is_not_undone(table: str, tmp_path: Path) -> None:
    suite = f"expectations/{table.replace('.', '/')}.yaml"
    root = write_project(
        tmp_path,
        {
            "pipelines.yaml": PIPELINES,
            SUITE: None,
            "data/raw/orders.csv": GOOD + "7,Eve,5000,2024-01-07\n",
            suite: RULE,
        },
    )
    run(root)
    replay(root, table, "--all", "--yes", "--set", "amount=50")
    load_id = quarantine(root, table, "--all")[0]["replay_load_id"]
    source(root, GOOD + "7,Eve,50,2024-01-07\n")
    run(root)
    before = tables(root)
    said = medallion(root, "quarantine", "undo", load_id)
    assert said.code == 3
    assert "later load" in said.err or "built again by load" in said.err
    assert tables(root) == before


def test_a_quarantine_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    root = landed(tmp_path, "", GOOD + "7,Eve,much,2024-01-07\n")
    change(root, "ALTER TABLE quarantine.bronze_orders DROP COLUMN repairs")
    replay(root, "bronze.orders", "--all", "--yes", "--set", "amount=1")
    assert quarantine(root, "bronze.orders", "--all")[0]["repairs"] == {"amount": "1"}


# -- where rows came from --------------------------------------------------------------------------------------------


def test_a_row_of_a_built_table_leads_to_its_file(tmp_path: Path) -> None:
    gold = "expectations:\n- {type: expect_column_values_to_be_between, kwargs: {column: amount, max_value: 1000}, quarantine: true}\n"
    root = write_project(
        tmp_path,
        {
            SUITE: None,
            "expectations/gold/customers.yaml": gold,
            "templates/gold/customers.sql": "SELECT c.order_id, UPPER(c.customer) AS customer, c.amount * 2 AS amount"
            " FROM (SELECT o.order_id, o.customer, o.amount FROM silver.orders AS o) AS c\n",
            "pipelines.yaml": PIPELINES.replace("    key: customer\n", "    key: order_id\n"),
            "data/raw/orders.csv": GOOD,
            "data/raw/orders_2.csv": HEAD + "8,Fay,8.00,2024-01-08\n9,Eve,5000,2024-01-09\n",
        },
    )
    run(root)
    (row,) = quarantine(root, "gold.customers")
    assert (row["source_file"], row["source_row"]) == ("data/raw/orders_2.csv", 2)
    assert "data/raw/orders_2.csv row 2" in " ".join(
        medallion(root, "quarantine", "show", "gold.customers").out.split()
    )


def test_several_origins_are_counted_and_none_is_said(tmp_path: Path) -> None:
    gold = "expectations:\n- {type: expect_column_values_to_be_between, kwargs: {column: orders, max_value: 1}, quarantine: true}\n"
    many = "".join(f"{i},Ann,10.00,2024-01-01\n" for i in range(10, 20))
    root = write_project(
        tmp_path,
        {"pipelines.yaml": PIPELINES, "expectations/gold/customers.yaml": gold, "data/raw/orders.csv": GOOD + many},
    )
    run(root)
    (row,) = quarantine(root, "gold.customers")
    assert len(row["origins"]) == 5
    (root / "templates/gold/customers.sql").write_text(
        "SELECT CONCAT(o.customer, '!') AS customer, COUNT(*) AS orders, SUM(o.amount) AS amount FROM silver.orders AS o"
        " GROUP BY o.customer\n"
    )
    run(root)
    (row,) = quarantine(root, "gold.customers")
    assert row["source_file"] is None
    assert "cannot be traced" in " ".join(medallion(root, "quarantine", "show", "gold.customers").out.split())


# -- kill -9 ---------------------------------------------------------------------------------------------------------

KILLER = """
import os, signal, sys
from pathlib import Path
from engine.config.project import load_project
from engine.execution.replay import replay, undo

def tell(at, rows):
    if at == step:
        os.kill(os.getpid(), signal.SIGKILL)

what, step = sys.argv[1:]
if what == "replay":
    replay(load_project(Path.cwd()), None, "bronze.orders", repairs=["amount=50"], tell=tell)
else:
    undo(load_project(Path.cwd()), None, what, tell=tell)
sys.exit("not killed")
"""


def killed(root: Path, what: str, step: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", KILLER, what, step],
        cwd=root,
        env=process_environment(),
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()


def published(root: Path) -> dict[str, object]:
    return {k: v for k, v in tables(root).items() if "__" not in k}


def test_a_killed_replay_or_undoing_leaves_all_as_it_was(tmp_path: Path) -> None:
    root = landed(tmp_path, LOADS["merge"], GOOD)
    source(root, HEAD + "1,Ann,much,2024-01-01\n2,Bob,20.00,2024-01-02\n3,Cid,more,2024-01-01\n")
    run(root)
    before = published(root)
    for step in ("load", "gate", "publish", "commit"):
        killed(root, "replay", step)
        assert published(root) == before, step
    replay(root, "bronze.orders", "--all", "--yes", "--set", "amount=50")
    assert amounts(root) == {1: 50, 2: 20, 3: 50}
    after = published(root)
    load_id = quarantine(root, "bronze.orders", "--all")[0]["replay_load_id"]
    for step in ("publish", "commit"):
        killed(root, load_id, step)
        assert published(root) == after, step
    assert medallion(root, "quarantine", "undo", load_id).code == 0
    assert published(root) == before
    run(root)
    assert not [t for t in tables(root) if "__" in t], "nothing is left behind"
