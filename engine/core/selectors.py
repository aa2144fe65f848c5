"""Selectors: the words by which a command, a pipeline and a scheduler choose tables, the same for all of them.

A selector is a name or a pattern in any case (``silver.users``, ``gold.*``), ``tag:x``, ``pipeline:x`` or ``stale``;
a ``+`` before it adds everything it reads, a ``+`` after it everything that reads it. Several are separated by commas
or blanks. ``stale`` chooses every table: whoever builds them leaves out what is fresh.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from engine.core.errors import nearest

STALE = "stale"
EXPECTED = "a table, a pattern such as gold.*, tag:…, pipeline:… or stale"


@dataclass(frozen=True)
class Graph:
    """What there is to choose from."""

    inputs: Mapping[str, Sequence[str]]
    """Every table and what it reads, in build order."""
    tags: Mapping[str, Collection[str]]
    pipelines: Mapping[str, Sequence[str]]
    """The selectors of each pipeline."""

    def readers(self) -> dict[str, list[str]]:
        """Every table that is read, and what reads it."""
        found: dict[str, list[str]] = {}
        for name, inputs in self.inputs.items():
            for read in inputs:
                found.setdefault(read, []).append(name)
        return found


class SelectsNothing(ValueError):
    """A selector that selects no table. ``within`` are the pipelines in which it stands, outermost first."""

    def __init__(self, word: str, near: str, within: tuple[str, ...]) -> None:
        super().__init__(f"the selector {word!r} selects no table")
        self.near, self.within = near, within


def words(texts: Iterable[str]) -> list[str]:
    """The selectors in texts."""
    return [word for text in texts for word in text.replace(",", " ").split()]


def chosen(graph: Graph, texts: Iterable[str], *, within: tuple[str, ...] = ()) -> list[str]:
    """The tables that selectors choose, in build order.

    Raises SelectsNothing for one that chooses none, also inside a pipeline that is selected, and for a pipeline that
    selects itself.
    """
    found: set[str] = set()
    for word in words(texts):
        found |= _matching(graph, word, within)
    return [name for name in graph.inputs if name in found]


def circle(graph: Graph, pipeline: str) -> list[str]:
    """The shortest way in which a pipeline selects itself, as names from it to it; empty when it does not."""
    ways, seen = [[pipeline]], {pipeline}
    for way in ways:
        for name in _pipelines_in(graph, way[-1]):
            if name == pipeline:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _pipelines_in(graph: Graph, pipeline: str) -> list[str]:
    cores = (word.strip("+") for word in words(graph.pipelines.get(pipeline, ())))
    return [core.removeprefix("pipeline:") for core in cores if core.startswith("pipeline:")]


def _matching(graph: Graph, word: str, within: tuple[str, ...]) -> set[str]:
    core = word.strip("+")
    kind, _, name = core.partition(":")
    known: Iterable[str] = graph.inputs
    if core == STALE:
        found = set(graph.inputs)
    elif kind == "tag":
        found = {table for table, tags in graph.tags.items() if name in tags}
        known = sorted({tag for tags in graph.tags.values() for tag in tags})
    elif kind == "pipeline":
        inside = (*within, name)
        found = set() if name in within else set(chosen(graph, graph.pipelines.get(name, ()), within=inside))
        known = graph.pipelines
    else:
        found = {table for table in graph.inputs if fnmatch.fnmatchcase(table, core.lower())}
    if not found:
        raise SelectsNothing(word, nearest(name or core, known), within)
    every = set(found)
    if word.startswith("+"):
        every |= reached(graph.inputs, found)
    if word.endswith("+"):
        every |= reached(graph.readers(), found)
    return every & graph.inputs.keys()


def reached(steps: Mapping[str, Sequence[str]], start: Iterable[str]) -> set[str]:
    """``start`` and all that ``steps`` lead to from there."""
    seen, todo = set(start), list(start)
    while todo:
        new = [name for name in steps.get(todo.pop(), ()) if name not in seen]
        seen.update(new)
        todo += new
    return seen
