"""What must hold between pipelines: the names they refer to, when they run, and that they run in no circle."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Mapping

from engine.errors import Problem, nearest
from engine.specs import PipelineSpec
from engine.yamlfile import Node

LAYERS_DAG = "layers"
"""The DAG that makes schemas, roles and grants; no pipeline may have its name."""


def pipeline_problems(
    node: Node, pipelines: Mapping[str, PipelineSpec], tables: Iterable[str], tags: Iterable[str]
) -> list[Problem]:
    """Everything that is wrong between pipelines, and between them and the declared tables."""
    problems: list[Problem] = []
    tables, tags = list(tables), list(tags)
    for name, pipeline in pipelines.items():
        problems += _names(node, name, pipeline, pipelines, tables, tags)
        problems += _times(node, name, pipeline)
    return [*problems, *_circles(node, pipelines)]


def _names(
    node: Node,
    name: str,
    pipeline: PipelineSpec,
    pipelines: Mapping[str, PipelineSpec],
    tables: list[str],
    tags: list[str],
) -> Iterable[Problem]:
    if name == LAYERS_DAG:
        yield node.problem(
            ("pipelines", name), f"{name!r} is the DAG that makes schemas and roles", expected="another name"
        )
    if pipeline.after is not None and pipeline.after not in (
        known := pipelines.keys() | node.value["pipelines"].keys()
    ):
        yield node.problem(
            ("pipelines", name, "after"),
            f"no pipeline {pipeline.after!r}",
            value=True,
            expected="one of " + ", ".join(pipelines),
            nearest=nearest(pipeline.after, known),
        )
    for i, words in enumerate(pipeline.tables):
        for word in words.replace(",", " ").split():
            core = word.strip("+")
            tag = core.removeprefix("tag:")
            found = tag in tags if core.startswith("tag:") else fnmatch.filter(tables, core.lower())
            if not found and not core.startswith("pipeline:"):
                yield node.problem(
                    ("pipelines", name, "tables", i),
                    f"the selector {word!r} selects no table",
                    value=True,
                    expected="a table, a pattern such as gold.*, or tag:…",
                    nearest=nearest(tag, tags if core.startswith("tag:") else tables),
                )


def _times(node: Node, name: str, pipeline: PipelineSpec) -> Iterable[Problem]:
    if pipeline.after and pipeline.schedule:
        yield node.problem(("pipelines", name), f"pipeline {name} has both schedule and after", expected="one of them")
    if pipeline.catchup and (pipeline.start is None or not pipeline.schedule):
        yield node.problem(
            ("pipelines", name, "catchup"),
            "catchup needs a schedule and a start",
            expected="start: 2024-01-01 beside it",
        )


def _circles(node: Node, pipelines: Mapping[str, PipelineSpec]) -> Iterable[Problem]:
    for start in pipelines:
        seen, at = [start], pipelines[start].after
        while at is not None and at in pipelines and at not in seen:
            seen.append(at)
            at = pipelines[at].after
        if at == start and start == min(seen):
            yield node.problem(
                ("pipelines", start, "after"),
                "pipelines run after each other in a circle: " + " → ".join([*seen, start]),
                expected="a first pipeline",
            )
