"""The status of a warehouse, drawn: the run at work, the last runs, each table's last load and what its gate said."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from engine.cli import console
from engine.cli.console import STYLES, data
from engine.compile.undeclared import sentence

Status = dict[str, Any]


def show(status: Status) -> None:
    """Print the status once."""
    console.show(_drawn(status))


def watch(read: Callable[[], Status], *, every: float = 0.5) -> None:
    """Redraw the status until no run is at work; on anything but a terminal print it whenever it changes."""
    if not data.is_terminal:
        _follow(read, every)
        return
    with Live(console=data, auto_refresh=False) as live:
        while True:
            status = read()
            live.update(_drawn(status), refresh=True)
            if not status["running"]:
                return
            time.sleep(every)


def _follow(read: Callable[[], Status], every: float) -> None:
    seen: dict[str, str] = {}
    while True:
        status = read()
        for name, table in status["tables"].items():
            line = f"{name} {table.get('state')} {table.get('step') or ''}".rstrip()
            if seen.get(name) != line and table.get("state") != "pending":
                data.print(line)
            seen[name] = line
        if not status["running"]:
            console.show(_drawn(status))
            return
        time.sleep(every)


def _drawn(status: Status) -> Group:
    parts: list[Any] = []
    running = status["running"]
    if running:
        states = [t.get("state", "pending") for t in status["tables"].values()]
        counts = ", ".join(
            f"{states.count(s)} {s}"
            for s in ("published", "unchanged", "running", "pending", "failed", "skipped")
            if s in states
        )
        parts += [
            Text(
                f"run {running['run_id']} is at work (process {running['pid']} on {running['host']}): {counts}",
                style="bold cyan",
            ),
            _tables(status["tables"]),
            Text(""),
        ]
    if not status["runs"] and running:
        return Group(*parts)
    if not status["runs"]:
        parts.append(Text("nothing was ever run on this warehouse; `medallion run` starts", style="dim"))
        return Group(*parts)
    parts += [
        Text("runs", style="bold"),
        _grid(
            ("run", "state", "as of", "started (UTC)", "published", "unchanged", "failed", "skipped", "rows"),
            [
                [
                    r["run_id"],
                    r["state"],
                    r["logical_date"],
                    r["started_at"],
                    r["published"],
                    r["unchanged"],
                    r["failed"],
                    r["skipped"],
                    r["rows_published"],
                ]
                for r in status["runs"][:5]
            ],
        ),
    ]
    if not running:
        parts += [Text(""), Text("tables", style="bold"), _loads(status)]
    if status["undeclared"]:
        parts.append(Text(sentence(status["undeclared"]), style="yellow"))
    return Group(*parts)


def _tables(tables: dict[str, Any]) -> Table:
    return _grid(
        ("table", "state", "step", "rows", "started", "ended", "said"),
        [
            [
                n,
                t.get("state"),
                t.get("step"),
                t.get("rows"),
                _clock(t.get("started")),
                _clock(t.get("ended")),
                t.get("message"),
            ]
            for n, t in tables.items()
        ],
    )


def _loads(status: Status) -> Table:
    failing: dict[str, list[str]] = {}
    for verdict in status["verdicts"]:
        if not verdict["success"]:
            failing.setdefault(verdict["table_name"], []).append(f"{verdict['severity']}: {verdict['message']}")
    rows = []
    for load in status["loads"]:
        said = failing.get(load["table_name"], [])
        if load["state"] == "failed" and not said:
            said = [load["error"] or ""]
        rows.append(
            [
                load["table_name"],
                load["state"],
                load["verdict"],
                load["table_rows"],
                load.get("rows_removed") or None,
                load["rows_quarantined"] or None,
                load["finished_at"],
                "\n".join(said),
            ]
        )
    return _grid(("table", "last load", "gate", "rows", "removed", "held", "at (UTC)", "said"), rows)


def _grid(columns: tuple[str, ...], rows: list[list[Any]]) -> Table:
    grid = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    numbers = {"published", "unchanged", "failed", "skipped", "rows", "removed", "held"}
    for name in columns:
        grid.add_column(name, justify="right" if name in numbers else "left", no_wrap=name != "said", overflow="fold")
    for row in rows:
        grid.add_row(
            *[
                Text("" if v is None else f"{v:,}" if isinstance(v, int) else _moment(v), style=STYLES.get(str(v), ""))
                for v in row
            ]
        )
    return grid


def _moment(value: Any) -> str:
    text = str(value)
    return text[:19].replace("T", " ") if len(text) >= 19 and text[4:5] == "-" and text[10:11] in (" ", "T") else text


def _clock(value: Any) -> str:
    return str(value).replace("T", " ")[11:19] if value else ""
