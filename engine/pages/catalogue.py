"""What people ask of a project: its tables and their state, the SQL of a step, a query, the status of runs."""

from __future__ import annotations

import datetime as dt
from typing import Any

from engine.compile.manifest import Model, Table, load_model
from engine.compile.plan import select, why_stale
from engine.compile.undeclared import Undeclared, undeclared
from engine.config.project import Project
from engine.core.errors import MedallionError, ProjectError, SourceError
from engine.core.selectors import STALE, words
from engine.core.sqltypes import Column, parse_type
from engine.core.tables import HISTORY_COLUMNS, QUARANTINE_COLUMNS
from engine.execution.reading import reading, require_current
from engine.execution.runner import open_warehouse
from engine.state import ledger
from engine.state.ledger import Published
from engine.tsql.bind import BindError, bind, parse
from engine.tsql.templates import Rendered
from engine.warehouses.kinds import kind_of
from engine.warehouses.protocol import Warehouse


def states(project: Project, model: Model) -> list[dict[str, Any]]:
    """Every table with its inputs and state: new (never published), fresh, or stale with the reason."""
    published: dict[str, Published] = {}
    if open_warehouse(project, model.target).made():
        with reading(project, model.target) as warehouse:
            published = ledger.published(warehouse)
    rows = []
    stale: set[str] = set()
    for table in model.tables.values():
        last = published.get(table.name)
        inputs = {i: published[i].load_id for i in table.inputs if i in published and not published[i].missing}
        reason = why_stale(table, last, inputs, _fingerprint(project, model, table, last))
        upstream = [i for i in table.inputs if i in stale]
        if not reason and upstream:
            reason = f"{upstream[0]} is stale"
        if reason:
            stale.add(table.name)
        rows.append(
            {
                "table": table.name,
                "state": "new" if last is None else "missing" if last.missing else "stale" if reason else "fresh",
                "reason": reason,
                "inputs": [table.spec.source] if table.landed else list(table.inputs),
                "load": table.spec.load,
                "rows": last.rows_total if last else None,
                "published_at": last.finished_at if last else None,
                "verdict": last.verdict if last else None,
                "expectations": len(table.suite.expectations),
            }
        )
    return rows


def _fingerprint(project: Project, model: Model, table: Table, last: Published | None) -> str:
    from engine.sources import open_source

    if not table.landed or last is None:
        return ""
    try:
        source = open_source(project.source(table.spec.source or "", model.target), project.root)
        return str(source.fingerprint(last.fingerprint))
    except SourceError:
        return ""


def chosen(model: Model, project: Project, selectors: list[str]) -> list[dict[str, Any]]:
    """The state rows of a selection; the selector ``stale`` keeps only the tables a run would build."""
    rows = states(project, model)
    names = set(select(model, selectors).tables)
    only_stale = any(word.strip("+") == STALE for word in words(selectors))
    return [r for r in rows if r["table"] in names and not (only_stale and r["state"] == "fresh")]


def no_longer_declared(project: Project, target: str) -> list[Undeclared]:
    """The tables of a target that were published and are no longer declared. Raises as ``reading`` does."""
    if not open_warehouse(project, target).made():
        return []
    with reading(project, target) as warehouse:
        return undeclared(warehouse, project)


def undeclared_at_hand(project: Project, target: str) -> list[Undeclared]:
    """The same, as far as it can be told at once: of an embedded warehouse that nobody is writing. A server is not
    asked, so that a project can be checked where it cannot be reached."""
    if not kind_of(project.targets[target]).embedded:
        return []
    try:
        return no_longer_declared(project, target)
    except MedallionError:
        return []


def as_states(found: list[Undeclared]) -> list[dict[str, Any]]:
    """Undeclared tables as rows beside those of ``states``."""
    return [
        {
            "table": one.table,
            "state": "undeclared",
            "reason": "published and no longer declared",
            "inputs": [],
            "load": None,
            "rows": one.rows,
            "published_at": one.published_at,
            "verdict": None,
            "expectations": 0,
        }
        for one in found
    ]


