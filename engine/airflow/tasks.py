"""The tasks of the generated DAGs. Each does one step of one table in a process of its own; what a step is stands in
``engine.execution.tasks``, and is imported when the task runs."""

from __future__ import annotations

import datetime as dt
import fnmatch
import hashlib
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator, BaseOperatorLink
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

if TYPE_CHECKING:
    from engine.execution.tasks import Job, Judged

BUILD, GATE, REPORT = "build", "gate", "report"
PAGES = "/medallion/"
"""Where the plugin serves the Data Docs."""
_log = logging.getLogger("medallion")


class QualityReport(BaseOperatorLink):
    """The button that opens the Data Docs of the task's table."""

    name = "Quality report"

    def get_link(self, operator: BaseOperator, *, ti_key: Any) -> str:
        table = getattr(operator, "table", "")
        return f"{PAGES}tables/{table}.html" if table else PAGES


class _Step(BaseOperator):
    """A task of a project. ``target`` is the name of one of its targets, ``table`` or ``layer`` what it works on, ``warn``
    is called with the context and the messages when a table is published with a warning."""

    ui_color = "#eef3f8"

    # One for all of them: each further __init__ costs as much as all the rest of making a task.
    def __init__(
        self, *, root: Path, target: str, table: str = "", layer: str = "", warn: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.root = str(root)
        self.target = target
        self.table = table
        self.layer = layer
        self.warn = warn

    def job(self, context: Mapping[str, Any]) -> Job:
        """Which run this is, in the engine's own terms."""
        from engine.execution.tasks import Job

        run = context["dag_run"]
        return Job(
            Path(self.root), self.target, run.dag_id, load_id(run.dag_id, run.run_id, run.run_after), logical_date(context),
            _say, tuple(context["params"].get("allow") or ()),
        )  # fmt: skip

    def execute(self, context: Any) -> Any:
        """Do the step. A wrong project and a failed gate fail at once: trying again gives the same."""
        from engine.core.errors import GateFailed, ProjectError

        logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells of each expectation it tries
        try:
            return self.step(context)
        except (ProjectError, GateFailed) as error:
            raise AirflowFailException(str(error)) from error

    def step(self, context: Any) -> Any:
        raise NotImplementedError


class Build(_Step):
    """Fill a table's staging from its source or its SELECT; skipped when what is published is up to date."""

    ui_color = "#dbe9f6"

    def step(self, context: Any) -> dict[str, Any]:
        from dataclasses import asdict

        from engine.execution.tasks import build

        params = context["params"]
        wanted = params.get("tables") or []
        if wanted and not any(fnmatch.fnmatchcase(self.table, pattern.lower()) for pattern in wanted):
            raise AirflowSkipException(f"{self.table} is not among {', '.join(wanted)}")
        built = build(self.job(context), self.table, force=bool(params.get("force")), full=bool(params.get("full")))
        if built.state == "unchanged":
            raise AirflowSkipException(f"{self.table} is up to date, {built.why}")
        if built.state == "staged":
            _say(
                f"{self.table}: {built.rows_staged:,} of {built.rows_read:,} rows are staged ({built.why}); "
                f"{built.rows_quarantined:,} held back, {built.rows_duplicate:,} duplicates dropped, "
                f"{'?' if built.rows_filtered is None else f'{built.rows_filtered:,}'} filtered"
            )
        else:
            _say(f"{self.table}: {built.why} of this run already")
        return asdict(built)


class Gate(_Step):
    """Let the table's suite judge the staged rows, and publish them."""

    ui_color = "#fdf0d5"
    operator_extra_links = (QualityReport(),)

    judged: Judged | None = None

    def step(self, context: Any) -> dict[str, Any]:
        from engine.core.errors import StagingGone
        from engine.execution.tasks import build, gate

        built = context["ti"].xcom_pull(task_ids=self.task_id.removesuffix(GATE) + BUILD)
        if not built:
            raise AirflowFailException(f"{self.table} was not built in this run; clear its build task too")
        job = self.job(context)
        try:
            judged = gate(job, self.table, built["load_id"], built["built_from"])
        except StagingGone as gone:
            # Another run: a backfill's go beside the scheduled one, and pipelines may share a table.
            _say(f"{gone}; that is done here")
            params = context["params"]
            again = build(job, self.table, force=bool(params.get("force")), full=bool(params.get("full")))
            judged = gate(job, self.table, again.load_id, again.built_from)
        self.judged = judged
        facts = _facts(judged, job.logical_date)
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = facts
        _say(
            f"{self.table}: {judged.rows_published:,} rows published{' already' if judged.again else ''}, "
            f"{judged.rows_removed:,} removed, {judged.rows_total:,} in the table, {judged.rows_quarantined:,} held back; verdict: {judged.verdict}"
        )
        if judged.verdict == "warned" and self.warn is not None and not judged.again:
            self.warn(context, [v.message for v in judged.verdicts if not v.success])
        return facts

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """What OpenLineage is told: the tables read and written, columns and their origins, row counts."""
        from engine.airflow.lineage import facets

        return facets(Path(self.root), self.target, self.table, self.judged)


class Report(_Step):
    """Write the run to the ledger and the Data Docs; fails when a table of the run was not published."""

    operator_extra_links = (QualityReport(),)

    def step(self, context: Any) -> dict[str, Any]:
        from engine.execution.tasks import finish
        from engine.pages.quality import build_from_ledger

        run, ti = context["dag_run"], context["ti"]
        states = ti.get_task_states(dag_id=run.dag_id, run_ids=[run.run_id]).get(run.run_id, {})
        failed = sorted(task for task, state in states.items() if state == "failed" and task != self.task_id)
        behind = sorted(task for task, state in states.items() if state == "upstream_failed" and task.endswith(GATE))
        job = self.job(context)
        started = run.start_date.astimezone(dt.UTC).replace(tzinfo=None)
        row = finish(
            job,
            started_at=started,
            failed=len(failed),
            selection=f"{run.dag_id} {run.run_id}",
            pages=build_from_ledger,
        )
        _say(f"{count(row['published'], 'table')} published, {row['rows_published']:,} rows; report: {PAGES}")
        if failed:
            raise RunFailed(
                f"{', '.join(failed)} failed"
                + (f"; behind it {count(len(behind), 'table')} not built" if behind else ""),
                failed,
            )
        facts = {
            "logical_date": job.logical_date.isoformat(),
            **{k: row[k] for k in ("run_id", "published", "rows_published")},
        }
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = facts
        return facts


class RunFailed(AirflowFailException):
    """Tasks of the run failed. Each was told of by itself, if it lived to."""

    def __init__(self, message: str, tasks: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.tasks = tasks


class Schemas(_Step):
    """Make the schemas and the ledger's tables."""

    def step(self, context: Any) -> None:
        from engine.execution.tasks import prepare

        prepare(self.job(context))


class Roles(_Step):
    """Make the roles and what each may do; skipped where there are none, or where the login may not."""

    def step(self, context: Any) -> None:
        from engine.execution.tasks import give_roles

        if said := give_roles(self.job(context)):
            raise AirflowSkipException(said)


class Reconcile(_Step):
    """Give a layer's published tables the physical design and the grants that they declare."""

    def step(self, context: Any) -> list[str]:
        from engine.execution.tasks import reconcile

        return reconcile(self.job(context), self.layer)


def load_id(dag_id: str, run_id: str, run_after: dt.datetime) -> str:
    """A run of Airflow as a load id: when it was due (UTC), and six digits by which runs of that second differ."""
    digest = hashlib.sha256(f"{dag_id} {run_id}".encode()).hexdigest()[:6]
    return f"{run_after.astimezone(dt.UTC):%Y%m%dT%H%M%S}_{digest}"


def logical_date(context: Mapping[str, Any]) -> dt.date:
    """The day that the run is of: its logical date in the DAG's time zone, else that of the newest run of the pipeline
    it came after, else the day it was due."""
    run = context["dag_run"]
    if run.logical_date is not None:
        zone = context["dag"].timezone
        day: dt.date = run.logical_date.astimezone(zone).date()
        return day
    given = [
        event.extra["logical_date"]
        for events in (context.get("triggering_asset_events") or {}).values()
        for event in events
        if (event.extra or {}).get("logical_date")
    ]
    due: dt.date = run.run_after.date()
    return max(map(dt.date.fromisoformat, given), default=due)


def _facts(judged: Judged, day: dt.date) -> dict[str, Any]:
    return {
        "load_id": judged.load_id,
        "verdict": judged.verdict,
        "rows_published": judged.rows_published,
        "rows_removed": judged.rows_removed,
        "rows_total": judged.rows_total,
        "rows_quarantined": judged.rows_quarantined,
        "logical_date": day.isoformat(),
    }


def count(number: int, what: str) -> str:
    """A number of things in words."""
    return f"{number:,} {what}" if number == 1 else f"{number:,} {what}s"


def _say(message: str) -> None:
    _log.info("%s", message)
