"""Who is at work on a warehouse, and how far it is: a lock that dies with its process, and a small status file.

The status file exists because a DuckDB file that is being written cannot be opened by anyone else, and people want to
watch. It is replaced as a whole, so a reader never sees half of it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from engine.core.errors import WarehouseError
from engine.state.ledger import now

SECONDS_BETWEEN_WRITES = 0.2


class RunLock:
    """One run at a time on a warehouse. ``wait`` is how many seconds to wait for the other to finish; None waits for
    as long as it takes, 0 refuses at once with the holder's name."""

    def __init__(self, warehouse: Path, wait: float | None, tell: Callable[[str], None]) -> None:
        from filelock import FileLock

        warehouse.parent.mkdir(parents=True, exist_ok=True)
        self._live = live_path(warehouse)
        self._lock = FileLock(str(warehouse) + ".lock")
        self._wait = wait
        self._tell = tell

    def __enter__(self) -> RunLock:
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=0)
            return self
        except Timeout:
            holder = who(self._live)
        except OSError as error:
            raise WarehouseError(f"cannot lock {self._lock.lock_file}: {error.strerror}") from None
        if self._wait == 0:
            raise WarehouseError(f"{holder} is at work on this warehouse; wait for it with --wait, or stop it")
        self._tell(f"waiting for {holder}")
        try:
            self._lock.acquire(timeout=-1 if self._wait is None else self._wait)
        except Timeout:
            raise WarehouseError(
                f"{who(self._live)} was still at work on this warehouse after {self._wait:g} s"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def is_locked(warehouse: Path) -> bool:
    """Whether a run is at work on this warehouse now."""
    from filelock import FileLock, Timeout

    if not Path(str(warehouse) + ".lock").exists():
        return False
    lock = FileLock(str(warehouse) + ".lock")
    try:
        with lock.acquire(timeout=0):
            return False
    except Timeout:
        return True


def live_path(warehouse: Path) -> Path:
    return Path(str(warehouse) + ".live.json")


def read_live(warehouse: Path) -> dict[str, Any]:
    """The status file's content; empty when there is none."""
    try:
        content: dict[str, Any] = json.loads(live_path(warehouse).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content


def who(live: Path) -> str:
    """The run that holds a warehouse, in words."""
    try:
        run = json.loads(live.read_text(encoding="utf-8"))["run"]
        return f"run {run['run_id']} (process {run['pid']} on {run['host']}, since {run['started_at']} UTC)"
    except (OSError, ValueError, KeyError):
        return "another process"


class Live:
    """The status of one run, written to the status file by a thread of its own a few times a second, so that five
    hundred small tables do not wait for it."""

    def __init__(self, warehouse: Path, run: dict[str, Any], tables: list[str], history: dict[str, Any]) -> None:
        self._path = live_path(warehouse)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._over = threading.Event()
        self._run = {**run, "pid": os.getpid(), "host": socket.gethostname()}
        self._tables: dict[str, dict[str, Any]] = {t: {"state": "pending"} for t in tables}
        self._history = json.dumps(history, default=plain)
        self._write()
        self._writer = threading.Thread(target=self._keep_writing, name="live", daemon=True)
        self._writer.start()

    def table(self, name: str, **changes: Any) -> None:
        """Note a table's state, step or rows."""
        with self._lock:
            self._tables.setdefault(name, {}).update(changes)
        self._changed.set()

    def finish(self, state: str, history: dict[str, Any]) -> None:
        """Write the end of the run; nothing is written after it."""
        self._over.set()
        self._changed.set()
        self._writer.join()
        self._run |= {"state": state, "finished_at": now()}
        self._history = json.dumps(history, default=plain)
        self._write()

    def _keep_writing(self) -> None:
        while not self._over.is_set():
            self._changed.wait()
            self._changed.clear()
            self._write()
            self._over.wait(SECONDS_BETWEEN_WRITES)

    def _write(self) -> None:
        with self._lock:
            run, tables = json.dumps(self._run, default=plain), json.dumps(self._tables, default=plain)
        text = f'{{"run": {run}, "tables": {tables}, "history": {self._history}}}'
        new = self._path.with_name(self._path.name + ".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self._path)


def plain(value: Any) -> Any:
    """JSON's word for what JSON does not know: dates as ISO text, decimals as numbers."""
    if isinstance(value, dt.datetime | dt.date | dt.time):
        return value.isoformat()
    from decimal import Decimal

    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() and value.as_tuple().exponent == 0 else float(value)
    if isinstance(value, bytes | bytearray):
        return value.hex()
    return str(value)
