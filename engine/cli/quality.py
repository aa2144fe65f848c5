"""The commands about quality: ``quarantine ls``, ``show``, ``replay`` and ``undo``, ``docs build``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from engine.cli.options import Json, Target, table_name, the_project
from engine.config.project import Project
from engine.core.errors import Problem, ProjectError
from engine.core.numbers import digits

quarantine = typer.Typer(
    no_args_is_help=True, help="Quarantined rows: why, where from, and back through the gate after a repair."
)
docs = typer.Typer(no_args_is_help=True, help="Great Expectations' Data Docs of the latest verdicts.")


@docs.command("build")
def docs_build(target: Target = None) -> None:
    """Write the Data Docs of the latest verdicts: a folder that opens with no network."""
    from engine.cli.console import say
    from engine.execution.reading import reading
    from engine.pages.quality import build_from_ledger

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
    """Tables with quarantined rows, by reason."""
    from engine.execution.quarantine import overview

    _show_rows(overview(the_project(), target, every=all_), ("table", "load_id", "state", "rows", "reason"), json_)


@quarantine.command("show")
def quarantine_show(
    table: str,
    target: Target = None,
    limit: Annotated[int, typer.Option("--limit", help="Rows shown.")] = 20,
    all_: Annotated[bool, typer.Option("--all", help="Also rows replayed or superseded.")] = False,
    json_: Json = False,
) -> None:
    """The quarantined rows of a table: why, where from, what they say."""
    from engine.execution.quarantine import held

    project = the_project()
    rows = held(project, target, table_name(project, table), limit=limit, every=all_)
    if not json_:
        rows = [{**r, "from": _from(r), "its key is published": r["published"]} for r in rows]
    told = ("its key is published",) if any(r["published"] for r in rows) else ()
    _show_rows(rows, ("quarantine_id", "state", "from", "reasons", "row_data", *told), json_)


def _from(row: dict[str, Any]) -> str:
    """Where a quarantined row came from, in words."""
    if row.get("untraced"):
        return f"cannot be traced: {row['untraced']}"
    if "origins" not in row:
        return f"{row['source_file']} row {row['source_row']}" if row["source_file"] else ""
    more = row["origins_total"] - len(row["origins"])
    said = ", ".join(f"{o['source_file']} row {o['source_row']}" for o in row["origins"])
    return said + (f" and {more:,} more" if more > 0 else "")


@quarantine.command("replay")
def quarantine_replay(
    table: str,
    target: Target = None,
    row: Annotated[
        list[str] | None, typer.Option("--row", help="A quarantine id; all quarantined rows otherwise.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="COLUMN=VALUE", help="Repair a value on the way; takes --row or --all."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Let --set change every quarantined row of the table.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before --set changes all rows.")] = False,
    wait: Annotated[float | None, typer.Option("--wait", metavar="SECONDS")] = None,
) -> None:
    """Send quarantined rows through the gate again; those that pass are published, the others stay in quarantine."""
    from engine.cli.console import say
    from engine.execution.quarantine import by_kind
    from engine.execution.replay import replay

    project = the_project()
    name, rows = table_name(project, table), row or []
    if set_ and bool(row) == all_:
        raise ProjectError(
            Problem("--set changes rows, and has to know which", expected="either --row ID (once for each) or --all")
        )
    if set_ and all_:
        rows = _confirmed(project, target, name, set_, yes)
        if not rows:
            say("nothing is in quarantine", "green")
            return
    done = replay(project, target, name, rows=rows, repairs=set_ or [], wait_for=wait or 0)
    say(
        f"{table}: {done.published:,} of {done.read:,} rows published, {done.quarantined:,} still in quarantine",
        "green" if not done.quarantined else "yellow",
    )
    for reason, count in by_kind(done.reasons):
        say(f"  {count:,} row{'s' * (count != 1)}: {reason}", "yellow")
    if done.published:
        say(f"to take them back: medallion quarantine undo {done.load_id}")
    for sentence in done.unseen:
        say(sentence, "yellow")
    if done.stale:
        say(
            f"the definition of {table} changed since it was published; it is still stale until `medallion run`",
            "yellow",
        )


def _confirmed(project: Project, target: str | None, table: str, repairs: list[str], yes: bool) -> list[str]:
    """The ids of all quarantined rows, when the one who asks agrees to change so many."""
    from engine.cli.console import say
    from engine.execution.quarantine import waiting

    rows = waiting(project, target, table)
    if rows:
        say(f"{', '.join(repairs)} changes {len(rows):,} row{'s' * (len(rows) != 1)} of {table}")
        if not yes and not typer.confirm("Go on?", err=True):
            say("nothing was changed")
            raise typer.Exit(1)
    return rows


@quarantine.command("undo")
def quarantine_undo(
    what: Annotated[str, typer.Argument(metavar="ID", help="The load id of a replay, or the id of one replayed row.")],
    target: Target = None,
    table: Annotated[str | None, typer.Option("--table", help="Where several tables have a row of that id.")] = None,
    wait: Annotated[float | None, typer.Option("--wait", metavar="SECONDS")] = None,
) -> None:
    """Take a replay back: its rows into quarantine as they were, and what they replaced into the table."""
    from engine.cli.console import say
    from engine.execution.replay import undo

    project = the_project()
    name = table_name(project, table) if table else None
    done = undo(project, target, what, name=name, wait_for=wait or 0)
    say(f"{done.table}: {done.rows:,} row{'s' * (done.rows != 1)} back in quarantine", "green")
    for sentence in done.kept:
        say(sentence, "yellow")


def _show_rows(rows: list[dict[str, Any]], columns: tuple[str, ...], json_: bool) -> None:
    from engine.cli.console import print_json, print_table, say

    if json_:
        print_json(rows)
    elif not rows:
        say("nothing is in quarantine", "green")
    else:
        shown = [
            [
                ", ".join(map(str, r[c]))
                if isinstance(r[c], list)
                else ", ".join(f"{k}={'NULL' if v is None else digits(v)}" for k, v in r[c].items())
                if isinstance(r[c], dict)
                else r[c]
                for c in columns
            ]
            for r in rows
        ]
        print_table(columns, shown, right=("rows", "source_row"))
