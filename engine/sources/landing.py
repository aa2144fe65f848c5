"""Rows into a staging table, typed and numbered; rows that do not fit into the held table, with the reasons.

One INSERT a file does nearly all the work. Rows that are to be held back ride along, with their reasons and texts in
a column of their own, and are moved out at the end: so a clean file is read once, and so is a dirty one.
"""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.design import Partitioning
from engine.core.errors import SourceError
from engine.core.sqltypes import Column
from engine.core.tables import AUDIT_COLUMNS, QUARANTINE_COLUMNS
from engine.sources import Landed, Progress
from engine.sources.conform import conform, ident, literal
from engine.sources.decimals import wide_decimals
from engine.sources.parts import Doubtful, Fault, Part

if TYPE_CHECKING:
    import datetime as dt

    import duckdb
    import pyarrow

_NUMBERED_AT_ONCE = 20 * 122_880
"""Rows whose numbers are written in one go: what bounds the memory of it. Whole row groups of DuckDB."""
_TICK = 0.3
_UNFIT = "__unfit"
"""The column that rows to be held back ride along with."""
_FEW_VALUES = dict.fromkeys(("_source_file", "_load_id"), " USING COMPRESSION dictionary")
"""Says what DuckDB would find out for itself, by trying every compression on every row: a fifth of a load's time."""


@dataclass(frozen=True)
class Scan:
    """Files about to be landed: the columns they give and the parts they come in."""

    columns: tuple[Column, ...]
    parts: Sequence[Part]
    load_id: str
    loaded_at: dt.datetime
    divided: Partitioning | None = None
    """what the table is divided by, where it matters which periods were read"""

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(p.name for p in self.parts)

    @contextmanager
    def batches(self, con: duckdb.DuckDBPyConnection, progress: Progress | None = None) -> Iterator[Batches]:
        """The good rows as Arrow batches, for a warehouse elsewhere; ``con`` is a private connection.

        They pass through a file in a temporary folder, so that memory stays flat and the held rows and the books are
        known before the first batch leaves.
        """
        with tempfile.TemporaryDirectory(prefix="medallion-") as folder:
            con.execute(f"ATTACH {literal(folder + '/landing.duckdb')} AS landing")
            try:
                landed = land(con, self, "landing.staging", "landing.held", progress, one_load=True)
                yield Batches(con, landed)
            finally:
                con.execute("DETACH landing")


@dataclass(frozen=True)
class Batches:
    """What ``Scan.batches`` gives: the books, the good rows and the held rows (QUARANTINE_COLUMNS)."""

    con: duckdb.DuckDBPyConnection
    landed: Landed

    def rows(self, at_once: int) -> pyarrow.RecordBatchReader:
        """The good rows with their audit columns, in the order of the files, ``at_once`` of them in a batch."""
        return self.con.execute("SELECT * FROM landing.staging").to_arrow_reader(at_once)

    def held(self, at_once: int) -> pyarrow.RecordBatchReader:
        """The rows held back, ``at_once`` of them in a batch."""
        return self.con.execute("SELECT * FROM landing.held ORDER BY source_file, source_row").to_arrow_reader(at_once)


def land(
    con: duckdb.DuckDBPyConnection,
    scan: Scan,
    staging: str,
    held: str,
    progress: Progress | None = None,
    *,
    one_load: bool = False,
) -> Landed:
    """See ``engine.sources.land``."""
    landing = _Landing(con, scan, staging, held, one_load)
    with (
        _ticking(con, landing, progress),
        tempfile.TemporaryDirectory(prefix="medallion-") as scratch,
        wide_decimals(con, scan.columns) as landing.casts,
    ):
        landing.create()
        for number, part in enumerate(scan.parts):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            landing.take(part, folder)
        return landing.finish()


