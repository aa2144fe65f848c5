"""The commands about quality: ``quarantine ls``, ``show`` and ``replay``, ``docs build``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.commands import Json, Target, table_name, the_project

quarantine = typer.Typer(no_args_is_help=True, help="Rows held back, why, and back through the gate after a repair.")
docs = typer.Typer(no_args_is_help=True, help="Great Expectations' Data Docs of the latest verdicts.")


@docs.command("build")
def docs_build(target: Target = None) -> None:
    """Write the Data Docs of the latest verdicts: a folder that opens with no network."""
    from engine.console import say
    from engine.report import build_from_ledger
    from engine.show import reading

    project = the_project()
    with reading(project, project.target_name(target)) as warehouse:
        index = build_from_ledger(project, warehouse)
    say(f"open {index}")


@quarantine.command("ls")
def quarantine_ls(
    target: Target = None,
    all_: Annotated[bool, typer.Option("--all", help="Also rows replayed or superseded.")] = False,
    json_: Json = False,
) -> None:
    """Tables with rows held back, by reason."""
    from engine.quarantine import overview

    _show_rows(overview(the_project(), target, every=all_), ("table", "load_id", "state", "rows", "reason"), json_)


@quarantine.command("show")
def quarantine_show(
    table: str,
    target: Target = None,
    limit: Annotated[int, typer.Option("--limit", help="Rows shown.")] = 20,
    all_: Annotated[bool, typer.Option("--all", help="Also rows replayed or superseded.")] = False,
    json_: Json = False,
) -> None:
    """The rows of a table that are held back: why, where from, what they say."""
    from engine.quarantine import held

    project = the_project()
    _show_rows(
        held(project, target, table_name(project, table), limit=limit, every=all_),
        ("quarantine_id", "state", "source_file", "source_row", "reasons", "row_data"),
        json_,
    )


@quarantine.command("replay")
def quarantine_replay(
    table: str,
    target: Target = None,
    row: Annotated[list[str] | None, typer.Option("--row", help="A quarantine id; all held rows otherwise.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="Repair a value on the way.")
    ] = None,
    wait: Annotated[float | None, typer.Option("--wait", metavar="SECONDS")] = None,
) -> None:
    """Send held rows through the gate again; those that pass are published, the others stay held."""
    from engine.console import say
    from engine.quarantine import replay

    project = the_project()
    done = replay(project, target, table_name(project, table), rows=row or [], repairs=set_ or [], wait_for=wait or 0)
    say(
        f"{table}: {done.published:,} of {done.read:,} rows published, {done.held:,} still held",
        "green" if not done.held else "yellow",
    )


def _show_rows(rows: list[dict[str, Any]], columns: tuple[str, ...], json_: bool) -> None:
    from engine.console import print_json, print_table, say

    if json_:
        print_json(rows)
    elif not rows:
        say("nothing is held back", "green")
    else:
        shown = [
            [
                ", ".join(map(str, r[c]))
                if isinstance(r[c], list)
                else ", ".join(f"{k}={v}" for k, v in r[c].items())
                if isinstance(r[c], dict)
                else r[c]
                for c in columns
            ]
            for r in rows
        ]
        print_table(columns, shown, right=("rows", "source_row"))
