"""The physical design in pipelines.yaml: what is wrong is told, what is right runs on every target."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.project_files import PIPELINES, medallion, write_project
from tests.targets import ask, on_target

SILVER = "  silver.orders:\n"
DESIGN = """\
    alias: dbo.orders
    description: Every order that is large enough
    columns: {amount: {type: "decimal(9,2)", description: In euros}}
    indexes:
      - {columns: [customer, ordered_on desc], include: [amount]}
      - {columns: ordered_on, where: amount > 10, name: large}
    foreign_keys:
      - {columns: order_id, references: bronze.orders}
    compression: page
    computed: {tax: amount * 0.2}
    defaults: {amount: "0"}
    masks: {customer: 'partial(1,"***",0)'}
    grants: [readers]
    deny: {interns: [customer]}
"""
DESIGNED = PIPELINES.replace(SILVER, SILVER + DESIGN)


@pytest.mark.usefixtures("target")
def test_a_designed_table_is_loaded_and_loaded_again(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"pipelines.yaml": DESIGNED})
    for customer in ("Ann", "Eve"):
        data = root / "data/raw/orders.csv"
        data.write_text(data.read_text().replace("Bob", customer))
        said = medallion(root, "run")
        assert said.code == 0, said.err
        assert ask(root, "SELECT COUNT(*) FROM dbo.orders WHERE customer = 'Ann'") == [(2,)]
    # What is declared later is made without a load.
    (root / "pipelines.yaml").write_text(on_target(DESIGNED.replace("include: [amount]", "unique: true")))
    said = medallion(root, "run", "--json")
    assert (said.code, json.loads(said.out)["published"]) == (0, 0), said.err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[customer, ordered_on desc]", "[custmer]", "silver.orders has no column 'custmer'; expected"),
        ("ordered_on desc], include", "customer desc], include", "an index names each of its columns once"),
        ("amount > 10", "amont > 10", "'amont > 10'"),
        ("amount > 10", "amount > 10; DROP TABLE t", "a second statement"),
        ("include: [amount]", "inclde: [amount]", "unknown key 'inclde'; expected one of columns, include, where"),
        ("references: bronze.orders", "references: bronze.order", "no table 'bronze.order' to refer to"),
        ("references: bronze.orders", "references: bronze.orders(customer)", "bronze.orders has no key (customer)"),
        ("{columns: order_id,", "{columns: [order_id, amount],", "has 1 key columns; expected as many columns"),
        ("{columns: order_id,", "{columns: customer,", "customer is nvarchar(20) and bronze.orders.order_id is int"),
        ("compression: page", "compression: pages", "'pages' does not fit here"),
        ("compression: page", "compression: page\n    storage: columnstore", "a columnstore is compressed already"),
        ("{tax: amount * 0.2}", "{amount: 1 + 1}", "silver.orders has a column amount already"),
        ("{tax: amount * 0.2}", "{tax: amont * 0.2}", "'amont * 0.2'"),
        ('defaults: {amount: "0"}', 'defaults: {amount: "0)"}', "a T-SQL expression"),
        ('partial(1,"***",0)', "partly()", "is no masking function; expected default()"),
        ("interns: [customer]", "interns: [custmer]", "silver.orders has no column 'custmer'"),
        ("compression: page", "partitions: {column: customer}", "customer is nvarchar(20), which has no days"),
        ("compression: page", "load: view", "silver.orders is a view, which has no indexes"),
    ],
)
def test_what_is_wrong_is_told_by_check(old: str, new: str, words: str, tmp_path: Path) -> None:
    assert old in DESIGNED
    write_project(tmp_path, {"pipelines.yaml": DESIGNED.replace(old, new)})
    said = medallion(tmp_path, "check")
    assert said.code == 1
    assert words in " ".join(said.err.split())


def test_a_design_means_nothing_on_duckdb(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    (root / "pipelines.yaml").write_text(DESIGNED.replace("    alias: dbo.orders\n", ""))
    said = medallion(root, "ls", "--json")
    assert {row["state"] for row in json.loads(said.out)} == {"fresh"}, said.err
