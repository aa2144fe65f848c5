"""Tables with a physical design, plain and awkward, and what of it is there already."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

from engine.core.design import Design, ForeignKey, Index, Partitions
from engine.core.tables import TableShape
from engine.warehouses.sqlserver import statements as sql
from engine.warehouses.sqlserver.design import partitions as parts
from engine.warehouses.sqlserver.design import statements as design
from engine.warehouses.sqlserver.design.statements import Existing, Key
from engine.warehouses.sqlserver.shape import BABELFISH, SQL_SERVER, Capabilities, published_columns, qualified
from tests.microsoft.shapes import AWKWARD, LOAD, shape

SESSIONS = shape(
    "silver.sessions", "id", alias="dbo.sessions",
    id="bigint", user_id="nvarchar(20)", watched="date", minutes="int", note="nvarchar(max)",
)  # fmt: skip
USERS = shape("silver.users", "id", id="nvarchar(20)", country="nvarchar(60)", age="int")
TO_USERS = ForeignKey(("user_id",), "silver.users", ("id",))
BY_DATE = Index(("watched desc", "user_id"), ("minutes",))
FULL = Design(
    indexes=(
        BY_DATE,
        Index(("user_id",), where="watched >= '2024-01-01' AND minutes IS NOT NULL", name="recent"),
        Index(("user_id", "watched"), unique=True),
        Index(("hours",)),
    ),
    foreign_keys=(TO_USERS,),
    compression="page",
    computed=(("hours", "minutes / 60.0"), ("evening", "CASE WHEN minutes > 90 THEN N'long' ELSE N'it''s short' END")),
    defaults=(("minutes", "0"), ("watched", "CAST(SYSUTCDATETIME() AS date)")),
    descriptions=(("minutes", "Minutes watched; never negative"), ("user_id", "Who watched, from 'users'")),
    grants=("readers",),
    deny=(("data_analyst", ("user_id", "note")), ("interns", ())),
)
MASKED = Design(masks=(("user_id", 'partial(1,"***",0)'), ("minutes", "default()"), ("watched", 'datetime("Y")')))
REFERRING = Key("mdl_fk_sessions_00000000", "[silver].[views]", ("session_id",), "[silver].[sessions]", ("id",))
OLD = Existing(
    indexes=frozenset({"mdl_sessions_00000000"}),
    foreign_keys=(Key("mdl_fk_sessions_11111111", "[silver].[sessions]", ("user_id",), "[silver].[users]", ("id",)),),
    referring=(REFERRING, replace(REFERRING, name="mdl_fk_sessions_22222222", enforced=False, trusted=False)),
    compression="none",
    computed={"hours": "00000000", "theirs": ""},
    defaults={
        "minutes": "mdl_df_sessions_minutes_00000000",
        "note": "mdl_df_sessions_note_00000000",
        "id": "DF_theirs",
    },
    descriptions={"": "Old words", "minutes": "Minutes watched; never negative"},
    masks={"user_id": "default()"},
)


@dataclass(frozen=True)
class Designed:
    name: str
    shape: TableShape
    design: Design
    existing: Existing = design.NOTHING
    server: Capabilities = SQL_SERVER

    @property
    def table(self) -> TableShape:
        return replace(self.shape, design=self.design)


DESIGNS = [
    Designed("full", replace(SESSIONS, description="Each session"), FULL),
    Designed("full_changed", replace(SESSIONS, description="Each session"), FULL, OLD),
    Designed("taken_away", SESSIONS, Design(), OLD),
    Designed("masked", SESSIONS, MASKED, OLD),
    Designed("untrusted", SESSIONS, Design(foreign_keys=(replace(TO_USERS, trusted=False),))),
    Designed("merged", replace(SESSIONS, load="merge"), FULL, OLD),
    Designed("babelfish", SESSIONS, replace(FULL, masks=MASKED.masks), server=BABELFISH),
    Designed("heap", replace(SESSIONS, key=()), Design(compression="row")),
    Designed(
        "columnstore", replace(SESSIONS, storage="columnstore"), Design(indexes=(BY_DATE,), foreign_keys=(TO_USERS,))
    ),
    Designed("partitions", replace(SESSIONS, key=("id", "watched")), replace(FULL, partitions=Partitions("watched"))),
    Designed(
        "partitions_apart",
        SESSIONS,
        Design(indexes=(Index(("user_id",), unique=True), BY_DATE), partitions=Partitions("watched", "day", 3)),
    ),
    Designed(
        "partitions_columnstore",
        replace(SESSIONS, storage="columnstore", load="partition"),
        Design(partitions=Partitions("watched", "year")),
    ),
    Designed("partitions_heap", replace(SESSIONS, key=(), load="append"), Design(partitions=Partitions("watched", "day"))),
    Designed("partitions_left", replace(SESSIONS, load="merge"), Design(), Existing(scheme="mdl_ps_silver_sessions_00000000")),
    Designed(
        "awkward",
        TableShape("gold", "Bob's [odd] 50% tåble", AWKWARD, ("key]",), alias="dbo.o'dd]", description="It's \"odd\""),
        Design(
            indexes=(Index(("o'clock desc", "-- /*"), ("two  words",), "[select] = 1"),),
            foreign_keys=(ForeignKey(("key]",), "silver.users", ("id",)),),
            descriptions=(("größe %", "50% it's"),),
            masks=(("two  words", 'partial(0,"[it]",0)'),),
            deny=(("o'role]", ("key]",)),),
            grants=("the [others]",),
        ),
    ),
]  # fmt: skip
FIRST, LAST = dt.date(2023, 11, 20), dt.date(2024, 2, 3)


def design_statements(case: Designed) -> Iterator[tuple[str, str]]:
    """Every statement for a case, in the order of a table's life, each with its name."""
    table, server, existing = case.table, case.server, case.existing
    yield from (("place", text) for text in parts.make(table, server))
    yield "create", sql.create_table(table, server)
    if divided := parts.partitions(table, server):
        there = [dt.date(2023, 9, 1), dt.date(2023, 12, 1)] if divided.grain == "month" else []
        span = max(FIRST, dt.date(2024, 1, 30)) if divided.grain == "day" else FIRST
        yield "span", parts.span(qualified(table.schema, table.name), divided.column)
        yield from (("slide", text) for text in parts.slide(table, there, parts.window(span, LAST, divided)))
    if table.load != "replace" and (divided or existing.scheme):
        columnstore = "CCI_silver_sessions" if table.storage == "columnstore" else ""
        yield from (("move", text) for text in parts.move(table, "PK_x" if table.key else "", columnstore, server))
    yield from (("reconcile", text) for text in design.reconcile(table, existing, server))
    if sealed := sql.seal(table, LOAD, replace(server, switch=design.switchable(table, server, existing))):
        yield "seal", sealed
    yield from (("release", text) for text in design.release(table, existing))
    yield from (("bind", text) for text in design.bind(table, existing, server))
    yield from (("permit", text) for text in design.permit(table, existing, server, analyst="data_analyst"))
    yield "tidy", parts.drop_unused()


