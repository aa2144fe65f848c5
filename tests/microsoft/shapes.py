"""Tables of every kind, plain and awkward, and all that is rendered for each."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

from engine.core.sqltypes import Column, parse_type
from engine.core.tables import AUDIT_COLUMNS, QUARANTINE_COLUMNS, Brought, Change, Kept, TableShape
from engine.tsql.templates import ident
from engine.warehouses.sqlserver import statements as sql
from engine.warehouses.sqlserver.catalog import READERS
from engine.warehouses.sqlserver.shape import (
    BABELFISH,
    HISTORY_COLUMNS,
    SQL_SERVER,
    Capabilities,
    held_name,
    published_columns,
    quarantine_shape,
    staged_columns,
    staging_name,
)

LOAD = "20261120T231501_4f3a9c"
LEDGER = "INSERT INTO [ops].[loads] ([load_id], [rows_published]) VALUES (N'" + LOAD + "', @inserted + @updated);"
GOING = [("VIEW", "dbo", "Old Orders"), ("TABLE", "gold", "old"), ("TABLE", "quarantine", "gold_old")]
KEEP = "SELECT [load_id] FROM [ops].[loads] WHERE [rows_published] IS NULL"


def shape(full_name: str, key: str = "", load: str = "replace", *, landed: bool = False, storage: str = "rowstore",
          alias: str = "", **types: str) -> TableShape:  # fmt: skip
    schema, name = full_name.split(".")
    columns = tuple(Column(column, parse_type(text)) for column, text in types.items())
    columns += AUDIT_COLUMNS if landed else ()
    return TableShape(schema, name, columns, tuple(key.split()), load, storage, alias)


LOADS = shape("ops.loads", "load_id", load_id="nvarchar(64)", rows_published="bigint")
PEOPLE = shape("bronze.people", "id", id="nvarchar(20)", name="nvarchar(60)", note="nvarchar(max)")


@dataclass(frozen=True)
class Case:
    name: str
    shape: TableShape
    select: str = ""
    server: Capabilities = SQL_SERVER
    partitioning: sql.Partitioning | None = None


AWKWARD = tuple(
    Column(name, parse_type(text))
    for name, text in {
        "key]": "nvarchar(20)",
        "o'clock": "time(0)",
        "two  words": "nvarchar(40)",
        "größe %": "decimal(9,1)",
        "select": "bit",
        '"': "int",
        "-- /*": "date",
    }.items()
)
SELF = {"id": "nvarchar(20)", "name": "nvarchar(60)"}
SESSION = {"id": "bigint", "watched": "date", "minutes": "int", "device": "nvarchar(40)"}
SUMMARY = {"id": "nvarchar(20)", "title": "nvarchar(60)"}
CTES = """\
WITH [ranked] ([id], [name], [n]) AS (
    SELECT [id], [name], ROW_NUMBER() OVER (ORDER BY [id]) FROM [bronze].[people] -- all)
),
[first] AS (SELECT [id], [name] FROM [ranked] WHERE [n] = 1)
SELECT [name], [id] FROM [first]; -- done"""
CASES = [
    Case(
        "replace_columnstore",
        shape("gold.user_facts", "id", storage="columnstore", alias="dbo.gold_user_facts", **SUMMARY, seen="date"),
        "SELECT [id], [name] AS [title], CAST('2024-01-01' AS date) AS [seen] FROM [bronze].[people]",
    ),
    Case("replace_rowstore", shape("silver.people", "id", alias="dbo.silver_people", **SELF), CTES),
    Case(
        "replace_without_switch",
        shape("silver.people", "id", **SELF),
        "(SELECT [id], [name] FROM [bronze].[people]) UNION ALL SELECT [id], [note] FROM [bronze].[people];",
        server=Capabilities(switch=False),
    ),
    Case(
        "replace_referenced",
        shape("silver.people", "id", **SELF),
        "WITH [a] AS (SELECT [id], [name] FROM [bronze].[people]) (SELECT [id], [name] FROM [a])",
        server=Capabilities(truncate=False),
    ),
    Case("source", shape("bronze.sessions", "id", landed=True, **SESSION)),
    Case(
        "source_babelfish",
        shape("bronze.sessions", "id", landed=True, storage="columnstore", alias="dbo.sessions", **SESSION),
        server=BABELFISH,
    ),
    Case("merge", shape("silver.scores", "id day", "merge", id="nvarchar(20)", day="date", score="float")),
    Case("merge_key_only", shape("silver.pairs", "a b", "merge", a="int", b="int")),
    Case("append_source", shape("bronze.log", "", "append", landed=True, line="nvarchar(max)")),
    Case("append", shape("silver.events", "", "append", storage="columnstore", id="uniqueidentifier", at="time(3)")),
    *(
        Case(
            f"partition_{grain}",
            shape("silver.trend", "", "partition", day="datetime2(3)", total="money"),
            partitioning=sql.Partitioning("day", grain),
        )
        for grain in ("day", "month", "year")
    ),
    Case("scd2", shape("silver.history", "id", "scd2", id="int", name="nvarchar(60)", note="nvarchar(max)", n="int")),
    Case("scd2_key_only", TableShape("silver", "known", LOADS.columns[:1] + HISTORY_COLUMNS, ("load_id",), "scd2")),
    Case(
        "view",
        shape("gold.summary", "", "view", alias="dbo.gold_summary", **SUMMARY),
        "WITH a AS (SELECT id, name AS title FROM bronze.people WHERE name <> N'it''s')\nSELECT title, id FROM a",
    ),
    Case(
        "view_babelfish",
        shape("gold.summary", "", "view", **SUMMARY),
        "SELECT id, name AS title FROM bronze.people",
        server=BABELFISH,
    ),
    *(
        Case(
            f"awkward_{load}",
            TableShape("gold", "Bob's [odd] 50% tåble", AWKWARD, ("key]", '"'), load, alias="dbo.o'dd]"),
            partitioning=sql.Partitioning("-- /*"),
        )
        for load in ("replace", "merge", "append", "partition", "scd2")
    ),
]


def table(schema: str, name: str, kept: tuple[Column, ...]) -> str:
    return sql.create_table(TableShape(schema, name, kept), guarded=False)


def declarations(case: Case, *, sealed: bool = False) -> list[str]:
    """The schemas and tables that a case's statements read and write; ``sealed``: staging as ALTER COLUMN leaves it."""
    shape = case.shape
    schemas = ["bronze", "silver", "gold", "staging", "quarantine", "ops"]
    tables = [
        *(sql.create_table(s, guarded=False) for s in (LOADS, PEOPLE, quarantine_shape(shape))),
        table("staging", staging_name(shape, LOAD), published_columns(shape) if sealed else staged_columns(shape)),
        table("staging", held_name(shape, LOAD), QUARANTINE_COLUMNS),
    ]
    if shape.load == "view":
        tables.append(sql.view_statement(shape.schema, shape.name, shape.columns, select=case.select))
    else:
        tables.append(sql.create_table(shape, case.server, guarded=False))
    return [f"CREATE SCHEMA [{name}]" for name in schemas] + tables


