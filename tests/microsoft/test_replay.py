"""The statements of a replay and of its undoing, as SQL Server gets them and by Microsoft's own parser."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.core.tables import TableShape
from engine.warehouses.dialect import dialect_of
from engine.warehouses.replaying import Fate, Statements
from engine.warehouses.sqlserver.shape import STAGING, held_name, staging_name
from tests.microsoft import Microsoft
from tests.microsoft.shapes import AWKWARD, LOAD, SESSION, SUMMARY, shape

SHAPES = {
    "merged_source": shape("bronze.sessions", "id", "merge", landed=True, **SESSION),
    "built": shape("gold.summary", "", "append", **SUMMARY),
    "awkward": TableShape("gold", "Bob's [odd] 50% tåble", AWKWARD, ("key]", '"')),
}


def statements(shape: TableShape) -> list[str]:
    sql = Statements(dialect_of("mssql"), shape, LOAD, (STAGING, staging_name(shape, LOAD)))
    fates = [Fate(1, "L-1", "a.csv", 7), Fate(2, "L-2", "Bob's.csv", 8, '["it\'s late"]')]
    found = [sql.failing("1 = 1"), *sql.leave_out([2, 1])]
    found += [sql.same_key(), sql.standing()] if sql.key else []
    found += [sql.make_would_be(), sql.repeated([shape.columns[0].name]), *sql.make_plan(fates)]
    if sql.audited:
        found += sql.keep((STAGING, held_name(shape, LOAD)))
    found += [*sql.replay('{"a": "it\'s"}'), *sql.clear(), sql.touched(LOAD, ["L-1"])]
    return [*found, *sql.undo(LOAD, ["L-1", "L-2"], whole=False), *sql.undo(LOAD, ["L-1"], whole=True)]


@pytest.mark.parametrize("name", SHAPES)
def test_statements_are_what_they_were(name: str, golden: Callable[[str, str], None]) -> None:
    golden(f"sqlserver/replay_{name}.sql", "\n".join(f"{text};" for text in statements(SHAPES[name])))


@pytest.mark.parametrize("name", SHAPES)
def test_statements_parse(name: str, checker: Microsoft) -> None:
    assert not [e for text in statements(SHAPES[name]) for e in checker.parse_errors(text)]
