"""A selector chooses the same tables on the command line, in a pipeline and in the DAG that Airflow runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.project_files import medallion, write_project

BRONZE, SILVER, GOLD, APART = "bronze.orders", "silver.orders", "gold.customers", "gold.apart"
EVERY = [BRONZE, SILVER, GOLD, APART]
CASES: dict[str, list[str]] = {
    "silver.orders": [SILVER],
    "Silver.ORDERS": [SILVER],
    "gold.*": [GOLD, APART],
    "GOLD.*": [GOLD, APART],
    "*.orders": [BRONZE, SILVER],
    "silver.order?": [SILVER],
    "tag:daily": [SILVER, APART],
    "+tag:daily": [BRONZE, SILVER, APART],
    "tag:daily+": [SILVER, GOLD, APART],
    "pipeline:late": [GOLD, APART],
    "+pipeline:late": EVERY,
    "pipeline:nested": [SILVER, GOLD, APART],
    "stale": EVERY,
    "+silver.orders": [BRONZE, SILVER],
    "silver.orders+": [SILVER, GOLD],
    "+silver.orders+": [BRONZE, SILVER, GOLD],
    "bronze.orders,gold.apart": [BRONZE, APART],
    "  bronze.orders ,  gold.customers ": [BRONZE, GOLD],
    "gold.apart silver.orders": [SILVER, APART],
}
UNKNOWN = {
    "silver.oders": "did you mean 'silver.orders'?",
    "tag:dayly": "did you mean 'daily'?",
    "pipeline:nestd": "did you mean 'nested'?",
    "plaque.*": "",
    "tag:": "",
    "+": "",
}
PIPELINES = """\
version: 1
name: shop
targets: {{embedded: {{type: duckdb, path: data/warehouse.duckdb}}}}
default_target: embedded
sources: {{orders: {{type: csv, path: data/raw/orders*.csv}}}}
vars: {{least: 10}}
tables:
  bronze.orders:
    source: orders
    columns: {{order_id: int, customer: nvarchar(20), amount: "decimal(9,2)", ordered_on: date}}
  silver.orders: {{tags: [daily]}}
  gold.customers: {{}}
  gold.apart: {{tags: [daily, big]}}
pipelines:
  late: {{tables: [gold.*]}}
  nested: {{tables: ["pipeline:late", silver.orders]}}
{more}"""


def project(root: Path, more: dict[str, str]) -> Path:
    lines = "".join(f"  {name}: {{tables: [{json.dumps(selector)}]}}\n" for name, selector in more.items())
    return write_project(
        root,
        {"pipelines.yaml": PIPELINES.format(more=lines), "templates/gold/apart.sql": "SELECT 1 AS one\n"},
    )


@pytest.fixture(scope="module")
def built_by_airflow(tmp_path_factory: pytest.TempPathFactory) -> dict[str, set[str]]:
    """The tables of each generated DAG."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("AIRFLOW_HOME", str(tmp_path_factory.mktemp("home")))
        from engine.airflow.factory import dags

        found = dags(project(tmp_path_factory.mktemp("dags"), {f"p{i}": word for i, word in enumerate(CASES)}))
    return {
        name: {t.task_id.removesuffix(".build") for t in d.tasks if t.task_id.endswith(".build")}
        for name, d in found.items()
    }


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return project(tmp_path_factory.mktemp("listed"), {f"p{i}": word for i, word in enumerate(CASES)})


def listed(root: Path, selector: str) -> list[str]:
    said = medallion(root, "ls", "--json", "--select", selector)
    assert said.code == 0, said.err
    return [row["table"] for row in json.loads(said.out)]


@pytest.mark.parametrize("selector", CASES)
def test_the_tables_are_the_same_everywhere(selector: str, root: Path, built_by_airflow: dict[str, set[str]]) -> None:
    pipeline = f"p{list(CASES).index(selector)}"
    assert set(listed(root, selector)) == set(CASES[selector])
    assert listed(root, f"pipeline:{pipeline}") == listed(root, selector)
    assert built_by_airflow[pipeline] == set(CASES[selector])


def test_a_run_builds_what_is_listed(root: Path) -> None:
    done = json.loads(medallion(root, "run", "--json", "--select", "pipeline:nested,+silver.orders").out)
    assert {t["table"] for t in done["tables"]} == set(listed(root, "pipeline:nested,+silver.orders"))


@pytest.mark.parametrize("selector", UNKNOWN)
def test_what_selects_nothing_is_told_everywhere(selector: str, tmp_path: Path) -> None:
    from engine.compile.dag_manifest import outline

    root = project(tmp_path, {"mine": selector})
    said = medallion(root, "check")
    assert said.code == 1
    assert f"pipelines.yaml:17:19: the selector {selector!r} selects no table" in said.err
    assert UNKNOWN[selector] in said.err
    assert list(outline(root).pipelines) == ["late", "nested"]
    right = project(tmp_path / "right", {})
    said = medallion(right, "ls", "--select", selector)
    assert said.code == 1
    assert f"the selector {selector!r} selects no table" in said.err
    assert UNKNOWN[selector] in said.err
