"""A table's physical design as statements for SQL Server: what is declared, compared with what is there.

Nothing here opens a connection. Indexes, foreign keys and defaults of the engine's making carry a name of the form
``mdl_<table>_<digest of the definition>``; computed columns carry the digest as an extended property. What is missing is
made first, and only what carries the engine's mark and is no longer declared is dropped afterwards. Masks,
descriptions, grants and denials are given again where they are missing and never taken away: nobody can tell whose
they are.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from engine.core.design import ForeignKey, Index
from engine.core.layers import SERVING
from engine.core.tables import TableShape
from engine.tsql.templates import ident, literal
from engine.warehouses.sqlserver.design.partitions import PREFIX, partitions, scheme_name
from engine.warehouses.sqlserver.shape import SQL_SERVER, Capabilities, qualified, short_name, uses_columnstore
from engine.warehouses.sqlserver.templates import names

MARK = "mdl_definition"
"""The extended property that tells a computed column of the engine's making, and from which expression it was made."""
DESCRIPTION = "MS_Description"
_DESCRIPTION_LENGTH = 3750
"""An extended property holds 7,500 bytes."""


def _deletes(shape: TableShape) -> bool:
    """Whether a load deletes rows that rows of other tables may refer to."""
    return shape.strategy.exchanges or shape.strategy.adds or shape.strategy.divided


@dataclass(frozen=True)
class Key:
    """A foreign key that is there. ``enforced``: it is not switched off; ``trusted``: every row is known to keep it."""

    name: str
    table: str
    """the quoted table that refers"""
    columns: tuple[str, ...]
    target: str
    """the quoted table that is referred to"""
    referenced: tuple[str, ...]
    enforced: bool = True
    trusted: bool = True


@dataclass(frozen=True)
class Existing:
    """What a table has of a design now. Columns are in lower case; the empty column is the table itself."""

    indexes: frozenset[str] = frozenset()
    """the names of the engine's indexes"""
    foreign_keys: tuple[Key, ...] = ()
    """the engine's, from this table"""
    referring: tuple[Key, ...] = ()
    """the engine's, from other tables to this one"""
    compression: str = "none"
    """of the rows: none, row, page or columnstore"""
    computed: dict[str, str] = field(default_factory=dict)
    """columns with the digest of their expression, empty for one that is not the engine's"""
    defaults: dict[str, str] = field(default_factory=dict)
    """columns with the name of their constraint"""
    descriptions: dict[str, str] = field(default_factory=dict)
    masks: dict[str, str] = field(default_factory=dict)
    scheme: str = ""
    """the partition scheme it is in"""
    permissions: frozenset[tuple[str, str, str, str]] = frozenset()
    """GRANT or DENY, quoted object, column, role: SELECT permissions on the table and its alias"""


NOTHING = Existing()


def as_made(shape: TableShape, server: Capabilities = SQL_SERVER) -> Existing:
    """What a table has that was created a moment ago."""
    made = "columnstore" if uses_columnstore(shape, server) else _compression(shape, server) or "none"
    return Existing(compression=made, scheme=scheme_name(shape) if partitions(shape, server) else "")


# --- names ---------------------------------------------------------------------------------------------------------


def digest(*parts: object) -> str:
    """Eight hexadecimal digits that stand for a definition."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:8]


def _named(stem: str, *definition: object) -> str:
    return f"{short_name(PREFIX + stem, 119)}_{digest(*definition)}"


def index_name(shape: TableShape, index: Index, server: Capabilities = SQL_SERVER) -> str:
    """The index's name, which changes with anything that it is made from."""
    expressions = [
        text for name, text in shape.design.computed if name in {c for c, _ in index.keys} | {*index.include}
    ]
    made_from = (index.keys, index.include, index.where, index.unique, _compression(shape, server), expressions)
    return _named(index.name or shape.name, *made_from, scheme_name(shape) if partitions(shape, server) else "")


def foreign_key_name(shape: TableShape, key: ForeignKey) -> str:
    """Constraints share their schema's names, so the table is part of it."""
    return _named(f"fk_{shape.name}", shape.full_name, key.columns, key.table, key.referenced, key.trusted)


