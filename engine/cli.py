"""The commands. Words go to stderr and data to stdout; exit codes are 0 done, 1 the project is wrong, 2 a gate failed,
3 a source or the warehouse failed."""

from __future__ import annotations

import datetime as dt
import os
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from engine import __version__
from engine.errors import MedallionError, Problem, ProjectError, nearest
from engine.project import PIPELINES, Project, load_project

app = typer.Typer(name="medallion", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
                  help="A medallion warehouse from one pipelines.yaml: load, judge, publish.",
                  context_settings={"max_content_width": 120})
quarantine = typer.Typer(no_args_is_help=True, help="Rows held back, why, and back through the gate after a repair.")
docs = typer.Typer(no_args_is_help=True, help="Great Expectations' Data Docs of the latest verdicts.")
app.add_typer(quarantine, name="quarantine")
app.add_typer(docs, name="docs")

Target = Annotated[str | None, typer.Option("--target", "-t", help="A target of pipelines.yaml; its default_target otherwise.")]
Select = Annotated[list[str] | None, typer.Option("--select", "-s", help="silver.users, gold.*, +gold.user_analytics, silver.users+, tag:x, pipeline:x, stale.")]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout.")]
Date = Annotated[str | None, typer.Option("--logical-date", metavar="YYYY-MM-DD", help="The day the data is as of; today (UTC) otherwise.")]

_root: list[Path] = []


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"medallion {__version__}")
        raise typer.Exit


@app.callback()
def _common(project: Annotated[Path | None, typer.Option("--project", "-p", help="The project folder; otherwise the nearest folder upward with a pipelines.yaml.")] = None,
            version: Annotated[bool, typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version)] = False) -> None:
    _root[:] = [project] if project else []


def find_root() -> Path:
    """The project folder: the one named, else the nearest one upward that has a pipelines.yaml, else this one."""
    if _root:
        return _root[0].resolve()
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / PIPELINES).is_file()), here)


def _project() -> Project:
    root = find_root()
    try:
        return load_project(root)
    except ProjectError as error:
        from engine.model import further_problems

        try:
            more = further_problems(root)
        except ProjectError:
            more = []  # pipelines.yaml cannot be read at all
        raise ProjectError([*error.problems, *more]) from None


def _day(text: str | None) -> dt.date:
    if text is None:
        return dt.datetime.now(dt.UTC).date()
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ProjectError(Problem(f"{text!r} is no date", expected="YYYY-MM-DD")) from None


def _table_name(project: Project, name: str) -> str:
    if name not in project.tables:
        raise ProjectError(Problem(f"no table {name!r}", expected="one of " + ", ".join(project.tables), nearest=nearest(name, project.tables)))
    return name


@app.command()
def check(target: Target = None, json_: Json = False) -> None:
    """Check the whole project without touching data: YAML, templates, suites, columns, types, keys, limits."""
    from engine.console import print_json, say
    from engine.model import load_model

    began = time.perf_counter()
    problems: list[Problem] = []
    checked: dict[str, int] = {}
    project = _project()
    for name in [project.target_name(target)] if target else list(project.targets):
        try:
            model = load_model(project, name, _day(None))
            checked[name] = len(model.tables)
            problems += _untranslatable(model)
        except ProjectError as error:
            problems += [p for p in error.problems if p not in problems]
    if json_:
        print_json([{k: getattr(p, k) for k in ("file", "line", "column", "message", "expected", "nearest")} for p in problems])
    if problems:
        raise ProjectError(problems)
    tables = max(checked.values(), default=0)
    say(f"{tables} tables, {len(project.sources)} sources, {len(project.pipelines)} pipelines: all is well for "
        f"{' and '.join(checked)} ({time.perf_counter() - began:.1f} s)", "green")


def _untranslatable(model: Any) -> list[Problem]:
    """What binds but has no equal on this target."""
    from engine.show import render

    problems: list[Problem] = []
    for table in model.tables.values():
        if table.rendered is not None:
            try:
                render(model, table.name)
            except ProjectError as error:
                problems += error.problems
    return problems


