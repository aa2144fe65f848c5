"""The Dockerfile and the scripts: linted, without secrets, and with what they copy in the build's context."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.compose.files import ROOT, SCRIPTS, services, tool

DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()


def test_the_dockerfile_is_linted() -> None:
    done = subprocess.run([tool("hadolint"), str(ROOT / "Dockerfile")], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_linted(script: Path) -> None:
    done = subprocess.run([tool("shellcheck"), str(script)], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert script.stat().st_mode & 0o111, f"{script.name} is not executable"


def test_the_base_image_is_pinned_and_the_user_is_not_root() -> None:
    outside = [name for name in re.findall(r"^FROM (\S+)", DOCKERFILE, re.M) if name != "base"]
    assert outside == ["python:3.12.12-slim-bookworm"]
    assert re.findall(r"^USER (.*)", DOCKERFILE, re.M) == ["$UID"]
    assert re.search(r"^ARG UID=1000$", DOCKERFILE, re.M)


def test_no_secret_can_get_into_the_image() -> None:
    assert not re.search(r"PASSWORD|SECRET|TOKEN|\.env", DOCKERFILE)
    assert IGNORED[1] == "*"
    let_in = {line[1:] for line in IGNORED if line.startswith("!")}
    copied = {
        word
        for line in re.findall(r"^COPY (?!--from)(.*)", DOCKERFILE, re.M)
        for word in shlex.split(line)[:-1]
    }  # fmt: skip
    assert let_in == copied | {"Dockerfile"}
    assert all((ROOT / name).exists() for name in copied)


def test_requirements_are_installed_by_hash() -> None:
    assert "--require-hashes" in DOCKERFILE
    lock = (ROOT / "requirements/image.txt").read_text(encoding="utf-8")
    for needed in ("apache-airflow", "mssql-python", "pyodbc", "asyncpg", "psycopg2-binary", "great-expectations"):
        assert re.search(rf"^{needed}==", lock, re.M), needed
    for stray in ("pytest", "ruff", "mypy"):
        assert not re.search(rf"^{stray}==", lock, re.M), stray


def test_the_image_has_the_versions_that_are_tested() -> None:
    pinned = re.compile(r"^([\w.-]+)==(\S+)", re.M)
    tested = dict(pinned.findall((ROOT / "requirements/dev.txt").read_text(encoding="utf-8")))
    shipped = dict(pinned.findall((ROOT / "requirements/image.txt").read_text(encoding="utf-8")))
    assert {n: v for n, v in shipped.items() if n in tested and tested[n] != v} == {}
    assert shipped.keys() - tested.keys() <= {"asyncpg", "psycopg2-binary"}


def test_the_image_is_named_after_the_projects_version() -> None:
    version = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.M)
    assert version
    ours = {s["image"] for s in services().values() if "build" in s}
    assert ours == {f"medallion:{version[1]}"}
