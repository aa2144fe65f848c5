"""What to build: selectors, the order between tables, and why a table is stale."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from engine.errors import Problem, ProjectError, nearest
from engine.ledger import Published
from engine.model import Model, Table

STALE = "stale"


@dataclass(frozen=True)
class Plan:
    """The selected tables in build order, and how far their inputs reach into the selection."""

    tables: tuple[str, ...]
    only_stale: bool = True

    def waits_for(self, model: Model, name: str) -> list[str]:
        """The selected tables that must be finished before this one."""
        return [i for i in model.tables[name].inputs if i in self.tables]


def select(model: Model, selectors: Iterable[str]) -> Plan:
    """The tables that selectors name, in build order; no selector selects all.

    A selector is a name or pattern (``silver.users``, ``gold.*``), ``tag:x``, ``pipeline:x`` or ``stale``; a ``+``
    before it adds everything it reads, a ``+`` after it everything that reads it. Several are separated by commas or
    blanks. Raises ProjectError for one that selects nothing.
    """
    words = [word for text in selectors for word in text.replace(",", " ").split()]
    chosen: set[str] = set()
    for word in words:
        chosen |= _matching(model, word)
    if not words or words == [STALE]:
        chosen = set(model.tables)
    return Plan(tuple(name for name in model.tables if name in chosen))


def _matching(model: Model, word: str) -> set[str]:
    upstream, downstream = word.startswith("+"), word.endswith("+")
    core = word.strip("+")
    if core == STALE:
        return set(model.tables)
    if core.startswith("tag:"):
        tag = core.removeprefix("tag:")
        found = {n for n, t in model.tables.items() if tag in t.spec.tags}
        known = sorted({tag for t in model.tables.values() for tag in t.spec.tags})
    elif core.startswith("pipeline:"):
        name = core.removeprefix("pipeline:")
        pipeline = model.project.pipelines.get(name)
        found = set(select(model, pipeline.tables).tables) if pipeline else set()
        known = list(model.project.pipelines)
    else:
        found = {n for n in model.tables if fnmatch.fnmatchcase(n, core.lower())}
        known = list(model.tables)
    if not found:
        raise ProjectError(
            Problem(
                f"the selector {word!r} selects no table",
                expected="a table, a pattern such as gold.*, tag:… or stale",
                nearest=nearest(core.split(":")[-1], known),
            )
        )
    chosen = set(found)
    if upstream:
        chosen |= _closure(found, lambda name: model.tables[name].inputs)
    if downstream:
        chosen |= _closure(found, model.readers)
    return chosen


def _closure(start: Iterable[str], step: Callable[[str], Iterable[str]]) -> set[str]:
    seen: set[str] = set()
    todo = list(start)
    while todo:
        for name in step(todo.pop()):
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return seen


def why_stale(table: Table, last: Published | None, inputs: Mapping[str, str], fingerprint: str) -> str:
    """Why a table has to be built, in a few words; empty when what is published is what a build would give.

    ``inputs`` are the load ids now published of what it reads, ``fingerprint`` is what its source looks like now.
    """
    if last is None:
        return "never published"
    if last.definition != table.definition:
        return "its definition changed"
    if table.landed and last.fingerprint != fingerprint:
        return "its source changed"
    changed = [name for name, load_id in inputs.items() if last.inputs.get(name) != load_id]
    if changed:
        return (
            f"{changed[0]} was published anew"
            if len(changed) == 1
            else f"{len(changed)} of its inputs were published anew"
        )
    return ""
