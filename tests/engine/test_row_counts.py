"""Row counts through the command line: what arrived is counted where it arrives, what a SELECT drops by a query of its
own, and a load whose parts do not add up publishes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jinja2
import pytest

from engine.warehouses.duckdb import statements as duckdb_sql
from engine.warehouses.sqlserver import templates as sqlserver_templates
from tests.project_files import PIPELINES, medallion, write_project
from tests.targets import ask as rows

pytestmark = pytest.mark.usefixtures("target")

HEAD = "order_id,customer,amount,ordered_on\n"
FIRST = HEAD + "1,Ann,10.00,2024-01-01\n2,Bob,20.00,2024-01-02\n3,Cid,30.00,2024-01-03\n"
SECOND = HEAD + "2,Bob,25.00,2024-01-02\n3,Cid,30.00,2024-01-03\n4,Dan,40.00,2024-01-04\n"
OTHERS = HEAD + "4,Dan,40.00,2024-01-04\n5,Eve,50.00,2024-01-05\n"
PARTITION = "partition\n    partition_by: {column: ordered_on, grain: day}"
Changes = Callable[[str, dict[str, tuple[str, str]]], None]


@pytest.fixture
def changed(target: str, monkeypatch: pytest.MonkeyPatch) -> Changes:
    """Puts other text into a statement's template, as somebody who works on it might; texts by target."""
    environment = duckdb_sql._environment() if target == "embedded" else sqlserver_templates._templates()
    loader = environment.loader
    assert loader is not None

    def change(template: str, texts: dict[str, tuple[str, str]]) -> None:
        old, new = texts[target]
        source = loader.get_source(environment, f"{template}.sql")[0]
        assert old in source
        other = jinja2.DictLoader({f"{template}.sql": source.replace(old, new)})
        monkeypatch.setattr(environment, "loader", jinja2.ChoiceLoader([other, loader]))
        monkeypatch.setattr(environment, "cache", {})

    return change


def project(root: Path, load: str, table: str = "silver.orders", **files: str) -> Path:
    text = PIPELINES.replace(f"  {table}:\n", f"  {table}:\n    load: {load}\n")
    write_project(root, {"pipelines.yaml": text, "data/raw/orders.csv": FIRST, **files})
    ran(root)
    return root


def ran(root: Path) -> dict[str, dict[str, Any]]:
    said = medallion(root, "run", "--json")
    assert said.code == 0, said.err
    return {t["table"]: t for t in json.loads(said.out)["tables"]}


def ledger(root: Path, table: str, *columns: str) -> list[tuple[Any, ...]]:
    return rows(root, f"SELECT {', '.join(columns)} FROM ops.loads WHERE table_name = '{table}' ORDER BY number")


# --- what arrived --------------------------------------------------------------------------------------------------

_DUCK_INSERT = ("SELECT * FROM {{ staging }}", "SELECT * FROM {{ staging }} WHERE order_id <> 4")
_INSERT = ("FROM {{ staging }};", "FROM {{ staging }} WHERE [order_id] <> 4;")
_NEW = ("WHERE NOT EXISTS (", "WHERE [new].[order_id] <> 4 AND NOT EXISTS (")
LOSSY = [
    (
        "replace",
        "publish_replace",
        ("ALTER TABLE", "DELETE FROM {{ staging }} WHERE order_id = 4\n;\nALTER TABLE"),
        "publish_truncate",
        _INSERT,
    ),
    ("merge", "publish_merge", _DUCK_INSERT, "publish_merge", _NEW),
    ("append", "publish_append", _DUCK_INSERT, "publish_append", _INSERT),
    (PARTITION, "publish_partition", _DUCK_INSERT, "publish_partition", _INSERT),
    (
        "scd2",
        "publish_scd2",
        ("AS load\nWHERE NOT", "AS load\nWHERE load.order_id <> 4 AND NOT"),
        "publish_scd2",
        _NEW,
    ),
]


