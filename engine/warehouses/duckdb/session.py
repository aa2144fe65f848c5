"""An open DuckDB file: every thread on a cursor of its own, which is a connection to the same open file."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from engine.core.errors import WarehouseError
from engine.core.quoting import qualified
from engine.state.ledger import Row
from engine.warehouses.duckdb.counted import scalar
from engine.warehouses.duckdb.statements import text

if TYPE_CHECKING:
    import duckdb


class Session:
    """A DuckDB file. Open it with ``with``; ``read_only`` opens beside other readers and never writes."""

    def __init__(self, path: Path, *, read_only: bool = False, memory_limit: str = "1GB") -> None:
        self.path = path
        self.read_only = read_only
        self._memory_limit = memory_limit
        self._local = threading.local()
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._publishing = threading.Lock()
        self._kinds: dict[tuple[str, str], str] = {}
        """Every table and view that is there, kept up to date by the one process that writes: asking the catalogue
        costs more with every table, and is asked for every table."""

    def __enter__(self) -> Self:
        import duckdb

        if self.read_only and not self.path.exists():
            raise WarehouseError(f"there is no warehouse at {self.path} yet; `medallion run` makes it")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._connection = duckdb.connect(
                str(self.path),
                read_only=self.read_only,
                config={"autoinstall_known_extensions": "false", "autoload_known_extensions": "false"},
            )
        except duckdb.IOException as error:
            raise WarehouseError(f"cannot open {self.path}: {_first_line(error)}") from None
        except duckdb.Error as error:
            raise WarehouseError(f"{self.path} is no DuckDB file this version can read: {_first_line(error)}") from None
        self._connection.execute("SET GLOBAL default_collation = 'nocase'")
        self._connection.execute("SET GLOBAL TimeZone = 'UTC'")
        try:
            self._connection.execute(f"SET GLOBAL memory_limit = {text(self._memory_limit)}")
        except duckdb.Error as error:
            self._connection.close()
            raise WarehouseError(f"memory_limit {self._memory_limit!r}: {_first_line(error)}") from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._local = threading.local()

    def _new_cursor(self) -> duckdb.DuckDBPyConnection:
        if self._connection is None:
            raise WarehouseError("the warehouse is not open")
        cursor = self._connection.cursor()
        # Where DuckDB takes the terminal for its own it draws over ours; there is no such setting for all cursors.
        cursor.execute("SET enable_progress_bar_print = false")
        return cursor

    @property
    def _cursor(self) -> duckdb.DuckDBPyConnection:
        if not hasattr(self._local, "cursor"):
            self._local.cursor = self._new_cursor()
        cursor: duckdb.DuckDBPyConnection = self._local.cursor
        return cursor

    def _look(self) -> None:
        kinds = {"BASE TABLE": "TABLE", "VIEW": "VIEW"}
        found = self.rows(
            "SELECT table_schema, table_name, table_type FROM information_schema.tables WHERE table_catalog = current_catalog()"
        )
        self._kinds = {
            (r["table_schema"], r["table_name"]): kinds[r["table_type"]] for r in found if r["table_type"] in kinds
        }

    def _drop(self, schema: str, name: str) -> None:
        self._cursor.execute(f"DROP {self._kinds[schema, name]} IF EXISTS {qualified(schema, name)}")
        del self._kinds[schema, name]

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The result as dictionaries. Raises WarehouseError with the warehouse's words."""
        names, rows = self.query(sql, parameters)
        return [dict(zip(names, row, strict=True)) for row in rows]

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a statement in this warehouse's own SQL."""
        import duckdb

        try:
            result = self._cursor.execute(sql, list(parameters))
            return [d[0] for d in result.description or []], result.fetchall()
        except duckdb.Error as error:
            raise WarehouseError(_first_line(error)) from error

    def count(self, schema: str, name: str) -> int:
        return int(scalar(self._cursor.execute(f"SELECT count(*) FROM {qualified(schema, name)}")))

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One transaction on this thread's cursor; rolled back when the block raises."""
        cursor = self._cursor
        cursor.execute("BEGIN TRANSACTION")
        try:
            yield cursor
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0]
