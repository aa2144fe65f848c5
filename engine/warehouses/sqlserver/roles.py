"""The least-privilege set-up of a database on SQL Server, as text: schemas, roles and what each role may do.

``loader`` lands sources in bronze, ``transformer`` builds silver and gold, ``data_analyst`` reads gold and the aliases
of gold tables. The login of a whole run is a member of the first two. All of it may be there already.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from engine.core.layers import LANDING, LAYERS, SERVING, TRANSFORMED
from engine.core.tables import TableShape
from engine.tsql.templates import ident, literal
from engine.warehouses.sqlserver.design.statements import NOTHING, permit
from engine.warehouses.sqlserver.shape import QUARANTINE, SQL_SERVER, STAGING, Capabilities, qualified
from engine.warehouses.sqlserver.statements import ANALYST

LOADER, TRANSFORMER = "loader", "transformer"
ROLES = (LOADER, TRANSFORMER, ANALYST)
SCHEMAS = (*LAYERS, STAGING, QUARANTINE, "ops")
_SHARED = (STAGING, QUARANTINE, "ops")
_ROWS = ("SELECT", "INSERT", "UPDATE", "DELETE", "REFERENCES")
_DATABASE = (
    ("CREATE TABLE", (LOADER, TRANSFORMER), ""),
    ("CREATE VIEW", (TRANSFORMER,), ""),
    ("ALTER ANY DATASPACE", (LOADER, TRANSFORMER), "partition functions and schemes"),
    ("ALTER ANY MASK", (LOADER, TRANSFORMER), "a table that is made anew gets its masks again"),
    ("UNMASK", (LOADER, TRANSFORMER), "a table built from masked values would be wrong"),
    ("VIEW DEFINITION", (LOADER, TRANSFORMER), "what hangs on a table is asked before it is replaced"),
)


def alias_schemas(shapes: Iterable[TableShape]) -> list[str]:
    """The schemas of aliases that are none of the engine's own, in order of appearance."""
    found = dict.fromkeys(s.alias.partition(".")[0] for s in shapes if s.alias)
    return [name for name in found if name not in SCHEMAS]


def set_up(shapes: Sequence[TableShape], server: Capabilities = SQL_SERVER) -> list[str]:
    """Batches that make schemas and roles and grant each role what it needs; to be run by an administrator."""
    aliases = alias_schemas(shapes)
    return [
        *_schemas([*SCHEMAS, *aliases]),
        "\n".join(f"IF DATABASE_PRINCIPAL_ID({literal(r)}) IS NULL CREATE ROLE {ident(r)};" for r in ROLES),
        "\n".join(_engine(aliases, server)),
        "\n".join(_readers(shapes, server)),
    ]


def _schemas(names: Iterable[str]) -> Iterator[str]:
    # One owner for all: a view may then read a table of another schema without its reader having rights there.
    for name in names:
        make = f"CREATE SCHEMA {ident(name)} AUTHORIZATION [dbo]"
        yield f"IF SCHEMA_ID({literal(name)}) IS NULL EXEC({literal(make)});"


def _engine(aliases: Sequence[str], server: Capabilities) -> Iterator[str]:
    whole = "CONTROL" if server.control else ", ".join(_ROWS)
    for schema in (*_SHARED, LANDING):
        yield f"GRANT {whole} ON SCHEMA::{ident(schema)} TO {ident(LOADER)};"
    yield f"GRANT SELECT ON SCHEMA::{ident(LANDING)} TO {ident(TRANSFORMER)};"
    for schema in (*_SHARED, *TRANSFORMED, *aliases):
        yield f"GRANT {whole} ON SCHEMA::{ident(schema)} TO {ident(TRANSFORMER)};"
    if not server.control:
        return
    for permission, roles, why in _DATABASE:
        if why:
            yield f"-- {why}"
        yield from (f"GRANT {permission} TO {ident(role)};" for role in roles)
    for role in (LOADER, TRANSFORMER):
        yield f"GRANT SELECT ON OBJECT::[sys].[sql_expression_dependencies] TO {ident(role)};"


def _readers(shapes: Sequence[TableShape], server: Capabilities) -> Iterator[str]:
    yield f"GRANT SELECT ON SCHEMA::{ident(SERVING)} TO {ident(ANALYST)};"
    for shape in shapes:
        table = qualified(shape.schema, shape.name)
        alias = qualified(*shape.alias.split(".", 1)) if shape.alias else ""
        for statement in permit(shape, NOTHING, server, analyst=ANALYST):
            if " ON OBJECT::" not in statement:
                yield statement  # the role itself
                continue
            on = alias if alias and f"OBJECT::{alias} " in statement else table
            # What is not published yet gets its permissions when it is.
            yield f"IF OBJECT_ID({literal(on)}) IS NOT NULL\n    {statement.splitlines()[-1].strip()}"


def script(batches: Iterable[str]) -> str:
    """The batches as sqlcmd and every editor of T-SQL take them."""
    return "SET XACT_ABORT ON;\nGO\n" + "".join(f"{batch}\nGO\n" for batch in batches)