@app.command()
def run(select: Select = None, target: Target = None, force: Annotated[bool, typer.Option("--force", help="Build also what is not stale.")] = False,
        logical_date: Date = None, load_id: Annotated[str | None, typer.Option("--load-id", help="Name this load; a finished load of that name does nothing.")] = None,
        wait: Annotated[float | None, typer.Option("--wait", metavar="SECONDS", help="Wait this long for another run on the warehouse; refuse at once otherwise.")] = None,
        json_: Json = False) -> None:
    """Build what is stale: load, judge, publish, in parallel where it can."""
    from engine.console import RunView, print_json, summary_line, words
    from engine.run import run as run_tables

    project = _project()
    with RunView() as view:
        result = run_tables(project, target=target, selectors=select or [], force=force, logical_date=_day(logical_date), load_id=load_id,
                            wait_for=wait or 0, watcher=view)
    if json_:
        print_json(_as_json(result))
    words.print(summary_line(result))
    if result.count("published") or result.count("failed"):
        from engine.report import docs_path

        words.print(f"quality report: medallion docs build, then open {docs_path(project.root)}", style="dim")
    raise typer.Exit(result.exit_code)


def _as_json(result: Any) -> dict[str, Any]:
    def table(outcome: Any) -> dict[str, Any]:
        record = outcome.record
        out = {"table": outcome.table, "state": outcome.state, "message": outcome.message, "seconds": round(outcome.seconds, 3)}
        if record:
            out |= {k: getattr(record, k) for k in ("rows_read", "rows_filtered", "rows_duplicate", "rows_quarantined", "rows_published", "rows_total")}
            out["verdict"] = record.verdict
            out["seconds_by_step"] = {k: round(v, 4) for k, v in record.seconds.items()}
        return out

    return {"run_id": result.run_id, "target": result.target, "logical_date": result.logical_date, "seconds": round(result.seconds, 3), "seconds_by_phase": {k: round(v, 3) for k, v in result.phases.items()},
            "published": result.count("published"), "unchanged": result.count("unchanged"), "failed": result.count("failed"),
            "skipped": result.count("skipped"), "rows": result.rows, "exit_code": result.exit_code,
            "tables": [table(o) for o in result.outcomes]}


@app.command("ls")
def list_tables(select: Select = None, target: Target = None, json_: Json = False) -> None:
    """Tables with what they read and their state."""
    from engine.console import print_json, print_table
    from engine.model import load_model
    from engine.show import chosen

    project = _project()
    model = load_model(project, project.target_name(target), _day(None))
    rows = chosen(model, project, select or [])
    if json_:
        print_json(rows)
    else:
        print_table(("table", "state", "rows", "published (UTC)", "verdict", "reads", "why"),
                    [(r["table"], r["state"], r["rows"], r["published_at"], r["verdict"], ", ".join(r["inputs"]), r["reason"]) for r in rows],
                    right=("rows",))


@app.command()
def render(table: str, target: Target = None) -> None:
    """The exact SQL of each step of a table."""
    from engine.model import load_model
    from engine.show import render as render_steps

    project = _project()
    model = load_model(project, project.target_name(target), _day(None))
    for step, sql in render_steps(model, _table_name(project, table)):
        print(f"-- {table}: {step}\n{sql}\n")


@app.command()
def query(sql: str, target: Target = None, json_: Json = False) -> None:
    """Answer a T-SQL SELECT, read-only."""
    from engine.console import print_json, print_table, say
    from engine.show import query as answer

    project = _project()
    names, rows = answer(project, project.target_name(target), sql)
    if json_:
        print_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        print_table(names, rows, right=[n for i, n in enumerate(names) if any(isinstance(r[i], int | float) for r in rows[:1])])
        say(f"{len(rows):,} rows" if len(rows) != 1 else "1 row", "dim")


@app.command()
def status(watch: Annotated[bool, typer.Option("--watch", "-w", help="Redraw until the run is over.")] = False, target: Target = None,
           json_: Json = False) -> None:
    """Runs, loads and verdicts; live while a run goes on."""
    from engine import statusview
    from engine.console import print_json
    from engine.show import status as read

    project = _project()
    name = project.target_name(target)
    if json_:
        print_json(read(project, name))
    elif watch:
        statusview.watch(lambda: read(project, name))
    else:
        statusview.show(read(project, name))


@app.command()
def sample(users: Annotated[int, typer.Option(min=1)] = 5000, sessions: Annotated[int, typer.Option(min=0)] = 222_785,
           seed: Annotated[int, typer.Option()] = 7, dirty: Annotated[float, typer.Option(min=0, max=1, help="Share of planted dirty rows.")] = 0.002) -> None:
    """Write a deterministic data set to data/raw, with dirty rows in known numbers."""
    from engine.console import print_table, say, words
    from engine.sample import generate

    report = generate(find_root() / "data" / "raw", users=users, sessions=sessions, seed=seed, dirty=dirty)
    for file, rows in report.files.items():
        say(f"{report.folder / file}: {rows:,} rows")
    if report.planted:
        say("planted on purpose:", "bold")
        print_table(("rows", "what", "in", "ends up"), [(p.rows, p.kind, p.file, f"{p.fate} at {p.table}") for p in report.planted], right=("rows",), to=words)


