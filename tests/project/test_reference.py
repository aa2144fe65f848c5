"""The shipped project on the reference data: every figure of the functional specification on each configured target, and
every published table the same on all of them, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.cli.sample import generate
from engine.config.project import load_project
from engine.core.tables import AUDIT_COLUMNS
from tests import targets
from tests.parity.targets import compared
from tests.project.figures import COLUMNS, FIGURES, ROW_COUNTS, Figure
from tests.project.shipped import REFERENCE, copy_project
from tests.project_files import ROOT, Said, environment, medallion

UNKNOWN = (
    "silver.series_episodes", "silver.content_genres", "gold.viewing_trends", "gold.device_usage",
    "gold.top_content_by_country", "gold.subscription_retention", "gold.country_insights", "gold.genre_analytics",
    "gold.user_segmentation", "gold.executive_summary",
)  # fmt: skip
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data is not beside this checkout")
TABLES = list(load_project(ROOT).tables)
AUDIT = {column.name for column in AUDIT_COLUMNS}
LOADS = (
    "SELECT table_name, state, verdict, rows_read, rows_filtered, rows_staged, rows_duplicate, rows_quarantined,"
    " rows_published, rows_unchanged, rows_total FROM ops.loads"
)
VERDICTS = "SELECT table_name, expectation_id, severity, success, unexpected, total FROM ops.verdicts"


@dataclass(frozen=True)
class Ran:
    """The shipped project after a run, and the environment in which it is asked."""

    root: Path
    settings: Mapping[str, str]

    def medallion(self, *args: str) -> Said:
        with environment(**self.settings):
            return medallion(self.root, *args)

    def query(self, sql: str) -> list[dict[str, object]]:
        said = self.medallion("query", sql, "--json")
        assert said.code == 0, said.err
        found: list[dict[str, object]] = json.loads(said.out)
        return found

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows as the driver gives them."""
        if "MSSQL_SERVER" in self.settings:
            return targets.ask_server(sql, dict(self.settings))
        return targets.ask_file(self.root / "data/warehouse.duckdb", sql)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference data, or the sample where it is not at hand."""
    if REFERENCE.is_dir():
        return REFERENCE
    folder = tmp_path_factory.mktemp("sample")
    generate(folder)
    return folder


def _ran(root: Path, **settings: str) -> Ran:
    ran = Ran(copy_project(root), settings)
    said = ran.medallion("run", "--logical-date", "2024-09-01")
    assert said.code == 0, said.err
    return ran


@pytest.fixture(scope="module")
def embedded(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return _ran(tmp_path_factory.mktemp("embedded"), DATA_DIR=str(data), MEDALLION_TARGET="embedded")


@pytest.fixture(scope="module")
def server(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    with ExitStack() as stack:
        settings = stack.enter_context(targets.new_database())
        yield _ran(tmp_path_factory.mktemp("server"), DATA_DIR=str(data), MEDALLION_TARGET="sqlserver", **settings)


@pytest.fixture(scope="module", params=targets.TARGETS)
def ran(request: pytest.FixtureRequest) -> Ran:
    found: Ran = request.getfixturevalue(request.param)
    return found


@needs_reference
def test_row_counts(ran: Ran) -> None:
    sql = " UNION ALL ".join(f"SELECT N'{name}' AS name, COUNT(*) AS n FROM {name} AS t" for name in ROW_COUNTS)
    assert {str(r["name"]): r["n"] for r in ran.query(sql)} == ROW_COUNTS


@needs_reference
@pytest.mark.parametrize("name", COLUMNS)
def test_column_names_are_a_contract(name: str, ran: Ran) -> None:
    expected = [c.strip() for c in COLUMNS[name].split(",")]
    row = ran.query(f"SELECT TOP 1 * FROM {name} AS t")[0]
    assert list(row)[: len(expected)] == expected


@needs_reference
@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f.id)
def test_figure(figure: Figure, ran: Ran) -> None:
    assert [tuple(r.values()) for r in ran.query(figure.query)] == [tuple(r) for r in figure.rows]


@needs_reference
def test_nothing_is_quarantined_and_the_row_counts_reconcile(ran: Ran) -> None:
    rows = ran.query(LOADS)
    assert len(rows) == len(TABLES)
    for row in rows:
        filtered = row["rows_filtered"]
        assert row["rows_quarantined"] == row["rows_duplicate"] == row["rows_unchanged"] == 0
        assert row["rows_read"] == int(str(row["rows_published"])) + (int(str(filtered)) if filtered is not None else 0)
    found = {row["table_name"]: row["rows_filtered"] for row in rows if row["rows_filtered"] != 0}
    # Of a SELECT that groups, makes distinct or gives a row several times nobody can tell.
    assert found == dict.fromkeys(UNKNOWN) | {
        "silver.users": 729,
        "silver.viewing_sessions": 222_785 - 191_807,
        "silver.movie_details": 100,
        "silver.series_details": 200,
    }


@needs_reference
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
def test_dashboards_keep_their_views(alias: str, ran: Ran) -> None:
    layer, _, name = alias.partition("_")
    both = ran.query(
        f"SELECT (SELECT COUNT(*) FROM dbo.{alias} AS v) AS seen, (SELECT COUNT(*) FROM {layer}.{name} AS t) AS kept"
    )
    assert both[0]["seen"] == both[0]["kept"] != 0


def test_a_second_run_changes_nothing(ran: Ran) -> None:
    said = ran.medallion("run", "--logical-date", "2024-09-01")
    assert f"0 published, {len(TABLES)} unchanged, 0 failed, 0 skipped" in said.err


@targets.live
@pytest.mark.parametrize("table", TABLES)
def test_a_published_table_has_the_same_rows_on_the_server(table: str, embedded: Ran, server: Ran) -> None:
    names = [name for (name,) in embedded.ask(f"SELECT column_name FROM (DESCRIBE {table})") if name not in AUDIT]
    select = f"SELECT {', '.join(names)} FROM {table}"
    ours, theirs = (compared(side.ask(select), ordered=False) for side in (embedded, server))
    assert len(ours) == len(theirs)
    assert [pair for pair in zip(ours, theirs, strict=True) if pair[0] != pair[1]][:3] == []


@targets.live
@pytest.mark.parametrize("table", TABLES)
def test_a_published_table_has_the_same_columns_on_the_server(table: str, embedded: Ran, server: Ran) -> None:
    schema, _, name = table.partition(".")
    listed = (
        "SELECT column_name FROM INFORMATION_SCHEMA.COLUMNS"
        f" WHERE table_schema = '{schema}' AND table_name = '{name}' ORDER BY ordinal_position"
    )
    assert embedded.ask(listed) == server.ask(listed) != []


@targets.live
@pytest.mark.parametrize("books", [LOADS, VERDICTS], ids=["loads", "verdicts"])
def test_the_books_are_the_same_on_the_server(books: str, embedded: Ran, server: Ran) -> None:
    assert compared(embedded.ask(books), ordered=False) == compared(server.ask(books), ordered=False) != []
