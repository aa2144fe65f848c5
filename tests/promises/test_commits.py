"""Kill -9 between every two commits of a command: each table is as it was or as it will be, and the same command, given
again, ends as if nothing had happened."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.project_files import FILES, PIPELINES, medallion, write_project
from tests.promises.commits import commits, killed_after
from tests.promises.test_kill import NEW, tables
from tests.targets import ask

MIXED = PIPELINES.replace(
    "  gold.customers:\n",
    "  silver.log: {load: append, watermark: order_id}\n"
    "  silver.history: {key: order_id, load: scd2}\n"
    "  silver.months: {key: order_id, load: partition, partition_by: {column: ordered_on, grain: month}}\n"
    "  gold.listed: {key: customer, load: view}\n"
    "  gold.customers:\n",
).replace("  silver.orders:\n", "  silver.orders:\n    load: merge\n")
ALL = "SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o\n"
CHANGES = {
    "pipelines.yaml": MIXED,
    "templates/silver/log.sql": ALL + "{% if watermark %}WHERE o.order_id > {{ watermark | int }}{% endif %}\n",
    "templates/silver/history.sql": ALL,
    "templates/silver/months.sql": ALL,
    "templates/gold/listed.sql": "SELECT c.customer, c.amount FROM gold.customers AS c\n",
    "expectations/silver/orders.yaml": FILES["expectations/silver/orders.yaml"] + "    quarantine: true\n",
}


def new_file(root: Path) -> None:
    (root / "data/raw/orders.csv").write_text(NEW + "7,Fay,5000.00,2024-03-01\n")


def ran_twice(root: Path) -> None:
    """Two loads, so that there is a history, and a row of either layer in quarantine."""
    for step in (lambda: None, lambda: new_file(root)):
        step()
        said = medallion(root, "run")
        assert said.code == 0, said.err


def tables_left_out(root: Path) -> None:
    assert medallion(root, "run").code == 0
    path = root / "pipelines.yaml"
    gone = ("silver.log:", "silver.months:", "gold.listed:")
    path.write_text("".join(line for line in path.read_text().splitlines(True) if not line.strip().startswith(gone)))
    for name in ("silver/log", "silver/months", "gold/listed"):
        (root / f"templates/{name}.sql").unlink()


def test_the_ledger_row_is_in_the_commit_that_publishes(tmp_path: Path) -> None:
    """The first commit of a publish is its last one. (A server is told in tests/server/test_publish.py.)"""
    root, only = write_project(tmp_path), ("run", "--select", "bronze.orders")
    assert medallion(root, *only).code == 0
    new_file(root)
    assert killed_after(root, only, 1, since="publish")
    assert ask(root, "SELECT COUNT(*) FROM bronze.orders WHERE order_id = 7") == [(1,)]
    told = ask(root, "SELECT load_id FROM ops.loads WHERE state = 'published' ORDER BY number DESC")
    assert ask(root, "SELECT DISTINCT _load_id FROM bronze.orders") == told[:1]
    assert json.loads(medallion(root, *only, "--json").out)["unchanged"] == 1


@dataclass(frozen=True)
class Command:
    """What is killed: the command, and what happened to the project before it."""

    args: tuple[str, ...]
    before: Callable[[Path], object] = lambda root: None


LOST = ("silver.orders:rows", "silver.log:rows", "silver.months:rows", "silver.history:history")
COMMANDS = {
    "the first run": Command(("run",)),
    "a run": Command(("run",), lambda root: (medallion(root, "run"), new_file(root))),
    "a rebuild": Command(("run", "--full", *(f"--allow={what}" for what in LOST)), ran_twice),
    "a replay": Command(("quarantine", "replay", "silver.orders", "--all", "--set", "amount=50", "--yes"), ran_twice),
    "a prune": Command(("prune", "--yes"), tables_left_out),
}


def in_pairs(found: Mapping[str, object]) -> dict[str, tuple[object, object]]:
    """Each published table with its quarantine: one transaction writes both."""
    return {
        name: (rows, found.get(f"quarantine.{name.replace('.', '_')}"))
        for name, rows in found.items()
        if "__" not in name and not name.startswith(("quarantine.", "staging."))
    }


def without_superseded(found: Mapping[str, object]) -> dict[str, object]:
    """A source that is read twice supersedes what the first reading had quarantined, and keeps it."""
    return {
        name: [row for row in rows if not (name.startswith("quarantine.") and "'superseded'" in row)]  # type: ignore[attr-defined]
        for name, rows in found.items()
    }


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_killed_after_any_commit_is_repaired_by_itself(name: str, tmp_path: Path) -> None:
    command = COMMANDS[name]
    start, clean, root = tmp_path / "start", tmp_path / "clean", tmp_path / "killed"
    command.before(write_project(start, CHANGES))
    before = tables(start) if (start / "data/warehouse.duckdb").exists() else {}
    shutil.copytree(start, clean)
    assert medallion(clean, *command.args).code == 0
    after = tables(clean)
    assert after != before
    assert medallion(clean, "run").code == 0
    later = without_superseded(tables(clean))
    for number in commits():
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(start, root)
        if not killed_after(root, command.args, number):
            break
        left, was, will_be = in_pairs(tables(root)), in_pairs(before), in_pairs(after)
        for table, rows in left.items():
            assert rows in (was.get(table), will_be.get(table)), f"{table} after commit {number}"
        assert was.keys() - left.keys() <= was.keys() - will_be.keys(), f"a table is gone after commit {number}"
        again = medallion(root, *command.args)
        assert again.code == 0, f"after commit {number}: {again.err}"
        # What a killed command left in staging, the next run sweeps.
        assert medallion(root, "run").code == 0
        assert without_superseded(tables(root)) == later, f"after commit {number}"
    assert number > 2, "the command commits more than once"
