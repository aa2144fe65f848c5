"""Who is told of what, how often, and what arrives: real mails, and posts to servers that stand in for Slack's and
PagerDuty's."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.airflow import receivers
from tests.airflow.home import Home
from tests.airflow.receivers import Received
from tests.project_files import FILES, PIPELINES

MakeHome = Callable[..., Home]
SUITE = "expectations/silver/orders.yaml"
DEAR = str(FILES["data/raw/orders.csv"]) + "9,Zoe,5000.00,2024-03-01\n"
LINE = '  all: {tables: [bronze.*, silver.*, gold.*], schedule: "@daily"}\n'


@pytest.fixture
def mail() -> Iterator[Received]:
    with receivers.smtp() as got:
        yield got


@pytest.fixture
def web() -> Iterator[Received]:
    with receivers.http() as got:
        yield got


def declared(alerts: str) -> dict[str, str | bytes | None]:
    keys = f"{{tables: [bronze.*, silver.*, gold.*], retries: 1, retry_delay: 1s, alerts: {alerts}}}"
    return {"pipelines.yaml": PIPELINES.replace(LINE, f"  all: {keys}\n")}


def smtp_connection(port: int) -> str:
    return json.dumps(
        {
            "conn_type": "smtp",
            "host": "127.0.0.1",
            "port": port,
            "extra": {"disable_ssl": True, "disable_tls": True, "from_email": "warehouse@example.com"},
        }
    )


BY_MAIL = "{critical: [{email: [ann@example.com, bob@example.com]}], warning: [{email: cid@example.com}]}"


def test_a_failed_gate_is_told_once_with_what_and_where(airflow_home: MakeHome, mail: Received) -> None:
    home = airflow_home(
        {**declared(BY_MAIL), "data/raw/orders.csv": DEAR}, AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port)
    )
    ran = home.run("all")
    assert ran.states()["silver.orders.gate"] == "failed"
    ((to, subject, text),) = mail.mails
    assert to == ["ann@example.com", "bob@example.com"]
    assert subject == "all: the gate of silver.orders failed"
    assert "amount: 1 of 4 values (25 %) are not between 0 and 1,000: 5,000" in text
    assert "/medallion/tables/silver.orders.html" in text and "silver.orders.gate" in text
    assert ran.runs[0]["run"] in text


def test_a_task_is_tried_again_before_somebody_is_told(airflow_home: MakeHome, mail: Received) -> None:
    home = airflow_home(
        {**declared(BY_MAIL), "data/raw/orders.csv": None}, AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port)
    )
    ran = home.run("all")
    assert ran.runs[0]["tasks"]["bronze.orders.build"] == {"state": "failed", "tries": 2}
    assert [subject for _, subject, _ in mail.mails] == ["all: bronze.orders.build failed"]
    assert "data/raw/orders*.csv" in mail.mails[0][2]


def test_a_warning_is_told_to_others_and_the_table_is_published(airflow_home: MakeHome, mail: Received) -> None:
    suite = str(FILES[SUITE]) + "    severity: warning\n"
    home = airflow_home(
        {**declared(BY_MAIL), "data/raw/orders.csv": DEAR, SUITE: suite},
        AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port),
    )
    assert home.run("all").runs[0]["state"] == "success"
    ((to, subject, text),) = mail.mails
    assert (to, subject) == (["cid@example.com"], "all: silver.orders was published with a warning")
    assert "5,000" in text


def test_what_data_says_is_text_in_a_mail(airflow_home: MakeHome, mail: Received) -> None:
    suite = (
        "expectations:\n  - type: expect_column_values_to_be_in_set\n    kwargs: {column: customer, value_set: [Ann]}\n"
    )
    evil = str(FILES["data/raw/orders.csv"]).replace("Bob", "<b>{{ conn }}")
    home = airflow_home(
        {**declared(BY_MAIL), "data/raw/orders.csv": evil, SUITE: suite},
        AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port),
    )
    home.run("all")
    assert "&lt;b&gt;{{ conn }}" in mail.mails[0][2]


def test_slack_and_pagerduty_are_told_too(airflow_home: MakeHome, web: Received, tmp_path: Path) -> None:
    both = "{critical: [{slack: '#data'}, {slack: '#data', connection: hook}, {pagerduty: warehouse}]}"
    pem = receivers.certificate(tmp_path)
    with receivers.http(pem) as pager:
        # PagerDuty's client has its address built in, and takes no other than https.
        moved = tmp_path / "moved"
        moved.mkdir()
        (moved / "sitecustomize.py").write_text(
            f"import pagerduty\npagerduty.EventsApiV2Client.default_base_url = 'https://127.0.0.1:{pager.port}'\n"
        )
        home = airflow_home(
            {**declared(both), "data/raw/orders.csv": DEAR},
            SSL_CERT_FILE=str(pem),
            AIRFLOW_CONN_SLACK_DEFAULT=json.dumps(
                {"conn_type": "slack", "password": "xoxb-1", "extra": {"base_url": f"http://127.0.0.1:{web.port}/api/"}}
            ),
            AIRFLOW_CONN_HOOK=json.dumps(
                {
                    "conn_type": "slackwebhook",
                    "schema": "http",
                    "host": f"127.0.0.1:{web.port}/services",
                    "password": "T/B/x",
                }
            ),
            AIRFLOW_CONN_PAGERDUTY_EVENTS_DEFAULT=json.dumps({"conn_type": "pagerduty_events", "password": "R" * 32}),
        )
        home.environment["PYTHONPATH"] = f"{moved}:{home.environment['PYTHONPATH']}"
        ran = home.run("all")
    unsent = [line for line in ran.log.splitlines() if "could not be sent" in line]
    posts = dict(web.posts)
    assert set(posts) == {"/api/chat.postMessage", "/services/T/B/x"}, unsent
    slack = posts["/api/chat.postMessage"]
    assert slack["channel"] == "#data"
    assert "all: the gate of silver.orders failed" in slack["text"] and "1 of 4 values" in slack["text"]
    assert "silver.orders" in posts["/services/T/B/x"]["text"]
    ((path, page),) = pager.posts
    assert path == "/v2/enqueue", unsent
    assert (page["payload"]["severity"], page["payload"]["source"]) == ("critical", "warehouse")
    assert page["dedup_key"] == f"shop/all/silver.orders/{ran.runs[0]['run']}/critical"
    assert any(link["href"].endswith("silver.orders.html") for link in page["links"])
    assert "xoxb-1" not in ran.log and "R" * 32 not in ran.log


def test_one_that_cannot_be_sent_keeps_nobody_else_from_being_told(airflow_home: MakeHome, mail: Received) -> None:
    alerts = "{critical: [{slack: '#data'}, {email: ann@example.com}]}"
    home = airflow_home(
        {**declared(alerts), "data/raw/orders.csv": DEAR}, AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port)
    )
    ran = home.run("all")
    assert len(mail.mails) == 1
    assert "could not be sent by slack" in ran.log and "look at the connection slack_default in Airflow" in ran.log


def test_a_missed_deadline_is_told(airflow_home: MakeHome, mail: Received) -> None:
    home = airflow_home(AIRFLOW_CONN_SMTP_DEFAULT=smtp_connection(mail.port))
    # As the triggerer does: by the path and the arguments that the DAG was stored with.
    code = (
        "import asyncio; from engine.airflow_alerts import Alerts; from airflow.sdk._shared.module_loading import import_string;"
        "back = Alerts('shop', 'all', {'critical': [{'email': 'ann@example.com'}]}).deadline('3h');"
        "context = {'dag_run': {'dag_run_id': 'manual__1', 'dag_id': 'all'}};"
        "asyncio.run(import_string(back.path)(**back.kwargs, context=context))"
    )
    done = home.python("-c", code)
    assert [subject for _, subject, _ in mail.mails] == ["all: not done within 3h"], done.stderr[-2000:]
    assert "/dags/all/runs/manual__1" in mail.mails[0][2]
