"""Telling people: by e-mail, Slack or PagerDuty, through Airflow's own providers and connections.

Nothing here may make things worse: an alert that cannot be sent is logged with what to do, the others are sent all the
same, and the task it was about stays what it was.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import html
import logging
import urllib.parse
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from engine.airflow.tasks import BUILD, GATE, REPORT, RunFailed, logical_date
from engine.core.errors import GateFailed

_log = logging.getLogger("medallion")
LONGEST = 3000
"""Characters of what happened that are sent: Slack asks for messages under 4,000, and nobody reads more in a mail."""
TOLD = "told"
"""The XCom of a failed task that somebody was told of."""
KILLED = (
    "The task ended without an error of its own. Either its process was killed, most often because memory ran out, or "
    "somebody set it to failed. The end of its log may say more."
)


@dataclass(frozen=True)
class Message:
    """What happened, and where to look. ``about`` are facts by name, ``links`` addresses by what they show; ``key`` is
    the same for the same trouble, so that nobody is woken twice for it."""

    subject: str
    what: str
    about: Mapping[str, str]
    links: Mapping[str, str]
    severity: str = "critical"
    key: str = ""

    def slack(self) -> str:
        """Slack's mrkdwn, in which only <, > and & mean anything that data must not: <!channel> would wake everybody."""
        facts = [f"{name}: {html.escape(value, quote=False)}" for name, value in self.about.items()]
        links = " · ".join(f"<{address}|{name}>" for name, address in self.links.items())
        what = html.escape(_cut(self.what), quote=False)
        return "\n".join([f"*{html.escape(self.subject, quote=False)}*", f"```{what}```", *facts, links])

    def html(self) -> str:
        """The mail. What comes from data is text in it, whatever it looks like."""
        facts = "".join(f"<tr><td>{html.escape(n)}</td><td>{html.escape(v)}</td></tr>" for n, v in self.about.items())
        links = " &middot; ".join(f'<a href="{html.escape(a)}">{html.escape(n)}</a>' for n, a in self.links.items())
        return (
            f"<p><b>{html.escape(self.subject)}</b></p><pre>{html.escape(_cut(self.what))}</pre>"
            f"<table cellpadding='3'>{facts}</table><p>{links}</p>"
        )


@dataclass(frozen=True)
class Alerts:
    """The alerts that a pipeline declares, as Airflow's callbacks. ``spec`` has the receivers by severity."""

    project: str
    pipeline: str
    spec: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def critical(self, context: Any) -> None:
        """A task failed for good. When the report says that a run failed, only of those tasks that could not do so
        themselves: Airflow calls nothing for a task whose process was killed."""
        error, ti = context.get("exception"), context["ti"]
        if isinstance(error, RunFailed):
            for task in error.tasks:
                if not ti.xcom_pull(task_ids=task, key=TOLD):
                    self._tell("critical", context, task, f"{task} failed", KILLED)
            return
        if error is None and ti.task_id != REPORT:
            return  # called by the DAG processor, for a task whose worker is gone: the report tells of it
        gate = isinstance(error.__cause__, GateFailed) and ti.task_id.endswith(f".{GATE}") if error else False
        said = f"the gate of {_table(ti.task_id)} failed" if gate else f"{ti.task_id} failed"
        self._tell("critical", context, ti.task_id, said, str(error) if error else KILLED)
        if error is not None:
            with suppress(Exception):  # it would be told of twice
                ti.xcom_push(TOLD, True)

    def warning(self, context: Any, messages: Sequence[str]) -> None:
        """A table was published with a warning."""
        task = context["ti"].task_id
        self._tell("warning", context, task, f"{_table(task)} was published with a warning", "\n".join(messages))

    def deadline(self, limit: str) -> Any:
        """The callback for a run that takes longer than ``limit``; it is called in the triggerer."""
        from airflow.sdk.definitions.callback import AsyncCallback

        receivers = [dict(receiver) for receiver in self.spec.get("critical", [])]
        return AsyncCallback(
            deadline_missed,
            {"project": self.project, "pipeline": self.pipeline, "limit": limit, "receivers": receivers},
        )

    def _tell(self, severity: str, context: Any, task: str, said: str, what: str) -> None:
        subject = f"{self.pipeline}: {said}"
        try:
            run, table = context["dag_run"].run_id, _table(task)
            about = {
                "project": self.project,
                "pipeline": self.pipeline,
                **({"table": table} if table else {}),
                "task": task,
                "run": run,
                "logical date": logical_date(context).isoformat(),
                "when": _now(),
            }
            links = {"log": _page_of_run(self.pipeline, run, task), "Data Docs": _data_docs(table)}
            key = f"{self.project}/{self.pipeline}/{table or task}/{run}/{severity}"
            send(self.spec.get(severity, []), Message(subject, what, about, links, severity, key), context)
        except Exception:  # whatever it is, a table that was published must not fail by it
            _log.exception("nobody could be told: %s", subject)