class _Landing:
    def __init__(self, con: duckdb.DuckDBPyConnection, scan: Scan, staging: str, held: str, one_load: bool) -> None:
        self.con, self.scan, self.staging, self.held = con, scan, staging, held
        self.at = (
            f"TIMESTAMP {literal(scan.loaded_at.replace(tzinfo=None).isoformat(sep=' ', timespec='milliseconds'))}"
        )
        # Stored, three columns that are the same in every row would cost a fifth of the load.
        self.shared = {"_loaded_at": self.at, "_load_id": literal(scan.load_id)} if one_load else {}
        if one_load and len(scan.parts) == 1:
            self.shared["_source_file"] = _file(scan.parts[0])
        self.casts: dict[str, str] = {}
        self.read = 0
        self.expected = 0
        self.notes: list[str] = []
        self.empty: list[str] = []

    def create(self) -> None:
        columns = [f"{ident(c.name)} {c.type.duckdb}" for c in self.scan.columns]
        for c in AUDIT_COLUMNS:
            shared = f" GENERATED ALWAYS AS ({self.shared[c.name]}) VIRTUAL" if c.name in self.shared else ""
            columns.append(f"{c.name} {c.type.duckdb}{shared or _FEW_VALUES.get(c.name, '')}")
        columns.append(f"{_UNFIT} VARCHAR USING COMPRESSION dictionary")
        self.con.execute(f"CREATE OR REPLACE TABLE {self.staging} ({', '.join(columns)})")
        columns = [f"{c.name} {c.type.duckdb}" for c in QUARANTINE_COLUMNS]
        self.con.execute(f"CREATE OR REPLACE TABLE {self.held} ({', '.join(columns)})")

    def take(self, part: Part, scratch: Path) -> None:
        """Land one part; when its read is doubtful, undo it and read the careful way."""
        try:
            rows, faults = self._read(part, scratch)
        except Doubtful:
            self.con.execute(f"DELETE FROM {self.staging} WHERE {self._of(part)}")
            part = part.careful()
            try:
                rows, faults = self._read(part, scratch)
            except Doubtful:
                part.careful()
                raise
        if not part.numbered:
            self._number(part, rows, faults)
        self._hold(part, faults)
        self.expected = 0
        self.read += rows + len(faults)
        if not rows and not faults:
            self.empty.append(part.name)
            self.notes.append(f"{part.name} has {'no records' if part.numbered else 'a header and no rows'}")

    def _read(self, part: Part, scratch: Path) -> tuple[int, Sequence[Fault]]:
        import duckdb

        part.columns = self.scan.columns
        self.expected = part.expected
        try:
            raw = part.relation(self.con, scratch)
            row = self.con.execute(self._insert(part, raw)).fetchone()
            rows = int(row[0]) if row else 0
            return rows, part.settle(self.con, rows, lambda: self._breaks(part))
        except duckdb.Error as error:
            if part.failed:
                raise part.failed from None
            if isinstance(error, duckdb.InvalidInputException) and "CSV" in str(error):
                raise Doubtful(str(error).splitlines()[0]) from None
            if isinstance(error, duckdb.IOException | duckdb.PermissionException | duckdb.InvalidInputException):
                raise SourceError(f"{part.name}: cannot be read: {str(error).splitlines()[0]}") from None
            raise
        finally:
            part.close(self.con)

    def _insert(self, part: Part, raw: str) -> str:
        values = {ident(c.name): ident(c.name) for c in self.scan.columns}
        audit = {
            "_loaded_at": self.at,
            "_source_file": _file(part),
            "_source_row": "_row",
            "_load_id": literal(self.scan.load_id),
            _UNFIT: "_held",
        }
        values |= {name: value for name, value in audit.items() if name not in self.shared}
        return (
            f"INSERT INTO {self.staging} ({', '.join(values)})"
            f" SELECT {', '.join(values.values())} FROM ({conform(raw, self.scan.columns, self.casts)})"
        )

    def _of(self, part: Part) -> str:
        # Rows of earlier parts have their numbers already, and parts that number their rows are never read twice.
        return "_source_row IS NULL"

    def _breaks(self, part: Part) -> int:
        texts = [ident(c.name) for c in self.scan.columns if c.type.family == "string"]
        each = " + ".join(f"coalesce(strlen({t}) - strlen(replace({t}, chr(10), '')), 0)" for t in texts) or "0"
        row = self.con.execute(f"SELECT coalesce(sum({each}), 0) FROM {self.staging} WHERE {self._of(part)}").fetchone()
        return int(row[0]) if row else 0

    def _number(self, part: Part, rows: int, faults: Sequence[Fault]) -> None:
        """Write each row's number in its file, counting the records that were left out."""
        span = self.con.execute(f"SELECT min(rowid), max(rowid) FROM {self.staging} WHERE {self._of(part)}").fetchone()
        if not rows or span is None:
            return
        first, last = span
        assert last - first + 1 == rows, "rows of one INSERT stand together, in the order of the file"
        number = f"rowid - {first - 1}"
        if faults:
            # A good row lies behind the n-th fault when its place among the good rows exceeds fault.row - n.
            self.con.execute(
                "CREATE OR REPLACE TEMP TABLE __faults AS SELECT unnest(?) AS after, unnest(?) AS n",
                [[f.row - n for n, f in enumerate(faults, 1)], list(range(1, len(faults) + 1))],
            )
        for low in range(first, last + 1, _NUMBERED_AT_ONCE):
            within = f"rowid BETWEEN {low} AND {min(last, low + _NUMBERED_AT_ONCE - 1)}"
            if not faults:
                self.con.execute(f"UPDATE {self.staging} SET _source_row = {number} WHERE {within}")
                continue
            self.con.execute(
                f"UPDATE {self.staging} AS s SET _source_row = m.number FROM (SELECT g.id, g.place + coalesce(f.n, 0) AS number"
                f" FROM (SELECT rowid AS id, {number} AS place FROM {self.staging} WHERE {within}) AS g"
                f" ASOF LEFT JOIN (SELECT after, max(n) AS n FROM __faults GROUP BY after) AS f ON g.place > f.after) AS m"
                f" WHERE s.rowid = m.id AND s.{within}"
            )
        if faults:
            self.con.execute("DROP TABLE __faults")

    def _hold(self, part: Part, faults: Sequence[Fault]) -> None:
        if faults:
            self._insert_held(
                "SELECT unnest(?) AS source_row, unnest(?) AS reason, unnest(?) AS raw",
                [[f.row for f in faults], [f.reason for f in faults], [f.raw for f in faults]],
                _file(part),
                "to_json([reason])::VARCHAR",
                'to_json(struct_pack("_raw" := raw))::VARCHAR',
            )

    def finish(self) -> Landed:
        unfit = f"{_UNFIT} IS NOT NULL"
        row = self.con.execute(f"SELECT count(*) FROM {self.staging} WHERE {unfit}").fetchone()
        periods: tuple[str | None, ...] = ()
        if row and row[0]:
            periods = self._periods(unfit)
            self._insert_held(
                f"SELECT * FROM {self.staging} WHERE {unfit}",
                [],
                "_source_file",
                f"{_UNFIT} -> '$.reasons'",
                f"{_UNFIT} -> '$.row'",
                "_source_row",
            )
            self.con.execute(f"DELETE FROM {self.staging} WHERE {unfit}")
        self.con.execute(f"ALTER TABLE {self.staging} DROP COLUMN {_UNFIT}")
        row = self.con.execute(
            f"SELECT (SELECT count(*) FROM {self.staging}), (SELECT count(*) FROM {self.held})"
        ).fetchone()
        staged, held = row if row else (0, 0)
        if self.read != staged + held:
            raise SourceError(
                f"{', '.join(self.scan.files)}: {self.read:,} rows were read, {staged:,} staged and {held:,} held back; "
                "the books do not balance, nothing is published"
            )
        files = tuple(_stored(p) for p in self.scan.parts)
        return Landed(self.read, staged, held, files, periods, tuple(self.notes), tuple(self.empty))

    def _periods(self, which: str) -> tuple[str | None, ...]:
        """The periods of staged rows; a text that is no date says nothing of one."""
        divided = self.scan.divided
        if divided is None:
            return ()
        name = next(c.name for c in self.scan.columns if c.name.casefold() == divided.column.casefold())
        told = f"{ident(name)} IS NOT NULL OR json_type({_UNFIT}, {literal(f'$.row.{ident(name)}')}) = 'NULL'"
        first = f"date_trunc({literal(divided.grain)}, {ident(name)})"
        found = self.con.execute(
            f"SELECT DISTINCT CAST(CAST({first} AS DATE) AS VARCHAR) FROM {self.staging} WHERE {which} AND ({told})"
        )
        return tuple(r[0] for r in found.fetchall())

    def _insert_held(
        self, rows: str, parameters: list[object], file: str, reasons: str, data: str, row: str = "source_row"
    ) -> None:
        load = literal(self.scan.load_id)
        self.con.execute(
            f"INSERT INTO {self.held} BY NAME SELECT {load} || '-' || ((SELECT count(*) FROM {self.held}) + row_number() OVER ())"
            f" AS quarantine_id, {load} AS load_id, {self.at} AS quarantined_at, {file} AS source_file, {row} AS source_row,"
            f" {reasons} AS reasons, {data} AS row_data, 'held' AS state FROM ({rows})",
            parameters,
        )


def _file(part: Part) -> str:
    return literal(_stored(part))


def _stored(part: Part) -> str:
    """The part's name, as far as ``_source_file`` holds it."""
    return part.name[-400:]


@contextmanager
def _ticking(
    con: duckdb.DuckDBPyConnection, landing: _Landing, progress: Callable[[int], None] | None
) -> Iterator[None]:
    """Tell ``progress`` of the rows so far, as far as the database lets know how far it is."""
    if progress is None:
        yield
        return
    con.execute("SET enable_progress_bar = true")
    con.execute("SET enable_progress_bar_print = false")
    stop = threading.Event()

    def tick() -> None:
        told = 0
        while not stop.wait(_TICK):
            share = max(0.0, min(con.query_progress(), 100.0))
            # Estimates of one part and counts of those before it: never let the number go back.
            told = max(told, landing.read + int(landing.expected * share / 100))
            progress(told)

    ticker = threading.Thread(target=tick, name="progress", daemon=True)
    ticker.start()
    try:
        yield
    finally:
        stop.set()
        ticker.join()
    progress(landing.read)
