"""What of a project can be used when other parts of it are wrong.

A fault in one template must not stop the pipelines that do not read it. Every problem belongs to a table or a pipeline,
or to none and then to all of them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.compile.manifest import Model, bound_as_far_as_it_goes
from engine.config.project import PIPELINES, Project, load_project
from engine.core.errors import Problem, ProjectError
from engine.core.selectors import SelectsNothing, chosen


@dataclass
class Sound:
    """A model of what is right, the problems of what is not, and whose each problem is."""

    model: Model
    problems: list[Problem] = field(default_factory=list)
    wrong: dict[str, list[Problem]] = field(default_factory=dict)
    """Problems by table (``silver.users``) or pipeline (``pipeline:ingest``)."""

    def of_table(self, name: str) -> list[Problem]:
        """Why a table cannot be built; empty when it can."""
        if found := self.wrong.get(name):
            return found
        if name in self.model.tables:
            return []
        declared = name in self.model.project.declared
        because = [p for p in self.problems if declared] or [Problem(f"no table {name!r}", PIPELINES)]
        return because

    def pipelines(self) -> dict[str, list[str]]:
        """The pipelines of which everything is right, with their tables in build order."""
        out = {}
        graph = self.model.graph
        for name, spec in self.model.project.pipelines.items():
            if f"pipeline:{name}" in self.wrong:
                continue
            try:
                tables = chosen(graph, spec.tables, within=(name,))
            except SelectsNothing:
                continue  # in a pipeline that it selects, where it is told
            if not any(self.of_table(table) for table in tables):
                out[name] = tables
        return out


def sound_model(
    root: Path, target: str | None, logical_date: dt.date, *, watermarks: Mapping[str, str] | None = None
) -> Sound:
    """Read the project in ``root`` as far as it is right. Raises ProjectError when no table of it can be used:
    pipelines.yaml cannot be read, or what is wrong belongs to all tables."""
    problems: list[Problem] = []
    try:
        project = load_project(root)
    except ProjectError as error:
        problems = error.problems
        project = load_project(root, partial=True)
    if any(not _owner(project, p) for p in problems):
        raise ProjectError(problems)
    model, found = bound_as_far_as_it_goes(project, project.target_name(target), logical_date, watermarks or {})
    # What is wrong with pipelines.yaml was told already; a second look at part of it says the same in other words.
    problems = [*problems, *(p for p in found if not problems or p.file != PIPELINES)]
    sound = Sound(model, problems)
    for problem in problems:
        sound.wrong.setdefault(_owner(project, problem), []).append(problem)
    return sound


def further_problems(root: Path) -> list[Problem]:
    """What is wrong with templates and suites when pipelines.yaml itself is wrong, as far as that can be told."""
    project = load_project(root, partial=True)
    target = project.default_target if project.default_target in project.targets else next(iter(project.targets), "")
    if not target:
        return []
    _, found = bound_as_far_as_it_goes(project, target, dt.datetime.now(dt.UTC).date(), {})
    return [p for p in found if p.file != PIPELINES]


def _owner(project: Project, problem: Problem) -> str:
    """The table or pipeline whose fault a problem is; empty when it is everybody's."""
    if problem.file != PIPELINES:
        folder, _, rest = problem.file.partition("/")
        if folder in ("templates", "expectations"):
            return rest.rpartition(".")[0].replace("/", ".")
        return ""
    owner, line = "", 0
    for path, (at, _) in project.node.keys.items():
        if path and line <= at <= problem.line and len(path) <= 2:
            line = at
            owner = _name(tuple(map(str, path)))
    return owner


def _name(path: tuple[str, ...]) -> str:
    match path:
        case ("tables", table):
            return table
        case ("pipelines", pipeline):
            return f"pipeline:{pipeline}"
    return ""
