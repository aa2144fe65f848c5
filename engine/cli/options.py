"""What every command begins with: the project in hand, the options that mean the same everywhere."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated

import typer

from engine.config.project import PIPELINES, Project, load_project
from engine.core.errors import Problem, ProjectError, nearest

Target = Annotated[
    str | None, typer.Option("--target", "-t", help="A target of pipelines.yaml; its default_target otherwise.")
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select", "-s", help="silver.users, gold.*, +gold.user_analytics, silver.users+, tag:x, pipeline:x, stale."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Date = Annotated[
    str | None,
    typer.Option("--logical-date", metavar="YYYY-MM-DD", help="The day the data is as of; today (UTC) otherwise."),
]

_root: list[Path] = []


def choose_root(project: Path | None) -> None:
    """Work on this project folder from now on; None finds it."""
    _root[:] = [project] if project else []


def find_root() -> Path:
    """The project folder: the one named, else the nearest one upward that has a pipelines.yaml, else this one."""
    if _root:
        return _root[0].resolve()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / PIPELINES).is_file()), here)


def the_project() -> Project:
    """The project in hand. Raises ProjectError with what is wrong in it, templates and suites included."""
    root = find_root()
    try:
        return load_project(root)
    except ProjectError as error:
        from engine.compile.partial import further_problems

        try:
            more = further_problems(root)
        except ProjectError:
            more = []  # pipelines.yaml cannot be read at all
        raise ProjectError([*error.problems, *more]) from None


def day(text: str | None) -> dt.date:
    """A date as it is typed, today (UTC) for none. Raises ProjectError for anything else."""
    if text is None:
        return dt.datetime.now(dt.UTC).date()
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ProjectError(Problem(f"{text!r} is no date", expected="YYYY-MM-DD")) from None


def table_name(project: Project, name: str) -> str:
    """The name of a declared table, typed in any case. Raises ProjectError with the nearest one for another."""
    name = name.lower()
    if name not in project.tables:
        raise ProjectError(
            Problem(
                f"no table {name!r}",
                expected="one of " + ", ".join(project.tables),
                nearest=nearest(name, project.tables),
            )
        )
    return name
