"""Faulty files through the command line: a clear error or an accounted row, and nothing published is harmed.

The full table of what files can hold is in tests/sources; here is what a run makes of it.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.project_files import FILES, PIPELINES, UNGUARDED, medallion, write_project
from tests.targets import ask

HEAD = "order_id,customer,amount,ordered_on\n"
GOOD = str(FILES["data/raw/orders.csv"])


@pytest.fixture(scope="module")
def ran(module_target: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was run once. No test here publishes anything more of it."""
    root = write_project(tmp_path_factory.mktemp("ran"))
    assert medallion(root, "run").code == 0
    return root


def published(root: Path) -> list[tuple[object, ...]]:
    return ask(root, "SELECT order_id, customer, amount, ordered_on FROM bronze.orders ORDER BY order_id")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"   \n\n", "blanks"),
        (b"order_id,customer,ordered_on\n1,Ann,2024-01-01\n", "amount"),
        (b"order_id,customer,amount,ordered_on,Order_ID\n1,Ann,1,2024-01-01,2\n", "order_id"),
        (GOOD.encode("utf-16"), "utf-16"),
        (GOOD.replace("Ann", "Zoë").encode("latin-1"), "latin-1"),
    ],
    ids=["missing", "empty", "blank", "no such column", "header twice", "utf-16", "latin-1"],
)
def test_a_file_that_cannot_be_read_is_a_clear_error(content: bytes | None, says: str, ran: Path) -> None:
    root, before = ran, published(ran)
    path = root / "data/raw/orders.csv"
    if content is None:
        path.unlink(missing_ok=True)
    else:
        path.write_bytes(content)
    said = medallion(root, "run")
    assert said.code == 3, said.err
    assert says in said.err
    assert "orders" in said.err
    assert "2 skipped" in said.err
    assert published(root) == before


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("5,Dan", "has 2 columns, the header has 4"),
        ("5,Dan,1.00,2024-01-01,x,y", "has 6 columns, the header has 4"),
        ('5,"Dan,1.00,2024-01-01', "quote"),
        ("5,Dan,1.005,2024-01-01", "amount"),
        ("5,Dan,abc,2024-01-01", "amount"),
        ("99999999999,Dan,1.00,2024-01-01", "order_id"),
        ("5.5,Dan,1.00,2024-01-01", "order_id"),
        ("5,Dan,1.00,2024-02-30", "ordered_on"),
        ("5,Dan the man with a long name,1.00,2024-01-01", "customer"),
        (",Dan,1.00,2024-01-01", "order_id: the key is empty"),
        (",,,", "every column is empty"),
        ("1,Ann,11.00,2024-01-01", "the key stands again, with other values"),
    ],
)
@pytest.mark.usefixtures("target")
def test_a_row_that_does_not_fit_is_held_with_its_reason(line: str, reason: str, tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders.csv": HEAD + line + "\n" + GOOD.removeprefix(HEAD)})
    said = medallion(root, "run", "--select", "bronze.orders", "--json")
    assert said.code == 0, said.err
    bronze = json.loads(said.out)["tables"][0]
    assert (bronze["rows_read"], bronze["rows_published"], bronze["rows_quarantined"]) == (5, 4, 1)
    held = json.loads(medallion(root, "quarantine", "show", "bronze.orders", "--json").out)
    assert reason in held[0]["reasons"][0]
    assert held[0]["source_file"].endswith("orders.csv")
    assert held[0]["source_row"] == 1
    assert len(published(root)) == 4


@pytest.mark.usefixtures("target")
def test_a_file_without_rows_is_told(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/orders_2.csv": HEAD, "data/raw/orders_3.csv": HEAD + "9,Dan,1.00\n"})
    said = medallion(root, "run", "--select", "bronze.orders")
    assert said.code == 0, said.err
    assert said.err.count("and no rows") == 1
    assert "bronze.orders: data/raw/orders_2.csv has a header and no rows" in said.err


@pytest.mark.usefixtures("target")
def test_json_lines_with_a_broken_line(tmp_path: Path) -> None:
    text = PIPELINES.replace("{type: csv, path: data/raw/orders*.csv}", "{type: json, path: data/raw/orders.jsonl}") + UNGUARDED
    lines = ['{"order_id": 1, "customer": "Ann", "amount": 10.5, "ordered_on": "2024-01-01"}', "{broken",
             '{"order_id": "x", "customer": "Bob", "amount": 1, "ordered_on": "2024-01-01"}']  # fmt: skip
    root = write_project(tmp_path, {"pipelines.yaml": text, "data/raw/orders.jsonl": "\n".join(lines) + "\n"})
    said = medallion(root, "run", "--json")
    assert said.code == 0, said.err
    bronze = json.loads(said.out)["tables"][0]
    assert (bronze["rows_read"], bronze["rows_published"], bronze["rows_quarantined"]) == (3, 1, 2)
