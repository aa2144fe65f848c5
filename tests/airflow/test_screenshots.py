"""The shipped project under ``make airflow``: its figures, what a browser shows of it, and the end of its terminal.

``--update-golden`` keeps the pictures for the docs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from engine.cli.sample import SampleReport, generate
from tests.airflow.browser import CHROMIUM, Page, browser
from tests.airflow.local import Airflow, listening, local_airflow
from tests.project.shipped import copy_project
from tests.project_files import ROOT

PICTURES = ROOT / "docs" / "pictures"
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (Debian: apt install chromium)")


@dataclass
class Shipped:
    airflow: Airflow
    sample: SampleReport
    run: str
    """The run of silver_to_gold."""


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[Shipped]:
    project = copy_project(tmp_path_factory.mktemp("shipped"))
    sample = generate(project / "data" / "raw")
    with local_airflow(project, migrated, 3) as airflow:
        rest = airflow.rest
        assert rest.ended("ingest", rest.trigger("ingest")) == "success"
        (run,) = rest.until(lambda: rest.call("GET", "/api/v2/dags/silver_to_gold/dagRuns")["dag_runs"], "what follows")
        assert rest.ended("silver_to_gold", run["dag_run_id"]) == "success"
        yield Shipped(airflow, sample, run["dag_run_id"])


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    with browser(tmp_path / "browser") as found:
        yield found


@pytest.fixture
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Where a picture goes; it is kept with the docs when that is asked for."""
    yield tmp_path
    if request.config.getoption("--update-golden"):
        PICTURES.mkdir(exist_ok=True)
        for picture in tmp_path.glob("*.png"):
            shutil.copy(picture, PICTURES / picture.name)


def test_the_figures_come_out(shipped: Shipped) -> None:
    rows = shipped.sample.rows
    counted = " UNION ALL ".join(f"SELECT '{name}', COUNT(*) FROM {name}" for name in rows)
    assert dict(shipped.airflow.ask(counted)) == rows
    assert shipped.airflow.ask(
        "SELECT active_users_100h_plus, total_content_catalog, total_viewing_sessions FROM gold.executive_summary"
    ) == [(4_271, 300, 191_807)]
    assert shipped.airflow.ask("SELECT state, published, failed FROM ops.runs ORDER BY started_at") == [
        ("done", 3, 0),
        ("done", 21, 0),
    ]


@needs_chromium
def test_the_grid_of_a_finished_run(shipped: Shipped, page: Page, kept: Path) -> None:
    open_run(shipped, page, "grid", 1440, 1400)  # a lower window holds only the rows that it shows
    cells = f"[data-testid^='grid-{shipped.run}-']"
    page.until(f'document.querySelectorAll("{cells}").length === 45')
    shown = page.text()
    for words in ("43 Task Instances", "silver", "all_users.build", "user_analytics.gate", "report", "Asset Triggered"):
        assert words in shown, shown
    page.until("[...document.querySelectorAll('[data-testid=state-badge]')].length > 5")
    states = page.evaluate("[...document.querySelectorAll('[data-testid=state-badge]')].map(b => b.innerText.trim())")
    assert set(states) == {"Success"}
    page.picture(kept / "airflow-grid.png", 1440, 720)


@needs_chromium
def test_the_graph_of_a_finished_run(shipped: Shipped, page: Page, kept: Path) -> None:
    open_run(shipped, page, "graph", 1440, 600)
    page.until("document.querySelectorAll('.react-flow__node').length === 45")
    nodes = page.evaluate("[...document.querySelectorAll('.react-flow__node')].map(n => n.innerText)")
    told = {node.split("\n")[0].strip(): node for node in nodes}
    assert {"silver", "gold", "report", "content_genres.build", "country_insights.gate"} <= told.keys()
    assert "Gate" in told["country_insights.gate"] and "Build" in told["content_genres.build"]
    assert [node for node in nodes if "success" not in node] == []
    open_run(shipped, page, "graph", 1440, 600, ("silver",))
    page.until("document.querySelectorAll('.react-flow__node').length === 21")
    page.click("button[aria-label='Collapse Details Panel']")
    page.until("!document.body.innerText.includes('43 Task Instances')")
    page.click(".react-flow__controls-fitview")
    page.picture(kept / "airflow-graph.png", 1440, 600)


@needs_chromium
def test_data_quality_inside_airflow(shipped: Shipped, page: Page, kept: Path) -> None:
    page.size(1440, 800)
    page.open(shipped.airflow.rest.address)
    page.until("document.querySelector('a[href$=\"/plugin/data-quality\"]')")
    page.click('a[href$="/plugin/data-quality"]')
    inside = "document.querySelector('iframe').contentDocument"
    # Complete: before its style sheet is there, what stands one below the other is read as one word.
    page.until(f"{inside}.readyState === 'complete' && {inside}.body.innerText.includes('expectations judged')")
    shown = page.evaluate(f"{inside}.body.innerText")
    for words in ("video_streaming", "24\ntables", "149\nexpectations judged", "passed, rows held back"):
        assert words in shown, shown
    page.picture(kept / "airflow-quality.png", 1440, 800)
    page.evaluate(f"{inside}.querySelector('a[href$=\"silver.all_viewing_sessions.html\"]').click()")
    page.until(f"{inside}.location.pathname === '/medallion/tables/silver.all_viewing_sessions.html'")
    page.until(f"{inside}.body.innerText.includes('watch_duration_minutes')")


def test_it_ends_with_its_terminal(shipped: Shipped) -> None:
    airflow = shipped.airflow
    assert listening(airflow.processes())
    airflow.close_the_terminal()
    airflow.process.wait(60)
    assert airflow.processes() == []


def open_run(
    shipped: Shipped, page: Page, view: str, width: int, height: int, groups: tuple[str, ...] = ("silver", "gold")
) -> None:
    """The run with some of its task groups open."""
    page.size(width, height)
    address = f"{shipped.airflow.rest.address}/dags/silver_to_gold/runs/{shipped.run}"
    page.open(address)
    page.until("document.body.innerText.includes('report')")
    for key, value in {"default_dag_view": view, "dagView": view, "silver_to_gold/open-groups": groups}.items():
        page.evaluate(f"localStorage.setItem({json.dumps(key)}, {json.dumps(json.dumps(value))})")
    page.open(address)
    page.until("document.body.innerText.includes('43 Task Instances')")
