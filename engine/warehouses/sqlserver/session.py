"""Statements on a SQL Server: every thread on a connection of its own, from one pool."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from engine.core.errors import WarehouseError
from engine.warehouses.sqlserver.connect import Connector, ServerError, drained, retrying

if TYPE_CHECKING:
    import pyodbc
    import sqlalchemy

POOL = 8
Row = dict[str, Any]


class Session:
    """Runs batches; they commit by themselves, outside of ``transaction``. Raises ServerError."""

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self._engine: sqlalchemy.Engine | None = None
        self._local = threading.local()
        self._opened: list[Any] = []
        self.designed: dict[str, str | None] | None = None
        """The tables with anything of a physical design, as it was when this was first asked; None before."""

    def open(self) -> None:
        self._engine = self.connector.engine(POOL)

    @property
    def is_open(self) -> bool:
        return self._engine is not None

    def close(self) -> None:
        """Give every thread's connection back and close the pool."""
        for pooled in self._opened:
            if pooled.is_valid:
                pooled.close()
        self._opened.clear()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        self._local = threading.local()

    @property
    def connection(self) -> pyodbc.Connection:
        """This thread's connection."""
        if self._engine is None:
            raise WarehouseError("the warehouse is not open")
        pooled = getattr(self._local, "pooled", None)
        if pooled is None or not pooled.is_valid:
            pooled = self._engine.raw_connection()
            self._local.pooled = pooled
            self._opened.append(pooled)
        connection: pyodbc.Connection = pooled.driver_connection
        return connection

    def _forget(self, error: ServerError) -> None:
        """Leave a connection that was lost; the next statement opens another."""
        pooled = getattr(self._local, "pooled", None)
        if error.lost and pooled is not None:
            pooled.invalidate()
            self._local.pooled = None

    def run(self, batch: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Run a batch to its end, and give its last result: column names and rows."""
        import pyodbc

        try:
            return drained(self.connection, batch, parameters)
        except pyodbc.Error as error:
            failed = self.connector.error(error)
            self._forget(failed)
            raise failed from None

    def scalar(self, batch: str, parameters: Sequence[Any] = ()) -> Any:
        """The first value of a batch's last result."""
        return self.run(batch, parameters)[1][0][0]

    def query(self, batch: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a statement that reads; tried again after a transient error."""
        return retrying(lambda: self.run(batch, parameters))

    def rows(self, batch: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The result of a statement that reads, as dictionaries."""
        names, rows = self.query(batch, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    @contextmanager
    def undoing(self) -> Iterator[None]:
        """Roll back what a transaction that the block began did, when the block raises."""
        try:
            yield
        except BaseException:
            # When the connection is gone, its transaction is too.
            with suppress(ServerError):
                self.run("IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION;")
            raise
