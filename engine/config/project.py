"""pipelines.yaml as a checked project: models, positions, references resolved at the last moment."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from engine.config import specs
from engine.config.schedules import pipeline_problems
from engine.config.validation import check_keys, findings, validate, validate_typed
from engine.config.yamlfile import Node, load_yaml
from engine.core.errors import Problem, ProjectError, nearest
from engine.core.layers import TABLE_NAME
from engine.core.selectors import Graph
from engine.core.sqltypes import parse_type

PIPELINES = "pipelines.yaml"
TARGET = "MEDALLION_TARGET"
"""The environment variable that takes the place of default_target."""
Spec = TypeVar("Spec", bound=BaseModel)
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_SECTIONS = ("version", "name", "vars", "targets", "default_target", "sources", "guards", "tables", "pipelines")


@dataclass(frozen=True)
class Project:
    """A project whose pipelines.yaml holds together. Templates and suites are checked by ``engine.compile.manifest``."""

    root: Path
    node: Node
    name: str
    vars: Mapping[str, specs.Value]
    targets: Mapping[str, specs.TargetSpec]
    default_target: str
    sources: Mapping[str, specs.SourceSpec]
    tables: Mapping[str, specs.TableSpec]
    pipelines: Mapping[str, specs.PipelineSpec]
    guards: specs.GuardsSpec

    def target_name(self, name: str | None) -> str:
        """The name asked for, else what MEDALLION_TARGET says, else the default; raises ProjectError for one that is
        not declared."""
        name = name or os.environ.get(TARGET) or self.default_target
        if name not in self.targets:
            known = ", ".join(self.targets)
            raise ProjectError(
                Problem(
                    f"no target {name!r}",
                    PIPELINES,
                    *self.node.at("targets"),
                    f"one of {known}",
                    nearest(name, self.targets),
                )
            )
        return name

    def target(self, name: str) -> specs.TargetSpec:
        """The target with its references resolved from the environment; raises ProjectError for one that is unset."""
        return self._resolved(self.targets[name], ("targets", name))

    def source(self, name: str, target: str) -> specs.SourceSpec:
        """The source as it is on this target, references resolved."""
        override = self.targets[target].sources.get(name)
        if override is None:
            return self._resolved(self.sources[name], ("sources", name))
        path = ("targets", target, "sources", name)
        problems: list[Problem] = []
        spec = validate_typed(self.node, path, override, specs.SOURCES, "source", problems)
        if spec is None:
            raise ProjectError(problems)
        resolved: specs.SourceSpec = self._resolved(spec, path)
        return resolved

    def variables(self, target: str) -> dict[str, specs.Value]:
        """The vars that templates see on this target."""
        return {**self.vars, **self.targets[target].vars}

    @cached_property
    def files(self) -> tuple[Path, Path]:
        """The folders of templates and of expectations."""
        return self.root / "templates", self.root / "expectations"

    @cached_property
    def declared(self) -> Mapping[str, Any]:
        """The tables as they stand in the file, those that are wrong too."""
        return _mapping(self.node.value.get("tables"))

    def graph(self, inputs: Mapping[str, Sequence[str]]) -> Graph:
        """What selectors choose from: tables with their ``inputs`` in build order, and what the file says of tags and
        pipelines, also of those that are wrong."""
        tags = {name: _texts(_mapping(table).get("tags")) for name, table in self.declared.items()}
        pipelines = _mapping(self.node.value.get("pipelines"))
        return Graph(inputs, tags, {name: _texts(_mapping(p).get("tables")) for name, p in pipelines.items()})

    def template_path(self, table: str) -> Path:
        layer, name = table.split(".")
        return self.files[0] / layer / f"{name}.sql"

    def suite_path(self, table: str) -> Path:
        layer, name = table.split(".")
        return self.files[1] / layer / f"{name}.yaml"

    def _resolved(self, spec: Spec, path: tuple[str, ...]) -> Spec:
        problems: list[Problem] = []
        changed: dict[str, Any] = {}
        for key, value in spec.model_dump(
            include={k for k in type(spec).model_fields if k not in ("vars", "sources")}
        ).items():
            try:
                changed[key] = expand(value, os.environ)
            except KeyError as missing:
                name = missing.args[0]
                problems.append(
                    self.node.problem(
                        (*path, key),
                        f"the environment variable {name} is not set",
                        value=True,
                        expected=f"export {name}=… before this command",
                    )
                )
        if problems:
            raise ProjectError(problems)
        return spec.model_copy(update=changed)


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _texts(value: Any) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def expand(value: Any, environment: Mapping[str, str]) -> Any:
    """``${NAME}`` and ``${NAME:-default}`` in a text, or in each text of a list or mapping; an empty variable counts
    as unset. Raises KeyError(name)."""
    if isinstance(value, str):
        return _REFERENCE.sub(lambda m: _lookup(m, environment), value)
    if isinstance(value, list):
        return [expand(v, environment) for v in value]
    if isinstance(value, dict):
        return {k: expand(v, environment) for k, v in value.items()}
    return value


def _lookup(match: re.Match[str], environment: Mapping[str, str]) -> str:
    found = environment.get(match["name"])
    if found:
        return found
    if match["default"] is None:
        raise KeyError(match["name"])
    return match["default"]


def load_project(root: Path, *, partial: bool = False) -> Project:
    """Read and validate ``root``/pipelines.yaml. Raises ProjectError with every problem found; a ``partial`` project
    is what of a faulty file can be understood."""
    path = root / PIPELINES
    if not path.is_file():
        raise ProjectError(
            Problem(f"no {PIPELINES} in {root}", expected="a project folder: go into one, or name it with --project")
        )
    node = load_yaml(path, root)
    problems: list[Problem] = []
    data = node.value
    if not isinstance(data, dict):
        raise ProjectError(node.problem((), "the file is not a mapping", expected="keys " + ", ".join(_SECTIONS)))
    check_keys(node, (), data, _SECTIONS, ("version", "name", "targets", "default_target", "tables"), problems)
    head = _head(node, data, problems)
    targets = _typed_section(node, data, "targets", specs.TARGETS, "target", problems)
    sources = _typed_section(node, data, "sources", specs.SOURCES, "source", problems)
    tables = _section(node, data, "tables", specs.TableSpec, problems)
    pipelines = _section(node, data, "pipelines", specs.PipelineSpec, problems)
    project = Project(
        root,
        node,
        head.get("name", ""),
        head.get("vars", {}),
        targets,
        head.get("default_target", ""),
        sources,
        tables,
        pipelines,
        validate(node, ("guards",), data.get("guards") or {}, specs.GuardsSpec, problems) or specs.GuardsSpec(),
    )
    problems += _references(project)
    if not problems:
        return project
    if not partial:
        raise ProjectError(problems)
    sound = {
        n: t
        for n, t in tables.items()
        if not _table_references(project, n, t) and (t.source is None or t.source in sources)
    }
    return replace(project, tables=sound)


def _head(node: Node, data: dict[str, Any], problems: list[Problem]) -> dict[str, Any]:
    present = {k: data[k] for k in ("version", "name", "vars", "default_target") if k in data}
    for key, value in present.items():
        if key == "vars" and value is None:
            present[key] = {}
    head: dict[str, Any] = {k: v for k, v in present.items() if v is not None}
    try:
        specs.PipelinesFile.model_validate(
            {"version": 1, "name": "x", "default_target": "x", "targets": {}, "tables": {}, **head}
        )
    except ValidationError as error:
        problems += findings(node, (), error, specs.PipelinesFile)
    return head


def _section(
    node: Node, data: dict[str, Any], section: str, model: type[BaseModel], problems: list[Problem]
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in _entries(node, data, section, problems):
        path = (section, name)
        if not re.fullmatch(_NAMES[section][0], name):
            problems.append(
                node.problem(path, f"{name!r} is not a name for one of the {section}", expected=_NAMES[section][1])
            )
            continue
        spec = validate(node, path, {} if value is None and section == "tables" else value, model, problems)
        if spec is not None:
            out[name] = spec
    return out


_NAMES = {
    "tables": (
        TABLE_NAME,
        "layer.name in lower case: bronze.users, silver.users, gold.users",
    ),
    "pipelines": (r"[a-z_][a-z0-9_]{0,249}", "up to 250 lower-case letters, digits and _"),
}


def _typed_section(
    node: Node,
    data: dict[str, Any],
    section: str,
    models: Mapping[str, type[BaseModel]],
    noun: str,
    problems: list[Problem],
) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for name, value in _entries(node, data, section, problems):
        spec = validate_typed(node, (section, name), value, models, noun, problems)
        if spec is not None:
            out[name] = spec
    return out


def _entries(node: Node, data: dict[str, Any], section: str, problems: list[Problem]) -> list[tuple[str, Any]]:
    value = data.get(section)
    if value is None:
        return []
    if not isinstance(value, dict):
        problems.append(node.problem((section,), f"{section} is not a mapping", expected="name: {...} for each"))
        return []
    return list(value.items())


def _references(project: Project) -> list[Problem]:
    """Names that point at nothing, and columns whose type is no T-SQL type."""
    node, problems = project.node, []
    raw = node.value
    if project.default_target and raw.get("targets") and project.default_target not in raw["targets"]:
        problems.append(
            node.problem(
                ("default_target",),
                f"no target {project.default_target!r}",
                value=True,
                expected="one of " + ", ".join(raw["targets"]),
                nearest=nearest(project.default_target, raw["targets"]),
            )
        )
    for name, table in project.tables.items():
        problems += _table_references(project, name, table)
    problems += pipeline_problems(node, project.pipelines, project.graph(dict.fromkeys(project.declared, ())))
    for target, spec in project.targets.items():
        for name in spec.sources:
            if name not in project.sources:
                problems.append(
                    node.problem(
                        ("targets", target, "sources", name),
                        f"no source {name!r} to override",
                        expected="one of " + ", ".join(project.sources),
                        nearest=nearest(name, project.sources),
                    )
                )
    return problems


def _table_references(project: Project, name: str, table: specs.TableSpec) -> list[Problem]:
    node, problems = project.node, []
    known_sources = project.node.value.get("sources") or {}
    if table.source is not None and table.source not in known_sources:
        problems.append(
            node.problem(
                ("tables", name, "source"),
                f"no source {table.source!r}",
                value=True,
                expected="one of " + (", ".join(known_sources) or "(none is declared)"),
                nearest=nearest(table.source, known_sources),
            )
        )
    for column, spec in table.columns.items():
        if isinstance(spec, str):
            try:
                parse_type(spec)
            except ValueError as error:
                problems.append(node.problem(("tables", name, "columns", column), str(error), value=True))
    if table.strategy.keyed and not table.key_columns:
        problems.append(
            node.problem(
                ("tables", name, "load"),
                f"load: {table.load} needs a key",
                expected="key: the columns that identify a row",
            )
        )
    if table.source is not None and not table.strategy.from_source:
        problems.append(
            node.problem(
                ("tables", name, "load"),
                f"load: {table.load} is for a table built from a SELECT",
                expected="replace, merge, append or partition for a table with a source",
            )
        )
    if table.strategy.divided != (table.partition_by is not None):
        lacks = table.partition_by is None
        problems.append(
            node.problem(
                ("tables", name, "load" if lacks else "partition_by"),
                "load: partition needs a partition_by" if lacks else "partition_by is for load: partition",
                expected="partition_by: {column: …, grain: day}" if lacks else "load: partition beside it",
            )
        )
    if table.dedupe and table.source is not None:
        problems.append(
            node.problem(
                ("tables", name, "dedupe"),
                "dedupe is for a table built from a SELECT",
                expected="a key: of a source's rows that share one, the last landed stays",
            )
        )
    elif table.dedupe and not table.key_columns:
        problems.append(
            node.problem(
                ("tables", name, "dedupe"), "dedupe needs a key", expected="key: the columns that identify a row"
            )
        )
    return problems


def json_schema() -> dict[str, Any]:
    """The JSON Schema of pipelines.yaml, for editors."""
    schema = specs.PipelinesFile.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "pipelines.yaml", **schema}


if __name__ == "__main__":
    import json

    print(json.dumps(json_schema(), indent=2))