def query(project: Project, target: str, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Answer a T-SQL SELECT. Raises ProjectError where the SQL is wrong, WarehouseError where the warehouse is."""
    model = load_model(project, target, dt.datetime.now(dt.UTC).date())
    with reading(project, target) as warehouse:
        catalog = _catalog(model, ledger.published(warehouse)) | _kept_staging(model, warehouse)
        try:
            text = warehouse.translate(bind(_named(parse(sql)), catalog), sql)
        except BindError as error:
            lines = Rendered(sql, tuple(("query", i + 1) for i in range(sql.count("\n") + 1)))
            raise ProjectError(
                [lines.problem(f.message, f.line, f.column, f.expected, f.nearest) for f in error.problems]
            ) from None
        names, rows = warehouse.query(text)
    return [name or f"column_{i + 1}" for i, name in enumerate(names)], rows


def _named(tree: Any) -> Any:
    """The statement with a name for each column that has none: a person who asks for a count need not name it."""
    from sqlglot import exp

    first = tree
    while isinstance(first, exp.SetOperation):
        first = first.this
    for i, column in enumerate(first.expressions if isinstance(first, exp.Select) else []):
        if not isinstance(column, exp.Alias | exp.Column | exp.Star | exp.EQ | exp.PropertyEQ):
            column.replace(exp.alias_(column.copy(), f"column_{i + 1}"))
    return tree


def _catalog(model: Model, published: dict[str, Published]) -> dict[str, tuple[Column, ...]]:
    """Everything a query may read: tables as published, their aliases and quarantine, and the ledger."""
    catalog: dict[str, tuple[Column, ...]] = {}
    for table in model.tables.values():
        columns = table.shape.columns
        last = published.get(table.name)
        if last and last.columns:
            audit = columns[len(table.columns) :]
            columns = (*(Column(n, parse_type(t)) for n, t in last.columns.items()), *audit)
        if table.spec.strategy.versions:
            columns = (*columns, *HISTORY_COLUMNS)
        catalog[table.name] = columns
        if table.spec.alias:
            catalog[table.spec.alias.lower()] = columns
        catalog[f"quarantine.{table.name.replace('.', '_')}"] = QUARANTINE_COLUMNS
    for shape in ledger.TABLES:
        catalog[shape.full_name] = shape.columns
    name, number = parse_type("nvarchar(128)"), parse_type("int")
    place = (Column("table_catalog", name), Column("table_schema", name), Column("table_name", name))
    catalog["information_schema.tables"] = (*place, Column("table_type", name))
    catalog["information_schema.columns"] = (
        *place,
        Column("column_name", name),
        Column("ordinal_position", number),
        Column("is_nullable", name),
        Column("data_type", name),
    )
    return catalog


def _kept_staging(model: Model, warehouse: Warehouse) -> dict[str, tuple[Column, ...]]:
    """The staging tables that failed loads left to look at."""
    found = {}
    for schema, name, table in warehouse.kept_staging():
        if table in model.tables:
            found[f"{schema}.{name}".lower()] = model.tables[table].shape.columns
    return found


def status(project: Project, target: str) -> dict[str, Any]:
    """Runs, the latest load of each table and its verdicts, and the tables that are no longer declared (which nobody
    can tell while a run writes the DuckDB file); while a run is at work, how far each table is.

    Read from the ledger, or, while another process writes the DuckDB file, from the status file beside it.
    """
    warehouse = open_warehouse(project, target, read_only=True)
    working = warehouse.at_work()
    if working is not None and "history" in working:
        return {"running": working["run"], "tables": working["tables"], **working["history"], "undeclared": []}
    if not warehouse.made():
        return {"running": None, "tables": {}, "runs": [], "loads": [], "verdicts": [], "undeclared": []}
    with warehouse:
        require_current(warehouse)
        found = ledger.history(warehouse)
        left = undeclared(warehouse, project)
        there = ledger.standing(warehouse)
    for row in found["loads"]:
        if row["state"] == "published" and row["table_name"] not in there:
            row["state"] = "missing"
    run, tables = (working["run"], working["tables"]) if working is not None else (None, {})
    for row in found["runs"]:
        # Nobody else holds the lock, so a run that never wrote its end was killed.
        if row["state"] == "running" and not (run and row["run_id"] == run["run_id"]):
            row["state"] = "interrupted"
    return {"running": run, "tables": tables, **found, "undeclared": left}
