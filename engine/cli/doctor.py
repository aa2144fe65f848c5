"""What this machine has for each target and source of a project, and what to install."""

from __future__ import annotations

import importlib.util
import platform
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from engine.config.project import Project
from engine.core.errors import ProjectError, SourceError
from engine.warehouses.kinds import kind_of


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``state`` is ok, missing (something does not work) or optional (not needed now)."""

    what: str
    state: str
    found: str = ""
    todo: str = ""


def examine(project: Project) -> list[Finding]:
    """Look at Python, libraries, targets and sources; connects to nothing but local files."""
    findings = [Finding("python", "ok", platform.python_version())]
    findings += [_library(name) for name in ("duckdb", "great-expectations", "sqlglot", "sqlalchemy", "pyarrow")]
    for name in project.targets:
        findings.append(_target(project, name))
    for name in project.sources:
        findings.append(_source(project, name))
    findings.append(_odbc())
    findings.append(_optional("apache-airflow", "make setup", "to run the DAGs"))
    return findings


def _library(name: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "missing", "", "make setup")


def _optional(name: str, command: str, why: str) -> Finding:
    try:
        return Finding(name, "ok", version(name))
    except PackageNotFoundError:
        return Finding(name, "optional", "not installed", f"{command}, {why}")


def _target(project: Project, name: str) -> Finding:
    what = f"target {name}"
    try:
        spec = project.target(name)
    except ProjectError as error:
        unset = [p.message.removeprefix("the environment variable ").removesuffix(" is not set") for p in error.problems]
        return Finding(what, "optional", f"{', '.join(unset)} not set", f"export them to use {name}; see docs/targets.md")
    health = kind_of(spec).examine(spec, project.root)
    return Finding(what, health.state, health.found, health.todo)


def _source(project: Project, name: str) -> Finding:
    from engine.sources import open_source

    try:
        files = open_source(project.source(name, project.default_target), project.root).files()
        size = sum(f.stat().st_size for f in files)
        return Finding(
            f"source {name}", "ok", f"{len(files)} {'file' if len(files) == 1 else 'files'}, {size / 1e6:,.1f} MB"
        )
    except (SourceError, ProjectError) as error:
        return Finding(
            f"source {name}",
            "missing",
            str(error),
            "medallion sample makes files to try with; DATA_DIR names another folder",
        )


def _odbc() -> Finding:
    what = "ODBC driver for SQL Server"
    lists = [p for p in (Path("/etc/odbcinst.ini"), Path("/usr/local/etc/odbcinst.ini")) if p.is_file()]
    lines = [line for path in lists for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
    installed = [line.strip("[] ") for line in lines if line.startswith("[")]
    named = [d for d in installed if "SQL Server" in d]
    if named:
        return Finding(what, "ok", named[0])
    if importlib.util.find_spec("mssql_python_odbc"):
        return Finding(what, "ok", "the one in mssql-python's wheel")
    if sys.platform.startswith("linux") and any("FreeTDS" in d for d in installed):
        return Finding(what, "ok", "FreeTDS")
    return Finding(what, "optional", "none", "Microsoft's msodbcsql18, to use SQL Server")
