"""Who is told of what, how often, and what arrives: real mails, and posts to servers that stand in for Slack's and
PagerDuty's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.airflow import receivers
from tests.airflow.home import Home, Ran, make_home
from tests.airflow.receivers import Received
from tests.project_files import FILES, PIPELINES, write_project

MakeHome = Callable[..., Home]
SUITE = "expectations/silver/orders.yaml"
ORDERS = str(FILES["data/raw/orders.csv"])
LINE = '  all: {tables: [bronze.*, silver.*, gold.*], schedule: "@daily"}\n'
BY_MAIL = "{critical: [{email: [ann@example.com, bob@example.com]}], warning: [{email: cid@example.com}]}"
EVERY_WAY = (
    "{critical: [{slack: '#data', connection: unmade}, {slack: '#data', connection: refused},"
    " {email: [ann@example.com, bob@example.com]}, {slack: '#data'}, {slack: '#data', connection: hook},"
    " {pagerduty: warehouse}]}"
)
TOKEN, SECRET_HOOK, REFUSED_HOOK, ROUTING_KEY = "xoxb-canary", "T0/B0/canary", "T1/B1/canary", "canary" + "R" * 26
ONLY_ANN = (
    "expectations:\n  - type: expect_column_values_to_be_in_set\n    kwargs: {column: customer, value_set: [Ann]}\n"
)
EVIL = "<!here>{{ conn }}"


def declared(alerts: str) -> dict[str, str | bytes | None]:
    keys = f"{{tables: [bronze.*, silver.*, gold.*], retries: 1, retry_delay: 1s, alerts: {alerts}}}"
    return {"pipelines.yaml": PIPELINES.replace(LINE, f"  all: {keys}\n")}


def connection(kind: str, **about: Any) -> str:
    return json.dumps({"conn_type": kind, **about})


def smtp_connection(port: int) -> str:
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "warehouse@example.com"}
    return connection("smtp", host="127.0.0.1", port=port, extra=extra)


@dataclass(frozen=True)
class Told:
    """A run, and what arrived at whom."""

    ran: Ran
    mails: list[tuple[list[str], str, str]]
    slack: list[tuple[str, dict[str, Any]]]
    pages: list[tuple[str, dict[str, Any]]]

    @property
    def run(self) -> str:
        return str(self.ran.runs[0]["run"])


@pytest.fixture(scope="module")
def gate_failed(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Told:
    """A gate fails over what looks like Slack's, HTML's and Jinja's own, and everybody is to be told of it."""
    folder = tmp_path_factory.mktemp("gate_failed")
    changes = {**declared(EVERY_WAY), SUITE: ONLY_ANN, "data/raw/orders.csv": ORDERS.replace("Bob", EVIL)}
    pem = receivers.certificate(folder)
    with receivers.smtp() as mail, receivers.http() as slack, receivers.http(pem) as pager:
        # PagerDuty's client has its address built in, and takes no other than https.
        (folder / "sitecustomize.py").write_text(
            f"import pagerduty\npagerduty.EventsApiV2Client.default_base_url = 'https://127.0.0.1:{pager.port}'\n"
        )
        home = make_home(
            folder / "home", write_project(folder / "project", changes), migrated,
            SSL_CERT_FILE=str(pem),
            AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port),
            AIRFLOW_CONN_SLACK_DEFAULT=connection(
                "slack", password=TOKEN, extra={"base_url": f"http://127.0.0.1:{slack.port}/api/"}
            ),
            AIRFLOW_CONN_HOOK=connection(
                "slackwebhook", schema="http", host=f"127.0.0.1:{slack.port}/services", password=SECRET_HOOK
            ),
            AIRFLOW_CONN_REFUSED=connection(
                "slackwebhook", schema="http", host=f"127.0.0.1:{slack.port}/refused", password=REFUSED_HOOK
            ),
            AIRFLOW_CONN_PAGERDUTY_EVENTS_DEFAULT=connection("pagerduty_events", password=ROUTING_KEY),
            AIRFLOW__API__BASE_URL="https://airflow.example.com/",
        )  # fmt: skip
        home.environment["PYTHONPATH"] = f"{folder}:{home.environment['PYTHONPATH']}"
        ran = home.run("all")
    assert ran.states()["silver.orders.gate"] == "failed", ran.log[-3000:]
    return Told(ran, mail.mails, [post for post in slack.posts if not post[0].startswith("/refused")], pager.posts)


