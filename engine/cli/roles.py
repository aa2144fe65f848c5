"""The command about permissions: ``roles``."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

import typer

from engine.cli.options import Target, the_project
from engine.config.specs import DuckDBTarget


def roles(
    target: Target = None,
    apply: Annotated[bool, typer.Option("--apply", help="Run it, as the target's login; an administrator's.")] = False,
) -> None:
    """The least-privilege set-up of the target's database: schemas, roles, grants. Prints it, or runs it."""
    from engine.cli.console import say
    from engine.compile.manifest import load_model
    from engine.warehouses.sqlserver.roles import ROLES, script, set_up

    project = the_project()
    name = project.target_name(target)
    if isinstance(project.targets[name], DuckDBTarget):
        say(f"{name} is an embedded file, which has no roles: who may read the file may read everything in it")
        return
    model = load_model(project, name, dt.datetime.now(dt.UTC).date())
    shapes = [table.shape for table in model.tables.values()]
    if not apply:
        print(script(set_up(shapes)), end="")
        return
    from engine.execution.runner import open_warehouse
    from engine.warehouses.sqlserver.warehouse import SqlServerWarehouse

    warehouse = open_warehouse(project, name)
    assert isinstance(warehouse, SqlServerWarehouse)
    with warehouse:
        for batch in set_up(shapes, warehouse.server):
            warehouse.run(batch)
    say(f"{name} has the roles {', '.join(ROLES)}; make logins members with ALTER ROLE … ADD MEMBER …", "green")
