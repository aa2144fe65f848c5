"""One migrated database for all homes: migrating takes seconds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.airflow.home import Home, environment_of, make_home
from tests.project_files import write_project


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's database as ``airflow db migrate`` makes it, with the pool of the warehouse."""
    home = tmp_path_factory.mktemp("airflow")
    environment = environment_of(home, home)
    for command in (["db", "migrate"], ["pools", "set", "warehouse", "1", "tables at a time"]):
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *command], env=environment, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr[-2000:]
    return home / "airflow.db"


@pytest.fixture
def airflow_home(tmp_path: Path, migrated: Path) -> Callable[..., Home]:
    """``airflow_home(changes, **environment)``: Airflow over the small project with some of its files changed."""

    def make(changes: dict[str, str | bytes | None] | None = None, **environment: str) -> Home:
        return make_home(tmp_path / "home", write_project(tmp_path / "project", changes), migrated, **environment)

    return make
