"""What a load read makes way for what is good of it, also where nothing of it is: no row is there twice after a replay."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from engine.execution.tasks import Job, build, gate
from tests.project_files import FILES, PIPELINES, UNGUARDED, Said, medallion, write_project
from tests.targets import ask

pytestmark = pytest.mark.usefixtures("target")

HEAD = "order_id,customer,amount,ordered_on\n"
KEYLESS = PIPELINES.replace("    key: order_id\n", "")
APPEND = "    load: append\n"
SUITE = "expectations/silver/orders.yaml"
RULE = str(FILES[SUITE]) + "    quarantine: true\n"
ALL = str(FILES["templates/silver/orders.sql"]).replace("{{ least }}", "0")
SECOND = "data/raw/orders_2.csv"
MANY = "".join(f"{i},Ann,10,2024-05-01\n" for i in range(10, 30))
SUITES = {"bronze.orders": "expectations/bronze/orders.yaml", "silver.orders": SUITE}


def months(grain: str = "month", column: str = "ordered_on") -> str:
    return f"    load: partition\n    partition_by: {{column: {column}, grain: {grain}}}\n"


def declared(table: str, load: str, guards: str = UNGUARDED) -> str:
    return KEYLESS.replace(f"  {table}:\n", f"  {table}:\n{load}") + guards


def run(root: Path, *args: str, code: int = 0) -> Said:
    said = medallion(root, "run", *args)
    assert said.code == code, said.err
    return said


def orders(root: Path, table: str = "bronze.orders") -> list[int]:
    return [r[0] for r in ask(root, f"SELECT order_id FROM {table} WHERE order_id < 10 ORDER BY 1")]


def replay(root: Path, table: str = "bronze.orders") -> None:
    said = medallion(root, "quarantine", "replay", table, "--all", "--yes", "--set", "amount=10")
    assert said.code == 0, said.err


def waiting(root: Path, table: str) -> list[int]:
    said = medallion(root, "quarantine", "show", table, "--json")
    assert said.code == 0, said.err
    return sorted(int(r["row_data"]["order_id"]) for r in json.loads(said.out))


# -- periods ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("grain", "bad"),
    [
        ("day", "1,Ann,much,2024-01-01\n2,Bob,more,2024-01-02\n"),
        # Dates that conversion takes, spelt as few spell them.
        ("month", "1,Ann,much,2024-1-1\n2,Bob,more,20240102\n"),
        # Good when they land; the suite moves them.
        ("year", "1,Ann,5000,2024-01-01\n2,Bob,6000,2024-01-02\n"),
    ],
)
def test_a_period_of_which_nothing_is_good_is_replaced(grain: str, bad: str, tmp_path: Path) -> None:
    text = HEAD + "{}3,Cid,30,2025-02-01\n"
    first = "1,Ann,10,2024-01-01\n2,Bob,20,2024-01-02\n"
    pipelines = declared("bronze.orders", months(grain))
    files = {"pipelines.yaml": pipelines, "data/raw/orders.csv": text.format(first), SUITES["bronze.orders"]: RULE}
    root = write_project(tmp_path, files)
    run(root)
    (root / "data/raw/orders.csv").write_text(text.format(bad))
    run(root)
    assert orders(root) == [3]
    replay(root)
    assert orders(root) == [1, 2, 3]


def test_rows_without_a_period_of_which_none_is_good_are_replaced(tmp_path: Path) -> None:
    """A date that is not one says nothing of a period; no date does."""
    text = HEAD + "1,Ann,{},\n2,Bob,20,2024-01-02\n"
    files = {"pipelines.yaml": declared("bronze.orders", months()), "data/raw/orders.csv": text.format(10)}
    root = write_project(tmp_path, files)
    run(root)
    (root / "data/raw/orders.csv").write_text(HEAD + "4,Dan,40,soon\n2,Bob,20,2024-01-02\n")
    run(root)
    assert orders(root) == [1, 2]
    (root / "data/raw/orders.csv").write_text(text.format("much"))
    run(root)
    assert orders(root) == [2]


def built(tmp_path: Path, load: str, guards: str = UNGUARDED, select: str = ALL, **files: str) -> Path:
    pipelines = {"pipelines.yaml": declared("silver.orders", load, guards), "templates/silver/orders.sql": select}
    return write_project(tmp_path, {**pipelines, SUITE: RULE, **files})


def test_a_built_period_of_which_nothing_is_good_is_replaced(tmp_path: Path) -> None:
    text = HEAD + "1,Ann,{},2024-01-01\n2,Bob,{},\n3,Cid,30,2025-02-01\n"
    root = built(tmp_path, months(), **{"data/raw/orders.csv": text.format(10, 20)})
    run(root)
    for dear in (5000, 6000):
        (root / "data/raw/orders.csv").write_text(text.format(dear, dear))
        run(root)
        assert orders(root, "silver.orders") == [3]
        assert waiting(root, "silver.orders") == [1, 2], "of each row the copy that was read last"
    replay(root, "silver.orders")
    assert orders(root, "silver.orders") == [1, 2, 3]


def test_a_period_whose_rows_lost_to_others_of_their_key_is_replaced(tmp_path: Path) -> None:
    """Order 1 is in January and in March; the March row wins, January was read all the same."""
    text = HEAD + "1,Ann,10,2024-01-01\n{}2,Bob,20,2024-02-01\n"
    load = months() + "    key: order_id\n    dedupe: ordered_on DESC\n"
    root = built(tmp_path, load, **{"data/raw/orders.csv": text.format("")})
    run(root)
    (root / "data/raw/orders.csv").write_text(text.format("1,Ann,11,2024-03-01\n"))
    run(root)
    found = ask(root, "SELECT order_id, ordered_on FROM silver.orders ORDER BY 1")
    assert found == [(1, dt.date(2024, 3, 1)), (2, dt.date(2024, 2, 1))]


def test_a_new_suite_judges_the_table_without_the_periods_that_were_read(tmp_path: Path) -> None:
    text = HEAD + "1,Ann,{},2024-01-01\n2,Bob,20,2024-02-02\n"
    root = built(tmp_path, months(), **{"data/raw/orders.csv": text.format(900)})
    run(root)
    (root / SUITE).write_text(RULE.replace("1000", "100"))
    run(root)
    assert orders(root, "silver.orders") == [2]


# -- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "left", "then"),
    [
        ("1,Ann,much,2024-01-01\n2,Bob,more,2024-01-02\n", [3], [1, 2, 3]),
        ("1,Ann,5000,2024-01-01\n2,Bob,6000,2024-01-02\n", [3], [1, 2, 3]),
        ("", [3], None),
    ],
)
def test_a_file_of_which_nothing_is_good_is_replaced(
    now: str, left: list[int], then: list[int] | None, tmp_path: Path
) -> None:
    files = {SECOND: HEAD + "1,Ann,10,2024-01-01\n2,Bob,20,2024-01-02\n", "data/raw/orders.csv": HEAD + "3,Cid,3,\n"}
    suite = {SUITES["bronze.orders"]: RULE}
    root = write_project(tmp_path, {"pipelines.yaml": declared("bronze.orders", APPEND), **files, **suite})
    run(root)
    (root / SECOND).write_text(HEAD + now)
    # With others, that a load of bad rows alone is not refused for that.
    (root / "data/raw/orders_3.csv").write_text(HEAD + MANY)
    run(root)
    assert orders(root) == left
    if then:
        replay(root)
        assert orders(root) == then


@pytest.mark.parametrize("load", [APPEND, "    load: merge\n    key: order_id\n", months()])
def test_rows_of_a_file_that_is_empty_now_wait_no_longer(load: str, tmp_path: Path) -> None:
    files = {SECOND: HEAD + "1,Ann,much,2024-01-01\n", "data/raw/orders.csv": HEAD + "3,Cid,3,\n"}
    root = write_project(tmp_path, {"pipelines.yaml": declared("bronze.orders", load), **files})
    run(root)
    assert waiting(root, "bronze.orders") == [1]
    (root / SECOND).write_text(HEAD)
    run(root)
    assert waiting(root, "bronze.orders") == []


def test_a_new_suite_judges_the_table_without_the_files_that_were_read(tmp_path: Path) -> None:
    files = {SECOND: HEAD + "1,Ann,900,2024-01-01\n", "data/raw/orders.csv": HEAD + "3,Cid,3,\n"}
    root = write_project(
        tmp_path, {"pipelines.yaml": declared("bronze.orders", APPEND), SUITES["bronze.orders"]: RULE, **files}
    )
    run(root)
    (root / SECOND).write_text(HEAD)
    (root / SUITES["bronze.orders"]).write_text(str(FILES[SUITE]).replace("1000", "100"))
    run(root)
    assert orders(root) == [3]


@pytest.mark.parametrize("load", [APPEND, months()])
def test_a_publish_in_another_process_knows_what_was_read(load: str, tmp_path: Path) -> None:
    files = {SECOND: HEAD + "1,Ann,10,2024-01-01\n", "data/raw/orders.csv": HEAD + "3,Cid,3,\n" + MANY}
    suite = {SUITES["bronze.orders"]: RULE}
    root = write_project(tmp_path, {"pipelines.yaml": declared("bronze.orders", load), **files, **suite})
    run(root)
    (root / SECOND).write_text(HEAD + "1,Ann,5000,2024-01-01\n")
    (root / "data/raw/orders.csv").write_text(HEAD + "3,Cid,4,\n" + MANY)
    job = Job(root, None, "all", "20240101T000000_aaaaaa", dt.date(2024, 1, 1), lambda _: None)
    staged = build(job, "bronze.orders")
    gate(job, "bronze.orders", staged.load_id, staged.built_from)
    assert orders(root) == [3]
    kept = ask(root, "SELECT declared FROM ops.loads WHERE table_name = 'bronze.orders' ORDER BY number")
    assert ["brought" in json.loads(r[0]) for r in kept] == [False, False], "it is of no use to later loads"


# -- volume ----------------------------------------------------------------------------------------------------------

EMPTIED = {
    "a file of bad rows": (
        APPEND,
        HEAD + "1,Ann,much,2024-01-01\n2,Bob,more,2024-01-02\n",
        "no rows would take the place of 2: those of data/raw/orders_2.csv (2)",
    ),
    "a file of only a header": (APPEND, HEAD, "no rows would take the place of 2: those of data/raw/orders_2.csv (2)"),
    "months of bad rows": (
        months(),
        HEAD + "1,Ann,much,2024-01-01\n2,Bob,more,2024-01-02\n",
        "no rows would take the place of 2: those of 2024-01 (2)",
    ),
    "days of bad rows": (
        months("day"),
        HEAD + "1,Ann,much,2024-01-01\n2,Bob,more,2024-01-02\n",
        "no rows would take the place of 2: those of 2024-01-01 (1), 2024-01-02 (1)",
    ),
}


@pytest.mark.parametrize("case", EMPTIED)
def test_what_is_emptied_is_a_failed_gate(case: str, tmp_path: Path) -> None:
    load, content, words = EMPTIED[case]
    files = {SECOND: HEAD + "1,Ann,10,2024-01-01\n2,Bob,20,2024-01-02\n", "data/raw/orders.csv": HEAD + MANY}
    root = write_project(tmp_path, {"pipelines.yaml": declared("bronze.orders", load, ""), **files})
    run(root)
    (root / SECOND).write_text(content)
    (root / "data/raw/orders.csv").write_text(HEAD + MANY + "3,Cid,3,2024-05-03\n")
    said = run(root, code=2)
    assert words in " ".join(said.err.split())
    assert "--allow bronze.orders:empty" in said.err
    assert orders(root) == [1, 2]
    run(root, "--allow", "bronze.orders:empty")
    assert orders(root) == [3]
    run(root, "--force")
    assert orders(root) == [3], "what is gone is not missed again"


def test_what_the_suite_empties_is_a_failed_gate(tmp_path: Path) -> None:
    text = HEAD + MANY + "1,Ann,{},2024-01-01\n"
    root = built(tmp_path, months(), "", **{"data/raw/orders.csv": text.format(10)})
    run(root)
    (root / "data/raw/orders.csv").write_text(text.format(5000))
    said = run(root, code=2)
    assert "no rows would take the place of 1: those of 2024-01 (1)" in " ".join(said.err.split())
    run(root, "--allow", "silver.orders:empty")
    assert orders(root, "silver.orders") == []


# -- watermarks ------------------------------------------------------------------------------------------------------

NEWER = ALL.rstrip() + "\n{% if watermark %}AND o.order_id > {{ watermark | int }}{% endif %}\n"
LOG = "    load: append\n    watermark: order_id\n"


def test_a_row_above_the_watermark_waits_once(tmp_path: Path) -> None:
    good, bad = HEAD + "1,Ann,10,2024-01-01\n", "7,Cid,5000,2024-01-03\n"
    root = built(tmp_path, LOG, select=NEWER, **{"data/raw/orders.csv": good + bad})
    run(root)
    bad += "8,Dan,6000,2024-01-04\n"
    for number in (2, 3):
        good += f"{number},Bob,20,2024-01-02\n"
        (root / "data/raw/orders.csv").write_text(good + bad)
        run(root)
    assert waiting(root, "silver.orders") == [7, 8]
    replay(root, "silver.orders")
    assert orders(root, "silver.orders") == [1, 2, 3, 7, 8]
    run(root, "--force", "--select", "bronze.orders")
    run(root)
    assert orders(root, "silver.orders") == [1, 2, 3, 7, 8]


def test_a_row_above_the_watermark_that_is_good_by_now_waits_no_longer(tmp_path: Path) -> None:
    text = HEAD + "1,Ann,10,2024-01-01\n3,Cid,{},2024-01-03\n"
    root = built(tmp_path, LOG, select=NEWER, **{"data/raw/orders.csv": text.format(5000)})
    run(root)
    assert waiting(root, "silver.orders") == [3]
    (root / "data/raw/orders.csv").write_text(text.format(50))
    run(root)
    assert (orders(root, "silver.orders"), waiting(root, "silver.orders")) == ([1, 3], [])


def test_a_row_below_the_watermark_waits_on(tmp_path: Path) -> None:
    text = HEAD + "1,Ann,10,2024-01-01\n2,Bob,5000,2024-01-02\n3,Cid,30,2024-01-03\n"
    root = built(tmp_path, LOG, select=NEWER, **{"data/raw/orders.csv": text})
    run(root)
    (root / "data/raw/orders.csv").write_text(text + "4,Dan,6000,2024-01-04\n5,Eve,50,2024-01-05\n")
    run(root)
    assert waiting(root, "silver.orders") == [2, 4]
