"""What must hold between pipelines: the names they refer to, when they run, and that they run in no circle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.config.specs import ALONE, PipelineSpec
from engine.config.yamlfile import Node
from engine.core.errors import Problem, nearest
from engine.core.selectors import EXPECTED, Graph, SelectsNothing, chosen, circle, words

LAYERS_DAG = "layers"
"""The DAG that makes schemas, roles and grants; no pipeline may have its name."""


def pipeline_problems(node: Node, pipelines: Mapping[str, PipelineSpec], graph: Graph) -> list[Problem]:
    """Everything that is wrong between pipelines, and between them and the declared tables."""
    problems: list[Problem] = []
    for name, pipeline in pipelines.items():
        problems += _names(node, name, pipeline, graph)
        problems += _selected(node, name, pipeline, graph)
        problems += _times(node, name, pipeline)
    return [*problems, *_circles(node, pipelines)]


def _names(node: Node, name: str, pipeline: PipelineSpec, graph: Graph) -> Iterator[Problem]:
    if name == LAYERS_DAG:
        yield node.problem(
            ("pipelines", name), f"{name!r} is the DAG that makes schemas and roles", expected="another name"
        )
    if pipeline.after is not None and pipeline.after not in graph.pipelines:
        yield node.problem(
            ("pipelines", name, "after"),
            f"no pipeline {pipeline.after!r}",
            value=True,
            expected="one of " + ", ".join(graph.pipelines),
            nearest=nearest(pipeline.after, graph.pipelines),
        )


def _selected(node: Node, name: str, pipeline: PipelineSpec, graph: Graph) -> Iterator[Problem]:
    """Selectors that choose no table. What is wrong inside a pipeline that this one selects is told there."""
    path = ("pipelines", name, "tables")
    if not words(pipeline.tables):
        yield node.problem(path, f"pipeline {name} selects no table", value=True, expected=EXPECTED)
    way = circle(graph, name)
    if way and name == min(way):
        back = f"pipeline:{way[1]}"
        at = next(i for i, text in enumerate(pipeline.tables) if back in (word.strip("+") for word in words([text])))
        said = "pipelines select each other in a circle: " + " → ".join(way)
        yield node.problem((*path, at), said, value=True, expected="tables, or a pipeline that does not come back here")
    for i, text in enumerate(pipeline.tables):
        for word in () if way else words([text]):
            try:
                chosen(graph, [word], within=(name,))
            except SelectsNothing as error:
                if error.within == (name,):
                    yield node.problem((*path, i), str(error), value=True, expected=EXPECTED, nearest=error.near)


def _times(node: Node, name: str, pipeline: PipelineSpec) -> Iterator[Problem]:
    if pipeline.after and pipeline.schedule:
        yield node.problem(("pipelines", name), f"pipeline {name} has both schedule and after", expected="one of them")
    if isinstance(pipeline.schedule, list):
        yield from _listed(node, ("pipelines", name, "schedule"), pipeline.schedule)
    if pipeline.catchup and (pipeline.start is None or not pipeline.schedule):
        yield node.problem(
            ("pipelines", name, "catchup"),
            "catchup needs a schedule and a start",
            expected="start: 2024-01-01 beside it",
        )


def _listed(node: Node, path: tuple[str, ...], crons: list[str]) -> Iterator[Problem]:
    """What Airflow cannot make one timetable of."""
    if not crons:
        yield node.problem(path, "an empty list is not a valid schedule", expected="cron expressions", value=True)
    for i, cron in enumerate(crons):
        if cron in ALONE:
            said = f"{cron} stands alone and not in a list"
            yield node.problem((*path, i), said, expected=f"schedule: {cron!r}, or cron expressions only", value=True)
        elif cron in crons[:i]:
            yield node.problem((*path, i), f"{cron!r} stands in this list twice", expected="it once", value=True)


def _circles(node: Node, pipelines: Mapping[str, PipelineSpec]) -> Iterator[Problem]:
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
