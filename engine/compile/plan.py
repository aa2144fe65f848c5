"""What to build: the selected tables in order, and why a table is stale."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.compile.manifest import Model, Table, same_declaration
from engine.core.errors import Problem, ProjectError
from engine.core.selectors import EXPECTED, SelectsNothing, chosen, words
from engine.sources import fingerprints
from engine.state.ledger import Published


@dataclass(frozen=True)
class Plan:
    """The selected tables in build order, and how far their inputs reach into the selection."""

    tables: tuple[str, ...]

    def waits_for(self, model: Model, name: str) -> list[str]:
        """The selected tables that must be finished before this one."""
        return [i for i in model.tables[name].inputs if i in self.tables]


def select(model: Model, selectors: Iterable[str]) -> Plan:
    """The tables that selectors choose (``engine.core.selectors``), in build order; no selector chooses all. Raises
    ProjectError for one that selects nothing."""
    texts = list(selectors)
    if not words(texts):
        return Plan(tuple(model.tables))
    try:
        return Plan(tuple(chosen(model.graph, texts)))
    except SelectsNothing as error:
        raise ProjectError(Problem(str(error), expected=EXPECTED, nearest=error.near)) from None


def in_no_pipeline(model: Model) -> list[str]:
    """The tables that no pipeline builds; none when the project declares no pipelines."""
    pipelines = model.graph.pipelines
    built = {table for name in pipelines for table in select(model, [f"pipeline:{name}"]).tables}
    return [name for name in model.tables if pipelines and name not in built]


def why_stale(table: Table, last: Published | None, inputs: Mapping[str, str], fingerprint: str) -> str:
    """Why a table has to be built, in a few words; empty when what is published is what a build would give.

    ``inputs`` are the load ids now published of what it reads, ``fingerprint`` is what its source looks like now.
    """
    if last is None:
        return "never published"
    if last.missing:
        return last.missing
    if last.definition != table.definition:
        by_source = table.landed and last.fingerprint != fingerprint
        if by_source and same_declaration(table, last.columns, last.definition):
            return "its source changed"  # columns that nobody declared come and go with its files
        if table.landed and last.declared.get("reading", table.reading) != table.reading:
            return "its source is declared otherwise"
        return "its definition changed"
    if table.landed and fingerprints.differ(last.fingerprint, fingerprint, grows=table.spec.strategy.adds):
        return "its source changed"
    changed = [name for name, load_id in inputs.items() if last.inputs.get(name) != load_id]
    if changed:
        return (
            f"{changed[0]} was published anew"
            if len(changed) == 1
            else f"{len(changed)} of its inputs were published anew"
        )
    return ""
