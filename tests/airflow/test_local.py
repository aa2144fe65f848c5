"""``make airflow`` as its user meets it: all of Airflow's services, driven over its REST API, one story after another."""

from __future__ import annotations

import signal
import socket
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.airflow import receivers
from tests.airflow.local import Airflow, another, free_port, listening, local_airflow
from tests.airflow.receivers import Received
from tests.airflow.test_alerts import LINE, smtp_connection
from tests.project_files import FILES, PIPELINES, write_project

TWO = PIPELINES.replace(
    LINE,
    "  early: {tables: [bronze.*, silver.*], schedule: '0 6 * * *', deadline: 1s, alerts: {critical: [{email: ann@example.com}]}}\n"
    "  late: {tables: [gold.*], after: early}\n",
)
SUITE = "expectations/silver/orders.yaml"
TEMPLATE = "templates/gold/customers.sql"


@pytest.fixture(scope="module")
def mails() -> Iterator[Received]:
    with receivers.smtp() as received:
        yield received


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory, migrated: Path, mails: Received) -> Iterator[Airflow]:
    project = write_project(tmp_path_factory.mktemp("project"), {"pipelines.yaml": TWO})
    elsewhere = {
        "AIRFLOW_CONN_SMTP_DEFAULT": smtp_connection(mails.port),
        # What belongs to another Airflow of the same person.
        "AIRFLOW_HOME": "/nowhere",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "postgresql+psycopg2://nobody@127.0.0.1:1/production",
        "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
    }
    with local_airflow(project, migrated, 3, **elsewhere) as running:
        yield running


def test_a_pipeline_is_triggered_and_the_one_after_it_follows(airflow: Airflow) -> None:
    rest = airflow.rest
    run = rest.trigger("early")
    assert rest.ended("early", run) == "success", rest.states("early", run)
    follows = rest.until(lambda: rest.call("GET", "/api/v2/dags/late/dagRuns")["dag_runs"], "the run that follows")
    assert rest.ended("late", follows[0]["dag_run_id"]) == "success"
    assert follows[0]["run_type"] == "asset_triggered"
    assert airflow.ask("SELECT customer, orders FROM gold.customers ORDER BY 1") == [("Ann", 1), ("Bob", 1), ("Cid", 1)]


def test_published_tables_are_assets_with_rows_and_verdict(airflow: Airflow) -> None:
    events = airflow.rest.call("GET", "/api/v2/assets/events")["asset_events"]
    told = {event["name"]: event["extra"] for event in events}
    assert {n: (e["rows_total"], e["verdict"]) for n, e in told.items() if "verdict" in e} == {
        "shop/bronze.orders": (4, "passed"),
        "shop/silver.orders": (3, "passed"),
        "shop/gold.customers": (3, "passed"),
    }