@pytest.mark.parametrize(
    ("load", "embedded", "duck", "server", "tsql"), LOSSY, ids=[case[0].split("\n")[0] for case in LOSSY]
)
def test_a_publish_that_loses_rows_publishes_nothing(
    load: str,
    embedded: str,
    duck: tuple[str, str],
    server: str,
    tsql: tuple[str, str],
    target: str,
    changed: Changes,
    tmp_path: Path,
) -> None:
    root = project(tmp_path, load)
    before = rows(root, "SELECT order_id FROM silver.orders ORDER BY 1")
    (root / "data/raw/orders.csv").write_text(OTHERS)
    changed(embedded if target == "embedded" else server, {"embedded": duck, "server": tsql})
    said = medallion(root, "run")
    assert said.code == 3, said.out
    words = " ".join(said.err.split())
    table = "bronze.orders" if load == "replace" else "silver.orders"
    assert f"row counts of {table} do not reconcile: read 2 rows but published 1" in words
    assert "nothing was published" in words
    assert rows(root, "SELECT order_id FROM silver.orders ORDER BY 1") == before
    assert ledger(root, table, "state")[-1] == ("failed",)


def test_rows_that_vanish_while_others_arrive_are_noticed(changed: Changes, tmp_path: Path) -> None:
    root = project(tmp_path, "append")
    (root / "data/raw/orders.csv").write_text(OTHERS)
    changed(
        "publish_append",
        {
            "embedded": ("INSERT INTO", "TRUNCATE {{ name }}\n;\nINSERT INTO"),
            "server": ("    INSERT INTO", "    DELETE FROM {{ published }};\n    INSERT INTO"),
        },
    )
    said = medallion(root, "run")
    assert said.code == 3
    words = " ".join(said.err.split())
    assert (
        "row counts of silver.orders do not reconcile: the table had 3 rows, 0 were removed and 2 inserted, which makes"
        " 5, but it has 2; nothing was published" in words
    )
    assert rows(root, "SELECT order_id FROM silver.orders ORDER BY 1") == [(1,), (2,), (3,)]


COUNTED = ("rows_read", "rows_published", "rows_unchanged", "rows_total")


@pytest.mark.parametrize(
    ("load", "content", "expected"),
    [
        ("replace", SECOND, (3, 3, 0, 3)),
        ("merge", SECOND, (3, 3, 0, 4)),
        ("append", OTHERS, (2, 2, 0, 5)),
        (PARTITION, SECOND, (3, 3, 0, 4)),
        ("scd2", SECOND, (3, 2, 1, 5)),
        ("scd2", FIRST.replace("Cid", "cid"), (3, 1, 2, 4)),
        ("view", OTHERS, (2, 2, 0, 2)),
    ],
)
def test_each_strategy_says_what_arrived(load: str, content: str, expected: tuple[int, ...], tmp_path: Path) -> None:
    root = project(tmp_path, load)
    assert ledger(root, "silver.orders", *COUNTED) == [(3, 3, 0, 3)]
    (root / "data/raw/orders.csv").write_text(content)
    out = ran(root)["silver.orders"]
    assert tuple(out[c] for c in COUNTED) == expected
    assert ledger(root, "silver.orders", *COUNTED)[-1] == expected


def test_an_scd2_load_that_leaves_a_changed_row_as_it_was_is_noticed(changed: Changes, tmp_path: Path) -> None:
    root = project(tmp_path, "scd2")
    (root / "data/raw/orders.csv").write_text(SECOND)
    changed(
        "publish_scd2",
        {
            "embedded": ("WHERE published.is_current AND NOT", "WHERE published.order_id = 1 AND NOT"),
            "server": (
                "WHERE [old].[is_current] = 1\n        AND ([new]",
                "WHERE [old].[order_id] = 1\n        AND ([new]",
            ),
        },
    )
    said = medallion(root, "run")
    assert said.code == 3
    assert "read 3 rows but published 1 + unchanged 1" in " ".join(said.err.split())