def default_name(shape: TableShape, column: str, text: str) -> str:
    return _named(f"df_{shape.name}_{column}", shape.full_name, column, text)


def _compression(shape: TableShape, server: Capabilities) -> str:
    wanted = shape.design.compression
    return wanted if server.compression and wanted and not uses_columnstore(shape, server) else ""


def compressed(shape: TableShape, server: Capabilities = SQL_SERVER) -> str:
    """The WITH clause of the table's indexes; empty where nothing is declared."""
    wanted = _compression(shape, server)
    return f" WITH (DATA_COMPRESSION = {wanted.upper()})" if wanted else ""


# --- the parts -----------------------------------------------------------------------------------------------------


def create_index(shape: TableShape, index: Index, table: str, server: Capabilities = SQL_SERVER) -> str:
    """The index on ``table`` (quoted): the published one, or a staging table that is to be switched in."""
    keys = ", ".join(ident(column) + (" DESC" if descends else "") for column, descends in index.keys)
    text = f"CREATE {'UNIQUE ' if index.unique else ''}NONCLUSTERED INDEX {ident(index_name(shape, index, server))}"
    text += f" ON {table} ({keys})"
    if index.include:
        text += f" INCLUDE ({names(index.include)})"
    if index.where:
        text += f" WHERE {index.where}"
    divided = partitions(shape, server)
    apart = divided is not None and divided.column.casefold() not in {c.casefold() for c, _ in index.keys}
    # A unique index is divided like its table only when the dividing column is in its key.
    return text + compressed(shape, server) + (" ON [PRIMARY]" if index.unique and apart else "") + ";"


def add_computed(shape: TableShape, table: str) -> list[str]:
    """The computed columns on ``table`` (quoted)."""
    return [f"ALTER TABLE {table} ADD {ident(name)} AS ({text});" for name, text in shape.design.computed]


def sealing(shape: TableShape, table: str, server: Capabilities = SQL_SERVER) -> list[str]:
    """What a staging table needs beside its key so that SWITCH takes it for the published table's equal."""
    made = add_computed(shape, table)
    wanted = _compression(shape, server)
    if wanted and not shape.key:
        made.append(f"ALTER TABLE {table} REBUILD WITH (DATA_COMPRESSION = {wanted.upper()});")
    return made + [create_index(shape, index, table, server) for index in shape.design.indexes]


def switchable(shape: TableShape, server: Capabilities, existing: Existing) -> bool:
    """Whether staging can be made equal to the published table in everything that SWITCH compares."""
    if not server.switch or partitions(shape, server) is not None or existing.scheme or existing.masks:
        return False
    if server.masks and shape.design.masks:
        return False
    if any(not made_from for made_from in existing.computed.values()):
        return False
    wanted = "columnstore" if uses_columnstore(shape, server) else _compression(shape, server) or "none"
    return existing.compression == wanted


# --- reconciling ---------------------------------------------------------------------------------------------------


def reconcile(shape: TableShape, existing: Existing, server: Capabilities = SQL_SERVER) -> list[str]:
    """The statements that give the published table what its design lacks, and then take what it no longer declares.

    Foreign keys and permissions are not among them: see ``release``, ``bind`` and ``permit``.
    """
    table, design = qualified(shape.schema, shape.name), shape.design
    wanted = {index_name(shape, index, server): index for index in design.indexes}
    stale = sorted(existing.indexes - wanted.keys())
    expressions = {name.casefold(): digest(text) for name, text in design.computed}
    gone = [c for c, made_from in existing.computed.items() if made_from and expressions.get(c) != made_from]
    statements: list[str] = []
    if gone:
        # An index on a computed column keeps the column, so here the index has to go first.
        statements += [_drop_index(name, table) for name in stale]
        statements += [f"ALTER TABLE {table} DROP COLUMN {ident(column)};" for column in gone]
        stale = []
    missing = [n for n, _ in design.computed if n.casefold() in gone or n.casefold() not in existing.computed]
    only = replace(shape, design=replace(design, computed=tuple(c for c in design.computed if c[0] in missing)))
    statements += add_computed(only, table)
    statements += [_property(MARK, expressions[n.casefold()], shape, n, there=False) for n in missing]
    statements += _rebuilt(shape, existing, server)
    statements += [create_index(shape, i, table, server) for name, i in wanted.items() if name not in existing.indexes]
    statements += [_drop_index(name, table) for name in stale]
    statements += [*_defaults(shape, existing), *_masks(shape, existing, server)]
    return statements + list(_descriptions(shape, existing))


