"""Airflow as the tests run it: a home of its own with a fresh database, and DAGs run in a process of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.project_files import ROOT

RUN = """
import json, sys, time
from pathlib import Path

root, wanted = Path(sys.argv[1]), json.loads(sys.argv[2])
from engine.airflow.factory import dags
from airflow.models.asset import AssetEvent
from airflow.models.taskinstance import TaskInstance
from airflow.utils.session import create_session

out = []
for dag_id, conf, logical_date in wanted:
    import datetime
    when = datetime.datetime.fromisoformat(logical_date) if logical_date else None
    began = time.perf_counter()
    run = dags(root)[dag_id].test(run_conf=conf, logical_date=when)
    with create_session() as session:
        tasks = session.query(TaskInstance).filter_by(dag_id=dag_id, run_id=run.run_id).all()
        events = session.query(AssetEvent).filter_by(source_dag_id=dag_id, source_run_id=run.run_id).all()
        out.append({
            "dag": dag_id, "run": run.run_id, "state": str(run.state), "seconds": time.perf_counter() - began,
            "tasks": {t.task_id: {"state": str(t.state), "tries": t.try_number} for t in tasks},
            "assets": {e.asset.name: e.extra for e in events},
        })
print("\\n@@" + json.dumps(out))
"""


@dataclass(frozen=True)
class Ran:
    """What became of DAG runs, one a wanted run, and everything that was logged."""

    runs: list[dict[str, Any]]
    log: str

    def states(self, number: int = 0) -> dict[str, str]:
        """The state of each task of one run."""
        return {task: about["state"] for task, about in self.runs[number]["tasks"].items()}


@dataclass(frozen=True)
class Home:
    """An Airflow home whose DAGs are those of one project."""

    project: Path
    environment: dict[str, str]

    def run(self, *wanted: str | tuple[str, Mapping[str, Any]] | tuple[str, Mapping[str, Any], str]) -> Ran:
        """Run DAGs to their end, one after the other, in one process: ids, or (id, params) or (id, params, date)."""
        listed: list[Sequence[Any]] = [(w, {}, None) if isinstance(w, str) else (*w, None)[:3] for w in wanted]
        done = self.python("-c", RUN, str(self.project), json.dumps(listed))
        log, found, answer = done.stdout.rpartition("\n@@")
        assert found, done.stdout[-3000:] + done.stderr[-3000:]
        return Ran(json.loads(answer.partition("\n")[0]), log + done.stderr)

    def python(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A Python process in this home."""
        return subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=self.project,
            capture_output=True,
            text=True,
            timeout=600,
        )


def environment_of(home: Path, project: Path) -> dict[str, str]:
    """What Airflow needs to know to run the DAGs of a project on its own."""
    return {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(project / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home}/airflow.db",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(home / "logs"),
    }


def make_home(folder: Path, project: Path, migrated: Path | None, **more: str) -> Home:
    """A home in ``folder`` for a project, its database copied from a migrated one if there is one."""
    folder.mkdir(parents=True, exist_ok=True)
    if migrated is not None:
        shutil.copy(migrated, folder / "airflow.db")
    shutil.copytree(ROOT / "dags", project / "dags", dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    return Home(project, {**environment_of(folder, project), **more})