def made_objects(case: Designed) -> list[str]:
    """What a design makes, in the form in which a model takes it: without guards, WITH CHECK and batches."""
    table, server = case.table, case.server
    texts = [
        design.create_index(table, index, qualified(table.schema, table.name), server) for index in table.design.indexes
    ]
    for key in table.design.foreign_keys:
        target = qualified(*key.table.split(".", 1))
        made = Key(
            design.foreign_key_name(table, key),
            qualified(table.schema, table.name),
            key.columns,
            target,
            key.referenced,
        )
        texts.append(design._add_key(made, BABELFISH))
    return texts


def declared_with(case: Designed) -> list[str]:
    """The tables that a design's objects stand on, computed columns within, outside of any partition scheme."""
    plain = replace(case.table, design=Design())
    text = sql.create_table(plain, case.server, guarded=False)
    computed = "".join(f",\n    [{name}] AS ({made})" for name, made in case.design.computed)
    last = published_columns(plain)[-1]
    line = next(line for line in text.splitlines() if line.strip().startswith(f"[{last.name.replace(']', ']]')}] "))
    made = text.replace(line, line.rstrip(",") + computed + ("," if line.endswith(",") else ""))
    return ["CREATE SCHEMA [silver]", "CREATE SCHEMA [gold]", sql.create_table(USERS, guarded=False), made]
