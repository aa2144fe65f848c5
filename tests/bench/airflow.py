"""How long Airflow's DAG file takes to read, beside dag-factory and Cosmos with the same tables, beyond Airflow's own
import; and how long the shipped pipelines take under a real Airflow."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.airflow.local import local_airflow
from tests.bench.timing import median, row, timed
from tests.project.shipped import REFERENCE, copy_project
from tests.project_files import ROOT

SIZES = (10, 100, 1_000)
RIVALS = ["apache-airflow==3.3.2", "dag-factory==1.1.0", "astronomer-cosmos==1.15.1"]
TIMED = """
import json, os, sys, time
import airflow.sdk
from airflow.sdk import DAG, TaskGroup, BaseOperator
{imports}
began = time.perf_counter()
{parse}
seconds = time.perf_counter() - began
print("\\n" + json.dumps([seconds, sum(len(d.tasks) for d in found)]))
"""
OURS = {
    "imports": "",
    "parse": "from pathlib import Path\nfrom engine.airflow.factory import dags\nfound = dags(Path(sys.argv[1])).values()",
}
DAG_FACTORY = {
    "imports": "",
    "parse": "from dagfactory import load_yaml_dags\nspace = {}\n"
    "load_yaml_dags(globals_dict=space, config_filepath=sys.argv[1] + '/dag_factory.yaml')\n"
    "found = [d for d in space.values() if isinstance(d, DAG)]",
}
COSMOS = {
    "imports": "",
    "parse": "from cosmos import DbtDag, ProjectConfig, ProfileConfig, RenderConfig, ExecutionConfig\n"
    "from cosmos.constants import LoadMode\n"
    "found = [DbtDag(dag_id='x', schedule=None, project_config=ProjectConfig(sys.argv[1] + '/dbt', manifest_path=sys.argv[1] + '/dbt/manifest.json'),\n"
    "  profile_config=ProfileConfig(profile_name='p', target_name='t', profiles_yml_filepath=sys.argv[1] + '/dbt/profiles.yml'),\n"
    "  execution_config=ExecutionConfig(dbt_executable_path=sys.executable),\n"
    "  render_config=RenderConfig(load_method=LoadMode.DBT_MANIFEST))]",
}


def bench(folder: Path, runs: int, rows: int) -> None:
    python = _rivals(folder / "rivals")
    for size in SIZES:
        project = _project(folder / f"p{size}", size)
        print(f"{size:,} tables: reading the DAG file, beyond Airflow's own import")
        _parse(folder, "  this project, after a change", sys.executable, OURS, project, 1, cold=True)
        _parse(folder, "  this project", sys.executable, OURS, project, runs)
        _parse(folder, "  dag-factory", str(python), DAG_FACTORY, project, runs)
        _parse(folder, "  Cosmos, from a manifest", str(python), COSMOS, project, runs)
    _shipped(folder)


def _parse(
    folder: Path, label: str, python: str, how: dict[str, str], project: Path, runs: int, *, cold: bool = False
) -> None:
    seconds, tasks = [], 0
    environment = {
        "AIRFLOW_HOME": str(folder / "home"), "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(project), "PYTHONPATH": str(ROOT) if python == sys.executable else "",
        "AIRFLOW__COSMOS__ENABLE_TELEMETRY": "False", "DO_NOT_TRACK": "1",
    }  # fmt: skip
    for _ in range(runs):
        if cold:
            (project / "data/outline.json").unlink(missing_ok=True)
        done = timed([python, "-c", TIMED.format(**how), str(project)], folder, **environment)
        took, tasks = json.loads(done.out.strip().splitlines()[-1])
        seconds.append(took)
    row(label, median(seconds), f"{tasks:,} tasks")


def _rivals(folder: Path) -> Path:
    """A Python that has the others, made once."""
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", *RIVALS]
    subprocess.run(pip, check=True, stderr=subprocess.DEVNULL)
    subprocess.run([str(python), "-m", "compileall", "-q", str(folder / "lib")], check=False, stdout=subprocess.DEVNULL)
    return python


def _project(root: Path, size: int) -> Path:
    """The same tables three times: for this project, for dag-factory, for dbt. Each reads the one before it in its layer."""
    (root / "templates/silver").mkdir(parents=True)
    (root / "data/raw").mkdir(parents=True)
    (root / "data/raw/orders.csv").write_text("id,amount\n1,2\n")
    tables = [f"t{n}" for n in range(1, size)]
    listed = "".join(f"  silver.{t}: {{key: id, description: Table {t}}}\n" for t in tables)
    (root / "pipelines.yaml").write_text(
        "version: 1\nname: bench\ntargets:\n  embedded: {type: duckdb, path: data/w.duckdb}\ndefault_target: embedded\n"
        "sources:\n  orders: {type: csv, path: data/raw/orders.csv}\ntables:\n"
        f"  bronze.orders: {{source: orders, key: id, columns: {{id: int, amount: int}}}}\n{listed}"
        "pipelines:\n  all: {tables: [bronze.*, silver.*], schedule: '@daily'}\n"
    )
    for n, table in enumerate(tables, 1):
        above = "bronze.orders" if n < 10 else f"silver.t{n - 9}"
        (root / f"templates/silver/{table}.sql").write_text(
            f"SELECT o.id, o.amount + {n} AS amount FROM {above} AS o\n"
        )
    _for_dag_factory(root, tables)
    _for_cosmos(root / "dbt", tables)
    return root


def _for_dag_factory(root: Path, tables: list[str]) -> None:
    operator = "airflow.providers.standard.operators.bash.BashOperator"
    tasks: list[dict[str, Any]] = []
    for n, table in enumerate(["orders", *tables]):
        above = [] if n == 0 else ["orders_gate"] if n < 10 else [f"t{n - 9}_gate"]
        tasks.append({"task_id": f"{table}_build", "operator": operator, "bash_command": "true", "dependencies": above})
        tasks.append(
            {
                "task_id": f"{table}_gate",
                "operator": operator,
                "bash_command": "true",
                "dependencies": [f"{table}_build"],
            }
        )
    dag = {"default_args": {"start_date": "2024-01-01", "retries": 3}, "schedule": "@daily", "tasks": tasks}
    (root / "dag_factory.yaml").write_text(json.dumps({"bench": dag}))  # JSON is YAML


def _for_cosmos(root: Path, tables: list[str]) -> None:
    (root / "models").mkdir(parents=True)
    (root / "dbt_project.yml").write_text("name: bench\nversion: '1'\nprofile: p\n")
    (root / "profiles.yml").write_text("p: {target: t, outputs: {t: {type: duckdb, path: x}}}\n")
    nodes: dict[str, Any] = {}
    for n, table in enumerate(["orders", *tables]):
        name = f"model.bench.{table}"
        above = [] if n == 0 else ["model.bench.orders"] if n < 10 else [f"model.bench.t{n - 9}"]
        common = {
            "package_name": "bench",
            "tags": [],
            "fqn": ["bench", table],
            "original_file_path": f"models/{table}.sql",
        }
        nodes[name] = {
            **common,
            "unique_id": name,
            "name": table,
            "resource_type": "model",
            "config": {"materialized": "table"},
            "depends_on": {"nodes": above},
        }
        test = f"test.bench.unique_{table}"
        nodes[test] = {
            **common,
            "unique_id": test,
            "name": f"unique_{table}",
            "resource_type": "test",
            "config": {},
            "depends_on": {"nodes": [name]},
        }
        (root / f"models/{table}.sql").write_text("select 1 as id\n")
    (root / "manifest.json").write_text(json.dumps({"nodes": nodes, "sources": {}, "exposures": {}, "metadata": {}}))


def _shipped(folder: Path) -> None:
    if not REFERENCE.is_dir():
        return
    (folder / "streaming").mkdir()
    project = copy_project(folder / "streaming")
    with local_airflow(project, None, 3, DATA_DIR=str(REFERENCE)) as airflow:
        rest = airflow.rest
        began = time.perf_counter()
        run = rest.trigger("ingest")
        state = rest.ended("ingest", run)
        row(f"ingest under a local Airflow, 7 tasks: {state}", time.perf_counter() - began)
        follows = rest.until(lambda: rest.call("GET", "/api/v2/dags/silver_to_gold/dagRuns")["dag_runs"], "the next")
        state = rest.ended("silver_to_gold", follows[0]["dag_run_id"])
        row(f"both pipelines, 50 tasks, one at a time: {state}", time.perf_counter() - began)