def _drop_index(name: str, table: str) -> str:
    return f"DROP INDEX IF EXISTS {ident(name)} ON {table};"


def _rebuilt(shape: TableShape, existing: Existing, server: Capabilities) -> Iterator[str]:
    wanted = _compression(shape, server)
    if wanted and existing.compression not in (wanted, "columnstore"):
        table = qualified(shape.schema, shape.name)
        yield f"ALTER TABLE {table} REBUILD WITH (DATA_COMPRESSION = {wanted.upper()});"


def _defaults(shape: TableShape, existing: Existing) -> Iterator[str]:
    table, prefix = qualified(shape.schema, shape.name), f"{PREFIX}df_"
    wanted = {column.casefold(): (column, text) for column, text in shape.design.defaults}
    for folded, (column, text) in wanted.items():
        name, found = default_name(shape, column, text), existing.defaults.get(folded, "")
        if found == name or (found and not found.startswith(prefix)):
            continue  # a column has one default, and another's stays
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {ident(found)};\n" if found else ""
        yield f"{drop}ALTER TABLE {table} ADD CONSTRAINT {ident(name)} DEFAULT ({text}) FOR {ident(column)};"
    for folded, found in existing.defaults.items():
        if folded not in wanted and found.startswith(prefix):
            yield f"ALTER TABLE {table} DROP CONSTRAINT {ident(found)};"


def _masks(shape: TableShape, existing: Existing, server: Capabilities) -> Iterator[str]:
    table = qualified(shape.schema, shape.name)
    for column, mask in shape.design.masks if server.masks else ():
        found = existing.masks.get(column.casefold(), "")
        if _squeezed(found) != _squeezed(mask):
            # Only a text mask holds quotes, and those are double ones.
            yield f"ALTER TABLE {table} ALTER COLUMN {ident(column)} ADD MASKED WITH (FUNCTION = '{_plain(mask)}');"


def _plain(mask: str) -> str:
    return mask.replace("'", "''")


def _squeezed(mask: str) -> str:
    return "".join(mask.split()).casefold()


def described(shape: TableShape) -> str:
    """The table's description as the server keeps it."""
    return " ".join(shape.description.split())[:_DESCRIPTION_LENGTH]


def _descriptions(shape: TableShape, existing: Existing) -> Iterator[str]:
    for column, text in (("", described(shape)), *shape.design.descriptions):
        found = existing.descriptions.get(column.casefold())
        if text and found != text[:_DESCRIPTION_LENGTH]:
            yield _property(DESCRIPTION, text[:_DESCRIPTION_LENGTH], shape, column, there=found is not None)


def _property(name: str, value: str, shape: TableShape, column: str, *, there: bool) -> str:
    kind = "VIEW" if shape.strategy.is_view else "TABLE"
    within = f", N'COLUMN', {literal(column)}" if column else ""
    return (
        f"EXEC sys.sp_{'update' if there else 'add'}extendedproperty {literal(name)}, {literal(value)},"
        f" N'SCHEMA', {literal(shape.schema)}, N'{kind}', {literal(shape.name)}{within};"
    )


# --- foreign keys: let go before rows are replaced, bound again after, in the one transaction ------------------------


def release(shape: TableShape, existing: Existing, *, whole: bool = False) -> list[str]:
    """Drop the engine's foreign keys that would forbid this load to empty the table; ``whole``: or to drop it."""
    gone = list(existing.foreign_keys) if whole or shape.strategy.exchanges else []
    gone += existing.referring if whole or _deletes(shape) else ()
    return [f"ALTER TABLE {key.table} DROP CONSTRAINT {ident(key.name)};" for key in gone]


