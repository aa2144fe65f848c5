"""The shipped project on the reference data reproduces every figure of the functional specification."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.project.figures import COLUMNS, FIGURES, ROW_COUNTS, Figure
from tests.project.shipped import REFERENCE, copy_project, run_on
from tests.project_files import environment, medallion

pytestmark = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data is not beside this checkout")


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("reference"))
    said = run_on(project, REFERENCE, "--logical-date", "2024-09-01")
    assert said.code == 0, said.err
    return project


def ask(warehouse: Path, sql: str) -> list[dict[str, object]]:
    with environment(DATA_DIR=str(REFERENCE)):
        said = medallion(warehouse, "query", sql, "--json")
    assert said.code == 0, said.err
    found: list[dict[str, object]] = json.loads(said.out)
    return found


def test_row_counts(warehouse: Path) -> None:
    sql = " UNION ALL ".join(f"SELECT N'{name}' AS name, COUNT(*) AS rows FROM {name} AS t" for name in ROW_COUNTS)
    assert {str(r["name"]): r["rows"] for r in ask(warehouse, sql)} == ROW_COUNTS


@pytest.mark.parametrize("name", COLUMNS)
def test_column_names_are_a_contract(name: str, warehouse: Path) -> None:
    expected = [c.strip() for c in COLUMNS[name].split(",")]
    row = ask(warehouse, f"SELECT TOP 1 * FROM {name} AS t")[0]
    assert list(row)[: len(expected)] == expected


@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f.id)
def test_figure(figure: Figure, warehouse: Path) -> None:
    assert [tuple(r.values()) for r in ask(warehouse, figure.query)] == [tuple(r) for r in figure.rows]


def test_nothing_is_held_back_and_the_books_balance(warehouse: Path) -> None:
    rows = ask(
        warehouse,
        "SELECT l.table_name, l.rows_read, l.rows_published, l.rows_quarantined, l.rows_duplicate, l.rows_filtered FROM ops.loads AS l",
    )
    assert len(rows) == len(ROW_COUNTS) + 2
    for row in rows:
        assert row["rows_quarantined"] == row["rows_duplicate"] == 0
        assert row["rows_read"] == int(str(row["rows_published"])) + int(str(row["rows_filtered"])), row


def test_a_second_run_changes_nothing(warehouse: Path) -> None:
    said = run_on(warehouse, REFERENCE, "--logical-date", "2024-09-01")
    assert f"0 published, {len(ROW_COUNTS) + 2} unchanged, 0 failed, 0 skipped" in said.err


@pytest.mark.parametrize(
    "alias",
    [
        "gold_user_analytics",
        "gold_content_performance",
        "gold_country_insights",
        "gold_genre_analytics",
        "gold_executive_summary",
        "gold_user_segmentation",
        "silver_users",
        "silver_viewing_sessions",
        "silver_content",
    ],
)
def test_dashboards_keep_their_views(alias: str, warehouse: Path) -> None:
    layer, _, name = alias.partition("_")
    both = ask(
        warehouse,
        f"SELECT (SELECT COUNT(*) FROM dbo.{alias} AS v) AS seen, (SELECT COUNT(*) FROM {layer}.{name} AS t) AS kept",
    )
    assert both[0]["seen"] == both[0]["kept"] != 0
