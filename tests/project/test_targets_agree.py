"""The shipped project on a live server: the figures of its specification, and every published table row by row as the
embedded target has it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.sample import generate
from engine.warehouse import AUDIT_COLUMNS
from tests import targets
from tests.parity.targets import compared
from tests.project.figures import FIGURES, ROW_COUNTS, Figure
from tests.project.shipped import REFERENCE, copy_project, run_on
from tests.project_files import environment, medallion

pytestmark = targets.live
UNCOUNTED = ("silver.all_users", "silver.all_viewing_sessions")
"""Published too; the specification gives no figure of them."""
AUDIT = {c.name for c in AUDIT_COLUMNS}
needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data is not beside this checkout")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference data, or the sample where it is not at hand."""
    if REFERENCE.is_dir():
        return REFERENCE
    folder = tmp_path_factory.mktemp("sample")
    generate(folder)
    return folder


@pytest.fixture(scope="module")
def embedded(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = copy_project(tmp_path_factory.mktemp("embedded"))
    said = run_on(project, data, "--logical-date", "2024-09-01")
    assert said.code == 0, said.err
    return project


@pytest.fixture(scope="module")
def server(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    project = copy_project(tmp_path_factory.mktemp("server"))
    with targets.new_database() as settings, environment(**settings, MEDALLION_TARGET="sqlserver"):
        said = run_on(project, data, "--logical-date", "2024-09-01")
        assert said.code == 0, said.err
        yield project


def columns(table: str) -> list[str]:
    return [name for (name,) in targets.ask_server(
        f"SELECT c.name FROM sys.columns AS c WHERE c.object_id = OBJECT_ID(N'{table}') ORDER BY c.column_id"
    ) if name not in AUDIT]  # fmt: skip


@pytest.mark.parametrize("table", [*ROW_COUNTS, *UNCOUNTED])
def test_a_published_table_has_the_same_rows(table: str, embedded: Path, server: Path) -> None:
    names = columns(table)
    assert names
    select = f"SELECT {', '.join(names)} FROM {table}"
    ours = targets.ask_file(embedded / "data/warehouse.duckdb", select)
    theirs = targets.ask_server(select)
    assert len(ours) == len(theirs)
    differing = [
        pair
        for pair in zip(compared(ours, ordered=False), compared(theirs, ordered=False), strict=True)
        if pair[0] != pair[1]
    ]
    assert not differing, differing[:3]


@needs_reference
def test_row_counts(server: Path) -> None:
    sql = " UNION ALL ".join(f"SELECT N'{name}', COUNT(*) FROM {name}" for name in ROW_COUNTS)
    assert dict(targets.ask_server(sql)) == ROW_COUNTS


@needs_reference
@pytest.mark.parametrize("figure", FIGURES, ids=lambda f: f.id)
def test_figure(figure: Figure, server: Path) -> None:
    said = medallion(server, "query", figure.query, "--json")
    assert said.code == 0, said.err
    assert [tuple(r.values()) for r in json.loads(said.out)] == [tuple(r) for r in figure.rows]


def test_verdicts_and_books_are_the_same(embedded: Path, server: Path) -> None:
    loads = (
        "SELECT table_name, state, verdict, rows_read, rows_filtered, rows_staged, rows_duplicate, rows_quarantined,"
        " rows_published, rows_total FROM ops.loads ORDER BY table_name"
    )
    verdicts = (
        "SELECT table_name, expectation_id, severity, success, unexpected, total FROM ops.verdicts"
        " ORDER BY table_name, expectation_id"
    )
    for sql in (loads, verdicts):
        ours, theirs = targets.ask_file(embedded / "data/warehouse.duckdb", sql), targets.ask_server(sql)
        assert compared(ours, ordered=False) == compared(theirs, ordered=False)


def test_a_second_run_changes_nothing(data: Path, server: Path) -> None:
    said = run_on(server, data, "--logical-date", "2024-09-01")
    assert f"0 published, {len(ROW_COUNTS) + len(UNCOUNTED)} unchanged, 0 failed, 0 skipped" in said.err
