"""Kill a command right after its nth commit, for every n that there is."""

from __future__ import annotations

import os
import re
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.project_files import medallion

FAULT = 70
_READS = re.compile(r"\s*(SELECT|WITH|SET|BEGIN|ROLLBACK|DESCRIBE|EXPLAIN|PRAGMA)\b", re.IGNORECASE)


class Killer:
    """Counts commits of this process, those ``since`` a step of a load if one is named, and kills it after the ``last``
    one."""

    def __init__(self, last: int, since: str = "") -> None:
        self.left = last
        self.since = since
        self.lock = threading.Lock()

    def committed(self) -> None:
        with self.lock:
            self.left -= not self.since
            if self.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Hear of every commit that the engine makes from now on, on both warehouses."""
        from engine.execution.load import Load
        from engine.warehouses.duckdb import warehouse as duckdb
        from engine.warehouses.sqlserver import load as sqlserver_load
        from engine.warehouses.sqlserver import session as sqlserver_session

        killer, cursor, timed = self, duckdb.DuckDBWarehouse._new_cursor, Load.timed
        run, bulk = sqlserver_session.Session.run, sqlserver_load.bulk_copy

        def watched(warehouse: Any) -> Any:
            return _Cursor(cursor(warehouse), killer)

        def ran(session: Any, batch: str, *rest: Any) -> Any:
            found = run(session, batch, *rest)
            if not _READS.match(batch):
                killer.committed()
            return found

        def copied(*args: Any, **more: Any) -> None:
            bulk(*args, **more)
            killer.committed()

        def begun(load: Any, step: str) -> Any:
            killer.since = "" if step == killer.since else killer.since
            return timed(load, step)

        Load.timed = begun  # type: ignore[method-assign]
        duckdb.DuckDBWarehouse._new_cursor = watched  # type: ignore[method-assign]
        sqlserver_session.Session.run = ran  # type: ignore[method-assign]
        sqlserver_load.bulk_copy = copied


class _Cursor:
    """A DuckDB cursor that tells of what it commits: COMMIT, and each statement outside of a transaction."""

    def __init__(self, cursor: Any, killer: Killer) -> None:
        self._cursor, self._killer, self._open = cursor, killer, False

    def execute(self, statement: str, *rest: Any) -> Any:
        result = self._cursor.execute(statement, *rest)
        if statement.startswith("BEGIN"):
            self._open = True
        elif statement in ("COMMIT", "ROLLBACK"):
            self._open = False
        if statement == "COMMIT" or not (self._open or _READS.match(statement)):
            self._killer.committed()
        return result

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)


def killed_after(root: Path, args: tuple[str, ...], commits: int, since: str = "") -> bool:
    """Run a command in a fork of this process, killed after so many commits (``since`` a step). False when it came to
    its own end, which has to be a good one."""
    child = os.fork()
    if child == 0:
        code = FAULT
        try:
            Killer(commits, since).watch()
            said = medallion(root, *args)
            code = said.code
            if code:
                os.write(2, said.err.encode())
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, f"the command failed with exit code {os.WEXITSTATUS(status)}"
    return False


def commits() -> Iterator[int]:
    """1, 2, 3 … as far as any command could go."""
    yield from range(1, 1000)
