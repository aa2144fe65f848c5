"""The command that drops what nobody declares any more: ``prune``."""

from __future__ import annotations

from typing import Annotated

import typer

from engine.cli.options import Json, Target, the_project


def prune(
    select: Annotated[
        list[str] | None,
        typer.Option("--select", "-s", help="Only these: gold.old, gold.*; tables that are no longer declared."),
    ] = None,
    target: Target = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Drop what is shown; otherwise nothing is touched.")] = False,
    wait: Annotated[
        float | None,
        typer.Option(
            "--wait", metavar="SECONDS", help="Wait this long for a run on the warehouse; refuse at once otherwise."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """What was published and is no longer declared: shows it, or with --yes drops it."""
    from engine.cli.console import RunView, print_json, print_table, say
    from engine.core.errors import WarehouseError
    from engine.execution import prune as pruning

    project = the_project()
    if yes:
        found = pruning.prune(project, target, select or [], wait_for=wait or 0, watcher=RunView())
    else:
        found = pruning.look(project, target, select or [])
    rows = [row for one in (*found.going, *found.kept) for row in one.rows("dropped" if yes else "can go")]
    for table, owner in found.strangers.items():
        say(f"{table} was published by project {owner!r}, not by this one ({project.name!r}), and stays", "dim")
    if json_:
        print_json(rows)
    elif rows:
        columns = ("object", "what", "rows", "table", "published_at", "state", "why")
        heads = ("object", "what", "rows", "of", "published (UTC)", "state", "why")
        print_table(heads, [[row[c] for c in columns] for row in rows], right=("rows",))
    if yes and found.kept:
        raise WarehouseError("; ".join(found.refusals()))
    if not rows:
        say("nothing to prune: all that the ledger knows is declared", "green")
    elif yes:
        say(
            f"dropped what was left of {_tables(len(found.going))}; the ledger keeps the history of their loads",
            "green",
        )
    elif found.going:
        say(f"nothing was touched; `medallion prune --yes` drops what is left of {_tables(len(found.going))}", "yellow")


def _tables(number: int) -> str:
    return "1 table" if number == 1 else f"{number} tables"