@app.command()
def add(table: str, source: Annotated[str | None, typer.Option("--from-file", help="A CSV or JSON file: columns and types from its header and values.")] = None,
        select: Annotated[str | None, typer.Option("--from-select", help="A T-SQL SELECT over the project's tables.")] = None,
        key: Annotated[str | None, typer.Option("--key", help="The columns that identify a row, with commas.")] = None) -> None:
    """Scaffold a new table: the YAML, the SQL and a suite."""
    from engine.console import say
    from engine.scaffold import add_table

    for line in add_table(_project(), table, file=source, select=select, key=[k.strip() for k in key.split(",")] if key else []):
        say(line)


@docs.command("build")
def docs_build(target: Target = None) -> None:
    """Write the Data Docs of the latest verdicts: a folder that opens with no network."""
    from engine.console import say
    from engine.report import build_from_ledger
    from engine.show import reading

    project = _project()
    with reading(project, project.target_name(target)) as warehouse:
        index = build_from_ledger(project, warehouse)
    say(f"open {index}")


@quarantine.command("ls")
def quarantine_ls(target: Target = None, all_: Annotated[bool, typer.Option("--all", help="Also rows replayed or superseded.")] = False, json_: Json = False) -> None:
    """Tables with rows held back, by reason."""
    from engine.quarantine import overview

    _show_rows(overview(_project(), target, every=all_), ("table", "load_id", "state", "rows", "reason"), json_)


@quarantine.command("show")
def quarantine_show(table: str, target: Target = None, limit: Annotated[int, typer.Option("--limit", help="Rows shown.")] = 20,
                    all_: Annotated[bool, typer.Option("--all", help="Also rows replayed or superseded.")] = False, json_: Json = False) -> None:
    """The rows of a table that are held back: why, where from, what they say."""
    from engine.quarantine import held

    project = _project()
    _show_rows(held(project, target, _table_name(project, table), limit=limit, every=all_), ("quarantine_id", "state", "source_file", "source_row", "reasons", "row_data"), json_)


@quarantine.command("replay")
def quarantine_replay(table: str, target: Target = None, row: Annotated[list[str] | None, typer.Option("--row", help="A quarantine id; all held rows otherwise.")] = None,
                      set_: Annotated[list[str] | None, typer.Option("--set", metavar="COLUMN=VALUE", help="Repair a value on the way.")] = None,
                      wait: Annotated[float | None, typer.Option("--wait", metavar="SECONDS")] = None) -> None:
    """Send held rows through the gate again; those that pass are published, the others stay held."""
    from engine.console import say
    from engine.quarantine import replay

    project = _project()
    done = replay(project, target, _table_name(project, table), rows=row or [], repairs=set_ or [], wait_for=wait or 0)
    say(f"{table}: {done.published:,} of {done.read:,} rows published, {done.held:,} still held", "green" if not done.held else "yellow")


def _show_rows(rows: list[dict[str, Any]], columns: tuple[str, ...], json_: bool) -> None:
    from engine.console import print_json, print_table, say

    if json_:
        print_json(rows)
    elif not rows:
        say("nothing is held back", "green")
    else:
        shown = [[", ".join(map(str, r[c])) if isinstance(r[c], list) else ", ".join(f"{k}={v}" for k, v in r[c].items()) if isinstance(r[c], dict) else r[c]
                  for c in columns] for r in rows]
        print_table(columns, shown, right=("rows", "source_row"))


@app.command()
def doctor() -> None:
    """What this machine has for each target and source, and what to install."""
    from engine.console import print_table
    from engine.doctor import examine

    findings = examine(_project())
    print_table(("what", "state", "found", "to do"), [(f.what, f.state, f.found, f.todo) for f in findings])
    if any(f.state == "missing" for f in findings):
        raise typer.Exit(3)


# typer carries its own copy of click; its base of all complaints about arguments is reached through what it exports.
_UsageError: Any = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def main() -> None:
    """The ``medallion`` command. Never a traceback, unless MEDALLION_TRACEBACK is set to see one."""
    try:
        code = app(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except MedallionError as error:
        from engine.console import print_error

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
        print(f"error: a fault in medallion itself: {type(error).__name__}: {error}\n"
              "Run it again with MEDALLION_TRACEBACK=1 and report what that prints.", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()
