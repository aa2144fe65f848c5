"""Names that are taken: by the engine, by another table, or by the alias of another table. Case never tells two apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sqlglot import exp

from engine.config.project import Project
from engine.config.specs import TableSpec
from engine.config.yamlfile import Node
from engine.core.errors import Problem
from engine.core.layers import LAYERS
from engine.core.sqltypes import Column
from engine.core.tables import AUDIT_COLUMNS, HISTORY_COLUMNS
from engine.tsql.bind.typed import Bound, Query, SetOperation, position
from engine.tsql.templates import Rendered
from engine.warehouses.kinds import kind_of

OWN = "__"
"""How the names begin that the engine gives to what it makes beside a table."""
SCHEMAS = ("ops", "quarantine", "staging", "tsql")
_DATABASES_OWN = ("sys", "information_schema", "pg_catalog", "system", "temp")
_ON_LANDED = {c.name for c in AUDIT_COLUMNS}
_IN_HISTORY = {c.name for c in HISTORY_COLUMNS}
_ROWID = "rowid"


def table_faults(project: Project) -> Iterator[Problem]:
    """Names of tables, aliases and warehouse files that are taken, each told with the place that has it already."""
    node, tables = project.node, project.tables
    yield from _targets(project)
    taken: dict[str, tuple[str, tuple[str, ...]]] = {
        name.casefold(): (f"the table {name}", ("tables", name)) for name in tables
    }
    for name, spec in tables.items():
        if name.partition(".")[2].startswith(OWN):
            yield node.problem(
                ("tables", name), f"names that begin with {OWN} are the engine's own", expected="another"
            )
        if not spec.alias:
            continue
        path = ("tables", name, "alias")
        schema, _, short = spec.alias.partition(".")
        if schema in SCHEMAS or schema in _DATABASES_OWN:
            whose = "the engine's" if schema in SCHEMAS else "the database's"
            yield node.problem(path, f"the schema {schema} is {whose} own", expected="another, such as dbo", value=True)
        elif short.startswith(OWN):
            said = f"names that begin with {OWN} are the engine's own"
            yield node.problem(path, said, expected="another alias", value=True)
        if (key := spec.alias.casefold()) not in taken:
            taken[key] = (f"the alias of {name}", path)
            continue
        what, other = taken[key]
        line, column = node.value_at(*other) if other[-1] == "alias" else node.at(*other)
        said = f"the alias {spec.alias} is {what} on line {line}, column {column}"
        yield node.problem(path, said, expected="a name that nothing else has", value=True)


def _targets(project: Project) -> Iterator[Problem]:
    """Targets whose names do not go together with the names of schemas."""
    aliases = {spec.alias.partition(".")[0] for spec in project.tables.values() if spec.alias}
    schemas = {*LAYERS, *SCHEMAS, *_DATABASES_OWN, "dbo", *aliases}
    for name, target in project.targets.items():
        if fault := kind_of(target).misnamed(target, schemas):
            field, said, expected = fault
            yield project.node.problem(("targets", name, field), said, expected=expected, value=True)


def column_faults(
    node: Node, name: str, spec: TableSpec, columns: Sequence[Column], select: tuple[Bound, Rendered] | None
) -> Iterator[Problem]:
    """Columns of a table whose names the engine gives to columns of its own. ``select`` is what a table is built from."""
    for place, column in enumerate([*(c.name for c in columns), *spec.computed]):
        said = _why_taken(spec, column.lower())
        if not said:
            continue
        message = f"the column {column} of {name}: {said}"
        if column in spec.computed:
            yield node.problem(("tables", name, "computed", column), message, expected="another name")
        elif select is None:
            instead = f"another name: columns: {{another: {{type: …, from: {column}}}}}"
            yield node.problem(("tables", name, "columns", column), message, expected=instead)
        else:
            bound, rendered = select
            yield rendered.problem(message, *position(_first(bound.query, place)), "… AS another name")


def _why_taken(spec: TableSpec, column: str) -> str:
    if column.startswith(OWN):
        return f"columns that begin with {OWN} are the engine's own"
    if spec.source is not None and column in _ON_LANDED:
        return "the engine gives every loaded table a column of this name"
    if spec.source is not None and column == _ROWID:
        return "the embedded target calls its own numbers of rows so"
    if spec.strategy.versions and column in _IN_HISTORY:
        return "load: scd2 gives the table a column of this name"
    return ""


def _first(query: Query, place: int) -> exp.Expr | None:
    """The node of an output column; that of the first SELECT when there are several."""
    while isinstance(query, SetOperation):
        query = query.left
    return query.outputs[place].node
