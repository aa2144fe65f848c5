"""The Data Docs inside Airflow are for people who are logged in."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize("path", ["/", "/index.html", "/tables/gold.customers.html", "/static/style.css"])
def test_without_a_login_nothing_is_shown(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))
    monkeypatch.setenv("MEDALLION_PROJECT", str(tmp_path))
    docs = tmp_path / "data/docs"
    docs.mkdir(parents=True)
    (docs / "index.html").write_text("rows of the data")
    from fastapi.testclient import TestClient

    from engine.airflow_plugin import pages

    answer = TestClient(pages()).get(path)
    assert answer.status_code == 401
    assert "rows of the data" not in answer.text
