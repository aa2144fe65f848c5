"""The Data Docs inside Airflow: for people who are logged in, and nothing beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("MEDALLION_PROJECT", str(tmp_path))
    docs = tmp_path / "data/docs"
    (docs / "tables").mkdir(parents=True)
    (docs / "index.html").write_text("rows of the data")
    (docs / "tables/gold.customers.html").write_text("customers")
    (tmp_path / "data/docs_of_others").mkdir()
    (tmp_path / "data/docs_of_others/secret").write_text("a secret")
    (tmp_path / "secret").write_text("a secret")
    (docs / "link").symlink_to(tmp_path / "secret")
    return tmp_path


def client(*, logged_in: bool) -> Any:
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi.testclient import TestClient

    from engine.airflow.plugin import pages

    app = pages()
    if logged_in:
        app.dependency_overrides[get_user] = lambda: "somebody"
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    "path", ["/", "/index.html", "/tables/gold.customers.html", "/nothing", "/docs", "/openapi.json"]
)
def test_without_a_login_nothing_is_shown(path: str, project: Path) -> None:
    answer = client(logged_in=False).get(path)
    assert answer.status_code == 401
    assert "rows of the data" not in answer.text


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/", 200, "rows of the data"),
        ("/index.html", 200, "rows of the data"),
        ("/tables/gold.customers.html", 200, "customers"),
        ("/tables", 404, "no page"),
        ("/tables/nothing.html", 404, "no page tables/nothing.html"),
        ("/%2e%2e/%2e%2e/secret", 404, "no page"),
        ("/tables/..%2f..%2f..%2fsecret", 404, "no page"),
        ("/..%2fdocs_of_others%2fsecret", 404, "no page"),
        ("/%2fetc%2fpasswd", 404, "no page"),
        ("//etc/passwd", 404, ""),
        ("/link", 404, "no page"),
        ("/a%00b", 404, "no page"),
        ("/" + "a" * 5000, 404, "no page"),
    ],
)
def test_only_the_pages_are_served(path: str, status: int, words: str, project: Path) -> None:
    answer = client(logged_in=True).get(path)
    assert (answer.status_code, words in answer.text) == (status, True), answer.text
    assert "a secret" not in answer.text and "root:" not in answer.text


def test_before_the_first_run_the_page_says_so(project: Path) -> None:
    (project / "data/docs/index.html").unlink()
    answer = client(logged_in=True).get("/")
    assert answer.status_code == 200
    assert "No report yet" in answer.text


def test_the_project_is_the_folder_above_the_dags_when_none_is_named(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.airflow.plugin import pages_folder

    monkeypatch.delenv("MEDALLION_PROJECT")
    monkeypatch.setenv("AIRFLOW__CORE__DAGS_FOLDER", str(project / "dags"))
    assert pages_folder() == (project / "data/docs").resolve()
