"""``medallion add``: a new table from a file or a SELECT, with comments and layout of the YAML kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project_files import FILES, PIPELINES, medallion, write_project

RATINGS = (
    "rating_id,user,stars,rated_on,comment\n1,Ann,4,2024-01-01,fine\n2,Bob,5,2024-01-02,\n3,Ann,1,2024-02-01,dull\n"
)
COMMENTED = PIPELINES.replace("  silver.orders:\n", "  # Silver is clean.\n  silver.orders:\n")


def test_a_table_from_a_file(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"pipelines.yaml": COMMENTED, "data/raw/ratings.csv": RATINGS})
    said = medallion(
        root, "add", "bronze.ratings", "--from-file", str(root / "data/raw/ratings.csv"), "--key", "rating_id"
    )
    assert said.code == 0, said.err
    text = (root / "pipelines.yaml").read_text()
    assert "# Silver is clean." in text
    assert "  bronze.ratings:\n    source: ratings\n    key: rating_id\n    columns:\n      rating_id: bigint\n" in text
    assert text.index("bronze.orders:") < text.index("bronze.ratings:") < text.index("# Silver is clean.")
    assert "column: stars" in (root / "expectations/bronze/ratings.yaml").read_text()
    assert "column: comment" not in (root / "expectations/bronze/ratings.yaml").read_text()
    ran = medallion(root, "run", "--select", "bronze.ratings")
    assert ran.code == 0, ran.err
    assert "3 rows" in ran.err


def test_a_table_from_a_select(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    sql = "SELECT o.ordered_on, COUNT(*) AS orders FROM silver.orders AS o GROUP BY o.ordered_on"
    said = medallion(root, "add", "gold.daily", "--from-select", sql, "--key", "ordered_on")
    assert said.code == 0, said.err
    assert (root / "templates/gold/daily.sql").read_text() == sql + "\n"
    assert medallion(root, "check").code == 0
    ran = medallion(root, "run", "--select", "+gold.daily")
    assert ran.code == 0, ran.err


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("silver.orders", "--from-select", "SELECT 1 AS a"), "silver.orders is declared already"),
        (("gold.x",), "say what the table is made from"),
        (("Gold.X", "--from-select", "SELECT 1 AS a"), "'Gold.X' is not a table name"),
        (("gold.x", "--from-select", "SELECT o.nosuch FROM silver.orders AS o"), "nosuch"),
        (
            ("gold.x", "--from-select", "SELECT o.order_id FROM silver.orders AS o", "--key", "order"),
            "no column 'order' for the key",
        ),
        (("bronze.x", "--from-file", "nosuch.csv"), "no file nosuch.csv"),
    ],
)
def test_what_cannot_be_added_changes_nothing(args: tuple[str, ...], says: str, tmp_path: Path) -> None:
    root = write_project(tmp_path)
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file()}
    said = medallion(root, "add", *args)
    assert said.code == 1
    assert says in said.err
    assert {p: p.read_bytes() for p in root.rglob("*") if p.is_file()} == before


def test_everything_is_put_back_when_the_project_would_not_hold_together(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"data/raw/odd.csv": "a,b\n1,2\n", "templates/bronze/odd.sql": "SELECT 1 AS a\n"})
    said = medallion(root, "add", "bronze.odd", "--from-file", str(root / "data/raw/odd.csv"))
    assert said.code == 1
    assert "bronze.odd has both a source and a template" in said.err
    assert (root / "pipelines.yaml").read_text() == FILES["pipelines.yaml"]
    assert not (root / "expectations/bronze/odd.yaml").exists()
