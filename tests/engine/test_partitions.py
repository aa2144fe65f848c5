"""``load: partition``: whole days, months or years are replaced, the others stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project_files import PIPELINES, UNGUARDED, medallion, write_project
from tests.targets import ask, on_target

pytestmark = pytest.mark.usefixtures("target")

HEAD = "order_id,customer,amount,ordered_on\n"
FIRST = HEAD + "1,Ann,10,2023-12-31\n2,Bob,20,2024-01-01\n3,Cid,30,2024-01-31\n4,Dan,40,2024-02-01\n5,Eve,50,\n"
TABLE = "    load: partition\n    partition_by: {{column: ordered_on, grain: {grain}}}\n"


def project(root: Path, table: str, grain: str) -> str:
    text = PIPELINES.replace(f"  {table}:\n", f"  {table}:\n{TABLE.format(grain=grain)}") + UNGUARDED
    write_project(root, {"pipelines.yaml": text, "data/raw/orders.csv": FIRST})
    said = medallion(root, "run")
    assert said.code == 0, said.err
    return text


def load(root: Path, lines: str) -> list[int]:
    (root / "data/raw/orders.csv").write_text(HEAD + lines)
    said = medallion(root, "run")
    assert said.code == 0, said.err
    return [r[0] for r in ask(root, "SELECT order_id FROM silver.orders ORDER BY 1")]


@pytest.mark.parametrize(
    ("grain", "lines", "expected"),
    [
        ("day", "6,Fay,60,2024-01-31\n", [1, 2, 4, 5, 6]),
        ("month", "6,Fay,60,2024-01-15\n", [1, 4, 5, 6]),
        ("year", "6,Fay,60,2024-07-01\n", [1, 5, 6]),
        ("month", "6,Fay,60,2024-03-01\n", [1, 2, 3, 4, 5, 6]),
        ("month", "6,Fay,60,\n", [1, 2, 3, 4, 6]),
        ("month", "6,Fay,60,2024-01-15\n7,Gil,70,2023-12-01\n", [4, 5, 6, 7]),
        ("day", "2,Bob,21,2024-01-01\n", [1, 2, 3, 4, 5]),
    ],
)
def test_the_periods_of_a_load_are_replaced(grain: str, lines: str, expected: list[int], tmp_path: Path) -> None:
    project(tmp_path, "silver.orders", grain)
    assert load(tmp_path, lines) == expected


def test_a_source_is_loaded_by_partition(tmp_path: Path) -> None:
    project(tmp_path, "bronze.orders", "month")
    assert load(tmp_path, "6,Fay,60,2024-01-15\n") == [1, 4, 5, 6]
    said = medallion(tmp_path, "run")
    assert (said.code, ask(tmp_path, "SELECT COUNT(*) FROM bronze.orders")) == (0, [(4,)])


def test_a_key_that_moves_to_another_period_is_refused(tmp_path: Path) -> None:
    project(tmp_path, "silver.orders", "month")
    (tmp_path / "data/raw/orders.csv").write_text(HEAD + "4,Dan,40,2024-03-01\n")
    said = medallion(tmp_path, "run")
    assert said.code == 3
    assert "stand in periods that it does not bring" in " ".join(said.err.split())
    assert ask(tmp_path, "SELECT order_id FROM silver.orders ORDER BY 1") == [(1,), (2,), (3,), (4,), (5,)]


def test_a_new_grain_is_a_new_definition(tmp_path: Path) -> None:
    text = project(tmp_path, "silver.orders", "month")
    (tmp_path / "pipelines.yaml").write_text(on_target(text.replace("grain: month", "grain: year")))
    assert '"stale"' in medallion(tmp_path, "ls", "--select", "silver.orders", "--json").out


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("ordered_on, grain: day", "orderd_on, grain: day", "silver.orders has no column 'orderd_on'"),
        ("ordered_on, grain: day", "customer, grain: day", "customer is nvarchar(20), which has no days"),
        ("grain: day", "grain: week", "'week' does not fit here"),
        ("grain: day", "grian: day", "unknown key 'grian'; expected one of column, grain"),
        ("    load: partition\n", "", "partition_by is for load: partition"),
        ("    partition_by: {column: ordered_on, grain: day}\n", "", "load: partition needs a partition_by"),
    ],
)
def test_what_is_wrong_is_told_by_check(old: str, new: str, words: str, tmp_path: Path) -> None:
    text = PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n" + TABLE.format(grain="day"))
    write_project(tmp_path, {"pipelines.yaml": text.replace(old, new)})
    said = medallion(tmp_path, "check", "--target", "embedded")
    assert said.code == 1
    assert words in " ".join(said.err.split())
