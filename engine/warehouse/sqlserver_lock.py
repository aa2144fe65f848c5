"""One run at a time on a SQL Server: an application lock that a connection of its own holds, and that dies with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.errors import WarehouseError
from engine.warehouse.sqlserver_connect import Connector
from engine.warehouse.sqlserver_sql import release_lock, take_lock

if TYPE_CHECKING:
    import pyodbc

RESOURCE = "run"
SECONDS_BETWEEN_TRIES = 0.5


class SessionLock:
    """The lock on a database. ``wait`` is how many seconds to wait for it; None waits for as long as it takes, 0
    refuses at once. ``holder`` says who has it, in words."""

    def __init__(
        self, connector: Connector, wait: float | None, tell: Callable[[str], None], holder: Callable[[], str]
    ) -> None:
        self._connector, self._wait, self._tell, self._holder = connector, wait, tell, holder
        self._connection: pyodbc.Connection | None = None
        self._asking = threading.Lock()

    def __enter__(self) -> SessionLock:
        self._connection = self._connector.connect()
        began = time.monotonic()
        told = False
        # Asked again and again instead of once with a timeout: so the wait can be interrupted.
        while not self._granted():
            waited = time.monotonic() - began
            if self._wait is not None and waited >= self._wait:
                self._close()
                if not self._wait:
                    raise WarehouseError(
                        f"{self._holder()} is at work on this warehouse; wait for it with --wait, or stop it"
                    )
                raise WarehouseError(f"{self._holder()} was still at work on this warehouse after {self._wait:g} s")
            if not told:
                told = True
                self._tell(f"waiting for {self._holder()}")
            time.sleep(SECONDS_BETWEEN_TRIES)
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def check(self) -> None:
        """Raise WarehouseError when the connection is gone, and the lock with it."""
        import pyodbc

        with self._asking:
            try:
                assert self._connection is not None
                self._connection.execute("SELECT 1").fetchall()
            except (pyodbc.Error, AssertionError):
                raise WarehouseError(
                    "the connection that kept other runs off this warehouse was lost; nothing more is published"
                ) from None

    def _granted(self) -> bool:
        import pyodbc

        assert self._connection is not None
        try:
            return int(self._connection.execute(take_lock(RESOURCE, 0)).fetchval()) >= 0
        except pyodbc.Error as error:
            raise self._connector.error(error) from None

    def _close(self) -> None:
        import pyodbc

        if self._connection is None:
            return
        try:
            self._connection.execute(release_lock(RESOURCE)).close()
        except pyodbc.Error:
            pass  # it was not held, or the connection is gone, and the lock with it
        finally:
            self._connection.close()
            self._connection = None


def taken(connector: Connector) -> bool:
    """Whether a run holds the lock now."""
    connection = connector.connect()
    try:
        free = int(connection.execute(take_lock(RESOURCE, 0)).fetchval()) >= 0
        if free:
            connection.execute(release_lock(RESOURCE)).close()
        return not free
    finally:
        connection.close()