# --- what went into quarantine -------------------------------------------------------------------------------------


def test_quarantined_rows_are_counted_where_they_arrive(target: str, changed: Changes, tmp_path: Path) -> None:
    changed(
        "publish_quarantine" if target == "embedded" else "publish",
        {
            "embedded": ("FROM {{ held }}\n", "FROM {{ held }} WHERE source_row <> 2\n"),
            "server": ("FROM {{ held }};", "FROM {{ held }} WHERE [source_row] <> 2;"),
        },
    )
    good = "".join(f"{n},Cid,30.00,2024-01-03\n" for n in range(3, 11))
    wrong = HEAD + "1,Ann,much,2024-01-01\n2,Bob,little,2024-01-02\n" + good
    root = write_project(tmp_path, {"data/raw/orders.csv": wrong})
    said = medallion(root, "run")
    assert said.code == 3
    assert (
        "row counts of bronze.orders do not reconcile: read 10 rows but published 8 + unchanged 0 + quarantined 1 +"
        " duplicates 0 + filtered 0 = 9; nothing was published" in " ".join(said.err.split())
    )


def test_rows_that_are_moved_to_quarantine_are_those_taken_away(target: str, changed: Changes, tmp_path: Path) -> None:
    """The statement copies fewer rows than the condition takes out of staging."""
    changed(
        "hold",
        {
            "embedded": ("FROM {{ staging }}\nWHERE", "FROM (SELECT * FROM {{ staging }} WHERE _source_row <> 2)\nWHERE"),
            "server": ("    WHERE {{ caught }};\n    SET @held", "    WHERE [_source_row] <> 2 AND ({{ caught }});\n    SET @held"),
        },
    )
    good = "".join(f"{n},Cid,30.00,2024-01-03\n" for n in range(3, 11))
    root = write_project(tmp_path, {"data/raw/orders.csv": HEAD + ",Ann,1,2024-01-01\n,Bob,2,2024-01-02\n" + good})
    said = medallion(root, "run", "--select", "bronze.orders")
    assert said.code == 3
    words = "bronze.orders: held 1 rows but took 2 out of staging" if target == "embedded" else "rows held and rows removed differ"
    assert words in " ".join(said.err.split())
    assert rows(root, "SELECT count(*) FROM ops.loads WHERE state = 'published'") == [(0,)]


def test_a_repeated_row_is_dropped_or_quarantined_by_its_own_count(
    target: str, changed: Changes, tmp_path: Path
) -> None:
    changed(
        "hold_losers" if target == "embedded" else "settle_keys",
        {
            "embedded": ("WHERE NOT l.same", "WHERE NOT l.same AND s._source_row <> 1"),
            "server": ("    WHERE EXISTS", "    WHERE [lost].[_source_row] <> 1 AND EXISTS"),
        },
    )
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST + "1,Bob,10.00,2024-01-01\n2,Bob,20.00,2024-01-02\n"})
    said = medallion(root, "run")
    assert said.code == 3
    if target == "embedded":
        assert "bronze.orders: held 0 rows but took 1 out of staging" in " ".join(said.err.split())
    assert rows(root, "SELECT count(*) FROM ops.loads WHERE state = 'published'") == [(0,)]


# --- what a SELECT drops -------------------------------------------------------------------------------------------

