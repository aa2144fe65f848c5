"""The command about permissions: ``roles``."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from engine.cli.options import Target, the_project


def roles(
    target: Target = None,
    apply: Annotated[bool, typer.Option("--apply", help="Run it, as the target's login; an administrator's.")] = False,
) -> None:
    """The least-privilege set-up of the target's database: schemas, roles, grants. Prints it, or runs it."""
    from engine.cli.console import say
    from engine.compile.manifest import load_model
    from engine.warehouses.kinds import kind_of

    project = the_project()
    name = project.target_name(target)
    kind = kind_of(project.targets[name])
    if kind.embedded:
        say(f"{name} is an embedded file, which has no roles: who may read the file may read everything in it")
        return
    model = load_model(project, name, dt.datetime.now(dt.UTC).date())
    shapes = [table.shape for table in model.tables.values()]
    if not apply:
        print(kind.roles(shapes), end="")
        return
    from engine.execution.runner import open_warehouse

    with open_warehouse(project, name) as warehouse:
        given = warehouse.give_roles(shapes)
    say(f"{name} has the roles {', '.join(given)}; make logins members with ALTER ROLE … ADD MEMBER …", "green")