def bind(
    shape: TableShape,
    existing: Existing,
    server: Capabilities = SQL_SERVER,
    *,
    released: bool = True,
    whole: bool = False,
) -> list[str]:
    """The foreign keys that the table declares, checked where they are trusted, and those of others that ``release``
    dropped: these are enforced again but not checked, which is for the load of the table that refers.

    ``released``: ``release`` ran in this transaction, with the same ``whole``.
    """
    mine = () if released and (whole or shape.strategy.exchanges) else existing.foreign_keys
    kept = {key.name: key for key in mine}
    wanted = {foreign_key_name(shape, k): k for k in shape.design.foreign_keys if k.trusted or server.nocheck}
    table, statements = qualified(shape.schema, shape.name), []
    for name, key in wanted.items():
        found = kept.get(name)
        if found is None:
            target = qualified(*key.table.split(".", 1))
            made = Key(name, table, key.columns, target, key.referenced, key.trusted, key.trusted)
            # The table that it refers to may come later in the first run; then its own next load binds this one.
            statements.append(f"IF OBJECT_ID({literal(target)}, N'U') IS NOT NULL\n    {_add_key(made, server)}")
        elif key.trusted and not found.trusted and server.nocheck:
            statements.append(f"ALTER TABLE {table} WITH CHECK CHECK CONSTRAINT {ident(name)};")
        if not key.trusted and found is None:
            statements.append(
                f"IF OBJECT_ID({literal(qualified(shape.schema, name))}, N'F') IS NOT NULL\n"
                f"    ALTER TABLE {table} NOCHECK CONSTRAINT {ident(name)};"
            )
    statements += [f"ALTER TABLE {table} DROP CONSTRAINT {ident(name)};" for name in kept if name not in wanted]
    # Where a foreign key cannot be added without a look at the rows, the other table's next load adds it.
    if released and server.nocheck and (whole or _deletes(shape)):
        for other in existing.referring:
            statements.append(_add_key(replace(other, trusted=False), server))
            if not other.enforced:
                statements.append(f"ALTER TABLE {other.table} NOCHECK CONSTRAINT {ident(other.name)};")
    return statements


def _add_key(key: Key, server: Capabilities) -> str:
    check = "" if not server.nocheck else "WITH CHECK " if key.trusted else "WITH NOCHECK "
    return (
        f"ALTER TABLE {key.table} {check}ADD CONSTRAINT {ident(key.name)} FOREIGN KEY ({names(key.columns)})"
        f" REFERENCES {key.target} ({names(key.referenced)});"
    )


# --- permissions ---------------------------------------------------------------------------------------------------


def permit(shape: TableShape, existing: Existing, server: Capabilities = SQL_SERVER, *, analyst: str = "") -> list[str]:
    """The declared grants and denials that are missing, on the table and on its alias: a view reads its table with its
    owner's rights, so what is denied on the table has to be denied on the view too.

    ``analyst`` is the role that reads the aliases of gold, where there is one.
    """
    table = qualified(shape.schema, shape.name)
    alias = qualified(*shape.alias.split(".", 1)) if shape.alias else ""
    objects = [name for name in (table, alias) if name]
    wanted = [("GRANT", name, "", role) for role in shape.design.grants for name in objects]
    if server.deny:
        for role, columns in shape.design.deny:
            wanted += [("DENY", name, column, role) for name in objects for column in columns or ("",)]
    here = {(state, name, column.casefold(), role) for state, name, column, role in existing.permissions}
    missing = [w for w in dict.fromkeys(wanted) if (w[0], w[1], w[2].casefold(), w[3]) not in here]
    roles = dict.fromkeys(role for *_, role in missing)
    made = [f"IF DATABASE_PRINCIPAL_ID({literal(role)}) IS NULL CREATE ROLE {ident(role)};" for role in roles]
    made += [_permission(*one) for one in missing]
    if analyst and alias and shape.schema == SERVING and ("GRANT", alias, "", analyst) not in here:
        there = f"IF DATABASE_PRINCIPAL_ID({literal(analyst)}) IS NOT NULL"
        made.append(f"{there}\n    {_permission('GRANT', alias, '', analyst)}")
    return made


def _permission(state: str, name: str, column: str, role: str) -> str:
    within = f" ({ident(column)})" if column else ""
    return f"{state} SELECT ON OBJECT::{name}{within} TO {ident(role)};"
