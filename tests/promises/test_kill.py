"""Kill -9 at any step of a run and of any kind of load, run again: the same rows as a clean run, nothing left behind."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import targets
from tests.project_files import FILES, PIPELINES, Said, medallion, write_project
from tests.targets import ask, process_environment

TABLES = ("bronze.orders", "silver.orders", "gold.customers")
STEPS = ("load", "gate", "commit", "done")
KILLER = """
import os, signal, sys
from pathlib import Path
from engine.config.project import load_project
from engine.execution.runner import Watcher, run

table, step = sys.argv[1:]

class Killer(Watcher):
    def step(self, name, at, rows):
        if (name, at) == (table, step):
            os.kill(os.getpid(), signal.SIGKILL)

    def done(self, outcome):
        self.step(outcome.table, "done", 0)

result = run(load_project(Path.cwd()), watcher=Killer())
sys.exit("not killed: " + "; ".join(f"{o.table} {o.state} {o.message}" for o in result.outcomes))
"""
KINDS = {
    "a source, replaced": ("bronze.orders", ""),
    "a source, merged": ("bronze.orders", "    load: merge\n"),
    "a source, appended": ("bronze.orders", "    load: append\n"),
    "merged": ("silver.orders", "    load: merge\n"),
    "appended": ("silver.orders", "    load: append\n"),
    "by partition": ("silver.orders", "    load: partition\n    partition_by: {column: ordered_on, grain: month}\n"),
    "with history": ("silver.orders", "    load: scd2\n"),
    "replaced": ("gold.customers", ""),
    "a view": ("gold.customers", "    load: view\n"),
}
NEW = "order_id,customer,amount,ordered_on\n1,Ann,10.00,2024-01-01\n2,Bob,21.00,2024-01-02\n5,Dan,77.00,2024-03-01\nx,Eve,1.00,2024-03-02\n"


def tables(root: Path) -> dict[str, object]:
    """Every row of every table, quarantine and view, without what names the load or tells its time."""
    found: dict[str, object] = {}
    kept = "('bronze', 'silver', 'gold', 'quarantine', 'staging')"
    columns: dict[str, list[str]] = {}
    for schema, name, column in ask(
        root,
        "SELECT table_schema, table_name, column_name FROM INFORMATION_SCHEMA.COLUMNS"
        f" WHERE table_schema IN {kept} ORDER BY table_schema, table_name, ordinal_position",
    ):
        columns.setdefault(f'"{schema}"."{name}"', []).append(column)
    loads = ("_load_id", "_loaded_at", "load_id", "quarantined_at", "quarantine_id", "valid_from", "valid_to")
    loads = (*loads, "replay_load_id", "__quarantine_id")
    for table, names in columns.items():
        listed = ", ".join(f'"{n}"' for n in names if n not in loads)
        found[re.sub(r"[0-9]{8}T[0-9]{6}_[0-9a-f]{6}", "LOAD", table.replace('"', ""))] = sorted(map(repr, ask(root, f"SELECT {listed} FROM {table}")))
    return found


def killed(root: Path, table: str, step: str) -> None:
    """A run in a process of its own that is killed when ``table`` is at ``step``."""
    process = subprocess.run(
        [sys.executable, "-c", KILLER, table, step],
        cwd=root,
        env=process_environment(),
        capture_output=True,
        check=False,
    )
    assert process.returncode == -signal.SIGKILL, process.stderr.decode()


def unkilled(root: Path, changes: Mapping[str, str]) -> tuple[dict[str, object], dict[str, object]]:
    """What runs that nobody kills publish: before and after the source changed."""
    with targets.chosen("embedded"):
        write_project(root, dict(changes))
        assert medallion(root, "run").code == 0
        before = tables(root)
        (root / "data/raw/orders.csv").write_text(NEW)
        assert medallion(root, "run").code == 0
        return before, tables(root)


def whole(found: Mapping[str, object], before: Mapping[str, object], after: Mapping[str, object]) -> None:
    """Every published table is as it was or as it will be."""
    for name in before:
        if "__" not in name:
            assert found[name] in (before[name], after[name]), f"{name} is neither as it was nor as it will be"


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], dict[str, object]]:
    return unkilled(tmp_path_factory.mktemp("clean"), {})


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("step", STEPS)
def test_a_killed_run_is_repaired_by_the_next(
    table: str, step: str, tmp_path: Path, clean: tuple[dict[str, object], dict[str, object]]
) -> None:
    before, after = clean
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    (root / "data/raw/orders.csv").write_text(NEW)
    killed(root, table, step)
    whole(tables(root), before, after)
    again = medallion(root, "run")
    assert again.code == 0, again.err
    assert tables(root) == after
    assert medallion(root, "run").err.count("unchanged") >= 3


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("kind", KINDS)
def test_a_load_killed_at_one_step_after_the_other_ends_as_if_it_never_was(kind: str, tmp_path: Path) -> None:
    """Each killed run is also the one that has to get over what the run before it left: it must reach its own step."""
    table, load = KINDS[kind]
    pipelines = PIPELINES.replace(f"  {table}:\n", f"  {table}:\n{load}")
    if kind == "appended":
        pipelines = pipelines.replace(f"{load}    key: order_id\n", load)  # the same rows are added once more
    changes = {"pipelines.yaml": pipelines}
    before, after = unkilled(tmp_path / "clean", changes)
    root = write_project(tmp_path / "killed", changes)
    assert medallion(root, "run").code == 0
    (root / "data/raw/orders.csv").write_text(NEW)
    for step in STEPS:
        killed(root, table, step)
        whole(tables(root), before, after)
    last: Said = medallion(root, "run")
    assert last.code == 0, last.err
    assert tables(root) == after
    published = "SELECT table_name FROM ops.loads WHERE state = 'published' GROUP BY table_name HAVING COUNT(*) <> 2"
    assert ask(root, published) == [], "each table was published twice, once for each state of its source"


@pytest.mark.usefixtures("target")
def test_the_first_run_can_be_killed_too(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    killed(root, "silver.orders", "commit")
    said = medallion(root, "status")
    assert "interrupted" in said.out
    assert medallion(root, "run").code == 0
    assert FILES["data/raw/orders.csv"].count("\n") - 1 == len(tables(root)["bronze.orders"])  # type: ignore[arg-type]
