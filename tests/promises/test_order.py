"""Loads and runs are ordered by a counter: a clock that was wrong once must not decide what is the latest."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from engine.state import ledger
from tests.project_files import FILES, PIPELINES, medallion, write_project
from tests.targets import ask, change

pytestmark = pytest.mark.usefixtures("target")

MORE = FILES["data/raw/orders.csv"] + "5,Dan,40.00,2024-03-01\n"


@contextmanager
def clock_set_to(moment: dt.datetime) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ledger, "now", lambda: moment)
        yield


def first_load_in_the_future(root: Path, **files: str) -> Path:
    """Two loads, the first of them by a machine whose clock was years ahead."""
    write_project(root, files)
    with clock_set_to(dt.datetime(2099, 1, 1)):
        said = medallion(root, "run", "--load-id", "zz_first")
    assert said.code == 0, said.err
    (root / "data/raw/orders.csv").write_text(MORE)
    said = medallion(root, "run", "--load-id", "aa_second")
    assert said.code == 0, said.err
    return root


def test_the_latest_load_is_the_one_that_was_published_last(tmp_path: Path) -> None:
    root = first_load_in_the_future(tmp_path)
    rows = {r["table"]: r["rows"] for r in json.loads(medallion(root, "ls", "--json").out)}
    assert rows["bronze.orders"] == 5
    status = json.loads(medallion(root, "status", "--json").out)
    assert status["runs"][0]["run_id"] == "aa_second"
    assert {load["load_id"] for load in status["loads"]} == {"aa_second"}


def test_nothing_is_built_again(tmp_path: Path) -> None:
    root = first_load_in_the_future(tmp_path)
    said = medallion(root, "run", "--json")
    assert {o["state"] for o in json.loads(said.out)["tables"]} == {"unchanged"}


def test_an_append_without_a_key_does_not_grow(tmp_path: Path) -> None:
    pipelines = PIPELINES.replace("  silver.orders:\n    key: order_id\n", "  silver.orders: {load: append, watermark: order_id}\n")
    select = FILES["templates/silver/orders.sql"] + "{% if watermark %}AND o.order_id > {{ watermark | int }}{% endif %}\n"
    root = first_load_in_the_future(tmp_path, **{"pipelines.yaml": pipelines, "templates/silver/orders.sql": select})
    for _ in range(2):
        assert medallion(root, "run").code == 0
    assert ask(root, "SELECT order_id, COUNT(*) FROM silver.orders GROUP BY order_id HAVING COUNT(*) > 1") == []


def test_a_version_never_ends_before_it_begins(tmp_path: Path) -> None:
    pipelines = PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n    load: scd2\n")
    root = write_project(tmp_path, {"pipelines.yaml": pipelines})
    assert medallion(root, "run").code == 0
    change(root, "UPDATE silver.orders SET valid_from = '2099-01-01 00:00:00'")
    (root / "data/raw/orders.csv").write_text(MORE.replace("20.50", "21.00"))
    assert medallion(root, "run").code == 0
    assert ask(root, "SELECT COUNT(*) FROM silver.orders WHERE valid_to <= valid_from") == [(0,)]
    versions = "SELECT valid_from, valid_to FROM silver.orders WHERE order_id = 2 ORDER BY valid_from"
    old, new = ask(root, versions)
    assert old[1] == new[0] > dt.datetime(2099, 1, 1)


def test_a_ledger_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    root = first_load_in_the_future(tmp_path)
    change(
        root,
        "ALTER TABLE ops.loads DROP COLUMN number",
        "ALTER TABLE ops.runs DROP COLUMN number",
        "UPDATE ops.loads SET finished_at = '2024-01-01 00:00:00' WHERE load_id = 'zz_first'",
        "UPDATE ops.runs SET started_at = '2024-01-01 00:00:00' WHERE run_id = 'zz_first'",
    )
    said = medallion(root, "ls")
    assert (said.code, "`medallion run` brings it up to date" in said.err) == (3, True), said.err
    said = medallion(root, "run")
    assert said.code == 0, said.err
    assert "the ledger was made by an earlier version; added ops.runs.number, ops.loads.number" in said.err
    numbered = ask(root, "SELECT load_id, number FROM ops.loads WHERE table_name = 'bronze.orders' ORDER BY number")
    assert numbered == [("zz_first", 1), ("aa_second", 2)]
    assert ask(root, "SELECT run_id FROM ops.runs WHERE number <= 2 ORDER BY number") == [("zz_first",), ("aa_second",)]
