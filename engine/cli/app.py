"""The commands. Words go to stderr and data to stdout; exit codes are 0 done, 1 the project is wrong, 2 a gate failed,
3 a source or the warehouse failed."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from engine import __version__
from engine.cli.options import Date, Json, Select, Target, choose_root, day, find_root, table_name, the_project
from engine.cli.prune import prune
from engine.cli.quality import docs, quarantine
from engine.cli.roles import roles
from engine.config.project import PIPELINES
from engine.core.errors import MedallionError, Problem, ProjectError

app = typer.Typer(
    name="medallion",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="A medallion warehouse from one pipelines.yaml: load, judge, publish.",
    context_settings={"max_content_width": 120},
)
app.add_typer(quarantine, name="quarantine")
app.add_typer(docs, name="docs")


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"medallion {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    project: Annotated[
        Path | None,
        typer.Option(
            "--project", "-p", help="The project folder; otherwise the nearest folder upward with a pipelines.yaml."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    choose_root(project)


@app.command()
def check(target: Target = None, json_: Json = False) -> None:
    """Check the whole project without touching data: YAML, templates, suites, columns, types, keys, limits."""
    from engine.cli.console import print_json, say
    from engine.compile.manifest import load_model
    from engine.compile.plan import in_no_pipeline
    from engine.pages.catalogue import undeclared_at_hand

    began = time.perf_counter()
    problems: list[Problem] = []
    checked: dict[str, int] = {}
    left: list[str] = []
    project = the_project()
    for name in [project.target_name(target)] if target else list(project.targets):
        try:
            model = load_model(project, name, day(None))
            checked[name] = len(model.tables)
            problems += _untranslatable(model)
            left = in_no_pipeline(model)
        except ProjectError as error:
            problems += [p for p in error.problems if p not in problems]
    if json_:
        print_json(
            [{k: getattr(p, k) for k in ("file", "line", "column", "message", "expected", "nearest")} for p in problems]
        )
    if problems:
        raise ProjectError(problems)
    if left:
        line, column = project.node.at("pipelines")
        say(
            f"warning {PIPELINES}:{line}:{column}: in no pipeline, so that Airflow never builds them: {', '.join(left)}",
            "yellow",
        )
    _warn(undeclared_at_hand(project, project.target_name(target)))
    tables = max(checked.values(), default=0)
    say(
        f"{tables} tables, {len(project.sources)} sources, {len(project.pipelines)} pipelines: all is well for "
        f"{' and '.join(checked)} ({time.perf_counter() - began:.1f} s)",
        "green",
    )


def _warn(found: Any) -> None:
    """Tell of tables that were published and are no longer declared."""
    from engine.cli.console import say
    from engine.compile.undeclared import sentence

    if found:
        say(sentence(found), "yellow")


def _untranslatable(model: Any) -> list[Problem]:
    """What binds but has no equal on this target."""
    from engine.execution.rendering import render

    problems: list[Problem] = []
    for table in model.tables.values():
        if table.rendered is not None:
            try:
                render(model, table.name)
            except ProjectError as error:
                problems += error.problems
    return problems


@app.command()
def run(
    select: Select = None,
    target: Target = None,
    force: Annotated[bool, typer.Option("--force", help="Build also what is not stale.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="Build from the start of the sources, as if nothing had ever been loaded.")
    ] = False,
    logical_date: Date = None,
    load_id: Annotated[
        str | None, typer.Option("--load-id", help="Name this load; a finished load of that name does nothing.")
    ] = None,
    wait: Annotated[
        float | None,
        typer.Option(
            "--wait",
            metavar="SECONDS",
            help="Wait this long for another run on the warehouse; refuse at once otherwise.",
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow", metavar="TABLE:WHAT", help="Allow once what a failed gate refused, as its message says."
        ),
    ] = None,
    json_: Json = False,
) -> None:
    """Build what is stale: load, judge, publish, in parallel where it can."""
    from engine.cli.console import RunView, print_json, summary_line, words
    from engine.execution.runner import run as run_tables

    project = the_project()
    with RunView() as view:
        result = run_tables(
            project,
            target=target,
            selectors=select or [],
            force=force,
            full=full,
            logical_date=day(logical_date),
            load_id=load_id,
            wait_for=wait or 0,
            allow=allow or [],
            watcher=view,
        )
    if json_:
        print_json(_as_json(result))
    words.print(summary_line(result))
    if result.count("published") or result.count("failed"):
        from engine.pages.quality import docs_path

        words.print(f"quality report: medallion docs build, then open {docs_path(project.root)}", style="dim")
    raise typer.Exit(result.exit_code)


def _as_json(result: Any) -> dict[str, Any]:
    def table(outcome: Any) -> dict[str, Any]:
        record = outcome.record
        out = {
            "table": outcome.table,
            "state": outcome.state,
            "message": outcome.message,
            "seconds": round(outcome.seconds, 3),
        }
        if record:
            out |= {
                k: getattr(record, k)
                for k in (
                    "rows_read",
                    "rows_filtered",
                    "rows_duplicate",
                    "rows_quarantined",
                    "rows_published",
                    "rows_unchanged",
                    "rows_removed",
                    "versions_closed",
                    "rows_total",
                )
            }
            out["verdict"] = record.verdict
            out["seconds_by_step"] = {k: round(v, 4) for k, v in record.seconds.items()}
        return out

    return {
        "run_id": result.run_id,
        "target": result.target,
        "logical_date": result.logical_date,
        "seconds": round(result.seconds, 3),
        "seconds_by_phase": {k: round(v, 3) for k, v in result.phases.items()},
        "published": result.count("published"),
        "unchanged": result.count("unchanged"),
        "failed": result.count("failed"),
        "skipped": result.count("skipped"),
        "rows": result.rows,
        "exit_code": result.exit_code,
        "tables": [table(o) for o in result.outcomes],
    }


@app.command("ls")
def list_tables(select: Select = None, target: Target = None, json_: Json = False) -> None:
    """Tables with what they read and their state."""
    from engine.cli.console import print_json, print_table
    from engine.compile.manifest import load_model
    from engine.pages.catalogue import as_states, chosen, no_longer_declared

    project = the_project()
    model = load_model(project, project.target_name(target), day(None))
    rows = chosen(model, project, select or [])
    left = [] if select else no_longer_declared(project, model.target)
    if json_:
        print_json([*rows, *as_states(left)])
    else:
        print_table(
            ("table", "state", "rows", "published (UTC)", "verdict", "reads", "why"),
            [
                (
                    r["table"],
                    r["state"],
                    r["rows"],
                    r["published_at"],
                    r["verdict"],
                    ", ".join(r["inputs"]),
                    r["reason"],
                )
                for r in rows
            ],
            right=("rows",),
        )
        _warn(left)


@app.command()
def render(table: str, target: Target = None) -> None:
    """The exact SQL of each step of a table."""
    from engine.compile.manifest import load_model
    from engine.execution.rendering import render as render_steps

    project = the_project()
    model = load_model(project, project.target_name(target), day(None))
    for step, sql in render_steps(model, table_name(project, table)):
        print(f"-- {table}: {step}\n{sql}\n")


@app.command()
def query(sql: str, target: Target = None, json_: Json = False) -> None:
    """Answer a T-SQL SELECT, read-only."""
    from engine.cli.console import print_json, print_table, say
    from engine.pages.catalogue import query as answer

    project = the_project()
    names, rows = answer(project, project.target_name(target), sql)
    if json_:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table(
            names, rows, right=[n for i, n in enumerate(names) if any(isinstance(r[i], int | float) for r in rows[:1])]
        )
        say(f"{len(rows):,} rows" if len(rows) != 1 else "1 row", "dim")


@app.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Redraw until the run is over.")] = False,
    target: Target = None,
    json_: Json = False,
) -> None:
    """Runs, loads and verdicts; live while a run goes on."""
    from engine.cli import status as statusview
    from engine.cli.console import print_json
    from engine.pages.catalogue import status as read

    project = the_project()
    name = project.target_name(target)
    if json_:
        found = read(project, name)
        print_json({**found, "undeclared": [vars(one) for one in found["undeclared"]]})
    elif watch:
        statusview.watch(lambda: read(project, name))
    else:
        statusview.show(read(project, name))


@app.command()
def sample(
    users: Annotated[int, typer.Option(min=1)] = 5000,
    sessions: Annotated[int, typer.Option(min=0)] = 222_785,
    seed: Annotated[int, typer.Option()] = 7,
    dirty: Annotated[float, typer.Option(min=0, max=1, help="Share of planted dirty rows.")] = 0.002,
) -> None:
    """Write a deterministic data set to data/raw, with dirty rows in known numbers."""
    from engine.cli.console import print_table, say, words
    from engine.cli.sample import generate

    report = generate(find_root() / "data" / "raw", users=users, sessions=sessions, seed=seed, dirty=dirty)
    for file, rows in report.files.items():
        say(f"{report.folder / file}: {rows:,} rows")
    if report.planted:
        say("planted on purpose:", "bold")
        print_table(
            ("rows", "what", "in", "ends up"),
            [(p.rows, p.kind, p.file, f"{p.fate} at {p.table}") for p in report.planted],
            right=("rows",),
            to=words,
        )


@app.command()
def add(
    table: str,
    source: Annotated[
        str | None,
        typer.Option("--from-file", help="A CSV or JSON file: columns and types from its header and values."),
    ] = None,
    select: Annotated[
        str | None, typer.Option("--from-select", help="A T-SQL SELECT over the project's tables.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="The columns that identify a row, with commas.")] = None,
) -> None:
    """Scaffold a new table: the YAML, the SQL and a suite."""
    from engine.cli.console import say
    from engine.cli.scaffold import add_table

    for line in add_table(
        the_project(), table, file=source, select=select, key=[k.strip() for k in key.split(",")] if key else []
    ):
        say(line)


@app.command()
def doctor() -> None:
    """What this machine has for each target and source, and what to install."""
    from engine.cli.console import print_table
    from engine.cli.doctor import examine

    findings = examine(the_project())
    print_table(("what", "state", "found", "to do"), [(f.what, f.state, f.found, f.todo) for f in findings])
    if any(f.state == "missing" for f in findings):
        raise typer.Exit(3)


app.command()(prune)
app.command()(roles)

# typer carries its own copy of click; its base of all complaints about arguments is reached through what it exports.
_UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def main() -> None:
    """The ``medallion`` command. Never a traceback, unless MEDALLION_TRACEBACK is set to see one."""
    try:
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except MedallionError as error:
        from engine.cli.console import print_error

        print_error(error)
        sys.exit(error.exit_code)
    except typer.Exit as leave:
        sys.exit(leave.exit_code)
    except _UsageError as error:
        error.show()
        sys.exit(1)
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted; a run that is started again repairs what this one left", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except Exception as error:
        if os.environ.get("MEDALLION_TRACEBACK"):
            raise
        print(
            f"error: a fault in medallion itself: {type(error).__name__}: {error}\n"
            "Run it again with MEDALLION_TRACEBACK=1 and report what that prints.",
            file=sys.stderr,
        )
        sys.exit(3)


if __name__ == "__main__":
    main()
