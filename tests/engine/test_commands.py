"""The command line: data to stdout, words to stderr, exit codes, selectors, staleness."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.project_files import FILES, PIPELINES, medallion, medallion_process, write_project
from tests.targets import differs_on_babelfish, on_target


@pytest.fixture(scope="module")
def ran(module_target: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_project(tmp_path_factory.mktemp("ran"))
    assert medallion(root, "run").code == 0
    return root


@pytest.mark.usefixtures("target")
def test_run_ends_with_a_line_a_table_and_one_in_all(tmp_path: Path) -> None:
    said = medallion_process(write_project(tmp_path), "run")
    assert said.code == 0
    lines = said.err.splitlines()
    assert [line.split()[1:3] for line in lines if line.startswith("[")] == [
        ["bronze.orders", "published"],
        ["silver.orders", "published"],
        ["gold.customers", "published"],
    ]
    assert any(line.startswith("3 tables: 3 published, 0 unchanged, 0 failed, 0 skipped; 10 rows in") for line in lines)
    assert said.out == ""
    assert "\x1b" not in said.err


def test_nothing_to_do_is_told(ran: Path) -> None:
    said = medallion(ran, "run")
    assert "3 tables: 0 published, 3 unchanged, 0 failed, 0 skipped; 0 rows in" in said.err


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(
    ("change", "stale"),
    [
        (
            {"data/raw/orders.csv": FILES["data/raw/orders.csv"] + "8,Ann,11.00,2024-05-05\n"},  # type: ignore[operator]
            {
                "bronze.orders": "its source changed",
                "silver.orders": "bronze.orders is stale",
                "gold.customers": "silver.orders is stale",
            },
        ),
        (
            {"data/raw/orders2.csv": "order_id,customer,amount,ordered_on,seller\n8,Ann,11.00,2024-05-05,Sue\n"},
            {
                "bronze.orders": "its source changed",
                "silver.orders": "bronze.orders is stale",
                "gold.customers": "silver.orders is stale",
            },
        ),
        (
            {
                "pipelines.yaml": PIPELINES.replace("nvarchar(20)", "nvarchar(30)"),
                "data/raw/orders2.csv": "order_id,customer,amount,ordered_on,seller\n8,Ann,11.00,2024-05-05,Sue\n",
            },
            {
                "bronze.orders": "its definition changed",
                "silver.orders": "its definition changed",
                "gold.customers": "its definition changed",
            },
        ),
        (
            {"templates/gold/customers.sql": FILES["templates/gold/customers.sql"] + "-- looked at\n"},  # type: ignore[operator]
            {},
        ),
        (
            {"templates/gold/customers.sql": FILES["templates/gold/customers.sql"] + "HAVING COUNT(*) > 0\n"},  # type: ignore[operator]
            {"gold.customers": "its definition changed"},
        ),
        (
            {"expectations/silver/orders.yaml": str(FILES["expectations/silver/orders.yaml"]).replace("1000", "999")},
            {"silver.orders": "its definition changed", "gold.customers": "silver.orders is stale"},
        ),
    ],
)
def test_what_is_stale_and_why(change: dict[str, str], stale: dict[str, str], tmp_path: Path) -> None:
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    assert json.loads(medallion(root, "ls", "--select", "stale", "--json").out) == []
    for name, content in change.items():
        (root / name).write_text(on_target(content) if name == "pipelines.yaml" else content)
    rows = json.loads(medallion(root, "ls", "--select", "stale", "--json").out)
    assert {r["table"]: r["reason"] for r in rows} == stale
    done = json.loads(medallion(root, "run", "--json").out)
    assert {t["table"] for t in done["tables"] if t["state"] == "published"} == set(stale)


@pytest.mark.usefixtures("target")
def test_an_empty_file_beside_others_is_a_change_of_the_source(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": "order_id,customer,amount,ordered_on,seller\n8,Ann,11.00,2024-05-05,Sue\n"})
    assert medallion(root, "run").code == 0
    (root / "data/raw/orders2.csv").write_bytes(b"")
    rows = json.loads(medallion(root, "ls", "--select", "bronze.orders", "--json").out)
    assert (rows[0]["state"], rows[0]["reason"]) == ("stale", "its source changed")
    said = medallion(root, "run")
    assert (said.code, "data/raw/orders2.csv: is empty" in said.err) == (3, True)


@pytest.mark.parametrize(
    ("selector", "tables"),
    [
        ("silver.orders", ["silver.orders"]),
        ("+silver.orders", ["bronze.orders", "silver.orders"]),
        ("+gold.customers", ["bronze.orders", "silver.orders", "gold.customers"]),
        ("silver.orders+", ["silver.orders", "gold.customers"]),
        ("bronze.orders+", ["bronze.orders", "silver.orders", "gold.customers"]),
        ("gold.*,bronze.*", ["bronze.orders", "gold.customers"]),
        ("pipeline:all", ["bronze.orders", "silver.orders", "gold.customers"]),
        ("SILVER.ORDERS", ["silver.orders"]),
    ],
)
def test_selectors(ran: Path, selector: str, tables: list[str]) -> None:
    assert [r["table"] for r in json.loads(medallion(ran, "ls", "--select", selector, "--json").out)] == tables


def test_a_selector_that_selects_nothing_is_an_error(ran: Path) -> None:
    said = medallion(ran, "run", "--select", "silver.order")
    assert said.code == 1
    assert "the selector 'silver.order' selects no table" in said.err
    assert "did you mean 'silver.orders'?" in said.err


@pytest.mark.usefixtures("target")
def test_a_table_without_its_inputs_says_what_to_select(tmp_path: Path) -> None:
    said = medallion(write_project(tmp_path), "run", "--select", "gold.customers")
    assert said.code == 3
    assert "silver.orders was never published; build it too with --select +gold.customers" in said.err


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "SELECT o.order_id, o.amount, o.ordered_on, o.customer FROM silver.orders AS o WHERE o.order_id = 1",
            [{"order_id": 1, "amount": 10.0, "ordered_on": "2024-01-01", "customer": "Ann"}],
        ),
        ("SELECT COUNT(*) AS n, AVG(o.order_id) AS mean FROM bronze.orders AS o", [{"n": 4, "mean": 2}]),
        ("SELECT TOP 1 l.table_name FROM ops.loads AS l ORDER BY l.table_name", [{"table_name": "bronze.orders"}]),
        (
            "SELECT o.customer AS b, o.order_id AS a FROM silver.orders AS o WHERE o.customer = N'BOB'",
            [{"b": "Bob", "a": 2}],
        ),
        ("SELECT CAST(NULL AS int) AS nothing", [{"nothing": None}]),
        ("SELECT o.order_id FROM silver.orders AS o WHERE 1 = 0", []),
        (
            "SELECT COUNT(*), o.customer FROM silver.orders AS o WHERE o.order_id = 2 GROUP BY o.customer",
            [{"column_1": 1, "customer": "Bob"}],
        ),
        (
            "SELECT t.table_name FROM INFORMATION_SCHEMA.TABLES AS t WHERE t.table_schema = 'gold'",
            [{"table_name": "customers"}],
        ),
    ],
)
def test_query_answers_in_json(
    ran: Path, sql: str, expected: list[dict[str, object]], module_target: str, request: pytest.FixtureRequest
) -> None:
    if "COUNT(*)," in sql:
        differs_on_babelfish(request, module_target, "a column without a name is named after its function")
    said = medallion(ran, "query", sql, "--json")
    assert said.code == 0, said.err
    found = json.loads(said.out)
    assert found == expected
    assert [list(row) for row in found] == [list(row) for row in expected]


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        ("DELETE FROM silver.orders", "SELECT"),
        ("SELECT o.nosuch FROM silver.orders AS o", "nosuch"),
        ("SELECT 1 AS a; DROP TABLE silver.orders", ""),
        ("SELECT x.a FROM silver.order AS x", "did you mean 'silver.orders'?"),
    ],
)
def test_query_refuses_what_is_no_select(ran: Path, sql: str, says: str) -> None:
    said = medallion(ran, "query", sql)
    assert said.code == 1
    assert says in said.err
    assert said.out == ""


def test_render_shows_every_step_on_both_targets(tmp_path: Path) -> None:
    text = str(FILES["pipelines.yaml"]).replace(
        "default_target", "  sqlserver: {type: sqlserver, server: s, database: d}\ndefault_target"
    )
    root = write_project(tmp_path, {"pipelines.yaml": text})
    embedded, server = (
        medallion(root, "render", "silver.orders"),
        medallion(root, "render", "silver.orders", "--target", "sqlserver"),
    )
    assert embedded.code == server.code == 0, server.err
    assert "ALTER TABLE" in embedded.out and "RENAME TO" in embedded.out
    assert "sp_getapplock" in server.out and "[silver].[orders]" in server.out
    assert not (root / "data/warehouse.duckdb").exists()


def test_secrets_are_never_printed(tmp_path: Path) -> None:
    text = str(FILES["pipelines.yaml"]).replace(
        "default_target",
        '  live: {type: sqlserver, server: s, database: d, user: u, password: "${SHOP_PASSWORD}"}\ndefault_target',
    )
    root = write_project(tmp_path, {"pipelines.yaml": text})
    for args in (
        ("check",),
        ("run",),
        ("run", "--target", "live"),
        ("doctor",),
        ("render", "silver.orders", "--target", "live"),
        ("status", "--json"),
    ):
        said = medallion_process(root, *args, SHOP_PASSWORD="canary-4711")
        assert "canary-4711" not in said.out + said.err, args
    for path in root.rglob("*"):
        assert not path.is_file() or b"canary-4711" not in path.read_bytes(), path


@pytest.mark.usefixtures("target")
def test_doctor_says_what_is_missing(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": None})
    said = medallion(root, "doctor")
    assert said.code == 3
    assert "source orders" in said.out and "missing" in said.out
    assert medallion(write_project(root), "doctor").code == 0


def test_the_version_and_the_help(tmp_path: Path) -> None:
    assert medallion(tmp_path, "--version").out.startswith("medallion ")
    said = medallion_process(tmp_path, "--help")
    for command in ("check", "run", "ls", "render", "query", "status", "sample", "add", "quarantine", "docs", "doctor"):
        assert command in said.out
