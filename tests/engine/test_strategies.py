"""Load strategies through the command line: what the published table holds after a second load."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from tests.project_files import PIPELINES, UNGUARDED, medallion, write_project
from tests.targets import ask as rows
from tests.targets import on_target

pytestmark = pytest.mark.usefixtures("target")

HEAD = "order_id,customer,amount,ordered_on\n"
FIRST = HEAD + "1,Ann,10.00,2024-01-01\n2,Bob,20.00,2024-01-02\n3,Cid,30.00,2024-01-03\n"
SECOND = HEAD + "2,Bob,25.00,2024-01-02\n3,Cid,30.00,2024-01-03\n4,Dan,40.00,2024-01-04\n"


def project(root: Path, layer_table: str, load: str, **more: str) -> Path:
    extra = "".join(f"\n    {k}: {v}" for k, v in more.items())
    text = PIPELINES.replace(f"  {layer_table}:\n", f"  {layer_table}:\n    load: {load}{extra}\n")
    write_project(root, {"pipelines.yaml": text, "data/raw/orders.csv": FIRST})
    said = medallion(root, "run")
    assert said.code == 0, said.err
    return root


def second(root: Path, content: str = SECOND) -> str:
    (root / "data/raw/orders.csv").write_text(content)
    said = medallion(root, "run", "--json")
    assert said.code == 0, said.err
    return said.out


@pytest.mark.parametrize(
    ("load", "expected"),
    [
        ("replace", [(2, 25), (3, 30), (4, 40)]),
        ("merge", [(1, 10), (2, 25), (3, 30), (4, 40)]),
    ],
)
@pytest.mark.parametrize("table", ["bronze.orders", "silver.orders"])
def test_replace_and_merge(table: str, load: str, expected: list[tuple[int, int]], tmp_path: Path) -> None:
    root = project(tmp_path, table, load)
    second(root)
    assert rows(root, f"SELECT order_id, CAST(amount AS INTEGER) FROM {table} ORDER BY 1") == expected


@pytest.mark.parametrize(("load", "kept"), [("merge", [1]), ("append", [])])
def test_a_table_of_one_load_takes_rows_of_others(load: str, kept: list[int], tmp_path: Path) -> None:
    root = project(tmp_path, "bronze.orders", "replace")
    audit = "SELECT order_id, _loaded_at, _source_file, _source_row, _load_id FROM bronze.orders ORDER BY 1"
    first = rows(root, audit)
    path = root / "pipelines.yaml"
    text = path.read_text().replace("load: replace", f"load: {load}")
    path.write_text(text.replace("ordered_on: date", "ordered_on: date, note: int"))
    second(root, "\n".join(f"{line},{'note' if i == 0 else i}" for i, line in enumerate(SECOND.splitlines())) + "\n")
    found = rows(root, audit)
    assert [r for r in found if r[0] in kept] == [r for r in first if r[0] in kept]
    assert len({r[-1] for r in found}) == (2 if kept else 1)
    assert rows(root, "SELECT order_id, note FROM bronze.orders WHERE order_id > 1 ORDER BY 1") == [
        (2, 1),
        (3, 2),
        (4, 3),
    ]


def test_a_repaired_row_joins_a_replaced_source_table(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": FIRST + "4,Dan,much,2024-01-04\n"})
    _run(root)
    audit = "SELECT order_id, _source_file, _source_row, _load_id, _loaded_at FROM bronze.orders ORDER BY 1"
    first = rows(root, audit)
    said = medallion(root, "quarantine", "replay", "bronze.orders", "--set", "amount=50", "--all", "--yes")
    assert said.code == 0, said.err
    found = rows(root, audit)
    assert found[:3] == first
    assert found[3][:3] == (4, "data/raw/orders.csv", 4)
    assert found[3][3] != first[0][3]
    _run(root)
    second(root)
    assert [r[0] for r in rows(root, audit)] == [2, 3, 4]


@pytest.mark.parametrize("load", ["replace", "append"])
def test_a_repaired_row_joins_the_others_of_its_file_where_there_is_no_key(load: str, tmp_path: Path) -> None:
    text = PIPELINES.replace("    source: orders\n    key: order_id\n", f"    source: orders\n    load: {load}\n")
    root = write_project(tmp_path, {"pipelines.yaml": text, "data/raw/orders.csv": FIRST + "4,Dan,much,2024-01-04\n"})
    _run(root)
    said = medallion(root, "quarantine", "replay", "bronze.orders", "--set", "amount=50", "--all", "--yes")
    assert said.code == 0, said.err
    assert rows(root, "SELECT order_id FROM bronze.orders ORDER BY 1") == [(1,), (2,), (3,), (4,)]


def test_rows_of_a_file_that_is_read_again_do_not_clash_with_themselves(tmp_path: Path) -> None:
    root = project(tmp_path, "bronze.orders", "append")
    again, clash = "9,Gus,90.00,2024-01-09\n", "3,Cid,31.00,2024-01-03\n"
    for text in (again, again + clash):
        (root / "data/raw/orders_2.csv").write_text(HEAD + text)
        said = medallion(root, "run", "--select", "bronze.orders")
    words = "load: merge: 3 (data/raw/orders_2.csv row 2, published from data/raw/orders.csv row 3)"
    assert (said.code, f"{words} 1 tables:" in " ".join(said.err.split())) == (3, True), said.err


@pytest.mark.parametrize("table", ["bronze.orders", "silver.orders"])
def test_append_refuses_a_key_that_stands_already(table: str, tmp_path: Path) -> None:
    root = project(tmp_path, table, "append")
    (root / "data/raw/orders_2.csv").write_text(HEAD + "3,Cid,31.00,2024-01-03\n7,Eve,70.00,2024-01-07\n")
    said = medallion(root, "run", "--select", table, "--force")
    assert said.code == 3
    assert "keys of this load stand in the table already" in " ".join(said.err.split())
    keys = "3 (data/raw/orders_2.csv row 1, published from data/raw/orders.csv row 3)"
    assert f"load: merge: {keys if table == 'bronze.orders' else '1, 2, 3'}" in " ".join(said.err.split())
    assert rows(root, f"SELECT order_id, CAST(amount AS INTEGER) FROM {table} ORDER BY 1") == [
        (1, 10),
        (2, 20),
        (3, 30),
    ]


def test_append_reads_only_new_files_and_replaces_a_changed_one(tmp_path: Path) -> None:
    root = project(tmp_path, "bronze.orders", "append")
    (root / "data/raw/orders_2.csv").write_text(HEAD + "7,Eve,70.00,2024-01-07\n")
    out = json.loads(_run(root))
    assert out["tables"][0]["rows_read"] == 1
    assert rows(root, "SELECT count(*) FROM bronze.orders") == [(4,)]
    (root / "data/raw/orders_2.csv").write_text(HEAD + "7,Eve,71.00,2024-01-07\n8,Fay,80.00,2024-01-08\n")
    _run(root)
    assert rows(root, "SELECT order_id, CAST(amount AS INTEGER) FROM bronze.orders WHERE order_id > 3 ORDER BY 1") == [
        (7, 71),
        (8, 80),
    ]
    assert rows(root, "SELECT count(*) FROM bronze.orders") == [(5,)]
    assert json.loads(_run(root))["published"] == 0
    forced = json.loads(medallion(root, "run", "--force", "--select", "bronze.orders", "--json").out)
    assert (forced["tables"][0]["rows_read"], forced["tables"][0]["rows_total"]) == (5, 5)


def _run(root: Path) -> str:
    said = medallion(root, "run", "--json")
    assert said.code == 0, said.err
    return said.out


def test_scd2_keeps_every_version(tmp_path: Path) -> None:
    root = project(tmp_path, "silver.orders", "scd2")
    second(root)
    found = rows(
        root,
        "SELECT order_id, CAST(amount AS INTEGER), CAST(is_current AS INTEGER), CASE WHEN valid_to IS NULL THEN 1 ELSE 0 END FROM silver.orders ORDER BY 1, valid_from, 2",
    )
    assert found == [
        (1, 10, 0, 0),
        (2, 20, 0, 0),
        (2, 25, 1, 1),
        (3, 30, 1, 1),
        (4, 40, 1, 1),
    ]
    assert all(isinstance(r[0], dt.datetime) for r in rows(root, "SELECT valid_from FROM silver.orders"))


def test_a_version_that_is_over_stays_as_it_is(tmp_path: Path) -> None:
    root = project(tmp_path, "silver.orders", "scd2")
    second(root)
    over = "SELECT order_id, amount, valid_from, valid_to FROM silver.orders WHERE is_current = 0 ORDER BY 1"
    before = rows(root, over)
    second(root, SECOND.replace("30.00", "31.00"))
    assert [row for row in rows(root, over) if row[0] != 3] == before
    assert len(rows(root, over)) == len(before) + 1


def test_a_row_in_quarantine_keeps_its_current_version(tmp_path: Path) -> None:
    keyed = "  silver.orders:\n    key: [customer, ordered_on]\n    load: scd2\n"
    text = PIPELINES.replace("  silver.orders:\n    key: order_id\n", keyed)
    suite = (
        "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: amount, max_value: 100}\n"
        "    quarantine: true\n"
    )
    files = {"pipelines.yaml": text + UNGUARDED, "data/raw/orders.csv": FIRST, "expectations/silver/orders.yaml": suite}
    root = write_project(tmp_path, files)
    assert medallion(root, "run").code == 0
    current = "SELECT order_id, CAST(amount AS INTEGER) FROM silver.orders WHERE is_current = 1 ORDER BY 1"
    # 1 is quarantined, 2 changed, 3 is gone
    (root / "data/raw/orders.csv").write_text(HEAD + "1,ANN ,1000.00,2024-01-01\n2,Bob,25.00,2024-01-02\n")
    said = medallion(root, "run")
    assert said.code == 0, said.err
    assert rows(root, current) == [(1, 10), (2, 25)]
    line = next(line for line in said.err.splitlines() if "silver.orders" in line)
    assert "2 closed" in line and "1 quarantined" in line
    (root / "data/raw/orders.csv").write_text(HEAD + "1,Ann,12.00,2024-01-01\n2,Bob,25.00,2024-01-02\n")
    assert "1 closed" in medallion(root, "run").err
    assert rows(root, current) == [(1, 12), (2, 25)]


def test_a_view_is_judged_and_published_with_named_columns(tmp_path: Path) -> None:
    root = project(tmp_path, "gold.customers", "view")
    assert rows(root, "SELECT table_type FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = 'gold'") == [("VIEW",)]
    second(root)
    assert rows(root, "SELECT customer, orders FROM gold.customers ORDER BY 1") == [("Bob", 1), ("Cid", 1), ("Dan", 1)]


def test_a_table_may_become_a_view_and_a_table_again(tmp_path: Path) -> None:
    root = project(tmp_path, "gold.customers", "view")
    for text, kind in (
        (PIPELINES, "BASE TABLE"),
        (PIPELINES.replace("  gold.customers:\n", "  gold.customers:\n    load: view\n"), "VIEW"),
    ):
        (root / "pipelines.yaml").write_text(on_target(text))
        _run(root)
        assert rows(root, "SELECT table_type FROM INFORMATION_SCHEMA.TABLES WHERE table_schema = 'gold'") == [(kind,)]


def test_dedupe_keeps_the_first_in_its_order_and_counts_the_rest(tmp_path: Path) -> None:
    text = PIPELINES.replace("    key: order_id\n    columns", "    columns").replace(
        "  silver.orders:\n", '  silver.orders:\n    dedupe: "amount DESC"\n'
    )
    root = write_project(
        tmp_path,
        {"pipelines.yaml": text, "data/raw/orders.csv": FIRST + "3,Cid,31.00,2024-01-03\n3,Cid,29.00,2024-01-03\n"},
    )
    out = json.loads(_run(root))
    silver = next(t for t in out["tables"] if t["table"] == "silver.orders")
    assert (silver["rows_read"], silver["rows_duplicate"], silver["rows_published"]) == (5, 2, 3)
    assert rows(root, "SELECT CAST(amount AS INTEGER) FROM silver.orders WHERE order_id = 3") == [(31,)]


def test_a_watermark_reaches_the_template_and_moves_only_with_the_publish(tmp_path: Path) -> None:
    template = (
        "SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o\n"
        "WHERE o.ordered_on > COALESCE(CAST({{ watermark | literal }} AS date), CAST('1900-01-01' AS date))\n"
    )
    text = PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n    load: merge\n    watermark: ordered_on\n")
    root = write_project(
        tmp_path, {"pipelines.yaml": text, "templates/silver/orders.sql": template, "data/raw/orders.csv": FIRST}
    )
    _run(root)
    (root / "data/raw/orders.csv").write_text(SECOND)
    (root / "expectations/silver/orders.yaml").write_text(
        "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: amount, min_value: 0, max_value: 5}\n"
    )
    assert medallion(root, "run").code == 2
    assert rows(root, "SELECT value FROM ops.watermarks") == [("2024-01-03",)]
    (root / "expectations/silver/orders.yaml").unlink()
    out = json.loads(_run(root))
    silver = next(t for t in out["tables"] if t["table"] == "silver.orders")
    assert silver["rows_published"] == 1
    assert rows(root, "SELECT order_id FROM silver.orders ORDER BY 1") == [(1,), (2,), (3,), (4,)]
    assert rows(root, "SELECT value FROM ops.watermarks") == [("2024-01-04",)]


def test_kept_rows_take_new_columns_and_refuse_other_changes(tmp_path: Path) -> None:
    root = project(tmp_path, "silver.orders", "merge")
    path = root / "templates/silver/orders.sql"
    template = path.read_text()
    path.write_text(
        template.replace("    o.ordered_on\n", "    o.ordered_on,\n    YEAR(o.ordered_on) AS ordered_year\n")
    )
    second(root)
    assert rows(root, "SELECT order_id, ordered_year FROM silver.orders ORDER BY 1") == [
        (1, None),
        (2, 2024),
        (3, 2024),
        (4, 2024),
    ]
    path.write_text(template.replace("o.customer", "CAST(o.order_id AS bigint) AS customer"))
    (root / "templates/gold/customers.sql").write_text(
        "SELECT o.customer, COUNT(*) AS orders FROM silver.orders AS o GROUP BY o.customer\n"
    )
    said = medallion(root, "run")
    assert said.code == 3
    assert "keeps the rows of earlier loads (load: merge), and its columns changed" in said.err


def test_of_two_rows_of_one_key_the_last_in_the_order_of_the_files_is_published(tmp_path: Path) -> None:
    files = {
        "data/raw/orders.csv": None,
        "data/raw/orders_1.csv": FIRST.replace("3,Cid", "3,Old") + "2,Bob,21.00,2024-01-02\n",
        "data/raw/orders_2.csv": HEAD + "3,New,30.00,2024-01-03\n",
    }
    root = write_project(tmp_path, {"pipelines.yaml": PIPELINES + UNGUARDED, **files})
    _run(root)
    found = rows(root, "SELECT order_id, customer, CAST(amount AS INTEGER), _source_row FROM bronze.orders ORDER BY 1")
    assert found == [(1, "Ann", 10, 1), (2, "Bob", 21, 4), (3, "New", 30, 1)]


@pytest.mark.parametrize(
    ("lines", "published", "duplicates", "held"),
    [
        ("1,Ann,10.00,2024-01-01\n1,Ann,10.00,2024-01-01\n", [(1, "Ann")], 1, []),
        (
            "1,Ann,10.00,2024-01-01\n1,Bob,10.00,2024-01-01\n",
            [(1, "Bob")],
            0,
            ["order_id: the key stands again, with other values, in row 2"],
        ),
        (
            "1,ann,10.00,2024-01-01\n1,Ann,10.00,2024-01-01\n",
            [(1, "Ann")],
            0,
            ["order_id: the key stands again, with other values, in row 2"],
        ),
        (",Ann,10.00,2024-01-01\n2,Bob,1.00,2024-01-01\n", [(2, "Bob")], 0, ["order_id: the key is empty"]),
    ],
)
def test_keys_of_a_source(
    lines: str, published: list[tuple[int, str]], duplicates: int, held: list[str], tmp_path: Path
) -> None:
    root = write_project(tmp_path, {"pipelines.yaml": PIPELINES + UNGUARDED, "data/raw/orders.csv": HEAD + lines})
    out = json.loads(_run(root))
    bronze = out["tables"][0]
    assert rows(root, "SELECT order_id, customer FROM bronze.orders") == published
    assert (bronze["rows_duplicate"], bronze["rows_quarantined"]) == (duplicates, len(held))
    shown = json.loads(medallion(root, "quarantine", "show", "bronze.orders", "--json").out)
    for row, reason in zip(shown, held, strict=True):
        assert row["reasons"][0].startswith(reason)
