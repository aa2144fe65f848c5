"""The shipped project on its own sample: every planted fault ends where the sample said it would."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.cli.sample import SampleReport, generate
from tests.project.shipped import copy_project, run_on
from tests.project_files import environment, medallion


@pytest.fixture(scope="module")
def sampled(
    module_target: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, SampleReport, dict[str, dict[str, int]]]]:
    project = copy_project(tmp_path_factory.mktemp("sample"))
    report = generate(project / "data" / "raw")
    with environment(MEDALLION_TARGET={"server": "sqlserver"}.get(module_target, module_target)):
        said = run_on(project, project / "data" / "raw", "--json")
        assert said.code == 0, said.err
        yield project, report, {t["table"]: t for t in json.loads(said.out)["tables"]}


def test_headline_figures(sampled: tuple[Path, SampleReport, dict[str, dict[str, int]]]) -> None:
    _, report, tables = sampled
    assert {name: tables[name]["rows_total"] for name in report.rows} == report.rows
    assert (
        tables["silver.users"]["rows_total"],
        tables["silver.viewing_sessions"]["rows_total"],
        tables["silver.all_viewing_sessions"]["rows_total"],
        tables["silver.content"]["rows_total"],
    ) == (4_271, 191_807, 222_785, 300)


@pytest.mark.parametrize(("fate", "count"), [("quarantined", "rows_quarantined"), ("deduplicated", "rows_duplicate")])
def test_planted_faults_are_accounted_for(
    fate: str, count: str, sampled: tuple[Path, SampleReport, dict[str, dict[str, int]]]
) -> None:
    _, report, tables = sampled
    for table in {p.table for p in report.planted}:
        assert tables[table][count] == report.count(fate, table), table


def test_quarantine_has_something_to_show(sampled: tuple[Path, SampleReport, dict[str, dict[str, int]]]) -> None:
    project, report, _ = sampled
    with environment(DATA_DIR=str(project / "data" / "raw")):
        rows = json.loads(medallion(project, "quarantine", "ls", "--json").out)
    assert {r["table"] for r in rows} == {p.table for p in report.planted if p.fate == "quarantined"}
    assert sum(r["rows"] for r in rows) >= sum(p.rows for p in report.planted if p.fate == "quarantined")
