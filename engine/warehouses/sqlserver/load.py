"""Arrow batches into a committed staging table: bulk copy first, array-bound INSERTs where that cannot be had.

Bulk copy opens a connection of its own, so it sees only what is committed; it has no timeout, because a timeout would
be one for the whole copy, and a watchdog instead. What arrived is counted on the server, always.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from engine.core.errors import WarehouseError
from engine.core.sqltypes import MAX, Column
from engine.warehouses.sqlserver.shape import qualified, width
from engine.warehouses.sqlserver.templates import names

if TYPE_CHECKING:
    import pyarrow as pa
    import pyodbc

    from engine.warehouses.sqlserver.connect import Connector

COMMIT_ROWS = 102_400
"""Rows of a commit on the server: from here on a columnstore index compresses what arrives at once, and below it rows
wait in its delta store. The batches that arrive here may be smaller."""
SMALL = 2_000
"""Rows below which INSERTs are faster than a bulk copy."""
ROWS_PER_WRITER = 1_000_000
WRITERS = 4
STALL_SECONDS = 300.0
"""Without a batch taken for so long, a copy is given up."""
MOST_BYTES = 16 * 1024 * 1024
MOST_ROWS = 10_000
LOADER = "MEDALLION_SQLSERVER_LOADER"
"""The environment variable that chooses the way: bulk or inserts; bulk where it can be had when it is not set."""
_AS_TEXT = frozenset({"datetime", "time", "datetimeoffset", "uuid"})
_log = logging.getLogger(__name__)

Batches = Callable[[], Iterator["pa.RecordBatch"]]
"""Gives the batches from the start, each time it is called."""
Progress = Callable[[int], None]


@dataclass(frozen=True)
class Loaded:
    """What was sent: rows, by which way, in how many seconds."""

    rows: int
    way: str
    seconds: float


def load(
    connector: Connector,
    connection: pyodbc.Connection,
    table: tuple[str, str],
    columns: Sequence[Column],
    batches: Batches,
    rows: int,
    progress: Progress | None = None,
) -> Loaded:
    """Send ``rows`` rows into the empty, committed ``table`` (schema, name), whose columns are those of the batches.

    Raises WarehouseError when the server then has another number of rows, or when nothing moves any more.
    """
    began = time.perf_counter()
    name = qualified(*table)
    # A bulk copy asks the server for the table's columns, over a connection of its own: dear for a few rows.
    way = "inserts" if (rows < SMALL and LOADER not in os.environ) or missing_for_bulk() else "bulk"
    if rows and way == "bulk":
        try:
            bulk_copy(connector, name, padded(batches(), columns), rows=rows, progress=progress)
        except _Stalled:
            raise WarehouseError(
                f"bulk copy into {name} took no rows for {STALL_SECONDS:.0f} s and was given up; "
                f"{LOADER}=inserts loads without it"
            ) from None
        except BaseException as error:
            # Faults in the copy's own code arrive as panics, which are no Exception.
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            _log.warning("bulk copy into %s failed (%s); loading by INSERT", name, connector.clean(str(error))[:500])
            connection.execute(f"TRUNCATE TABLE {name}").close()
            way = "inserts"
    if rows and way == "inserts":
        insert(connector, connection, name, columns, batches(), progress)
    _reconcile(connection, name, rows)
    return Loaded(rows, way, time.perf_counter() - began)


def rows_at_once(columns: Sequence[Column]) -> int:
    """How many rows a batch should have: each writer holds one or two, and an INSERT binds arrays of one."""
    return max(1, min(MOST_ROWS, MOST_BYTES // max(1, sum(_bytes(c) for c in columns))))


def missing_for_bulk() -> str:
    """Why bulk copy cannot be had; empty when it can."""
    chosen = os.environ.get(LOADER, "bulk")
    if chosen not in ("bulk", "inserts"):
        raise WarehouseError(f"{LOADER} is {chosen!r}; expected bulk or inserts")
    if chosen == "inserts":
        return f"{LOADER}=inserts"
    return "" if find_spec("mssql_python") is not None else "mssql-python is not installed"


# --- bulk copy -----------------------------------------------------------------------------------------------------


class _Stalled(Exception):
    pass


class _Tap:
    """One stream of batches for several writers; it knows when the last one was taken."""

    def __init__(self, batches: Iterator[pa.RecordBatch], progress: Progress | None) -> None:
        self._batches, self._progress = batches, progress
        self._lock = threading.Lock()
        self.rows = 0
        self.taken_at = time.monotonic()
        self.closed = False

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        while True:
            with self._lock:
                batch = None if self.closed else next(self._batches, None)
                self.taken_at = time.monotonic()
                if batch is None:
                    return
                self.rows += batch.num_rows
                if self._progress is not None:
                    self._progress(self.rows)
            yield batch


def bulk_copy(
    connector: Connector,
    name: str,
    batches: Iterator[pa.RecordBatch],
    *,
    rows: int,
    progress: Progress | None,
) -> None:
    """Copy the batches into the heap ``name`` (quoted); large loads by several writers at once.

    Writers take a bulk update lock on the table, which they share among themselves. Raises what the copy raises.
    """
    tap = _Tap(batches, progress)
    failed: list[BaseException] = []

    def write() -> None:
        try:
            _copy(connector, name, tap)
        except BaseException as error:
            tap.closed = True
            failed.append(error)

    count = max(1, min(WRITERS, os.cpu_count() or 1, rows // ROWS_PER_WRITER))
    writers = [threading.Thread(target=write, name=f"bulk-{i}", daemon=True) for i in range(count)]
    for writer in writers:
        writer.start()
    while any(w.is_alive() for w in writers):
        for writer in writers:
            writer.join(0.02 if len(writers) == 1 else 0.1)
        if time.monotonic() - tap.taken_at > STALL_SECONDS:
            # The thread waits in the copy's own code and cannot be stopped; nobody waits for it.
            tap.closed = True
            raise _Stalled
    if failed:
        raise failed[0]


def padded(batches: Iterator[pa.RecordBatch], columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    """The batches with their char values as long as declared: not every server pads what a bulk copy brings."""
    short = [(i, c.type.length or 1) for i, c in enumerate(columns) if c.type.fixed]
    if not short:
        return batches
    import pyarrow as pa
    import pyarrow.compute as pc

    def filled(batch: pa.RecordBatch) -> pa.RecordBatch:
        arrays = list(batch.columns)
        for i, length in short:
            arrays[i] = pc.utf8_rpad(arrays[i], length)
        return pa.RecordBatch.from_arrays(arrays, names=batch.schema.names)

    return map(filled, batches)


def _copy(connector: Connector, name: str, tap: _Tap) -> None:
    import mssql_python

    first = next(iter(tap), None)
    if first is None:
        return

    def stream() -> Iterator[pa.RecordBatch]:
        yield first
        yield from tap

    # A connection kept for later would keep its session on the server, long after the load.
    mssql_python.pooling(enabled=False)
    connection = mssql_python.connect(connector.bulk_string(), autocommit=True)
    try:
        # A reader of batches, not a list: the copy pulls the next one when it has sent the last.
        connection.cursor().bulkcopy_arrow(
            name, stream(), batch_size=COMMIT_ROWS, timeout=0, table_lock=True, keep_nulls=True
        )
    finally:
        connection.close()


# --- INSERTs -------------------------------------------------------------------------------------------------------


def insert(
    connector: Connector,
    connection: pyodbc.Connection,
    name: str,
    columns: Sequence[Column],
    batches: Iterator[pa.RecordBatch],
    progress: Progress | None = None,
) -> None:
    """Insert the batches by arrays of parameters, in chunks of bounded size, each committed. Raises ServerError."""
    import pyodbc

    marks = ", ".join(f"CAST(? AS {c.type})" if c.type.family in _AS_TEXT else "?" for c in columns)
    statement = f"INSERT INTO {name} WITH (TABLOCK) ({names(columns)}) VALUES ({marks})"
    at_once = rows_at_once(columns)
    sent = 0
    try:
        for batch in batches:
            for start in range(0, batch.num_rows, at_once):
                chunk = batch.slice(start, at_once)
                values = [_values(c, chunk.column(i)) for i, c in enumerate(columns)]
                cursor = connection.cursor()
                cursor.execute("BEGIN TRANSACTION")
                cursor.fast_executemany = True
                # Sizes keep the driver from asking the server for them, and from 2 GB a cell for (max) columns.
                cursor.setinputsizes([_size(c, v) for c, v in zip(columns, values, strict=True)])
                cursor.executemany(statement, list(zip(*values, strict=True)))
                cursor.execute("COMMIT TRANSACTION")
                cursor.close()
                sent += chunk.num_rows
                if progress is not None:
                    progress(sent)
    except pyodbc.Error as error:
        raise connector.error(error) from None


def _bytes(column: Column) -> int:
    return 8_000 if column.type.length == MAX else width(column.type)


def _values(column: Column, array: Any) -> list[Any]:
    values: list[Any] = array.to_pylist()
    match column.type.family:
        case "datetime" | "datetimeoffset":
            # As text every digit of a second arrives, whatever the driver makes of its own time types.
            fraction = "milliseconds" if column.type.name in ("datetime", "smalldatetime") else "auto"
            return [None if v is None else v.isoformat("T", fraction) for v in values]
        case "time":
            return [None if v is None else v.isoformat() for v in values]
    return values


def _size(column: Column, values: Sequence[Any]) -> tuple[int, int, int] | None:
    import pyodbc

    type_ = column.type
    match type_.family:
        case "string" | "binary":
            kind, most = (pyodbc.SQL_WVARCHAR, 4_000) if type_.family == "string" else (pyodbc.SQL_VARBINARY, 8_000)
            size = type_.length or 1
            if size == MAX:
                size = max((len(v) for v in values if v is not None), default=1)
            # Without a size a value is sent on its own, however long: slower, and no buffer for the longest of all.
            return kind, max(1, size) if size <= most else 0, 0
        case "decimal":
            fixed = {"money": (19, 4), "smallmoney": (10, 4)}.get(type_.name)
            precision, scale = fixed or (type_.precision or 18, type_.scale or 0)
            return pyodbc.SQL_DECIMAL, precision, scale
        case family if family in _AS_TEXT:
            return pyodbc.SQL_WVARCHAR, 40, 0
    return None


def _reconcile(connection: pyodbc.Connection, name: str, rows: int) -> None:
    found = connection.execute(f"SELECT COUNT_BIG(*) FROM {name}").fetchval()
    if found != rows:
        raise WarehouseError(f"{rows:,} rows were sent to {name} but {found:,} arrived; nothing was published")
