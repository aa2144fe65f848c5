"""Kill -9 at any step of a prune: each table is whole or gone, together with what the ledger says of it, and the next
prune finishes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.project_files import PIPELINES, medallion, write_project
from tests.targets import ask, process_environment

STEPS = ("drop", "commit", "done")
LEFT = ("gold.first", "gold.second")
KILLER = """
import os, signal, sys
from pathlib import Path
from engine.config.project import load_project
from engine.execution.prune import prune
from engine.execution.runner import Watcher

table, step = sys.argv[1:]

class Killer(Watcher):
    def step(self, name, at, rows):
        if (name, at) == (table, step):
            os.kill(os.getpid(), signal.SIGKILL)

sys.exit(f"not killed: {prune(load_project(Path.cwd()), None, watcher=Killer())}")
"""
DECLARED = "".join(f"  {name}:\n    key: order_id\n    alias: dbo.{name[5:]}\n    watermark: order_id\n" for name in LEFT)
FILES = {
    f"templates/{name.replace('.', '/')}.sql": "SELECT o.order_id, o.amount FROM silver.orders AS o\n" for name in LEFT
}


def whole_or_gone(root: Path) -> list[bool]:
    """Of each table whether it is there, and that all that belongs to it agrees."""
    standing = "SELECT table_schema, table_name FROM INFORMATION_SCHEMA.TABLES"
    there = {f"{schema}.{name}".casefold() for schema, name in ask(root, standing)}
    states = "SELECT table_name FROM ops.loads WHERE state = 'pruned'"
    gone = {name for (name,) in ask(root, states)}
    marked = {name for (name,) in ask(root, "SELECT table_name FROM ops.watermarks")}
    found = []
    for name in LEFT:
        parts = (name, f"dbo.{name[5:]}", f"quarantine.{name.replace('.', '_')}")
        here = {part in there for part in parts} | {name in marked, name not in gone}
        assert len(here) == 1, f"{name} is neither whole nor gone"
        found.append(here.pop())
    return found


@pytest.mark.usefixtures("target")
def test_a_prune_killed_at_one_step_after_the_other_is_finished_by_the_next(tmp_path: Path) -> None:
    root = write_project(tmp_path, {**FILES, "pipelines.yaml": PIPELINES.replace("pipelines:\n", DECLARED + "pipelines:\n")})
    assert medallion(root, "run").code == 0
    write_project(root, {"pipelines.yaml": PIPELINES, **dict.fromkeys(FILES)})
    for table, number in zip(LEFT, (2, 1), strict=True):
        for step in STEPS:
            process = subprocess.run(
                [sys.executable, "-c", KILLER, table, step],
                cwd=root,
                env=process_environment(),
                capture_output=True,
                check=False,
            )
            assert process.returncode == -signal.SIGKILL, process.stderr.decode()
            assert whole_or_gone(root).count(True) == number - (step == "done")
    assert medallion(root, "prune").err.startswith("nothing to prune")
    assert medallion(root, "run").code == 0
