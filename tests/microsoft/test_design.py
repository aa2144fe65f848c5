"""The physical design: what is made, what is dropped, and that Microsoft's parser and compiler take it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

import pytest

from engine.core.design import Design, Index, Partitions
from engine.warehouses.sqlserver import statements as sql
from engine.warehouses.sqlserver.design import partitions as parts
from engine.warehouses.sqlserver.design import statements as design
from engine.warehouses.sqlserver.design.statements import Existing
from engine.warehouses.sqlserver.shape import BABELFISH, SQL_SERVER
from tests.microsoft import Microsoft, as_procedure
from tests.microsoft.designs import (
    BY_DATE,
    DESIGNS,
    FULL,
    MASKED,
    OLD,
    SESSIONS,
    Designed,
    declared_with,
    design_statements,
    made_objects,
)
from tests.microsoft.shapes import LOAD

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("case", DESIGNS, ids=lambda case: case.name)
def test_statements_are_what_they_were(case: Designed, golden: Golden) -> None:
    golden(f"sqlserver/design_{case.name}.sql", "\n".join(f"-- {n}\n{text}\n" for n, text in design_statements(case)))


@pytest.mark.parametrize("case", DESIGNS, ids=lambda case: case.name)
def test_statements_parse(case: Designed, checker: Microsoft) -> None:
    assert [(n, e) for n, text in design_statements(case) for e in checker.parse_errors(text)] == []


@pytest.mark.parametrize("case", DESIGNS, ids=lambda case: case.name)
def test_what_is_made_compiles_over_the_declared_tables(case: Designed, checker: Microsoft) -> None:
    if parts.partitions(case.table, case.server):
        made = [*_place(case), sql.create_table(case.table, case.server, guarded=False)]
        assert checker.compile_errors(["CREATE SCHEMA [silver]"], made) == []
    if not case.design.partitions:
        assert checker.compile_errors(declared_with(case), made_objects(case)) == []


def _place(case: Designed) -> list[str]:
    # An empty list of boundaries and the guard around it are for a server; a model wants the bare statement.
    return [text.split("\n    ", 1)[1].replace("VALUES ()", "VALUES ('20240101')") for text in parts.make(case.table)]


def test_the_compiler_finds_a_column_that_is_not_there(checker: Microsoft) -> None:
    case = Designed("wrong", SESSIONS, Design(indexes=(Index(("user_id", "nosuch")),)))
    assert any("[nosuch]" in error for error in checker.compile_errors(declared_with(case), made_objects(case)))


def test_queries_of_the_catalogue_parse(checker: Microsoft) -> None:
    from engine.warehouses.sqlserver.design.catalog import boundaries, designed, query

    asked: list[str] = []

    def ask(text: str) -> list[dict[str, str]]:
        asked.append(text)
        return []

    for server in (SQL_SERVER, BABELFISH):
        designed(ask, server)
        asked.append(query(SESSIONS, server))
    boundaries(ask, "o'function")
    for text in asked:
        assert checker.parse_errors(text) == []
        assert checker.compile_errors([], [as_procedure("q", text)]) == []


# --- reconciling -----------------------------------------------------------------------------------------------------


def there(shape_design: Design) -> Existing:
    """What a table has when its design is kept."""
    table = replace(SESSIONS, design=shape_design)
    return Existing(
        indexes=frozenset(design.index_name(table, index) for index in shape_design.indexes),
        compression=shape_design.compression or "none",
        computed={name: design.digest(text) for name, text in shape_design.computed},
        defaults={c: design.default_name(table, c, text) for c, text in shape_design.defaults},
        descriptions=dict(shape_design.descriptions),
        masks=dict(shape_design.masks),
    )


@pytest.mark.parametrize("kept", [Design(), FULL, MASKED], ids=["none", "full", "masked"])
def test_a_design_that_is_kept_changes_nothing(kept: Design) -> None:
    assert design.reconcile(replace(SESSIONS, design=kept), there(kept)) == []


@pytest.mark.parametrize(
    ("changed", "made", "dropped"),
    [
        (replace(BY_DATE, include=("minutes", "note")), 1, 1),
        (replace(BY_DATE, columns=("watched", "user_id")), 1, 1),
        (replace(BY_DATE, where="minutes > 1"), 1, 1),
        (replace(BY_DATE, unique=True), 1, 1),
        (BY_DATE, 0, 0),
    ],
)
def test_an_index_is_told_by_its_definition(changed: Index, made: int, dropped: int) -> None:
    found = design.reconcile(replace(SESSIONS, design=Design(indexes=(changed,))), there(Design(indexes=(BY_DATE,))))
    assert [text.split()[0] for text in found] == ["CREATE"] * made + ["DROP"] * dropped


@pytest.mark.parametrize("case", DESIGNS, ids=lambda case: case.name)
def test_nothing_is_dropped_but_what_the_engine_made(case: Designed) -> None:
    dropped = [text for _, text in design_statements(case) if "DROP" in text and "PARTITION" not in text]
    for text in dropped:
        assert "mdl_" in text or "DROP COLUMN [hours]" in text or "[PK_x]" in text or "CCI_" in text, text
    assert not any("theirs" in text for _, text in design_statements(case))


def test_a_changed_expression_takes_its_index_along() -> None:
    table = replace(SESSIONS, design=FULL)
    before = there(replace(FULL, computed=(("hours", "minutes / 60"), FULL.computed[1])))
    old = design.index_name(
        replace(SESSIONS, design=replace(FULL, computed=(("hours", "minutes / 60"),))), FULL.indexes[3]
    )
    before = replace(before, indexes=(there(FULL).indexes - {design.index_name(table, FULL.indexes[3])}) | {old})
    kinds = [" ".join(text.split()[:2]) for text in design.reconcile(table, before)]
    assert kinds[:3] == ["DROP INDEX", "ALTER TABLE", "ALTER TABLE"]
    assert kinds[-1] == "CREATE NONCLUSTERED"


# --- switching -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "existing", "switched"),
    [
        (Design(), Existing(), True),
        (Design(indexes=(BY_DATE,)), Existing(), True),
        (FULL, Existing(compression="page"), True),
        (FULL, Existing(compression="none"), False),
        (Design(), Existing(compression="page"), False),
        (MASKED, Existing(), False),
        (Design(), Existing(masks={"user_id": "default()"}), False),
        (Design(), Existing(computed={"theirs": ""}), False),
        (Design(partitions=Partitions("watched")), Existing(), False),
        (Design(), Existing(scheme="ps_theirs"), False),
    ],
)
def test_staging_is_switched_in_when_it_can_be_made_equal(wanted: Design, existing: Existing, switched: bool) -> None:
    table = replace(SESSIONS, design=wanted)
    assert design.switchable(table, SQL_SERVER, existing) is switched
    assert not design.switchable(table, BABELFISH, existing)


def test_a_sealed_staging_table_has_the_published_indexes() -> None:
    table = replace(SESSIONS, design=FULL)
    sealed = sql.seal(table, LOAD)
    for index in FULL.indexes:
        assert f"[{design.index_name(table, index)}] ON [staging]" in sealed
    assert "PRIMARY KEY CLUSTERED ([id]) WITH (DATA_COMPRESSION = PAGE)" in sealed
    assert "ADD [hours] AS (minutes / 60.0)" in sealed


@pytest.mark.parametrize(
    ("load", "whole", "gone", "back"),
    [
        ("replace", False, 3, 3),
        ("merge", False, 0, 2),
        ("merge", True, 3, 3),
        ("append", False, 2, 4),
        ("scd2", False, 0, 2),
    ],
)
def test_foreign_keys_are_let_go_where_rows_are_deleted_and_bound_again(
    load: str, whole: bool, gone: int, back: int
) -> None:
    table = replace(SESSIONS, load=load, design=FULL)
    assert len(design.release(table, OLD, whole=whole)) == gone
    # merge and scd2 keep what refers; the key of an older definition makes way for the declared one
    bound = [text for text in design.bind(table, OLD, whole=whole) if " NOCHECK CONSTRAINT " not in text]
    assert len(bound) == back


# --- partitions ------------------------------------------------------------------------------------------------------

DAY, MONTH, YEAR = "day", "month", "year"


@pytest.mark.parametrize(
    ("grain", "keep", "first", "last", "expected"),
    [
        (MONTH, 0, "2023-11-20", "2024-01-03", ["2023-11-01", "2023-12-01", "2024-01-01", "2024-02-01"]),
        (MONTH, 2, "2023-11-20", "2024-01-03", ["2023-12-01", "2024-01-01", "2024-02-01"]),
        (DAY, 0, "2024-02-28", "2024-02-29", ["2024-02-28", "2024-02-29", "2024-03-01"]),
        (YEAR, 0, "2023-05-01", "2024-02-29", ["2023-01-01", "2024-01-01", "2025-01-01"]),
        (YEAR, 0, "9999-05-01", "9999-12-31", ["9999-01-01"]),
        (DAY, 0, "9999-12-31", "9999-12-31", ["9999-12-31"]),
        (MONTH, 0, "2024-12-01", "2024-12-01", ["2024-12-01", "2025-01-01"]),
    ],
)
def test_the_window_has_a_period_ahead(grain: str, keep: int, first: str, last: str, expected: list[str]) -> None:
    found = parts.window(dt.date.fromisoformat(first), dt.date.fromisoformat(last), Partitions("watched", grain, keep))
    assert [str(day) for day in found] == expected


def test_a_window_stays_within_what_a_server_takes() -> None:
    found = parts.window(dt.date(1900, 1, 1), dt.date(2024, 1, 1), Partitions("watched", DAY))
    assert (len(found), found[-1]) == (parts.MOST + 1, dt.date(2024, 1, 2))


def test_the_window_slides_without_taking_rows() -> None:
    table = replace(SESSIONS, design=Design(partitions=Partitions("watched", MONTH, 2)))
    months = [dt.date(2024, n, 1) for n in range(1, 6)]
    statements = parts.slide(table, months[:3], months[2:])
    assert [text.split()[-2:] for text in statements] == [
        ["RANGE", "('20240501');"], ["RANGE", "('20240401');"], ["RANGE", "('20240101');"], ["RANGE", "('20240201');"],
    ]  # fmt: skip
    assert [("SPLIT" in text, "MERGE" in text) for text in statements] == [(True, False)] * 2 + [(False, True)] * 2
    assert not any("DELETE" in text or "TRUNCATE" in text for text in statements)
