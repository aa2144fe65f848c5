"""The digits of a decimal stay as they are: in quarantine, through a replay, when rows supersede others, in what is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project_files import medallion, write_project
from tests.targets import ask

pytestmark = pytest.mark.usefixtures("target")

PIPELINES = """\
version: 1
name: shop
targets:
  embedded: {type: duckdb, path: data/warehouse.duckdb}
default_target: embedded
sources:
  sales: {type: SOURCE}
tables:
  bronze.sales:
    source: sales
    key: id
    columns: {id: int, qty: int, amount: DECIMAL}
guards: {quarantine: off, empty: yes, drop: off, rise: off}
"""
BUILT = "  silver.sales:\n    LOAD\n"
RULE = "expectations:\n- {type: expect_column_values_to_be_between, kwargs: {column: qty, min_value: 1}, quarantine: true}\n"
SILVER = {
    "templates/silver/sales.sql": "SELECT s.id, s.qty, s.amount FROM bronze.sales AS s WHERE s.id <> 2\n",
    "expectations/silver/sales.yaml": RULE,
}
CSV, JSON = "csv, path: data/raw/sales*.csv", "json, path: data/raw/sales*.jsonl"
VALUES = [
    ("decimal(38,10)", "1234567890123456789012345.0123456789"),
    ("decimal(19,4)", "99999999999999.9999"),
    ("decimal(18,2)", "9999999999999999.99"),
    ("decimal(9,2)", "10.00"),
    ("decimal(38,38)", "0.00001000000000000000000000000000000001"),
    ("decimal(12,10)", "-0.0000000001"),
]


def project(tmp_path: Path, source: str, decimal: str, amount: str, built: str = "", **changes: str) -> Path:
    name = "data/raw/sales.csv" if source == CSV else "data/raw/sales.jsonl"
    rows = f"id,qty,amount\n1,0,{amount}\n2,1,{amount}\n3,1,-0.5\n"
    if source == JSON:
        rows = f'{{"id": 1, "qty": 0, "amount": {amount}}}\n{{"id": 2, "qty": 1, "amount": {amount}}}\n'
    pipelines = PIPELINES.replace("SOURCE", source).replace("DECIMAL", f'"{decimal}"')
    pipelines = pipelines.replace("guards:", built + "guards:")
    root = write_project(
        tmp_path,
        {
            "pipelines.yaml": pipelines,
            name: rows,
            "data/raw/orders.csv": None,
            "templates/silver/orders.sql": None,
            "templates/gold/customers.sql": None,
            "expectations/silver/orders.yaml": None,
            **changes,
        },
    )
    run(root)
    return root


def run(root: Path) -> None:
    said = medallion(root, "run")
    assert said.code == 0, said.err


def said(root: Path, *args: str) -> str:
    done = medallion(root, *args)
    assert done.code == 0, done.err
    return done.out + done.err


@pytest.mark.parametrize(("decimal", "amount"), VALUES)
@pytest.mark.parametrize("source", [CSV, JSON], ids=["csv", "json"])
def test_a_replay_publishes_the_digits_that_came(source: str, decimal: str, amount: str, tmp_path: Path) -> None:
    root = project(tmp_path, source, decimal, amount, **{"expectations/bronze/sales.yaml": RULE})
    shown = said(root, "quarantine", "show", "bronze.sales")
    assert f"amount={amount}" in shown.replace("amount=.", "amount=0.")
    row = shown.split("row_data")[-1].split()[0]
    said(root, "quarantine", "replay", "bronze.sales", "--row", row, "--set", "qty=3")
    assert ask(root, f"SELECT id FROM bronze.sales WHERE amount = CAST('{amount}' AS {decimal}) ORDER BY id") == [(1,), (2,)]
    said(root, "quarantine", "undo", row)
    assert said(root, "quarantine", "show", "bronze.sales") == shown


@pytest.mark.parametrize(("decimal", "amount"), VALUES)
@pytest.mark.parametrize(
    "load", ["load: merge\n    key: amount", "load: append\n    watermark: amount"], ids=["merge", "append"]
)
def test_a_decimal_key_supersedes_the_row_that_was_quarantined(load: str, decimal: str, amount: str, tmp_path: Path) -> None:
    root = project(tmp_path, CSV, decimal, amount, BUILT.replace("LOAD", load), **SILVER)
    states = "SELECT state FROM quarantine.silver_sales ORDER BY state"
    assert ask(root, states) == [("held",)]
    (root / "data/raw/sales.csv").write_text(f"id,qty,amount\n1,-1,{amount}\n3,1,-0.4\n")
    run(root)
    assert ask(root, states) == [("held",), ("superseded",)], "by a row that is quarantined as well"
    (root / "data/raw/sales.csv").write_text(f"id,qty,amount\n1,1,{amount}\n")
    run(root)
    assert ask(root, states) == [("superseded",), ("superseded",)]


@pytest.mark.parametrize(("decimal", "amount"), VALUES[:-1])
def test_a_row_of_a_built_table_is_traced_by_a_decimal(decimal: str, amount: str, tmp_path: Path) -> None:
    root = project(tmp_path, CSV, decimal, amount, BUILT.replace("LOAD", "load: replace"), **SILVER)
    assert "data/raw/sales.csv row 1" in said(root, "quarantine", "show", "silver.sales")


def test_what_is_told_to_programs_has_all_digits(tmp_path: Path) -> None:
    rule = {"expectations/bronze/sales.yaml": RULE}
    root = project(tmp_path, CSV, "decimal(38,10)", "99999999999999999.9900000000", **rule)
    ask_for = "SELECT amount, CAST(0 AS decimal(12,10)) AS none, CAST(1 AS decimal(9,2)) AS one, CAST(1 AS int) AS whole, NULL AS nil FROM bronze.sales"
    out = said(root, "query", ask_for, "--json").partition("]")[0]
    for line in (
        '"amount": 99999999999999999.9900000000',
        '"none": 0.0000000000',
        '"one": 1.00',
        '"whole": 1',
        '"nil": null',
    ):
        assert line in out
    assert " 0.0000000000 " in said(root, "query", ask_for)
    assert '"amount": 99999999999999999.9900000000' in said(root, "quarantine", "show", "bronze.sales", "--json")


def test_an_empty_value_is_shown_as_null(tmp_path: Path) -> None:
    root = project(tmp_path, CSV, "decimal(9,2)", "", **{"expectations/bronze/sales.yaml": RULE})
    assert "amount=NULL" in said(root, "quarantine", "show", "bronze.sales")
