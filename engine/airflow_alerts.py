"""Telling people: by e-mail, Slack or PagerDuty, through Airflow's own providers and connections.

Nothing here may make things worse: an alert that cannot be sent is logged with what to do, the others are sent all the
same, and the task it was about stays what it was.
"""

from __future__ import annotations

import asyncio
import html
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

_log = logging.getLogger("medallion")
LONGEST = 3000
"""Characters of a message that are sent: Slack cuts text beyond it, and nobody reads it in a mail."""


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

    def text(self) -> str:
        """Plain text, as Slack and PagerDuty show it."""
        facts = [f"{name}: {value}" for name, value in self.about.items()]
        links = [f"{name}: {address}" for name, address in self.links.items()]
        return "\n".join([self.subject, self.what[:LONGEST], "", *facts, *links])

    def html(self) -> str:
        """The mail. What comes from data is text in it, whatever it looks like."""
        facts = "".join(f"<tr><td>{html.escape(n)}</td><td>{html.escape(v)}</td></tr>" for n, v in self.about.items())
        links = " &middot; ".join(f'<a href="{html.escape(a)}">{html.escape(n)}</a>' for n, a in self.links.items())
        return (
            f"<p><b>{html.escape(self.subject)}</b></p><pre>{html.escape(self.what[:LONGEST])}</pre>"
            f"<table cellpadding='3'>{facts}</table><p>{links}</p>"
        )


@dataclass(frozen=True)
class Alerts:
    """The alerts that a pipeline declares, as Airflow's callbacks. ``spec`` has the receivers by severity."""

    project: str
    pipeline: str
    spec: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)

    def critical(self, context: Any) -> None:
        """A task failed for good. That a run failed because its tasks did is not told again."""
        from engine.airflow_tasks import RunFailed

        error = context.get("exception")
        if isinstance(error, RunFailed):
            return
        task = context["ti"].task_id
        gate = task.endswith(".gate") and type(error).__name__ == "AirflowFailException"
        said = f"the gate of {_table(task)} failed" if gate else f"{task} failed"
        self._tell("critical", context, f"{self.pipeline}: {said}", str(error))

    def warning(self, context: Any, messages: Sequence[str]) -> None:
        """A table was published with a warning."""
        table = _table(context["ti"].task_id)
        self._tell("warning", context, f"{self.pipeline}: {table} was published with a warning", "\n".join(messages))

    def deadline(self, limit: str) -> Any:
        """The callback for a run that takes longer than ``limit``; it is called in the triggerer."""
        from airflow.sdk.definitions.callback import AsyncCallback

        receivers = [dict(receiver) for receiver in self.spec.get("critical", [])]
        return AsyncCallback(
            deadline_missed,
            {"project": self.project, "pipeline": self.pipeline, "limit": limit, "receivers": receivers},
        )

    def _tell(self, severity: str, context: Any, subject: str, what: str) -> None:
        ti, run = context["ti"], context["dag_run"]
        table = _table(ti.task_id)
        about = {
            "project": self.project,
            "pipeline": self.pipeline,
            **({"table": table} if table else {}),
            "task": ti.task_id,
            "run": run.run_id,
            "logical date": str(run.logical_date or run.run_after)[:10],
            "try": str(ti.try_number),
        }
        links = {"log": ti.log_url, "quality report": _page(table)}
        key = f"{self.project}/{self.pipeline}/{table or ti.task_id}/{run.run_id}/{severity}"
        send(self.spec.get(severity, []), Message(subject, what, about, links, severity, key), context)


async def deadline_missed(
    project: str, pipeline: str, limit: str, receivers: list[dict[str, Any]], context: Any = None
) -> None:
    """Tell that a run was not done in time. Airflow's triggerer calls it."""
    run = (context or {}).get("dag_run") or {}
    run_id = str(run.get("dag_run_id") or run.get("run_id") or "")
    message = Message(
        f"{pipeline}: not done within {limit}",
        f"The run was queued more than {limit} ago and is still going on.",
        {"project": project, "pipeline": pipeline, "run": run_id},
        {"run": f"{_base()}/dags/{pipeline}/runs/{run_id}", "quality report": _page("")},
        key=f"{project}/{pipeline}/{run_id}/deadline",
    )
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

        SlackWebhookNotifier(slack_webhook_conn_id=name, text=message.text()).notify(context)  # type: ignore[no-untyped-call]
        return
    from airflow.providers.slack.notifications.slack import SlackNotifier

    SlackNotifier(slack_conn_id=name, text=message.text(), channel=receiver["slack"]).notify(context)  # type: ignore[no-untyped-call]


def _pagerduty(receiver: Mapping[str, Any], message: Message, context: Any) -> None:
    from airflow.providers.pagerduty.notifications.pagerduty import PagerdutyNotifier

    PagerdutyNotifier(
        summary=message.subject[:1024],
        severity=message.severity,
        source=receiver["pagerduty"],
        dedup_key=message.key[:255],
        custom_details={"what": message.what[:LONGEST], **message.about},
        links=[{"href": address, "text": name} for name, address in message.links.items()],
        pagerduty_events_conn_id=receiver.get("connection") or _DEFAULTS["pagerduty"],
    ).notify(context)  # type: ignore[no-untyped-call]


_WAYS = {"email": _email, "slack": _slack, "pagerduty": _pagerduty}
_DEFAULTS = {"email": "smtp_default", "slack": "slack_default", "pagerduty": "pagerduty_events_default"}


def _table(task: str) -> str:
    table, _, step = task.rpartition(".")
    return table if step in ("build", "gate") else ""


def _base() -> str:
    from airflow.sdk.configuration import conf

    return str(conf.get("api", "base_url", fallback="http://localhost:8080")).rstrip("/")


def _page(table: str) -> str:
    return f"{_base()}/medallion/" + (f"tables/{table}.html" if table else "")
