"""How the command line speaks: words to stderr, data to stdout, colour only where a person looks."""

from __future__ import annotations

import datetime as dt
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from typing import Any

from rich.console import Console, RenderableType
from rich.live import Live as RichLive
from rich.markup import escape
from rich.table import Table as RichTable
from rich.text import Text

from engine.core.errors import MedallionError, ProjectError
from engine.core.numbers import digits, to_json
from engine.execution.runner import Outcome, RunResult, Watcher
from engine.state.status import plain

STYLES = {
    "published": "green",
    "unchanged": "dim",
    "failed": "bold red",
    "skipped": "yellow",
    "running": "cyan",
    "pending": "dim",
    "passed": "green",
    "warned": "yellow",
    "held": "yellow",
    "done": "green",
    "interrupted": "bold red",
    "fresh": "green",
    "stale": "yellow",
    "new": "cyan",
}

WIDE = 400
"""Columns of a line that no person looks at: a pipe must not get a table folded for a screen."""

words = Console(stderr=True, highlight=False, soft_wrap=True, width=None if sys.stderr.isatty() else WIDE)
data = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)


def say(message: str, style: str = "") -> None:
    """A sentence for the reader."""
    words.print(escape(message), style=style or None)


def print_json(value: Any) -> None:
    """Data for a program: one JSON document."""
    print(to_json(value, plain))


def print_error(error: MedallionError) -> None:
    """What is wrong, a line a problem."""
    problems = error.problems if isinstance(error, ProjectError) else []
    if len(problems) > 1:
        say(f"{len(problems)} problems:", "bold red")
    for problem in problems:
        words.print(Text("error ", style="bold red").append(str(problem), style="default"))
    if not problems:
        words.print(Text("error ", style="bold red").append(str(error), style="default"))


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[str] = (), to: Console = data
) -> None:
    """Rows for a reader, aligned; states in their colours."""
    table = RichTable(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for name in columns:
        table.add_column(
            name, justify="right" if name in right else "left", overflow="fold", no_wrap=name != columns[-1]
        )
    for row in rows:
        table.add_row(*[_cell(value) for value in row])
    show(table, to)


def show(drawn: RenderableType, to: Console = data) -> None:
    """Print something drawn; lines in a pipe end where their text ends."""
    if to.is_terminal:
        to.print(drawn)
        return
    with to.capture() as captured:
        to.print(drawn)
    to.file.write("\n".join(line.rstrip() for line in captured.get().split("\n")))


def _cell(value: Any) -> Text:
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, dt.datetime):
        return Text(value.isoformat(sep=" ", timespec="seconds"))
    shown = f"{value:,}" if isinstance(value, int) else digits(value)
    return Text(shown, style=STYLES.get(shown, ""))


def outcome_line(outcome: Outcome, number: int, total: int, width: int) -> Text:
    """``[ 3/24] silver.users  published  4,271 rows  0.12 s  …``"""
    line = Text(f"[{number:>{len(str(total))}}/{total}] ", style="dim")
    line.append(f"{outcome.table:<{width}}  ").append(f"{outcome.state:<9}", style=STYLES[outcome.state])
    record = outcome.record
    if outcome.state == "published" and record:
        line.append(
            f" {record.rows_published:>11,} {'row ' if record.rows_published == 1 else 'rows'}  {outcome.seconds:>6.2f} s"
        )
        for count, what in (
            (record.rows_filtered, "filtered"),
            (record.rows_duplicate, "duplicate"),
            (record.rows_unchanged, "unchanged"),
            (record.rows_removed, "removed"),
            (record.versions_closed, "closed"),
            (record.rows_quarantined, "quarantined"),
            (sum(v.unexpected or 0 for v in outcome.verdicts if v.success), "tolerated"),
        ):
            if count is None:
                line.append(f"  ? {what}", style="dim")
            elif count:
                line.append(f"  {count:,} {what}", style="yellow" if what == "quarantined" else "dim")
        warnings = [v for v in outcome.verdicts if not v.success and v.severity != "critical" and not v.quarantine]
        if warnings:
            line.append(f"  {len(warnings)} {'warning' if len(warnings) == 1 else 'warnings'}", style="yellow")
    elif outcome.message:
        line.append(f" {outcome.message}", style="" if outcome.state == "failed" else "dim")
    return line


def summary_line(result: RunResult) -> Text:
    """The one line that people grep: published, unchanged, failed, skipped, rows, seconds."""
    parts = [f"{result.count(s)} {s}" for s in ("published", "unchanged", "failed", "skipped")]
    style = "bold red" if result.count("failed") else "bold green"
    return Text(
        f"{len(result.outcomes)} tables: {', '.join(parts)}; {result.rows:,} rows in {result.seconds:.1f} s",
        style=style,
    )


class RunView(Watcher):
    """Draws a run: on a terminal what is under way, redrawn a few times a second; always a line for each table done."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._active: dict[str, tuple[str, int, float]] = {}
        self._total = self._done = self._width = 0
        self._live: RichLive | None = None

    def __enter__(self) -> RunView:
        if words.is_terminal:
            self._live = RichLive(get_renderable=self._draw, console=words, refresh_per_second=6, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def begin(self, run_id: str, tables: list[str]) -> None:
        self._total, self._width = len(tables), max((len(t) for t in tables), default=0)
        say(f"run {run_id}: {len(tables)} tables", "dim")

    def say(self, message: str) -> None:
        say(message, "yellow")

    def step(self, table: str, step: str, rows: int) -> None:
        with self._lock:
            began = (
                self._active[table][2] if table in self._active and self._active[table][0] == step else time.monotonic()
            )
            self._active[table] = (step, rows, began)

    def done(self, outcome: Outcome) -> None:
        with self._lock:
            self._active.pop(outcome.table, None)
            self._done += 1
        words.print(outcome_line(outcome, self._done, self._total, self._width))

    def _draw(self) -> Text:
        text = Text()
        with self._lock:
            for table, (step, rows, began) in sorted(self._active.items()):
                seconds = time.monotonic() - began
                rate = f"  {rows:,} rows  {rows / seconds:,.0f} rows/s" if rows and seconds > 0.2 else ""
                text.append(f"      {table:<{self._width}}  ").append(f"{step:<9}", style="cyan").append(
                    f" {seconds:5.1f} s{rate}\n", style="dim"
                )
        return text