def test_a_failed_gate_is_told_once_with_what_and_where(gate_failed: Told) -> None:
    assert gate_failed.ran.runs[0]["tasks"]["silver.orders.gate"]["tries"] == 1
    assert gate_failed.ran.states()["report"] == "failed", "a task that failed too, and is not told of"
    ((to, subject, text),) = gate_failed.mails
    assert to == ["ann@example.com", "bob@example.com"]
    assert subject == "all: the gate of silver.orders failed"
    assert "customer: 2 of 3 values (67 %)" in text and "Cid" in text
    day = gate_failed.run.removeprefix("manual__")[:10]
    for name, value in {
        "pipeline": "all",
        "table": "silver.orders",
        "run": gate_failed.run,
        "logical date": day,
    }.items():
        assert f"<td>{name}</td><td>{value}</td>" in text
    assert 'href="https://airflow.example.com/medallion/tables/silver.orders.html"' in text
    assert "https://airflow.example.com/dags/all/runs/manual__" in text and "/tasks/silver.orders.gate" in text


def test_slack_is_told_over_its_api_and_over_a_webhook(gate_failed: Told) -> None:
    (api, message), (hook, same) = gate_failed.slack
    assert (api, hook) == ("/api/chat.postMessage", f"/services/{SECRET_HOOK}")
    assert message["channel"] == "#data"
    assert message["text"].startswith("*all: the gate of silver.orders failed*\n```customer: 2 of 3 values")
    assert "<https://airflow.example.com/medallion/tables/silver.orders.html|Data Docs>" in message["text"]
    assert same["text"] == message["text"]


def test_pagerduty_is_told_under_a_key_that_stays(gate_failed: Told) -> None:
    ((path, page),) = gate_failed.pages
    assert (path, page["event_action"], page["routing_key"]) == ("/v2/enqueue", "trigger", ROUTING_KEY)
    assert (page["payload"]["severity"], page["payload"]["source"]) == ("critical", "warehouse")
    assert page["payload"]["custom_details"]["table"] == "silver.orders"
    assert page["dedup_key"] == f"shop/all/silver.orders/{gate_failed.run}/critical"
    assert [link["text"] for link in page["links"]] == ["log", "Data Docs"]


def test_what_data_says_is_text(gate_failed: Told) -> None:
    assert "&lt;!here&gt;{{ conn }}" in gate_failed.mails[0][2] and EVIL not in gate_failed.mails[0][2]
    assert "&lt;!here&gt;{{ conn }}" in gate_failed.slack[0][1]["text"]
    assert "<!here>" not in gate_failed.slack[0][1]["text"]


def test_one_that_cannot_be_sent_keeps_nobody_else_from_being_told(gate_failed: Told) -> None:
    unsent = [line for line in gate_failed.ran.log.splitlines() if "could not be sent by slack" in line]
    assert len(unsent) == 2, unsent
    assert "look at the connection unmade in Airflow" in unsent[0]
    assert "look at the connection refused in Airflow" in unsent[1]


def test_no_secret_is_told(gate_failed: Told) -> None:
    told = json.dumps([gate_failed.mails, [post for _, post in gate_failed.slack], gate_failed.pages[0][1]["payload"]])
    assert "canary" not in told
    assert "canary" not in gate_failed.ran.log


@pytest.fixture
def mail() -> Iterator[Received]:
    with receivers.smtp() as got:
        yield got


