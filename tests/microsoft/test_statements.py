"""Every statement for SQL Server parses and compiles, by Microsoft's own parser and compiler."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.warehouses.sqlserver import statements as sql
from engine.warehouses.sqlserver.shape import published_columns, qualified
from tests.microsoft import Microsoft, as_procedure, as_view
from tests.microsoft.shapes import CASES, LOAD, Case, common_statements, declarations, statements

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_statements_are_what_they_were(case: Case, golden: Golden) -> None:
    made = statements(case)
    golden(f"sqlserver/{case.name}.sql", "\n".join(f"-- {name}\n{text}\n" for name, text in made.items()))


def test_common_statements_are_what_they_were(golden: Golden) -> None:
    golden("sqlserver/common.sql", "\n".join(f"-- {name}\n{text}\n" for name, text in common_statements().items()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_statements_parse(case: Case, checker: Microsoft) -> None:
    errors = {name: checker.parse_errors(text) for name, text in statements(case).items()}
    assert not {name: found for name, found in errors.items() if found}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_statements_compile_over_the_declared_tables(case: Case, checker: Microsoft) -> None:
    # CREATE, ALTER and DROP have nothing to resolve, and a model that holds their tables already would see double
    left_out = ("create", "seal", "drop")
    if not case.server.create_or_alter:
        left_out += ("alias_view", "staging_view")  # DROP and CREATE of a view that no model holds
    data = {n: t for n, t in statements(case).items() if not n.startswith(left_out)}
    assert checker.compile_errors(declarations(case), [as_procedure(n, t) for n, t in data.items()]) == []


@pytest.mark.parametrize("case", [c for c in CASES if c.shape.alias], ids=lambda c: c.name)
def test_alias_views_compile_over_the_declared_tables(case: Case, checker: Microsoft) -> None:
    # the batch carries the view as a text, which no compiler looks into
    shape = case.shape
    schema, _, name = shape.alias.partition(".")
    view = sql.view_statement(schema, name, published_columns(shape), table=qualified(shape.schema, shape.name))
    assert checker.compile_errors(declarations(case), [view]) == []


@pytest.mark.parametrize("case", [c for c in CASES if sql.seal(c.shape, LOAD, c.server)], ids=lambda c: c.name)
def test_staging_can_be_sealed(case: Case, checker: Microsoft) -> None:
    lines = statements(case)["seal"].splitlines()
    # to a model indexes and constraints are objects, and ALTER COLUMN is only a deed
    indexes = [line for line in lines if "COLUMNSTORE" in line or " ADD " in line]
    assert indexes
    assert checker.compile_errors(declarations(case, sealed=True), indexes) == []


def test_common_statements_parse_and_compile(checker: Microsoft) -> None:
    made = common_statements()
    assert [error for text in made.values() for error in checker.parse_errors(text)] == []
    run = [as_procedure(n, made[n]) for n in ("janitor", "take_lock", "release_lock", "readers")]
    assert checker.compile_errors(declarations(CASES[0]), run) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SELECT 1 AS a LIMIT 2", "Incorrect syntax near LIMIT"),
        ("SELECT 1 AS a WHERE 1 IS DISTINCT FROM 2", "Incorrect syntax near DISTINCT"),
        ("MERGE t USING s ON t.a = s.a WHEN MATCHED THEN DELETE", "MERGE statement must be terminated"),
        ("SELECT 'open", "closing quotation mark"),
    ],
)
def test_the_parser_refuses(text: str, words: str, checker: Microsoft) -> None:
    found = checker.parse_errors(text)
    assert len(found) >= 1
    assert words.casefold() in found[0].casefold()


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (as_view("v", "SELECT nosuch FROM bronze.people"), "[bronze].[people].[nosuch]"),
        (as_view("v", "SELECT id FROM bronze.nosuch"), "[bronze].[nosuch]"),
        (as_procedure("p", "INSERT INTO bronze.people (id, nosuch) SELECT id, name FROM bronze.people"), "[nosuch]"),
        (as_view("v", "SELECT id FROM bronze.people LIMIT 1"), "LIMIT"),
        ("DROP TABLE bronze.people", "does not make an object"),
    ],
)
def test_the_compiler_refuses(made: str, words: str, checker: Microsoft) -> None:
    good = as_view("good", "SELECT id, name FROM bronze.people")
    found = checker.compile_errors(declarations(CASES[0]), [made, good])
    assert found
    assert all(words in error for error in found if "people" in error), found
    assert not any("[good]" in error for error in found)


def test_a_broken_statement_is_seen_among_many(checker: Microsoft) -> None:
    """The proof that compiling publish scripts means something: one wrong column in one of them is found."""
    case = next(c for c in CASES if c.name == "merge")
    text = statements(case)["publish"].replace("[new].[score]", "[new].[scores]")
    assert any("[scores]" in error for error in checker.compile_errors(declarations(case), [as_procedure("p", text)]))