async def deadline_missed(
    project: str, pipeline: str, limit: str, receivers: list[dict[str, Any]], context: Any = None
) -> None:
    """Tell that a run was not done in time. Airflow's triggerer calls it, with the run as its REST API gives it."""
    run = (context or {}).get("dag_run") or {}
    run_id = str(run.get("dag_run_id") or "")
    message = Message(
        f"{pipeline}: not done within {limit}",
        f"The run was queued more than {limit} ago and is still going on.",
        {
            "project": project,
            "pipeline": pipeline,
            "run": run_id,
            "logical date": str(run.get("logical_date") or run.get("run_after") or "")[:10],
            "queued": f"{str(run.get('queued_at') or '')[:16].replace('T', ' ')} UTC",
            "when": _now(),
        },
        {"run": _page_of_run(pipeline, run_id), "Data Docs": _data_docs("")},
        key=f"{project}/{pipeline}/{run_id}/deadline",
    )
    # In a thread, as sending blocks, and every other trigger of this process would wait.
    await asyncio.to_thread(send, receivers, message, context or {})


def send(receivers: Sequence[Mapping[str, Any]], message: Message, context: Any) -> None:
    """Send a message to each receiver, one after the other; what cannot be sent is logged."""
    for receiver in receivers:
        way = next(w for w in ("email", "slack", "pagerduty") if receiver.get(w))
        try:
            _WAYS[way](receiver, message, context)
        except Exception as error:  # whatever a provider raises, the task must not fail by it
            _log.error(
                "the alert %r could not be sent by %s (%s: %s); look at the connection %s in Airflow",
                message.subject, way, type(error).__name__, error, receiver.get("connection") or _DEFAULTS[way],
            )  # fmt: skip
        else:
            _log.info("told by %s: %s", way, message.subject)


def _email(receiver: Mapping[str, Any], message: Message, context: Any) -> None:
    from airflow.providers.smtp.notifications.smtp import SmtpNotifier

    SmtpNotifier(
        to=receiver["email"],
        subject=message.subject,
        html_content=message.html(),
        smtp_conn_id=receiver.get("connection") or _DEFAULTS["email"],
    ).notify(context)  # type: ignore[no-untyped-call]


def _slack(receiver: Mapping[str, Any], message: Message, context: Any) -> None:
    from airflow.sdk import Connection

    name = receiver.get("connection") or _DEFAULTS["slack"]
    if Connection.get(name).conn_type == "slackwebhook":
        from airflow.providers.slack.notifications.slack_webhook import SlackWebhookNotifier

        SlackWebhookNotifier(slack_webhook_conn_id=name, text=message.slack(), unfurl_links=False).notify(context)  # type: ignore[no-untyped-call]
        return
    from airflow.providers.slack.notifications.slack import SlackNotifier

    SlackNotifier(slack_conn_id=name, text=message.slack(), channel=receiver["slack"], unfurl_links=False).notify(
        context
    )  # type: ignore[no-untyped-call]


def _pagerduty(receiver: Mapping[str, Any], message: Message, context: Any) -> None:
    from airflow.providers.pagerduty.notifications.pagerduty import PagerdutyNotifier

    PagerdutyNotifier(
        summary=message.subject[:1024],
        severity=message.severity,
        source=receiver["pagerduty"],
        dedup_key=_key(message.key),
        custom_details={"what": _cut(message.what), **message.about},
        links=[{"href": address, "text": name} for name, address in message.links.items()],
        pagerduty_events_conn_id=receiver.get("connection") or _DEFAULTS["pagerduty"],
    ).notify(context)  # type: ignore[no-untyped-call]


_WAYS = {"email": _email, "slack": _slack, "pagerduty": _pagerduty}
_DEFAULTS = {"email": "smtp_default", "slack": "slack_default", "pagerduty": "pagerduty_events_default"}


def _table(task: str) -> str:
    table, _, step = task.rpartition(".")
    return table if step in (BUILD, GATE) else ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + " …"


def _key(key: str) -> str:
    """A key as PagerDuty takes it, of 255 characters at most."""
    return key if len(key) <= 255 else hashlib.sha256(key.encode()).hexdigest()


def _now() -> str:
    return f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC"


def _base() -> str:
    from airflow.sdk.configuration import conf

    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")


def _page_of_run(pipeline: str, run: str, task: str = "") -> str:
    return f"{_base()}/dags/{pipeline}/runs/{urllib.parse.quote(run)}" + (f"/tasks/{task}" if task else "")


def _data_docs(table: str) -> str:
    return f"{_base()}/medallion/" + (f"tables/{table}.html" if table else "")