def test_the_report_opens_inside_airflow_for_who_is_logged_in(airflow: Airflow) -> None:
    rest = airflow.rest
    run = rest.call("GET", "/api/v2/dags/early/dagRuns")["dag_runs"][0]["dag_run_id"]
    links = rest.call("GET", f"/api/v2/dags/early/dagRuns/{run}/taskInstances/silver.orders.gate/links")
    (address,) = links["extra_links"].values()
    assert address == "/medallion/tables/silver.orders.html"
    status, page = rest.raw("GET", address)
    assert status == 200 and "silver.orders" in page
    assert "silver.orders" in rest.raw("GET", "/medallion/")[1]
    for path in ("/medallion/tables/nothing.html", "/medallion/..%2f..%2f..%2fpipelines.yaml"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            rest.raw("GET", path)
        assert refused.value.code == 404, path
    views = [view for plugin in rest.call("GET", "/api/v2/plugins")["plugins"] for view in plugin["external_views"]]
    assert ("Data quality", "/medallion/") in [(view["name"], view["href"]) for view in views]


def test_a_missed_deadline_is_told(airflow: Airflow, mails: Received) -> None:
    told = airflow.rest.until(lambda: [m for m in mails.mails if "not done within" in m[1]], "the mail", 120)
    assert told[0][:2] == (["ann@example.com"], "early: not done within 1s")


def test_a_gate_that_fails_is_repaired_and_cleared(airflow: Airflow, mails: Received) -> None:
    rest, suite = airflow.rest, airflow.project / SUITE
    suite.write_text(str(FILES[SUITE]).replace("1000", "50"))
    run = rest.trigger("early")
    assert rest.ended("early", run) == "failed"
    states = rest.states("early", run)
    assert (states["silver.orders.build"], states["silver.orders.gate"], states["report"]) == (
        "success",
        "failed",
        "failed",
    )
    log = rest.log("early", run, "silver.orders.gate")
    for words in ("amount: 1 of 3 values", "99.99", "to see the rows: SELECT", "the published table is as it was"):
        assert words in log, log
    links = rest.call("GET", f"/api/v2/dags/early/dagRuns/{run}/taskInstances/silver.orders.gate/links")["extra_links"]
    assert "99.99" in rest.raw("GET", links["Quality report"])[1], "the report shows why"
    mail = next(m for m in mails.mails if "gate of silver.orders" in m[1])
    assert "99.99" in mail[2]

    suite.write_text(str(FILES[SUITE]))
    rest.call(
        "POST",
        "/api/v2/dags/early/clearTaskInstances",
        {
            "dry_run": False,
            "dag_run_id": run,
            "task_ids": ["silver.orders.gate"],
            "include_downstream": True,
            "only_failed": False,
        },
    )
    assert rest.ended("early", run) == "success", rest.states("early", run)
    assert "passed" in rest.log("early", run, "silver.orders.gate", 2)


def test_a_run_has_the_day_it_is_of(airflow: Airflow) -> None:
    rest = airflow.rest
    run = rest.trigger("early", {"force": True, "tables": ["silver.*"]}, "2024-02-29T00:00:00Z")
    assert rest.ended("early", run) == "success"
    states = rest.states("early", run)
    assert (states["bronze.orders.build"], states["silver.orders.gate"]) == ("skipped", "success")
    newest = "SELECT CAST(logical_date AS VARCHAR) FROM ops.loads WHERE table_name = 'silver.orders' ORDER BY finished_at DESC LIMIT 1"
    assert airflow.ask(newest) == [("2024-02-29",)]


def test_a_backfill_builds_each_of_its_days(airflow: Airflow) -> None:
    rest, template = airflow.rest, airflow.project / "templates/silver/orders.sql"
    template.write_text(
        str(FILES["templates/silver/orders.sql"]).replace(
            "    o.ordered_on\n", "    CAST({{ logical_date | literal }} AS date) AS ordered_on\n"
        )
    )
    rest.call("PATCH", "/api/v2/dags/late", {"is_paused": True})  # it would follow every single day
    days = {"dag_id": "early", "from_date": "2024-05-05T00:00:00Z", "to_date": "2024-05-07T00:00:00Z"}
    backfill = rest.call("POST", "/api/v2/backfills", days)["id"]
    rest.until(lambda: rest.call("GET", f"/api/v2/backfills/{backfill}")["completed_at"], "the backfill to end")
    runs = rest.call("GET", "/api/v2/dags/early/dagRuns?run_type=backfill&order_by=logical_date")["dag_runs"]
    assert [(run["logical_date"][:10], run["state"]) for run in runs] == [
        ("2024-05-05", "success"),
        ("2024-05-06", "success"),
    ]
    rest.until(
        lambda: not rest.call("GET", "/api/v2/dags/early/dagRuns?state=running")["dag_runs"], "other runs to end"
    )
    published = (
        "SELECT CAST(logical_date AS VARCHAR) FROM ops.loads WHERE table_name = 'silver.orders' AND state = 'published'"
        " ORDER BY finished_at DESC"
    )
    built = airflow.ask(published)
    assert {("2024-05-05",), ("2024-05-06",)} <= set(built)
    assert airflow.ask("SELECT DISTINCT CAST(ordered_on AS VARCHAR) FROM silver.orders") == [built[0]]
    template.write_text(str(FILES["templates/silver/orders.sql"]))
    assert rest.ended("early", rest.trigger("early")) == "success"
    rest.call("PATCH", "/api/v2/dags/late", {"is_paused": False})


def test_a_table_more_is_one_file_and_one_line(airflow: Airflow) -> None:
    project, rest = airflow.project, airflow.rest
    (project / "templates/gold/days.sql").write_text(
        "SELECT o.ordered_on, COUNT(*) AS orders FROM silver.orders AS o GROUP BY o.ordered_on\n"
    )
    text = (project / "pipelines.yaml").read_text()
    (project / "pipelines.yaml").write_text(
        text.replace("  gold.customers:\n", "  gold.days: {key: ordered_on}\n  gold.customers:\n")
    )

    def tasks() -> bool:
        found = {task["task_id"] for task in rest.call("GET", "/api/v2/dags/late/tasks")["tasks"]}
        return {"gold.days.build", "gold.days.gate"} <= found

    rest.until(tasks, "the new table's tasks", 90)
    run = rest.trigger("late")
    assert rest.ended("late", run) == "success", rest.states("late", run)
    assert airflow.ask("SELECT COUNT(*) FROM gold.days") == [(3,)]


def test_a_fault_is_one_import_error_and_pipelines_that_are_right_go_on(airflow: Airflow) -> None:
    rest, template = airflow.rest, airflow.project / TEMPLATE
    right = template.read_text()
    template.write_text(right.replace("o.customer,", "o.costumer,", 1))
    errors = rest.until(lambda: rest.call("GET", "/api/v2/importErrors")["import_errors"], "the import error", 90)
    assert len(errors) == 1
    assert "templates/gold/customers.sql:2:" in errors[0]["stack_trace"]
    assert "did you mean 'customer'?" in errors[0]["stack_trace"]
    rest.until(lambda: rest.call("GET", "/api/v2/dags/late")["is_stale"], "the wrong pipeline to go", 90)
    assert rest.ended("early", rest.trigger("early")) == "success"
    template.write_text(right)
    rest.until(lambda: not rest.call("GET", "/api/v2/importErrors")["import_errors"], "the error to go", 90)
    rest.until(lambda: not rest.call("GET", "/api/v2/dags/late")["is_stale"], "the pipeline to come back", 90)


def test_a_port_that_is_taken_is_said(airflow: Airflow, tmp_path: Path) -> None:
    said = another(tmp_path, airflow.port)
    assert said.returncode != 0
    assert f"port {airflow.port} is taken; choose another: AIRFLOW_PORT=" in said.stderr


def test_a_second_one_for_the_same_project_is_refused(airflow: Airflow) -> None:
    said = another(airflow.project, free_port())
    assert said.returncode != 0
    assert f"this project's Airflow is running already, at http://127.0.0.1:{airflow.port}" in said.stderr
    assert str(airflow.process.pid) in said.stderr.partition("kill ")[2].split()


def test_it_can_be_reached_from_this_machine_only(airflow: Airflow) -> None:
    found = listening(airflow.processes())
    assert ("127.0.0.1", airflow.port) in found
    assert {address for address, _ in found} == {"127.0.0.1"}


def test_it_ends_with_all_of_its_processes(airflow: Airflow) -> None:
    rest = airflow.rest
    run = rest.trigger("early", {"force": True})
    rest.until(lambda: "running" in rest.states("early", run).values(), "a task to run")
    left = airflow.processes()
    assert len(left) > 6, "there is something to end, a task among it"
    airflow.process.send_signal(signal.SIGTERM)
    assert airflow.process.wait(60) == 0
    assert airflow.processes() == []
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", airflow.port))
