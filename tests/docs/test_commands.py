"""The commands in the docs run as written, on the shipped project with a small sample."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from engine.cli.sample import generate
from tests.project.shipped import copy_project, run_on
from tests.project_files import ROOT, Said, environment, medallion

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
COMMANDS = [
    (page.relative_to(ROOT).as_posix(), line)
    for page in PAGES
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(encoding="utf-8"), re.M | re.S)
    for line in block.splitlines()
    if line.strip()
]


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_project(tmp_path_factory.mktemp("docs"))
    generate(root / "data/raw", users=200, sessions=2_000)
    assert run_on(root, root / "data/raw").code == 0
    return root


def test_there_are_commands_to_run() -> None:
    assert len(COMMANDS) > 12


@pytest.mark.parametrize(("page", "line"), COMMANDS, ids=[f"{page}: {line[:60]}" for page, line in COMMANDS])
def test_a_command_of_the_docs_runs(page: str, line: str, project: Path) -> None:
    words = shlex.split(line)
    assert words[0] == "medallion", f"{page}: only medallion commands stand in sh blocks"
    with environment(DATA_DIR=str(project / "data/raw")):
        said: Said = medallion(project, *words[1:])
    assert said.code == 0, said.err


def test_every_command_is_documented() -> None:
    from typer.main import get_command

    from engine.cli.app import app

    text = "\n".join(p.read_text(encoding="utf-8") for p in PAGES)
    for name in get_command(app).commands:  # type: ignore[attr-defined]
        assert f"medallion {name}" in text, name


def test_links_lead_somewhere() -> None:
    for page in [*PAGES, *sorted((ROOT / "docs/decisions").glob("*.md")), ROOT / "CONTRIBUTING.md"]:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
            assert target.startswith("https://") or (page.parent / target).exists(), f"{page.name}: {target}"