def statements(case: Case) -> dict[str, str]:
    """Every statement of a case's life, in order, by name."""
    shape, server = case.shape, case.server
    key = [f"{ident(name)} IS NULL" for name in shape.key]
    rules = [sql.Rule(condition, f"the key's \"part\" isn't there: {condition}") for condition in key]
    moment = dt.datetime(2026, 11, 20, 23, 15, 1, 123000)
    made: dict[str, str] = {}
    if shape.load == "view":
        made["staging_view"] = sql.staging_view(shape, LOAD, case.select, server)
    else:
        made["create_table"] = sql.create_table(shape, server)
        made["create_staging"] = sql.create_staging(shape, LOAD)
        made["create_held"] = sql.create_held(shape, LOAD)
        if case.select:
            made["build"] = sql.build(shape, LOAD, case.select)
        if rules:
            made["hold"] = sql.hold(shape, LOAD, rules)
        if shape.key:
            made["dedupe"] = sql.dedupe(shape, LOAD, f"{ident(staged_columns(shape)[-1].name)} DESC", server)
        if shape.key and set(AUDIT_COLUMNS) <= set(shape.columns):
            made["settle_keys"] = sql.settle_keys(shape, LOAD, server)
        if sealed := sql.seal(shape, LOAD, server):
            made["seal"] = sealed
    brought = what_was_read(shape)
    if shape.load == "partition":
        divided = replace(shape, partition_by=case.partitioning)
        made["by_period"] = sql.by_period(divided, "staging", staging_name(shape, LOAD))
    there = [c.name for c in staged_columns(shape)[:-1] or staged_columns(shape)]
    if shape.strategy.keeps:
        made["lay_whole"] = sql.lay_whole(replace(shape, partition_by=case.partitioning), LOAD, there, brought=brought)
        change = Change(since=moment) if shape.load == "scd2" else Change(current=True)
        made["create_aside"], made["create_back"] = sql.carry_over(shape, LOAD, there, change)
    made["lost"] = sql.lost(shape, LOAD, there, Kept(frozenset(there), current=shape.load == "scd2"))
    if shape.load == "append" and "_source_file" in there:
        kept = Kept(frozenset(there), files=("a.csv", "Bob's.csv"))
        made["lost_files"] = sql.lost(shape, LOAD, ["_source_file", "_source_row"], kept)
    if case.partitioning and shape.load == "partition":
        divided = replace(shape, partition_by=case.partitioning)
        kept = Kept(frozenset(c.casefold() for c in there), periods=brought.periods)
        made["lost_periods"] = sql.lost(divided, LOAD, [], kept)
        made["by_period_kept"] = sql.by_period(divided, shape.schema, shape.name, kept)
        made["by_period_new"] = sql.by_period(divided, shape.schema, shape.name, Kept(frozenset(), periods=(None,)))
    made["count"] = sql.count("staging", staging_name(shape, LOAD))
    made["publish"] = sql.publish(
        shape, LOAD, LEDGER, server, brought=brought, select=case.select, partitioning=case.partitioning, as_of=moment
    )
    if shape.alias:
        made["alias_view"] = sql.alias_view(shape, server)
    made["drop_staging"] = sql.drop_staging(shape, LOAD)
    return made


def what_was_read(shape: TableShape) -> Brought:
    """What a load of such a table may have read."""
    kept, landed = shape.strategy.keeps, set(AUDIT_COLUMNS) <= set(shape.columns)
    return Brought(
        ("data/1.csv", "data/it's 100%.csv") if landed and kept else (),
        ("2024-01-01", "2024-12-01", None) if shape.load == "partition" else (),
        shape.columns[0].name if shape.load == "append" and not landed else "",
    )


def common_statements() -> dict[str, str]:
    """What is not for one table."""
    shapes = [case.shape for case in CASES]
    return {
        **{f"create_schema {n}": s for n, s in enumerate(sql.create_schemas(["gold", "o'dd]"]))},
        "create_ledger": sql.create_table(LOADS),
        "grants": sql.grants(shapes),
        "janitor": sql.janitor(KEEP, [LOAD, "it's"]),
        "take_lock": sql.take_lock("the warehouse"),
        "release_lock": sql.release_lock("the warehouse"),
        **{f"removal {n}": text for n, text in enumerate(sql.removal(GOING))},
        "readers": READERS,
    }
