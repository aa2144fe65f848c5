"""What `check` takes and refuses of a SELECT is what Microsoft's parser takes and refuses where the engine puts it."""

from __future__ import annotations

import pytest

from engine.core.sqltypes import Column, parse_type
from engine.core.tables import TableShape
from engine.tsql.bind.reserved import RESERVED
from engine.warehouses.sqlserver import statements as sql
from tests.badinput.test_design_faults import FILTERS, RIGHT_FILTERS
from tests.badinput.test_select_faults import REFUSED, TAKEN
from tests.microsoft import Microsoft

WORDS_THAT_ARE_NOT = "ACTION COUNT DATE LEVEL NAME OUTPUT PARTITION RANGE ROW SOURCE STATE TIME TYPE VALUE WINDOW XML"


def built(select: str) -> list[str]:
    shape = TableShape("silver", "orders", (Column("order_id", parse_type("int")),))
    return [sql.build(shape, "x", select), sql.view_statement("gold", "orders", shape.columns, select=select)]


@pytest.mark.parametrize("case", TAKEN)
def test_what_check_takes_parses(case: str, checker: Microsoft) -> None:
    assert [checker.parse_errors(text) for text in built(TAKEN[case])] == [[], []]


@pytest.mark.parametrize("case", REFUSED)
def test_what_check_refuses_does_not_parse(case: str, checker: Microsoft) -> None:
    assert all(checker.parse_errors(text) for text in built(REFUSED[case][0]))


def test_the_reserved_words_are_microsofts(checker: Microsoft) -> None:
    taken = {word for word in RESERVED if not checker.parse_errors(f"SELECT 1 AS {word}")}
    assert taken == set()
    assert not any(checker.parse_errors(f"SELECT 1 AS {word}") for word in WORDS_THAT_ARE_NOT.split())


@pytest.mark.parametrize("where", [*FILTERS, *RIGHT_FILTERS])
def test_an_index_takes_the_conditions_that_check_takes(where: str, checker: Microsoft) -> None:
    errors = checker.parse_errors(f"CREATE INDEX i ON silver.orders (customer) WHERE {where}")
    assert bool(errors) == (where in FILTERS)
