"""One run at a time on a SQL Server: an application lock that a connection of its own holds, and that dies with it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.core.errors import WarehouseError
from engine.warehouses.sqlserver.connect import Connector, drained
from engine.warehouses.sqlserver.statements import release_lock, take_lock

if TYPE_CHECKING:
    import pyodbc

SECONDS_BETWEEN_TRIES = 0.5


def _resource(connector: Connector) -> str:
    # A lock belongs to its database; with the name it does so on servers too that have one room for all locks.
    return f"run of {connector.spec.database}"


class SessionLock:
    """The lock on a database, or on one ``table`` of it: then others may hold other tables, and nobody the database.

    ``wait`` is how many seconds to wait for it; None waits for as long as it takes, 0 refuses at once. ``holder`` says
    who has it, in words.
    """

    def __init__(
        self,
        connector: Connector,
        wait: float | None,
        tell: Callable[[str], None],
        holder: Callable[[], str],
        *,
        table: str = "",
    ) -> None:
        self._table = table
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
                drained(self._connection, "SELECT 1")
            except (pyodbc.Error, AssertionError):
                raise WarehouseError(
                    "the connection that kept other runs off this warehouse was lost; nothing more is published"
                ) from None

    def _granted(self) -> bool:
        import pyodbc

        assert self._connection is not None
        try:
            if not _took(self._connector, self._connection, shared=bool(self._table)):
                return False
            if not self._table:
                return True
            own = take_lock(f"step on {self._table} in {self._connector.spec.database}", 0)
            if int(drained(self._connection, own)[1][0][0]) >= 0:
                return True
            drained(self._connection, release_lock(_resource(self._connector)))
            return False
        except pyodbc.Error as error:
            raise self._connector.error(error) from None

    def _close(self) -> None:
        import pyodbc

        if self._connection is None:
            return
        try:
            drained(self._connection, release_lock(_resource(self._connector)))
        except pyodbc.Error:
            pass  # it was not held, or the connection is gone, and the lock with it
        finally:
            self._connection.close()
            self._connection = None


def _took(connector: Connector, connection: pyodbc.Connection, *, shared: bool = False) -> bool:
    return int(drained(connection, take_lock(_resource(connector), 0, shared=shared))[1][0][0]) >= 0


def taken(connector: Connector) -> bool:
    """Whether a run holds the lock now."""
    connection = connector.connect()
    try:
        free = _took(connector, connection)
        if free:
            drained(connection, release_lock(_resource(connector)))
        return not free
    finally:
        connection.close()
