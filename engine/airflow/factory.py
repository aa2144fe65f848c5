"""pipelines.yaml as Airflow DAGs: one a pipeline, and the DAG ``layers`` for schemas, roles and grants.

Airflow reads DAG files all the time, so nothing here opens a connection or imports Great Expectations or a driver; the
tasks themselves are in ``engine.airflow.tasks``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Asset, BaseOperator, Param, TaskGroup, get_parsing_context
from airflow.sdk.configuration import conf
from airflow.sdk.definitions.param import ParamsDict

from engine.airflow.tasks import BUILD, GATE, REPORT, Build, Gate, Reconcile, Report, Roles, Schemas, count
from engine.compile.dag_manifest import Outline, outline
from engine.config.schedules import LAYERS_DAG
from engine.core.errors import Problem, ProjectError
from engine.core.layers import LAYERS

LONGEST_DELAY = dt.timedelta(minutes=15)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_ONE_MACHINE = ("LocalExecutor", "SequentialExecutor")


def dags(root: Path) -> dict[str, DAG]:
    """The DAGs of the pipelines of the project in ``root`` that are right, by name. What is wrong is left to
    ``raise_problems``: Airflow hides every DAG of a file that has an error."""
    made = outline(root)
    if _misplaced(made) or not made.project:
        return {}
    wanted = get_parsing_context().dag_id
    found = {name: _Pipeline(root, made, name) for name in made.pipelines if wanted in (None, name)}
    out = {name: pipeline.dag() for name, pipeline in found.items()}
    if wanted in (None, LAYERS_DAG):
        out[LAYERS_DAG] = _layers(root, made)
    return out


def raise_problems(root: Path) -> None:
    """Raise ProjectError with everything that is wrong with the project in ``root``, where a DAG's absence says
    nothing."""
    made = outline(root)
    if said := _misplaced(made) or made.problem:
        raise ProjectError(Problem(said))


def _misplaced(made: Outline) -> str:
    executors = [word.rpartition(".")[2] for word in conf.get("core", "executor").replace(":", ".").split(",")]
    if not made.embedded or all(e.strip() in _ONE_MACHINE for e in executors):
        return ""
    return (
        f"the target {made.target} is a file on one machine, and {', '.join(executors)} runs tasks on others; "
        "name a server with MEDALLION_TARGET or default_target, or run with LocalExecutor"
    )


def duration(text: str | None) -> dt.timedelta | None:
    """A duration of pipelines.yaml, such as 90m."""
    return dt.timedelta(**{_UNITS[text[-1]]: int(text[:-1])}) if text else None


class _Pipeline:
    def __init__(self, root: Path, made: Outline, name: str) -> None:
        self.root, self.made, self.name = root, made, name
        self.spec = made.pipelines[name]
        self.order: list[str] = self.spec["order"]

    def dag(self) -> DAG:
        spec = self.spec
        alerts = self._alerts()
        with DAG(
            self.name,
            description=spec["description"] or f"{count(len(self.order), 'table')} of {self.made.project}",
            schedule=self._schedule(),
            start_date=self._start(),
            catchup=spec["catchup"],
            max_active_runs=1,
            max_active_tasks=spec["concurrency"],
            tags=[self.made.project, *spec["tags"]],
            doc_md=self._page(),
            deadline=self._deadline(alerts),
        ) as dag:
            self._tasks(alerts)
        # Now, and not above: a DAG's params and default arguments are copied for each task that is made in it.
        dag.params = ParamsDict(
            {
                "tables": Param(
                    [],
                    type="array",
                    items={"type": "string"},
                    description="Only these tables, by name or pattern (gold.*); none means all.",
                ),
                "force": Param(False, type="boolean", description="Build also what is not stale."),
                "full": Param(
                    False,
                    type="boolean",
                    description="Build from the start of the sources, as if nothing had ever been loaded.",
                ),
                "allow": Param(
                    [],
                    type="array",
                    items={"type": "string"},
                    description="What a failed gate refused and this run may do once, as its message says: TABLE:WHAT.",
                ),
            }
        )
        return dag

    def _common(self, alerts: Any) -> dict[str, Any]:
        """What all tasks of the pipeline have in common."""
        spec = self.spec
        return {
            "root": self.root,
            "target": self.made.target,
            "owner": spec["owner"],
            "pool": spec["pool"],
            "retries": spec["retries"],
            "retry_delay": duration(spec["retry_delay"]),
            "retry_exponential_backoff": 2.0,
            "max_retry_delay": LONGEST_DELAY,
            "execution_timeout": duration(spec["timeout"]),
            "on_failure_callback": [alerts.critical] if spec["alerts"]["critical"] else None,
        }

    def _tasks(self, alerts: Any) -> None:
        groups = {layer: TaskGroup(layer) for layer in LAYERS if any(t.startswith(layer + ".") for t in self.order)}
        common = self._common(alerts)
        gates: dict[str, Gate] = {}
        read: set[str] = set()
        for name in self.order:
            layer, _, short = name.partition(".")
            table = self.made.tables[name]
            group = groups[layer]
            build = Build(
                task_id=f"{short}.{BUILD}",
                table=name,
                task_group=group,
                doc_md=table.doc,
                trigger_rule="none_failed",
                **common,
            )
            gate = Gate(
                task_id=f"{short}.{GATE}",
                table=name,
                task_group=group,
                doc_md=table.doc,
                outlets=[table_asset(self.made.project, name)],
                warn=alerts.warning if self.spec["alerts"]["warning"] else None,
                **common,
            )
            _after(gate, [build])
            before = [i for i in table.inputs if i in gates]
            _after(build, [gates[i] for i in before])
            read.update(before)
            gates[name] = gate
        report = Report(
            task_id=REPORT, trigger_rule="all_done", outlets=[pipeline_asset(self.made.project, self.name)], **common
        )
        _after(report, [gate for name, gate in gates.items() if name not in read])

    def _schedule(self) -> Any:
        spec = self.spec
        if spec["after"]:
            return [pipeline_asset(self.made.project, spec["after"])]
        when = spec["schedule"]
        if when is None or when in ("@once", "@continuous"):
            return when
        # Airflow's timetables are imported by the name they are asked for: each brings modules of its own.
        from airflow.sdk import (
            CronTriggerTimetable,
            DeltaTriggerTimetable,
            MultipleCronTriggerTimetable,
        )

        # Airflow 3.3 cannot read back what it writes of the class of this name in airflow.sdk.
        from airflow.timetables.events import EventsTimetable

        if isinstance(when, str):
            return CronTriggerTimetable(when, timezone=spec["timezone"])
        if isinstance(when, list):
            return MultipleCronTriggerTimetable(*when, timezone=spec["timezone"])
        if when["every"]:
            every = duration(when["every"])
            assert every is not None
            return DeltaTriggerTimetable(every)
        return EventsTimetable([self._in_zone(dt.datetime.fromisoformat(moment)) for moment in when["at"]])

    def _in_zone(self, moment: dt.datetime) -> Any:
        import pendulum

        return pendulum.instance(moment, tz=moment.tzinfo or self.spec["timezone"])

    def _start(self) -> dt.datetime | None:
        return self._in_zone(dt.datetime.fromisoformat(self.spec["start"])) if self.spec["start"] else None

    def _alerts(self) -> Any:
        from engine.airflow.alerts import Alerts

        return Alerts(self.made.project, self.name, self.spec["alerts"])

    def _deadline(self, alerts: Any) -> Any:
        limit = duration(self.spec["deadline"])
        if limit is None:
            return None
        from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

        return DeadlineAlert(
            name=f"{self.spec['deadline']} after it was queued",
            reference=DeadlineReference.DAGRUN_QUEUED_AT,
            interval=limit,
            callback=alerts.deadline(self.spec["deadline"]),
        )

    def _page(self) -> str:
        rows = [f"| `{name}` | {self.made.tables[name].description} |" for name in self.order]
        says = [self.spec["description"], ""] if self.spec["description"] else []
        return "\n".join([*says, "| table | |", "| --- | --- |", *rows, "", "[Quality report](/medallion/)"])


def _after(task: BaseOperator, others: Iterable[BaseOperator]) -> None:
    """Let a task wait for others. What ``set_upstream`` does for tasks of one DAG, without comparing whole DAGs for each
    edge, which took a third of the time of a thousand tables."""
    for other in others:
        task.upstream_task_ids.add(other.task_id)
        other.downstream_task_ids.add(task.task_id)


def table_asset(project: str, name: str) -> Asset:
    """The asset of a published table."""
    layer, _, short = name.partition(".")
    return Asset(name=f"{project}/{name}", uri=f"medallion://{project}/{layer}/{short}", group=project)


def pipeline_asset(project: str, name: str) -> Asset:
    """The asset that a run of a pipeline updates when all of it is published: what ``after`` waits for."""
    return Asset(name=f"{project}/{name}", uri=f"medallion://{project}/pipelines/{name}", group=project)


def _layers(root: Path, made: Outline) -> DAG:
    common: dict[str, Any] = {"root": root, "target": made.target}
    with DAG(
        LAYERS_DAG,
        description=f"Schemas, roles and grants of {made.project}",
        schedule=None,
        max_active_runs=1,
        tags=[made.project],
        default_args={"owner": "data", "pool": "warehouse", "retries": 1},
    ) as dag:
        schemas = Schemas(task_id="schemas", **common)
        roles = Roles(task_id="roles", **common)
        reconcile = [
            Reconcile(task_id=f"{layer}.design_and_grants", layer=layer, trigger_rule="none_failed", **common)
            for layer in LAYERS
        ]
        schemas.set_downstream(roles)
        roles.set_downstream(reconcile)
    return dag