ORDERS = (
    "order_id,customer,amount,ordered_on,tags\n"
    '1,Ann,10.00,2024-01-01,"[1,2]"\n2,Bob,20.50,2024-01-02,[]\n3,Ann,5.25,2024-01-03,\n4,Cid,99.99,2024-02-29,[5]\n'
)
LINES = "line_id,order_id,quantity\n1,1,1\n2,1,2\n3,2,0\n"
FROM = "SELECT o.order_id FROM bronze.orders AS o"
SELECTS: list[tuple[str, str, int, int | None, int]] = [
    # name, SELECT, rows read, rows filtered (None where nobody can tell), rows published
    ("plain", FROM, 4, 0, 4),
    ("one", f"{FROM}\nWHERE o.amount >= 10 -- not the small ones\nORDER BY o.order_id", 4, 1, 3),
    ("unknown", f"{FROM} WHERE o.tags <> N'[5]'", 4, 2, 2),
    ("subquery", f"{FROM} WHERE EXISTS (SELECT 1 FROM bronze.lines AS l WHERE l.order_id = o.order_id)", 4, 2, 2),
    ("inner_once", "SELECT l.line_id FROM bronze.lines AS l JOIN bronze.orders AS o ON o.order_id = l.order_id"
     " WHERE l.quantity > 0", 3, 1, 2),
    ("inner_several", f"{FROM} INNER JOIN bronze.lines AS l ON l.order_id = o.order_id", 3, None, 3),
    ("inner_two", f"{FROM} INNER JOIN bronze.lines AS l ON l.order_id = o.order_id"
     " INNER JOIN bronze.lines AS m ON m.order_id = o.order_id AND m.quantity > l.quantity", 4, 3, 1),
    ("comma", f"{FROM}, bronze.lines AS l WHERE l.order_id = o.order_id AND l.quantity <> 1", 4, 2, 2),
    ("left_once", f"{FROM} LEFT JOIN bronze.lines AS l ON l.order_id = o.order_id AND l.quantity = 2"
     " WHERE o.amount < 50", 4, 1, 3),
    ("left_several", f"{FROM} LEFT JOIN bronze.lines AS l ON l.order_id = o.order_id", 5, None, 5),
    ("left_several_filtered", f"{FROM} LEFT JOIN bronze.lines AS l ON l.order_id = o.order_id WHERE o.amount >= 10",
     4, None, 4),
    ("anti", f"{FROM} LEFT JOIN bronze.lines AS l ON l.order_id = o.order_id WHERE l.line_id IS NULL", 4, 2, 2),
    ("apply_once", f"{FROM} CROSS APPLY OPENJSON(o.tags) AS t WHERE t.[value] <> N'1'", 4, 2, 2),
    ("apply_several", f"{FROM} CROSS APPLY OPENJSON(o.tags) AS t WHERE o.amount < 50", 2, None, 2),
    ("common", "WITH c AS (SELECT o.order_id, o.amount FROM bronze.orders AS o WHERE o.amount >= 10)"
     " SELECT c.order_id FROM c WHERE c.amount < 50", 2, None, 2),
    ("common_beside", "WITH c AS (SELECT DISTINCT l.order_id FROM bronze.lines AS l WHERE l.quantity > 0)\n"
     f"{FROM} INNER JOIN c ON c.order_id = o.order_id", 4, 3, 1),
    ("derived", "SELECT d.order_id FROM (SELECT o.order_id FROM bronze.orders AS o WHERE o.amount >= 10) AS d",
     3, None, 3),
    ("branch", f"{FROM} WHERE o.amount > 50 UNION ALL SELECT l.line_id FROM bronze.lines AS l", 4, None, 4),
    ("grouped", "SELECT o.customer, COUNT(*) AS n FROM bronze.orders AS o GROUP BY o.customer", 3, None, 3),
    ("distinct_", "SELECT DISTINCT o.customer FROM bronze.orders AS o WHERE o.amount < 50", 2, None, 2),
    ("first_two", "SELECT TOP (2) o.order_id FROM bronze.orders AS o ORDER BY o.order_id", 2, None, 2),
    ("clock", f"{FROM} WHERE o.ordered_on < CAST(GETDATE() AS date)", 4, None, 4),
]  # fmt: skip
_SOURCES = """\
sources:
  orders: {type: csv, path: data/raw/orders.csv}
  lines: {type: csv, path: data/raw/lines.csv}
tables:
  bronze.orders:
    source: orders
    key: order_id
    columns: {order_id: int, customer: nvarchar(20), amount: "decimal(9,2)", ordered_on: date, tags: nvarchar(100)}
  bronze.lines:
    source: lines
    key: line_id
    columns: {line_id: int, order_id: int, quantity: int}
"""


