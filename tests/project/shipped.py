"""The shipped project, copied aside and run once a test session on the data it is asked for."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.project_files import ROOT, Said, environment, medallion

REFERENCE = ROOT.parent / "shared" / "reference"
PARTS = ("pipelines.yaml", "templates", "expectations")


def copy_project(folder: Path) -> Path:
    """The shipped project without data, in ``folder``."""
    for part in PARTS:
        if (ROOT / part).is_dir():
            shutil.copytree(ROOT / part, folder / part)
        else:
            shutil.copy(ROOT / part, folder / part)
    return folder


def run_on(project: Path, data: Path, *args: str) -> Said:
    with environment(DATA_DIR=str(data)):
        return medallion(project, "run", *args)
