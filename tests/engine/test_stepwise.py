"""Build and gate as a scheduler calls them: apart, twice, in between other runs, after a repair."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.errors import GateFailed, ProjectError, SourceError, StagingGone, WarehouseError
from engine.execution.tasks import Built, Job, Judged, build, finish, gate
from engine.pages.quality import build_from_ledger
from tests.engine.test_changes import declare, loaded_twice
from tests.project_files import FILES, medallion, write_project
from tests.targets import ask, change

pytestmark = pytest.mark.usefixtures("target")

RUN = "20240101T000000_aaaaaa"
SUITE = "expectations/silver/orders.yaml"
ORDERS = str(FILES["data/raw/orders.csv"])
DEAR = ORDERS + "9,Zoe,5000.00,2024-03-01\n"


def job(root: Path, load_id: str = RUN, heard: list[str] | None = None) -> Job:
    say = (lambda message: None) if heard is None else heard.append
    return Job(root, None, "all", load_id, dt.date(2024, 1, 1), say)


def both(root: Path, table: str, load_id: str = RUN, *, force: bool = False) -> tuple[Built, Judged | None]:
    built = build(job(root, load_id), table, force=force)
    return built, None if built.state == "unchanged" else gate(job(root, load_id), table, built.load_id, built.built_from)


def test_tables_go_one_by_one_to_what_a_run_gives(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    for table, rows in (("bronze.orders", 4), ("silver.orders", 3), ("gold.customers", 3)):
        built, judged = both(root, table)
        assert (built.state, built.load_id, built.rows_staged) == ("staged", RUN, rows)
        assert judged is not None and (judged.verdict, judged.rows_total, judged.again) == ("passed", rows, False)
    said = medallion(root, "run")
    assert "0 published, 3 unchanged" in said.err, "a run finds nothing left to do"


def test_what_is_up_to_date_is_not_built_again(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    built, judged = both(root, "silver.orders")
    assert (built.state, judged) == ("unchanged", None)
    assert both(root, "silver.orders", force=True)[0].state == "staged"


def test_a_step_called_again_does_nothing_and_says_the_same(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    built, first = both(root, "bronze.orders")
    assert first is not None
    again = gate(job(root), "bronze.orders", built.load_id, built.built_from)
    assert again.again
    assert (again.load_id, again.rows_total, again.verdict) == (first.load_id, first.rows_total, first.verdict)
    assert build(job(root), "bronze.orders").state == "published"
    assert ask(root, "SELECT COUNT(*) FROM ops.loads WHERE table_name = 'bronze.orders'") == [(1,)]


def test_a_failed_gate_is_repaired_in_the_suite_and_called_again(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": DEAR})
    both(root, "bronze.orders")
    built = build(job(root), "silver.orders")
    heard: list[str] = []
    with pytest.raises(GateFailed, match="amount: 1 of 4 values"):
        gate(job(root, heard=heard), "silver.orders", built.load_id, built.built_from)
    told = "\n".join(heard)
    assert "5,000" in told and "to see the rows: SELECT" in told
    assert ask(root, "SELECT state FROM ops.loads WHERE table_name = 'silver.orders'") == [("failed",)]

    (root / SUITE).write_text(str(FILES[SUITE]).replace("1000", "9000"))
    judged = gate(job(root), "silver.orders", built.load_id, built.built_from)
    assert (judged.verdict, judged.rows_published) == ("passed", 4)
    assert build(job(root), "silver.orders").state == "published"


def test_rows_held_by_a_gate_that_failed_are_counted_once(tmp_path: Path) -> None:
    suite = str(FILES[SUITE]) + "    quarantine: true\n"
    never = "  - type: expect_table_row_count_to_be_between\n    kwargs: {min_value: 100}\n"
    root = write_project(tmp_path, {"data/raw/orders.csv": DEAR, SUITE: suite + never})
    both(root, "bronze.orders")
    built = build(job(root), "silver.orders")
    with pytest.raises(GateFailed):
        gate(job(root), "silver.orders", built.load_id, built.built_from)
    (root / SUITE).write_text(suite)
    judged = gate(job(root), "silver.orders", built.load_id, built.built_from)
    assert (judged.rows_published, judged.rows_quarantined) == (3, 1)
    assert ask(root, "SELECT COUNT(*) FROM quarantine.silver_orders") == [(1,)]


def test_rows_staged_by_another_template_are_not_judged(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    both(root, "bronze.orders")
    built = build(job(root), "silver.orders")
    template = root / "templates/silver/orders.sql"
    template.write_text(template.read_text().replace(">=", ">"))
    with pytest.raises(WarehouseError, match=r"declared otherwise .* build it again"):
        gate(job(root), "silver.orders", built.load_id, built.built_from)


def test_a_table_changed_after_it_was_published_gets_a_load_of_its_own(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    both(root, "bronze.orders")
    both(root, "silver.orders")
    template = root / "templates/silver/orders.sql"
    template.write_text(template.read_text().replace("{{ least }}", "20"))
    built, judged = both(root, "silver.orders")
    assert (built.load_id, built.why) == (f"{RUN}_2", "its definition changed")
    assert judged is not None and judged.rows_total == 2
    row = finish(job(root), started_at=dt.datetime(2024, 1, 1), failed=0, selection="all", pages=build_from_ledger)
    assert (row["published"], row["rows_published"], row["state"]) == (3, 9, "done")


def test_a_run_in_between_leaves_staged_rows_alone_or_takes_their_place(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    built = build(job(root), "silver.orders", force=True)
    assert medallion(root, "run").code == 0
    judged = gate(job(root), "silver.orders", built.load_id, built.built_from)
    assert judged.rows_total == 3

    late = build(job(root, "20240102T000000_bbbbbb"), "silver.orders", force=True)
    assert medallion(root, "run", "--force").code == 0
    with pytest.raises(WarehouseError, match=r"are gone: a later load of silver.orders took their place; build it again"):
        gate(job(root), "silver.orders", late.load_id, late.built_from)


@pytest.mark.parametrize(
    ("changes", "table", "error", "words"),
    [
        ({"templates/silver/orders.sql": "SELECT o.nonsense FROM bronze.orders AS o"}, "silver.orders", ProjectError, "nonsense"),
        ({}, "silver.ordres", ProjectError, "no table 'silver.ordres'"),
        ({}, "silver.orders", WarehouseError, "bronze.orders was never published"),
        ({"data/raw/orders.csv": None}, "bronze.orders", SourceError, "orders"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_says_why(
    tmp_path: Path, changes: dict[str, str | bytes | None], table: str, error: type[Exception], words: str
) -> None:
    root = write_project(tmp_path, changes)
    with pytest.raises(error, match=words):
        build(job(root), table)


def test_a_fault_elsewhere_in_the_project_does_not_stop_a_table_that_is_right(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"templates/gold/customers.sql": "SELECT nonsense"})
    assert both(root, "bronze.orders")[0].state == "staged"
    assert both(root, "silver.orders")[0].state == "staged"
    with pytest.raises(ProjectError, match="nonsense"):
        build(job(root), "gold.customers")


def test_steps_of_two_tables_at_once_and_a_run_at_the_same_time(tmp_path: Path, target: str) -> None:
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    faults: list[BaseException] = []

    def step(table: str, number: int) -> None:
        load_id = f"2024010{number}T000000_cccccc"
        try:
            try:
                both(root, table, load_id, force=True)
            except StagingGone as gone:
                # The run came between build and gate, and had to build the table too: a scheduler builds it again.
                assert f"a later load of {table} took their place" in str(gone)
                both(root, table, load_id, force=True)
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=step, args=(t, n)) for n, t in enumerate(("bronze.orders", "gold.customers"), 2)]
    for thread in threads:
        thread.start()
    waited = medallion(root, "run", "--wait", "120")
    for thread in threads:
        thread.join()
    assert not faults
    assert waited.code == 0, waited.err
    assert medallion(root, "run").code == 0
    assert ask(root, "SELECT SUM(orders) FROM gold.customers") == [(3,)]


def test_a_full_build_is_refused_what_it_would_lose_until_it_is_allowed(tmp_path: Path) -> None:
    root = loaded_twice(tmp_path, "merge")
    built = build(job(root), "silver.orders", full=True)
    with pytest.raises(GateFailed, match="would lose 1 of its 4 rows"):
        gate(job(root), "silver.orders", built.load_id, built.built_from)
    allowed = replace(job(root), allow=("silver.orders:rows",))
    judged = gate(allowed, "silver.orders", built.load_id, built.built_from)
    assert (judged.rows_published, judged.rows_total) == (3, 3)


def test_a_dropped_table_and_a_doubled_load_step_by_step(tmp_path: Path) -> None:
    root = write_project(tmp_path, {SUITE: None})
    declare(root, "append", key="")
    assert medallion(root, "run").code == 0
    with pytest.raises(GateFailed, match="would double its rows"):
        build(job(root), "silver.orders", force=True)
    change(root, "DROP TABLE silver.orders")
    built, judged = both(root, "silver.orders")
    assert judged is not None and (built.why, judged.rows_total) == ("it is missing from the warehouse", 3)
    declare(root, "append", key="", alias="dbo.silver_orders")
    built, judged = both(root, "silver.orders", RUN + "_2")
    assert judged is not None and (judged.rows_published, judged.rows_total) == (0, 3)