def test_what_a_select_drops_is_counted_or_said_to_be_unknown(tmp_path: Path) -> None:
    tables = "".join(f"  silver.{name}: {{description: a case}}\n" for name, *_ in SELECTS)
    head, tail = PIPELINES.partition("sources:")[0], PIPELINES.partition("pipelines:")
    text = head + _SOURCES + tables + (tail[1] + tail[2]).replace(", gold.*", "")
    root = write_project(
        tmp_path,
        {
            **{f"templates/silver/{name}.sql": f"{select}\n" for name, select, *_ in SELECTS},
            "pipelines.yaml": text,
            "templates/silver/orders.sql": None,
            "templates/gold/customers.sql": None,
            "expectations/silver/orders.yaml": None,
            "data/raw/orders.csv": ORDERS,
            "data/raw/lines.csv": LINES,
        },
    )
    out = ran(root)
    counted = ("rows_read", "rows_filtered", "rows_published")
    expected = {name: (read, filtered, published) for name, _, read, filtered, published in SELECTS}
    assert {name: tuple(out[f"silver.{name}"][c] for c in counted) for name in expected} == expected
    kept = rows(root, f"SELECT table_name, {', '.join(counted)} FROM ops.loads WHERE table_name LIKE 'silver.%'")
    assert {r[0].removeprefix("silver."): tuple(r[1:]) for r in kept} == expected
    lines = {
        line.split()[2 if line.startswith("[ ") else 1]: line
        for line in medallion(root, "run", "--force").err.splitlines()
        if " published " in line
    }
    for name, (_, filtered, _) in expected.items():
        assert ("? filtered" in lines[f"silver.{name}"]) == (filtered is None)
    status = json.loads(medallion(root, "status", "--json").out)
    shown = {load["table_name"]: load["rows_filtered"] for load in status["loads"]}
    assert {name: shown[f"silver.{name}"] for name in expected} == {n: e[1] for n, e in expected.items()}


def test_a_build_that_loses_rows_publishes_nothing(changed: Changes, tmp_path: Path) -> None:
    texts = {
        "embedded": (") AS built", ") AS built WHERE order_id <> 2"),
        "server": (") AS [built]", ") AS [built] WHERE [order_id] <> 2"),
    }
    changed("build", texts)
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST})
    said = medallion(root, "run", "--select", "bronze.orders,silver.orders")
    assert said.code == 3
    assert (
        "row counts of silver.orders do not reconcile: read 3 rows but published 2 + unchanged 0 + quarantined 0 +"
        " duplicates 0 + filtered 0 = 2; nothing was published" in " ".join(said.err.split())
    )


def test_duplicates_and_quarantined_rows_stand_beside_filtered_ones(tmp_path: Path) -> None:
    text = PIPELINES.replace("    key: order_id\n    columns", "    columns").replace(
        "  silver.orders:\n", '  silver.orders:\n    dedupe: "amount DESC"\n'
    )
    suite = (
        "expectations:\n  - type: expect_column_values_to_be_between\n"
        "    kwargs: {column: amount, min_value: 0, max_value: 30}\n    severity: warning\n    quarantine: true\n"
    )
    again = FIRST + "3,Cid,31.00,2024-01-03\n2,Bob,21.00,2024-01-03\n4,Dan,1.00,2024-01-03\n"
    root = write_project(
        tmp_path,
        {"pipelines.yaml": text, "data/raw/orders.csv": again, "expectations/silver/orders.yaml": suite},
    )
    ran(root)
    counted = ("rows_read", "rows_filtered", "rows_duplicate", "rows_quarantined", "rows_published")
    assert ledger(root, "silver.orders", *counted) == [(6, 1, 2, 1, 2)]
