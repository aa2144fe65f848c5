"""Kill -9 at any step of a run, run again: the same rows as a clean run, and nothing left behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project_files import FILES, medallion, write_project
from tests.targets import ask, process_environment

pytestmark = pytest.mark.usefixtures("target")

TABLES = ("bronze.orders", "silver.orders", "gold.customers")
STEPS = ("load", "gate", "commit", "done")
KILLER = """
import os, signal, sys
from pathlib import Path
from engine.project import load_project
from engine.run import Watcher, run

table, step = sys.argv[1:]

class Killer(Watcher):
    def step(self, name, at, rows):
        if (name, at) == (table, step):
            os.kill(os.getpid(), signal.SIGKILL)

    def done(self, outcome):
        self.step(outcome.table, "done", 0)

run(load_project(Path.cwd()), watcher=Killer())
"""
NEW = "order_id,customer,amount,ordered_on\n1,Ann,10.00,2024-01-01\n2,Bob,21.00,2024-01-02\n5,Dan,77.00,2024-03-01\nx,Eve,1.00,2024-03-02\n"


def tables(root: Path) -> dict[str, object]:
    """Every row of every table, quarantine and view, without what names the load."""
    found: dict[str, object] = {}
    kept = "('bronze', 'silver', 'gold', 'quarantine', 'staging')"
    columns: dict[str, list[str]] = {}
    for schema, name, column in ask(
        root,
        "SELECT table_schema, table_name, column_name FROM INFORMATION_SCHEMA.COLUMNS"
        f" WHERE table_schema IN {kept} ORDER BY table_schema, table_name, ordinal_position",
    ):
        columns.setdefault(f'"{schema}"."{name}"', []).append(column)
    loads = ("_load_id", "_loaded_at", "load_id", "quarantined_at", "quarantine_id")
    for table, names in columns.items():
        listed = ", ".join(f'"{n}"' for n in names if n not in loads)
        found[table.replace('"', "")] = sorted(map(repr, ask(root, f"SELECT {listed} FROM {table}")))
    return found


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], dict[str, object]]:
    """What a run that nobody kills publishes: before and after the source changed."""
    root = write_project(tmp_path_factory.mktemp("clean"))
    assert medallion(root, "run").code == 0
    before = tables(root)
    (root / "data/raw/orders.csv").write_text(NEW)
    assert medallion(root, "run").code == 0
    return before, tables(root)


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_is_repaired_by_the_next(
    table: str, step: str, tmp_path: Path, clean: tuple[dict[str, object], dict[str, object]]
) -> None:
    before, after = clean
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    (root / "data/raw/orders.csv").write_text(NEW)

    killed = subprocess.run(
        [sys.executable, "-c", KILLER, table, step],
        cwd=root,
        env=process_environment(),
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    for name, rows in tables(root).items():
        if "." in name and not name.split(".")[1].startswith("__") and name in before:
            assert rows in (before[name], after[name]), f"{name} is neither as it was nor as it will be"

    again = medallion(root, "run")
    assert again.code == 0, again.err
    assert tables(root) == after
    assert medallion(root, "run").err.count("unchanged") >= 3


def test_the_first_run_can_be_killed_too(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    subprocess.run(
        [sys.executable, "-c", KILLER, "silver.orders", "commit"],
        cwd=root,
        env=process_environment(),
        capture_output=True,
        check=False,
    )
    said = medallion(root, "status")
    assert "interrupted" in said.out
    assert medallion(root, "run").code == 0
    assert FILES["data/raw/orders.csv"].count("\n") - 1 == len(tables(root)["bronze.orders"])  # type: ignore[arg-type]
