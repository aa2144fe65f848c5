"""The SQL of one table's load as text, for people to read and for tests to hold."""

from __future__ import annotations

import datetime as dt

from engine.compile.manifest import Model, Table
from engine.core.errors import ProjectError
from engine.execution.brought import example
from engine.execution.changes import declared
from engine.state.ledger import LoadRecord, Row
from engine.tsql.bind import BindError
from engine.warehouses.kinds import Script, kind_of

EXAMPLE_LOAD = "20260101T000000_abcdef"
"""The load id that rendered SQL carries: a real one is made anew for every run."""
EXAMPLE_MOMENT = dt.datetime(2026, 1, 1)


def render(model: Model, name: str) -> list[tuple[str, str]]:
    """The exact SQL of each step of one table on the model's target, as (step, SQL) pairs. Connects to nothing.

    Raises ProjectError where the SELECT has no equal on the target.
    """
    table = model.tables[name]
    script = Script(
        table.shape,
        EXAMPLE_LOAD,
        table.rendered.sql.strip() if table.rendered else "",
        table.ranked or table.bound,
        table.spec.source or "",
        table.spec.dedupe or "",
        example(model, table),
        _ledger_row(table, model.project.name),
    )
    try:
        return kind_of(model.project.targets[model.target]).render(script)
    except BindError as error:
        if table.rendered is None:
            raise
        rendered = table.rendered
        raise ProjectError(
            [rendered.problem(f.message, f.line, f.column, f.expected, f.nearest) for f in error.problems]
        ) from None


def _ledger_row(table: Table, project: str) -> Row:
    record = LoadRecord(
        table.name,
        EXAMPLE_LOAD,
        table.spec.load,
        table.definition,
        EXAMPLE_MOMENT.date(),
        columns=table.columns,
        alias=table.spec.alias,
        project=project,
        declared=declared(table),
        started_at=EXAMPLE_MOMENT,
        state="published",
    )
    return record.row() | {"finished_at": EXAMPLE_MOMENT}
