"""A small project to break: what the tests of bad input and of the engine's promises start from."""

from __future__ import annotations

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.targets import on_target

ROOT = Path(__file__).resolve().parent.parent

PIPELINES = """\
version: 1
name: shop
vars: {least: 10, label: it's}
targets:
  embedded: {type: duckdb, path: data/warehouse.duckdb}
default_target: embedded
sources:
  orders: {type: csv, path: data/raw/orders*.csv}
tables:
  bronze.orders:
    source: orders
    key: order_id
    columns: {order_id: int, customer: nvarchar(20), amount: "decimal(9,2)", ordered_on: date}
  silver.orders:
    key: order_id
  gold.customers:
    key: customer
pipelines:
  all: {tables: [bronze.*, silver.*, gold.*], schedule: "@daily"}
"""
UNGUARDED = "guards: {quarantine: off, empty: yes, drop: off, rise: off}\n"
"""For the end of PIPELINES, where a test's few rows come and go as no real table's do."""
FILES = {
    "pipelines.yaml": PIPELINES,
    "templates/silver/orders.sql": "SELECT\n    o.order_id,\n    o.customer,\n    o.amount,\n    o.ordered_on\nFROM bronze.orders AS o\nWHERE o.amount >= {{ least }}\n",
    "templates/gold/customers.sql": "SELECT\n    o.customer,\n    COUNT(*) AS orders,\n    SUM(o.amount) AS amount\nFROM silver.orders AS o\nGROUP BY o.customer\n",
    "expectations/silver/orders.yaml": "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: amount, min_value: 0, max_value: 1000}\n",
    "data/raw/orders.csv": "order_id,customer,amount,ordered_on\n1,Ann,10.00,2024-01-01\n2,Bob,20.50,2024-01-02\n3,Ann,5.25,2024-01-03\n4,Cid,99.99,2024-02-29\n",
}


def write_project(root: Path, changes: Mapping[str, str | bytes | None] | None = None) -> Path:
    """The small project in ``root``, with files changed, added or (None) left out."""
    for name, content in {**FILES, **(changes or {})}.items():
        path = root / name
        if content is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "pipelines.yaml" and isinstance(content, str):
            content = on_target(content)
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content, encoding="utf-8")
    return root


@dataclass(frozen=True)
class Said:
    """What a command said: exit code, data, words."""

    code: int
    out: str
    err: str


def medallion(root: Path, *args: str) -> Said:
    """The command in this process: the same ``main`` as the installed command, without its start-up time."""
    from engine.cli import app as cli

    out, err = io.StringIO(), io.StringIO()
    argv = sys.argv
    sys.argv = ["medallion", "--project", str(root), *args]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
        code = 0
    except SystemExit as leave:
        code = int(leave.code or 0)
    finally:
        sys.argv = argv
    return Said(code, out.getvalue(), err.getvalue())


def medallion_process(root: Path, *args: str, **environment: str) -> Said:
    """The installed command as a process of its own."""
    command = [sys.executable, "-m", "engine.cli.app", *args]
    done = subprocess.run(
        command,
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Said(done.returncode, done.stdout, done.stderr)


@contextlib.contextmanager
def environment(**values: str) -> Iterator[None]:
    before = {k: os.environ.get(k) for k in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                os.environ.pop(key, None)
            else:
                os.environ[key] = value
