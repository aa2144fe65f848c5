"""Names that are taken: aliases, columns and files that would meet something of the engine's or another table's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.project_files import FILES, PIPELINES, medallion, write_project
from tests.targets import ask

OWN = "names that begin with __ are the engine's own"
COLUMNS = "columns that begin with __ are the engine's own"
TEMPLATE = str(FILES["templates/silver/orders.sql"])


def checked(tmp_path: Path, pipelines: str, files: dict[str, Any] | None = None) -> list[str]:
    said = medallion(write_project(tmp_path, {"pipelines.yaml": pipelines, **(files or {})}), "check")
    told = [line for line in said.err.splitlines() if line.startswith("error")]
    assert said.code == bool(told)
    return told


@pytest.mark.parametrize(
    ("silver", "gold", "says"),
    [
        ("dbo.x", "dbo.x", "pipelines.yaml:18:12: the alias dbo.x is the alias of silver.orders on line 15, column 12"),
        ("dbo.x", "dbo.X", "pipelines.yaml:18:12: the alias dbo.X is the alias of silver.orders on line 15, column 12"),
        ("dbo.x", "gold.customers", "pipelines.yaml:18:12: the alias gold.customers is the table gold.customers on line 17, column 3"),
        ("bronze.ORDERS", "", "pipelines.yaml:15:12: the alias bronze.ORDERS is the table bronze.orders on line 10, column 3"),
        ("gold.customers", "", "pipelines.yaml:15:12: the alias gold.customers is the table gold.customers on line 17, column 3"),
        ("", "ops.loads", "pipelines.yaml:17:12: the schema ops is the engine's own; expected another, such as dbo"),
        ("", "quarantine.silver_orders", "pipelines.yaml:17:12: the schema quarantine is the engine's own"),
        ("", "staging.x", "pipelines.yaml:17:12: the schema staging is the engine's own"),
        ("", "tsql.x", "pipelines.yaml:17:12: the schema tsql is the engine's own"),
        ("", "sys.x", "pipelines.yaml:17:12: the schema sys is the database's own"),
        ("", "information_schema.x", "pipelines.yaml:17:12: the schema information_schema is the database's own"),
        ("", "dbo.__x", f"pipelines.yaml:17:12: {OWN}"),
        ("", "shop.dbo.x", "pipelines.yaml:17:12: 'shop.dbo.x' does not fit here; expected schema.name"),
    ],
)  # fmt: skip
def test_an_alias_that_is_taken_is_one_error_with_both_places(
    silver: str, gold: str, says: str, tmp_path: Path
) -> None:
    text = PIPELINES
    for table, alias in (("silver.orders", silver), ("gold.customers", gold)):
        text = text.replace(f"  {table}:\n", f"  {table}:\n    alias: {alias}\n" if alias else f"  {table}:\n")
    (told,) = checked(tmp_path, text)
    assert says in told


@pytest.mark.parametrize(
    ("old", "new", "files", "says"),
    [
        ("load", "load", {"templates/silver/orders.sql": TEMPLATE.replace("o.customer,", "o.customer, 1 AS __rank,")},
         f"templates/silver/orders.sql:3:17: the column __rank of silver.orders: {COLUMNS}; expected … AS another name"),
        ("  silver.orders:", "  silver.orders:\n    load: scd2",
         {"templates/silver/orders.sql": TEMPLATE.replace("o.customer,", "o.customer, o.ordered_on AS Valid_From,")},
         "templates/silver/orders.sql:3:17: the column Valid_From of silver.orders: load: scd2 gives the table a column of this name"),
        ("  silver.orders:", "  silver.orders:\n    load: scd2\n    computed: {is_current: order_id + 1}", {},
         "pipelines.yaml:16:16: the column is_current of silver.orders: load: scd2 gives"),
        ("  silver.orders:", "  silver.orders:\n    computed: {__x: order_id + 1}", {}, f"pipelines.yaml:15:16: the column __x of silver.orders: {COLUMNS}"),
        ("ordered_on: date}", "ordered_on: date, __x: int}", {}, f"pipelines.yaml:13:96: the column __x of bronze.orders: {COLUMNS}"),
        ("ordered_on: date}", "ordered_on: date, _LOAD_ID: int}", {},
         "pipelines.yaml:13:96: the column _LOAD_ID of bronze.orders: the engine gives every loaded table a column of this name"),
        ("ordered_on: date}", "ordered_on: date, rowid: int}", {}, "pipelines.yaml:13:96: the column rowid of bronze.orders"),
        ("  gold.customers:", "  gold.__customers:", {"templates/gold/customers.sql": None, "templates/gold/__customers.sql": FILES["templates/gold/customers.sql"]},
         f"pipelines.yaml:16:3: {OWN}"),
        ("data/warehouse.duckdb", "data/Silver.duckdb", {}, "pipelines.yaml:5:34: a warehouse file cannot be called silver, which is the name of a schema in it"),
        ("    key: customer\n", "    key: customer\n    alias: warehouse.x\n", {}, "pipelines.yaml:5:34: a warehouse file cannot be called warehouse"),
    ],
)  # fmt: skip
def test_a_name_of_the_engines_own_is_refused(
    old: str, new: str, files: dict[str, Any], says: str, tmp_path: Path
) -> None:
    (told,) = checked(tmp_path, PIPELINES.replace(old, new), files)
    assert says in told


def test_names_like_the_engines_are_free_where_nothing_has_them(tmp_path: Path) -> None:
    template = TEMPLATE.replace("o.customer,", "o.customer, o._load_id, 1 AS valid_from, 2 AS _x,")
    pipelines = PIPELINES.replace("    key: customer\n", "    key: customer\n    alias: gold.clients\n")
    assert checked(tmp_path, pipelines, {"templates/silver/orders.sql": template}) == []


@pytest.mark.usefixtures("target")
def test_an_alias_may_have_a_schema_of_its_own(tmp_path: Path, target: str) -> None:
    root = write_project(
        tmp_path,
        {
            "pipelines.yaml": PIPELINES.replace(
                "    key: customer\n", "    key: customer\n    alias: reporting.clients\n"
            )
        },
    )
    if target == "server":
        assert medallion(root, "roles", "--apply").code == 0  # on a server they are an administrator's to make
    ran = medallion(root, "run")
    assert ran.code == 0, ran.err
    assert ask(root, "SELECT COUNT(*) FROM reporting.clients") == [(3,)]
