"""Every construct of the parity table, in every place where it can stand, as the engine renders it for SQL Server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from engine.core.sqltypes import Column, parse_type
from engine.core.tables import TableShape
from engine.quality.rowquery import BATCH, NotRowWise, RowQuery, check_row_wise
from engine.quality.suites import QUERY_KWARG, ROW_QUERY, Expectation
from engine.tsql.bind import BindError, bind, parse
from engine.tsql.bind.typed import Bound
from engine.tsql.splitting import split_ctes
from engine.warehouses.dialect import dialect_of
from engine.warehouses.sqlserver import statements as sql
from tests.microsoft import Microsoft
from tests.microsoft.shapes import LEDGER, LOAD
from tests.parity.targets import columns_of, load

TABLE = load()
CASES: list[dict[str, Any]] = [case for case in TABLE["cases"] if "problem" not in case]
CATALOG = {name: columns_of(spec) for name, spec in TABLE["tables"].items()}
BATCH_COLUMNS = [Column("id", parse_type("int"), False), Column("name", parse_type("nvarchar(20)"))]


def select_list(case: Mapping[str, Any]) -> str:
    return str(case["sql"]) if "sql" in case else f"SELECT {case['expr']} AS v"


def where(case: Mapping[str, Any]) -> str:
    ctes, _ = split_ctes(select_list(case))
    return f"{ctes}\nSELECT p.id FROM parity.people AS p WHERE {condition(case)}"


def condition(case: Mapping[str, Any]) -> str:
    return f"{case['expr']} IS NOT NULL" if "expr" in case else f"EXISTS ({split_ctes(case['sql'])[1]})"


def in_a_cte(case: Mapping[str, Any]) -> str:
    ctes, main = split_ctes(select_list(case))
    return f"{ctes + ',' if ctes else 'WITH'} [the construct] AS ({main})\nSELECT c.* FROM [the construct] AS c"


def a_condition_of_a_suite(case: Mapping[str, Any]) -> str:
    ctes, _ = split_ctes(select_list(case))
    return f"{ctes}\nSELECT b.* FROM {{batch}} AS b WHERE {condition(case)}"


def the_rows_of_a_suite(case: Mapping[str, Any]) -> str:
    ctes, main = split_ctes(select_list(case))
    return f"{ctes}\nSELECT b.id, d.* FROM {{batch}} AS b CROSS APPLY ({main}) AS d"


def shape(bound: Bound, load: str) -> TableShape:
    return TableShape("gold", "made", tuple(bound.columns), load=load)


def as_a_table(text: str, bound: Bound) -> Iterator[str]:
    yield sql.build(shape(bound, "replace"), LOAD, text)


def as_a_view(text: str, bound: Bound) -> Iterator[str]:
    view = shape(bound, "view")
    yield sql.staging_view(view, LOAD, text)
    yield sql.publish(view, LOAD, LEDGER, select=text)
    # the two above carry it as a text, which no parser looks into
    yield sql.view_statement("gold", "made", view.columns, select=text, verb="CREATE OR ALTER")


def as_a_row_query(text: str, bound: Bound) -> Iterator[str]:
    bindable = Expectation("e", ROW_QUERY, {QUERY_KWARG: text}).bindable_query
    query = RowQuery(bindable, dialect_of("mssql"))
    yield query.sql("staging", "made")
    yield query.count("staging", "made")
    try:
        moved = query.condition(check_row_wise(text), "made")
    except NotRowWise:
        return
    batch = TableShape("gold", "made", tuple(BATCH_COLUMNS), key=("id",))
    yield sql.hold(batch, LOAD, [sql.Rule(moved, "it isn't right"), sql.Rule("[id] IS NULL", "no id")])
    yield f"SELECT TOP 5 [id] FROM [staging].[made] WHERE {moved} ORDER BY [id]"


Place = tuple[Callable[[Mapping[str, Any]], str], Callable[[str, Bound], Iterator[str]]]
PLACES: dict[str, Place] = {
    "the select list of a table": (select_list, as_a_table),
    "the WHERE of a table": (where, as_a_table),
    "a CTE of a table": (in_a_cte, as_a_table),
    "the select list of a view": (select_list, as_a_view),
    "the WHERE of a view": (where, as_a_view),
    "a CTE of a view": (in_a_cte, as_a_view),
    "the condition of a row query": (a_condition_of_a_suite, as_a_row_query),
    "the columns of a row query": (the_rows_of_a_suite, as_a_row_query),
}


def bound_to(text: str, place: str) -> Bound | None:
    """The statement bound; None when the engine refuses it in this place before anything is rendered."""
    query = Expectation("e", ROW_QUERY, {QUERY_KWARG: text}).bindable_query
    try:
        tree = parse(query)
        bound = bind(tree, {**CATALOG, BATCH: BATCH_COLUMNS})
    except BindError:
        return None
    return None if place.endswith("a view") and tree.args.get("options") else bound


@pytest.mark.parametrize("place", PLACES)
def test_what_the_engine_renders_is_tsql_to_microsofts_parser(place: str, checker: Microsoft) -> None:
    written, rendered = PLACES[place]
    refused, wrong = [], {}
    for case in CASES:
        text = written(case)
        bound = bound_to(text, place)
        if bound is None:
            refused.append(case["id"])
            continue
        for statement in rendered(text, bound):
            if errors := checker.parse_errors(statement):
                wrong[case["id"]] = f"{errors[0]} in\n{statement}"
    shown = "\n\n".join(f"{name}: {words}" for name, words in list(wrong.items())[:5])
    assert not wrong, f"{len(wrong)} constructs in {place}: {', '.join(wrong)}\n\n{shown}"
    assert len(refused) <= len(CASES) // 10, f"{place} takes too few constructs to mean anything: {refused}"