def test_a_task_is_tried_again_before_somebody_is_told(airflow_home: MakeHome, mail: Received) -> None:
    home = airflow_home(
        {**declared(BY_MAIL), "data/raw/orders.csv": None}, AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port)
    )
    ran = home.run("all")
    assert ran.runs[0]["tasks"]["bronze.orders.build"] == {"state": "failed", "tries": 2}
    assert [subject for _, subject, _ in mail.mails] == ["all: bronze.orders.build failed"]
    assert "data/raw/orders*.csv" in mail.mails[0][2]


def test_a_warning_is_told_to_others_and_the_table_is_published(airflow_home: MakeHome, mail: Received) -> None:
    home = airflow_home(
        {**declared(BY_MAIL), SUITE: ONLY_ANN + "    severity: warning\n"},
        AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port),
    )
    ran = home.run("all", ("all", {"tables": ["gold.*"]}))
    assert [run["state"] for run in ran.runs] == ["success", "success"]
    ((to, subject, text),) = mail.mails
    assert (to, subject) == (["cid@example.com"], "all: silver.orders was published with a warning")
    assert "Bob" in text and "Cid" in text


def test_mail_servers_that_ask_for_tls_and_a_login(airflow_home: MakeHome, tmp_path: Path) -> None:
    pem = receivers.certificate(tmp_path)
    with receivers.smtp(pem) as tls, receivers.smtp(pem, starttls=True) as starttls:
        about = {"login": receivers.LOGIN, "password": receivers.PASSWORD, "host": "127.0.0.1"}
        sender = {"from_email": "warehouse@example.com"}
        # What docs/alerts.md says for either kind of server.
        home = airflow_home(
            SSL_CERT_FILE=str(pem),
            AIRFLOW_CONN_TLS=connection("smtp", port=tls.port, extra={**sender, "disable_tls": True}, **about),
            AIRFLOW_CONN_STARTTLS=connection(
                "smtp", port=starttls.port, extra={**sender, "disable_ssl": True}, **about
            ),
            AIRFLOW_CONN_WRONG=connection(
                "smtp", port=tls.port, extra={**sender, "disable_tls": True}, **{**about, "password": "canary-too"}
            ),
        )
        code = (
            "import logging; logging.basicConfig(); from engine.airflow.alerts import Message, send;"
            "to = [{'email': 'ann@example.com', 'connection': name} for name in ('wrong', 'tls', 'starttls')];"
            "send(to, Message('told', 'of what', {}, {}), {})"
        )
        done = home.python("-c", code)
    assert [m[1] for m in tls.mails] == ["told"], done.stderr[-2000:]
    assert [m[1] for m in starttls.mails] == ["told"], done.stderr[-2000:]
    assert "look at the connection wrong in Airflow" in done.stderr + done.stdout
    assert "canary" not in done.stderr + done.stdout


def test_a_missed_deadline_is_told(airflow_home: MakeHome, mail: Received) -> None:
    home = airflow_home(AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port))
    # As the triggerer does: by the path and the arguments that the DAG was stored with.
    code = (
        "import asyncio; from engine.airflow.alerts import Alerts; from airflow.sdk._shared.module_loading import import_string;"
        "back = Alerts('shop', 'all', {'critical': [{'email': 'ann@example.com'}]}).deadline('3h');"
        "context = {'dag_run': {'dag_run_id': 'manual__1+2', 'dag_id': 'all', 'logical_date': '2024-02-29T00:00:00Z'}};"
        "asyncio.run(import_string(back.path)(**back.kwargs, context=context))"
    )
    done = home.python("-c", code)
    assert [subject for _, subject, _ in mail.mails] == ["all: not done within 3h"], done.stderr[-2000:]
    assert "/dags/all/runs/manual__1%2B2" in mail.mails[0][2] and "<td>2024-02-29</td>" in mail.mails[0][2]
