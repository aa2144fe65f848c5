"""The shipped project's SQL on both targets: as it was, and held against Microsoft's own parser and compiler."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from functools import cache

import pytest

from engine.compile.manifest import Model, load_model
from engine.config.project import load_project
from engine.core.tables import QUARANTINE_COLUMNS, TableShape
from engine.execution.rendering import render
from engine.state.ledger import TABLES
from engine.warehouses.sqlserver import statements as sql
from engine.warehouses.sqlserver.shape import (
    held_name,
    published_columns,
    qualified,
    quarantine_shape,
    staged_columns,
    staging_name,
)
from tests.microsoft import Microsoft, Unavailable, as_procedure, microsoft
from tests.microsoft.shapes import table as declared
from tests.project_files import ROOT

DAY = dt.date(2024, 9, 1)
LOAD = "20260101T000000_abcdef"
NAMES = list(load_project(ROOT).tables)
DECLARING = ("create", "alias", "stage", "seal", "drop", "design", "in the transaction")


@cache
def model(target: str) -> Model:
    return load_model(load_project(ROOT), target, DAY)


@pytest.fixture(scope="module")
def checker() -> Microsoft:
    try:
        return microsoft()
    except Unavailable as reason:
        pytest.skip(f"not held against Microsoft's parser and compiler: {reason}")


@pytest.mark.parametrize("target", ["embedded", "sqlserver"])
@pytest.mark.parametrize("name", NAMES)
def test_rendered_sql_is_what_it_was(name: str, target: str, golden: Callable[[str, str], None]) -> None:
    steps = render(model(target), name)
    golden(f"streaming/{target}/{name}.sql", "\n\n".join(f"-- {step}\n{text}" for step, text in steps))


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_is_sql_servers(name: str, checker: Microsoft) -> None:
    errors = {step: checker.parse_errors(text) for step, text in render(model("sqlserver"), name)}
    assert not {step: found for step, found in errors.items() if found}


def test_suite_queries_are_sql_servers(checker: Microsoft) -> None:
    for name, table in model("sqlserver").tables.items():
        for query, at in table.suite.row_queries():
            assert checker.parse_errors(query) == [], f"{name}: {at}"


def test_every_select_and_publish_script_compiles_over_the_declared_tables(checker: Microsoft) -> None:
    shapes = [t.shape for t in model("sqlserver").tables.values()]
    declarations = [
        f"CREATE SCHEMA [{s}]" for s in ("bronze", "silver", "gold", "ops", "staging", "quarantine", "gate")
    ]
    declarations += [
        sql.create_table(shape, guarded=False) for shape in (*TABLES, *(s for s in shapes if s.load != "view"))
    ]
    for shape in shapes:
        declarations += _staging(shape)
    objects = []
    for name, table in model("sqlserver").tables.items():
        if table.spec.load == "view":
            assert table.rendered is not None
            objects.append(sql.view_statement(*name.split("."), table.columns, select=table.rendered.sql.strip()))
        objects += [
            as_procedure(f"{name} {step}", text)
            for step, text in render(model("sqlserver"), name)
            if not step.startswith(DECLARING)
            and not text.startswith("--")
            and not (table.spec.load == "view" and step == "publish")
        ]
    assert checker.compile_errors(declarations, objects) == []


def _staging(shape: TableShape) -> list[str]:
    if shape.load == "view":
        return []
    return [
        declared("staging", staging_name(shape, LOAD), staged_columns(shape)),
        declared("staging", held_name(shape, LOAD), QUARANTINE_COLUMNS),
        sql.create_table(quarantine_shape(shape), guarded=False),
    ]


def test_alias_views_compile(checker: Microsoft) -> None:
    shapes = [t.shape for t in model("sqlserver").tables.values() if t.spec.alias]
    declarations = [f"CREATE SCHEMA [{s}]" for s in ("bronze", "silver", "gold")]
    declarations += [sql.create_table(s, guarded=False) for s in shapes]
    views = [
        sql.view_statement(*s.alias.split("."), published_columns(s), table=qualified(s.schema, s.name)) for s in shapes
    ]
    assert len(views) == 9
    assert checker.compile_errors(declarations, views) == []
