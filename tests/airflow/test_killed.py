"""Alerts that only a whole Airflow can show: of a task that was killed, and over a connection that Airflow keeps."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from tests.airflow import receivers
from tests.airflow.local import local_airflow
from tests.airflow.test_alerts import LINE, smtp_connection
from tests.project_files import PIPELINES, write_project

BRITTLE = (
    "  all: {tables: [bronze.*], retries: 0, deadline: 1s,"
    " alerts: {critical: [{email: ann@example.com, connection: kept}]}}\n"
)


def test_a_task_that_was_killed_is_told_of_once(tmp_path: Path, migrated: Path) -> None:
    project = write_project(tmp_path / "project", {"pipelines.yaml": PIPELINES.replace(LINE, BRITTLE)})
    with receivers.smtp() as mail, local_airflow(project, migrated, 2) as airflow:
        rest, kept = airflow.rest, json.loads(smtp_connection(mail.port))
        rest.call("POST", "/api/v2/connections", {"connection_id": "kept", **kept, "extra": json.dumps(kept["extra"])})
        run = rest.trigger("all")
        address = f"/api/v2/dags/all/dagRuns/{run}/taskInstances/bronze.orders.build"

        def process() -> int:
            task = rest.call("GET", address)
            assert task["state"] not in ("success", "failed"), "it is not killed too late"
            return int(task["pid"] or 0)

        os.kill(rest.until(process, "the task to run"), signal.SIGKILL)
        assert rest.ended("all", run) == "failed"
        # The triggerer tells of the deadline, over the connection that it has to ask Airflow for.
        rest.until(lambda: len(mail.mails) >= 2, "the mails", 120)
    subjects = sorted(subject for _, subject, _ in mail.mails)
    assert subjects == ["all: bronze.orders.build failed", "all: not done within 1s"]
    text = next(text for _, subject, text in mail.mails if subject.endswith("failed"))
    assert "its process was killed" in text and "/tasks/bronze.orders.build" in text
