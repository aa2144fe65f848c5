"""What the DAGs are made of, held in golden files, and what may not be among them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.badinput.test_pipeline_faults import RIGHT, TABLES
from tests.project.shipped import copy_project
from tests.project_files import FILES, PIPELINES, medallion, write_project

ORDERS = str(FILES["data/raw/orders.csv"])
LINE = '  all: {tables: [bronze.*, silver.*, gold.*], schedule: "@daily"}\n'
EVERYTHING = """\
  early:
    tables: [bronze.*, silver.*]
    schedule: ["0 6 * * *", "30 18 * * 1-5"]
    timezone: Europe/Zurich
    start: 2024-01-01
    catchup: true
    retries: 5
    retry_delay: 2m
    timeout: 1h
    deadline: 3h
    concurrency: 2
    pool: small
    owner: ann
    tags: [orders]
    description: Orders of the day
    alerts: {critical: [{email: data@example.com}], warning: [{slack: "#data"}]}
  late: {tables: [gold.*], after: early}
  often: {tables: [gold.*], schedule: {every: 90m}}
  some_days: {tables: [gold.*], schedule: {at: [2024-01-01T06:00:00]}}
  by_hand: {tables: [gold.*]}
"""


@pytest.mark.parametrize(
    ("changes", "table", "again"),
    [
        ({"templates/silver/orders.sql": "SELECT o.nonsense AS x FROM bronze.orders AS o"}, "silver.orders", False),
        ({"data/raw/orders.csv": ORDERS + "9,Zoe,5000.00,2024-03-01\n"}, "silver.orders", False),
        ({"data/raw/orders.csv": None}, "bronze.orders", True),
    ],
    ids=["a wrong project", "a failed gate", "a missing file"],
)
def test_what_gives_the_same_again_is_not_tried_again(
    changes: dict[str, str | bytes | None], table: str, again: bool, tmp_path: Path
) -> None:
    from airflow.sdk.exceptions import AirflowFailException

    from engine.airflow.tasks import Build, Gate

    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    write_project(root, changes)
    if table == "silver.orders" and "data/raw/orders.csv" in changes:
        assert medallion(root, "run", "--select", "bronze.orders").code == 0
    run = SimpleNamespace(dag_id="all", run_id="one", run_after=dt.datetime.now(dt.UTC), logical_date=None)
    context: dict[str, Any] = {"dag_run": run, "params": {}}
    with pytest.raises(Exception) as raised:
        built = Build(task_id=f"{table}.build", root=root, target="embedded", table=table).execute(context)
        context["ti"] = SimpleNamespace(xcom_pull=lambda task_ids: built)
        Gate(task_id=f"{table}.gate", root=root, target="embedded", table=table).execute(context)
    assert isinstance(raised.value, AirflowFailException) != again, raised.value


def shown(dag: Any) -> Iterator[str]:
    """A DAG in words, one line for each thing that somebody would miss."""
    yield f"{dag.dag_id}: {dag.description}"
    yield "  " + when(dag)
    yield f"  start {dag.start_date}, catchup {dag.catchup}, at most {dag.max_active_runs} run, {dag.max_active_tasks} tasks"
    yield f"  tags {sorted(dag.tags)}, params {sorted(dag.params)}, deadline {[d.interval for d in dag.deadline or []]}"
    for task in dag.tasks:
        about = f"  {task.task_id} ({task.task_type}) when {task.trigger_rule}, pool {task.pool}, owner {task.owner}"
        about += f", {task.retries} retries from {task.retry_delay}, timeout {task.execution_timeout}"
        about += f", alerts {len(task.on_failure_callback or [])}"
        yield (
            about
            + "".join(f"\n    <- {up}" for up in sorted(task.upstream_task_ids))
            + "".join(f"\n    => {o.uri}" for o in task.outlets)
        )


def when(dag: Any) -> str:
    if dag.timetable.asset_condition:
        return "after " + ", ".join(asset.uri for asset in dag.timetable.asset_condition.objects)
    return "schedule " + re.sub(r" object at 0x\w+", "", repr(dag.timetable))


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("AIRFLOW__CORE__LOAD_EXAMPLES", "False")


def made(root: Path) -> dict[str, Any]:
    from engine.airflow.factory import dags

    return dags(root)


def test_the_shipped_dags(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    found = made(copy_project(tmp_path))
    golden("airflow/shipped.txt", "\n\n".join("\n".join(shown(dag)) for dag in found.values()))


def test_every_key_of_a_pipeline_reaches_its_dag(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    root = write_project(tmp_path, {"pipelines.yaml": PIPELINES.replace(LINE, EVERYTHING)})
    found = made(root)
    golden("airflow/everything.txt", "\n\n".join("\n".join(shown(dag)) for dag in found.values()))


@pytest.mark.parametrize("keys", RIGHT)
def test_airflow_reads_back_every_schedule_that_check_accepts(keys: str, tmp_path: Path) -> None:
    from airflow.serialization.serialized_objects import DagSerialization

    root = write_project(tmp_path, {"pipelines.yaml": PIPELINES.replace(LINE, f"  all: {{{TABLES}, {keys}}}\n")})
    assert medallion(root, "check").code == 0
    back = DagSerialization.from_dict(DagSerialization.to_dict(made(root)["all"]))
    back.timetable.validate()


def test_a_task_shows_source_columns_and_select(tmp_path: Path, golden: Callable[[str, str], None]) -> None:
    task = made(write_project(tmp_path))["all"].get_task("silver.orders.build")
    golden("airflow/task.md", task.doc_md)


def test_only_the_dag_that_is_asked_for_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_AIRFLOW_PARSING_CONTEXT_DAG_ID", "late")
    root = write_project(tmp_path, {"pipelines.yaml": PIPELINES.replace(LINE, EVERYTHING)})
    assert list(made(root)) == ["late"]


@pytest.mark.parametrize(
    "executor",
    ["CeleryExecutor", "KubernetesExecutor", "LocalExecutor,KubernetesExecutor", "a.b.CeleryKubernetesExecutor"],
)
def test_an_embedded_warehouse_is_refused_where_tasks_run_elsewhere(
    executor: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.airflow.factory import raise_problems
    from engine.core.errors import ProjectError

    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", executor)
    root = copy_project(tmp_path)
    assert made(root) == {}
    with pytest.raises(
        ProjectError, match=r"the target embedded is a file on one machine, and .* runs tasks on others"
    ):
        raise_problems(root)
    monkeypatch.setenv("MEDALLION_TARGET", "sqlserver")
    assert list(made(root)) == ["ingest", "silver_to_gold", "layers"]
    raise_problems(root)


def test_a_fault_is_one_import_error_and_the_rest_stays(tmp_path: Path) -> None:
    import shutil

    from airflow.dag_processing.dagbag import DagBag

    from tests.project_files import ROOT

    split = LINE.replace("all: {tables: [bronze.*, silver.*, gold.*]", "early: {tables: [bronze.*, silver.*]")
    root = write_project(
        tmp_path,
        {
            "pipelines.yaml": PIPELINES.replace(LINE, split + "  late: {tables: [gold.*], after: early}\n"),
            "templates/gold/customers.sql": "SELECT o.nonsense AS customer FROM silver.orders AS o",
        },
    )
    shutil.copytree(ROOT / "dags", root / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    bag = DagBag(str(root / "dags"), bundle_path=root / "dags", bundle_name="test")
    assert sorted(bag.dags) == ["early", "layers"]
    assert list(bag.import_errors) == ["medallion_problems.py"]
    (told,) = bag.import_errors.values()
    assert "templates/gold/customers.sql:1:8: silver.orders AS o has no column 'nonsense'" in told or "nonsense" in told
