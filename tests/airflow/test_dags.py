"""The generated DAGs, run by Airflow itself: the shipped ones with their figures, and what happens when things fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.airflow.home import Home, Ran, make_home
from tests.project.figures import FIGURES, ROW_COUNTS
from tests.project.shipped import REFERENCE, copy_project
from tests.project_files import FILES, medallion, write_project
from tests.targets import ask_file

ORDERS = str(FILES["data/raw/orders.csv"])
DEAR = ORDERS + "9,Zoe,5000.00,2024-03-01\n"
SUITE = "expectations/silver/orders.yaml"
MakeHome = Callable[..., Home]


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> tuple[Home, Ran]:
    if not REFERENCE.is_dir():
        pytest.skip("the reference data is not beside this checkout")
    project = copy_project(tmp_path_factory.mktemp("shipped"))
    home = make_home(tmp_path_factory.mktemp("home"), project, migrated, DATA_DIR=str(REFERENCE))
    return home, home.run("layers", "ingest", "silver_to_gold", "ingest")


def test_every_shipped_dag_succeeds(shipped: tuple[Home, Ran]) -> None:
    assert [run["state"] for run in shipped[1].runs] == ["success"] * 4, shipped[1].log[-3000:]


def test_the_figures_of_the_specification_come_out(shipped: tuple[Home, Ran]) -> None:
    warehouse = shipped[0].project / "data/warehouse.duckdb"
    sql = " UNION ALL ".join(f"SELECT '{name}', COUNT(*) FROM {name}" for name in ROW_COUNTS)
    assert dict(ask_file(warehouse, sql)) == ROW_COUNTS
    for figure in FIGURES:
        said = medallion(shipped[0].project, "query", figure.query, "--json")
        assert said.code == 0, said.err


def test_every_published_table_is_an_asset_with_rows_and_verdict(shipped: tuple[Home, Ran]) -> None:
    events = shipped[1].runs[1]["assets"] | shipped[1].runs[2]["assets"]
    rows = {name.partition("/")[2]: about["rows_total"] for name, about in events.items() if "rows_total" in about}
    assert rows.items() >= ROW_COUNTS.items()
    assert {about["verdict"] for about in events.values() if "verdict" in about} == {"passed"}
    assert events["video_streaming/ingest"]["published"] == 3
    assert events["video_streaming/silver_to_gold"]["published"] == len(ROW_COUNTS) + 2 - 3


def test_what_is_up_to_date_is_skipped_and_the_pipeline_still_done(shipped: tuple[Home, Ran]) -> None:
    again = shipped[1].states(3)
    assert {task: state for task, state in again.items() if task != "report"} == {
        f"bronze.{table}.{step}": "skipped"
        for table in ("users", "viewing_sessions", "content")
        for step in ("build", "gate")
    }
    assert list(shipped[1].runs[3]["assets"]) == ["video_streaming/ingest"], "what follows is told all the same"


def test_the_run_stands_in_the_ledger_and_its_pages_are_written(shipped: tuple[Home, Ran]) -> None:
    project = shipped[0].project
    runs = ask_file(
        project / "data/warehouse.duckdb", "SELECT state, published, failed FROM ops.runs ORDER BY started_at"
    )
    assert runs == [("done", 3, 0), ("done", len(ROW_COUNTS) + 2 - 3, 0), ("done", 0, 0)]
    assert "gold.user_analytics" in (project / "data/docs/index.html").read_text(encoding="utf-8")


def test_a_failed_gate_is_a_red_task_that_says_what_and_is_not_tried_again(airflow_home: MakeHome) -> None:
    home = airflow_home({"data/raw/orders.csv": DEAR})
    ran = home.run("all")
    assert ran.runs[0]["state"] == "failed"
    assert ran.states() == {
        "bronze.orders.build": "success",
        "bronze.orders.gate": "success",
        "silver.orders.build": "success",
        "silver.orders.gate": "failed",
        "gold.customers.build": "upstream_failed",
        "gold.customers.gate": "upstream_failed",
        "report": "failed",
    }
    assert ran.runs[0]["tasks"]["silver.orders.gate"]["tries"] == 1
    assert "amount: 1 of 4 values (25 %) are not between 0 and 1,000: 5,000" in ran.log
    assert "to see the rows: SELECT" in ran.log
    assert "silver.orders.gate failed; behind it 1 table not built" in ran.log
    assert "shop/all" not in ran.runs[0]["assets"], "nothing that follows is started"


def test_a_source_that_is_missing_is_tried_again(airflow_home: MakeHome) -> None:
    quick = str(FILES["pipelines.yaml"]).replace('schedule: "@daily"', "retries: 2, retry_delay: 1s")
    ran = airflow_home({"pipelines.yaml": quick, "data/raw/orders.csv": None}).run("all")
    assert ran.states()["bronze.orders.build"] == "failed"
    assert ran.runs[0]["tasks"]["bronze.orders.build"]["tries"] == 3


def test_a_project_gone_wrong_is_not_tried_again(airflow_home: MakeHome) -> None:
    home = airflow_home()
    home.run("all")
    (home.project / "templates/silver/orders.sql").write_text("SELECT o.nonsense AS x FROM bronze.orders AS o")
    kept = (home.project / "data/outline.json").read_text(encoding="utf-8")
    assert "gold.customers" in kept
    probe = "import sys; from pathlib import Path; from engine.airflow.factory import dags;print(list(dags(Path(sys.argv[1]))))"
    assert "['layers']" in home.python("-c", probe, str(home.project)).stdout


def test_params_choose_tables_and_force(airflow_home: MakeHome) -> None:
    ran = airflow_home().run(
        "all", ("all", {"tables": ["silver.*"], "force": True}), ("all", {"tables": ["gold.customers"]})
    )
    assert [run["state"] for run in ran.runs] == ["success"] * 3
    built = [
        {task for task, state in ran.states(n).items() if state == "success" and task.endswith("gate")} for n in (1, 2)
    ]
    assert built == [{"silver.orders.gate"}, {"gold.customers.gate"}]


def test_the_logical_date_of_a_run_reaches_templates(airflow_home: MakeHome) -> None:
    dated = str(FILES["templates/silver/orders.sql"]).replace(
        "o.ordered_on\n", "CAST({{ logical_date | literal }} AS date) AS ordered_on\n"
    )
    home = airflow_home({"templates/silver/orders.sql": dated})
    ran = home.run(("all", {}, "2024-02-29T00:00:00+00:00"))
    assert ran.runs[0]["state"] == "success", ran.log[-2000:]
    found = ask_file(
        home.project / "data/warehouse.duckdb", "SELECT DISTINCT CAST(ordered_on AS VARCHAR) FROM silver.orders"
    )
    assert found == [("2024-02-29",)]
    assert ran.runs[0]["assets"]["shop/all"]["logical_date"] == "2024-02-29"


def test_lineage_is_told_column_by_column(airflow_home: MakeHome, tmp_path: Path) -> None:
    events = tmp_path / "lineage.jsonl"
    transport = f'{{"type": "file", "log_file_path": "{events}", "append": true}}'
    ran = airflow_home(AIRFLOW__OPENLINEAGE__TRANSPORT=transport, AIRFLOW__OPENLINEAGE__NAMESPACE="test").run("all")
    assert ran.runs[0]["state"] == "success"
    import json

    told = [json.loads(line) for line in events.read_text(encoding="utf-8").splitlines()]
    done = {e["job"]["name"]: e for e in told if e["eventType"] == "COMPLETE"}
    output = done["all.gold.customers.gate"]["outputs"][0]
    assert output["name"].endswith("/gold.customers")
    fields = output["facets"]["columnLineage"]["fields"]
    assert [f["field"] for f in fields["amount"]["inputFields"]] == ["amount"]
    assert fields["amount"]["inputFields"][0]["name"].endswith("/silver.orders")
    assert output["outputFacets"]["outputStatistics"]["rowCount"] == 3
    assert {a["success"] for a in output["facets"]["dataQualityAssertions"]["assertions"]} == {True}
    assert done["all.bronze.orders.gate"]["inputs"][0]["name"].endswith("data/raw/orders.csv")


def test_nothing_is_opened_and_nothing_heavy_imported_to_read_the_dags(airflow_home: MakeHome) -> None:
    home = airflow_home()
    write_project(home.project)
    code = (
        "import sys; from pathlib import Path; import engine.airflow.factory; root = Path(sys.argv[1]);"
        "assert 'all' in engine.airflow.factory.dags(root);"
        "before = set(sys.modules); assert 'all' in engine.airflow.factory.dags(root);"
        "heavy = {'great_expectations', 'duckdb', 'pyodbc', 'mssql_python', 'pyarrow', 'pandas', 'slack_sdk', 'pagerduty'};"
        "print(sorted(heavy & set(sys.modules)), (root / 'data/warehouse.duckdb').exists())"
    )
    done = home.python("-c", code, str(home.project))
    assert done.stdout.strip().splitlines()[-1:] == ["[] False"], done.stdout + done.stderr
