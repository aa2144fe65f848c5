"""Two runs on one warehouse: the second is refused or waits, and everyone can see who is at work."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.project_files import medallion, write_project
from tests.targets import process_environment

pytestmark = pytest.mark.usefixtures("target")

SLOW = """
import sys, time
from pathlib import Path
from engine.config.project import load_project
from engine.execution.runner import Watcher, run

class Slow(Watcher):
    def step(self, table, step, rows):
        if (table, step) == ("silver.orders", "gate"):
            Path("at-work").write_text("yes")
            while not Path("go-on").exists():
                time.sleep(0.05)

run(load_project(Path.cwd()), watcher=Slow())
"""


@contextmanager
def run_at_work(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run of another process that stands still before the gate of silver.orders until it is let go."""
    process = subprocess.Popen([sys.executable, "-c", SLOW], cwd=root, env=process_environment())
    try:
        for _ in range(600):
            if (root / "at-work").exists():
                break
            assert process.poll() is None
            time.sleep(0.05)
        yield process
    finally:
        (root / "go-on").touch()
        process.wait(60)


def test_a_second_run_is_refused_and_told_who_is_at_work(target: str, tmp_path: Path) -> None:
    root = write_project(tmp_path)
    with run_at_work(root) as process:
        said = medallion(root, "run")
        assert said.code == 3
        assert f"process {process.pid}" in said.err
        assert "is at work on this warehouse" in said.err
        waited = medallion(root, "run", "--wait", "0.5")
        assert waited.code == 3
        assert "was still at work on this warehouse after 0.5 s" in waited.err
        query = medallion(root, "query", "SELECT o.order_id FROM bronze.orders AS o")
        if target == "embedded":
            assert query.code == 3
            assert "medallion status --watch" in query.err
        else:
            assert query.code == 0, "a server is read while it is written"
    assert process.returncode == 0


def test_a_second_run_waits_when_asked_to(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    with run_at_work(root):
        second = subprocess.Popen(
            [sys.executable, "-m", "engine.cli.app", "run", "--wait", "60"],
            cwd=root,
            env=process_environment(),
            stderr=subprocess.PIPE,
            text=True,
        )
        assert second.stderr is not None
        assert "waiting for run" in second.stderr.readline()
        assert second.poll() is None
    _, err = second.communicate(timeout=60)
    assert second.returncode == 0
    assert "3 unchanged" in err


def test_status_shows_a_run_that_another_process_is_at(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    with run_at_work(root) as process:
        status = json.loads(medallion(root, "status", "--json").out)
        for _ in range(50):  # the status file follows a few times a second
            if status["tables"]["silver.orders"].get("step") == "gate":
                break
            time.sleep(0.1)
            status = json.loads(medallion(root, "status", "--json").out)
        assert status["running"]["pid"] == process.pid
        states = {name: (t["state"], t.get("step", "")) for name, t in status["tables"].items()}
        assert states == {
            "bronze.orders": ("published", ""),
            "silver.orders": ("running", "gate"),
            "gold.customers": ("pending", ""),
        }
        assert "is at work" in medallion(root, "status").out
    after = json.loads(medallion(root, "status", "--json").out)
    assert after["running"] is None
    assert after["runs"][0]["state"] == "done"
    assert {r["table_name"]: r["state"] for r in after["loads"]} == dict.fromkeys(states, "published")


def test_a_finished_load_says_so_and_does_nothing(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    assert medallion(root, "run", "--load-id", "monday").code == 0
    (root / "data/raw/orders.csv").write_text("order_id,customer,amount,ordered_on\n1,Ann,99.00,2024-01-01\n")
    again = medallion(root, "run", "--load-id", "monday")
    assert again.code == 0
    assert again.err.count("load monday is finished already") == 3
    assert "0 published, 3 unchanged" in again.err
