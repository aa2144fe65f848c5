"""Executors that run tasks on other machines: what a user sees who sets one with the embedded target."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.airflow.home import Home

READ = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1], bundle_path=sys.argv[1], bundle_name="test")
print("\\n@@" + json.dumps([sorted(bag.dags), bag.import_errors]))
"""
SERVER = """\
targets:
  server: {type: sqlserver, server: "${MSSQL_SERVER}", database: "${MSSQL_DATABASE}", user: "${MSSQL_USER}", password: "${MSSQL_PASSWORD}"}
"""


@pytest.mark.parametrize("executor", ["CeleryExecutor", "KubernetesExecutor"])
def test_the_embedded_target_is_refused_in_one_import_error(executor: str, airflow_home: Callable[..., Home]) -> None:
    dags, errors = read(airflow_home(AIRFLOW__CORE__EXECUTOR=executor))
    assert dags == []
    assert list(errors) == ["medallion_problems.py"]
    assert (
        f"the target embedded is a file on one machine, and {executor} runs tasks on others; "
        "name a server with MEDALLION_TARGET or default_target, or run with LocalExecutor"
    ) in errors["medallion_problems.py"]


def test_a_server_is_taken_and_its_settings_are_not_needed_to_read_the_dags(airflow_home: Callable[..., Home]) -> None:
    from tests.project_files import PIPELINES

    both = PIPELINES.replace("targets:\n", SERVER)
    home = airflow_home({"pipelines.yaml": both}, AIRFLOW__CORE__EXECUTOR="CeleryExecutor", MEDALLION_TARGET="server")
    assert read(home) == [["all", "layers"], {}]


def read(home: Home) -> list[object]:
    done = home.python("-c", READ, str(home.project / "dags"))
    found = done.stdout.partition("\n@@")[2]
    assert found, done.stderr[-2000:]
    return list(json.loads(found))
