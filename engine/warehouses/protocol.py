"""What a run asks of a warehouse. ``duckdb.py`` and ``sqlserver.py`` answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol

from engine.core.tables import UNCHANGED, Arrived, Brought, Change, Kept, Standing, TableShape
from engine.state.ledger import Row
from engine.warehouses.dialect import Dialect

if TYPE_CHECKING:
    import duckdb
    import sqlalchemy

    from engine.sources import Landed, Scan
    from engine.tsql.bind import Bound

Progress = Callable[[int], None]
LedgerRows = Sequence[tuple[TableShape, Row]]
Statement = tuple[str, tuple[Any, ...]]
"""A statement that both warehouses understand, and its parameters."""


class Warehouse(Protocol):
    """Where tables are staged, judged and published. Open it with ``with``; every thread may use it then.

    Every method raises WarehouseError in the warehouse's own words.
    """

    @property
    def dialect(self) -> Dialect:
        """How it spells what the engine asks of every warehouse."""

    @property
    def embedded(self) -> bool:
        """Whether it is a file that one process at a time may write."""

    @property
    def beside(self) -> Path:
        """The path beside which a run's status file lies."""

    @property
    def ranks_in_select(self) -> bool:
        """Whether ``build`` takes the SELECT with the column ``__rank``, by which ``drop_losers`` goes; else that
        ranks the rows itself."""

    def __enter__(self) -> Warehouse: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...

    def made(self) -> bool:
        """Whether a run was ever here; may be asked before it is opened."""

    def run_lock(self, wait: float | None, tell: Callable[[str], None]) -> AbstractContextManager[object]:
        """The lock that keeps other runs off; taken before the warehouse is opened. ``wait`` is how many seconds to
        wait for the other to finish; None waits for as long as it takes, 0 refuses at once with the holder's name."""

    def table_lock(self, table: str, tell: Callable[[str], None]) -> AbstractContextManager[Any]:
        """The lock for one step on one table, waited for as long as it takes: beside other steps where the warehouse
        has room for several, never beside a run."""

    def kept_out(self) -> str:
        """Who keeps readers out, in words; empty when nobody does. May be asked before it is opened."""

    def at_work(self) -> dict[str, Any] | None:
        """The run at work and how far its tables are, as ``run`` and ``tables``, and the ledger as ``history`` where
        nobody else can read it; None when there is no run. May be asked before it is opened."""

    def gate_engine(self) -> sqlalchemy.Engine:
        """A SQLAlchemy engine for Great Expectations."""

    def prepare(self) -> str:
        """Make schemas and the ledger's tables; all of it may be there already. A ledger of an earlier version gets the
        columns that it lacks, in one transaction; the words for that are returned."""

    def sweep(self, keep: frozenset[str]) -> list[str]:
        """Drop the staging that killed or failed loads left behind, except of the load ids in ``keep``; its names."""

    def drop_staging(self, shape: TableShape) -> None:
        """Drop what earlier loads of this table left in staging."""

    @property
    def scanner(self) -> duckdb.DuckDBPyConnection:
        """The connection that sources are read with."""

    def land(self, shape: TableShape, scan: Scan, load_id: str, progress: Progress | None) -> Landed:
        """Fill this load's staging and held rows from a source."""

    def no_roles(self) -> str:
        """Why this login cannot make roles, in words; empty when it can."""

    def give_roles(self, shapes: Sequence[TableShape]) -> Sequence[str]:
        """Make the roles that these tables need and what each may do; their names."""

    def translate(self, bound: Bound, tsql: str) -> str:
        """The bound SELECT, whose text is ``tsql``, in this warehouse's SQL; raises engine.tsql.bind.BindError where it
        would mean something else."""

    def build(
        self, shape: TableShape, load_id: str, select: str, *, ranked: bool = False, empty: bool = False
    ) -> int:
        """Build staging from a translated SELECT, with ``empty`` none of its rows; the number of rows in it."""

    def lay_whole(self, shape: TableShape, load_id: str, there: Sequence[str], *, brought: Brought) -> tuple[str, str]:
        """Copy all rows that the table would have after this load, which keeps rows; ``there`` are the columns that
        the published table has. Returns schema and name of the copy."""

    def by_period(
        self, shape: TableShape, schema: str, name: str, *, kept: Kept | None = None
    ) -> dict[str | None, int]:
        """The rows of each period in a table of this shape, which a partition load fills: by the period's first day
        (YYYY-MM-DD), None for rows without one. Of the published table only the rows ``kept``; the first and the last
        of its periods bound what is looked at, and others between them are given too."""

    def drop_whole(self, shape: TableShape, load_id: str) -> None:
        """Drop that copy, if there is one."""

    def lost(self, shape: TableShape, load_id: str, compared: Sequence[str], kept: Kept) -> int:
        """How many of the published rows ``kept`` this load has not, each as often as it stands there; columns
        ``compared`` tell rows apart, without any none is the same."""

    def drop_losers(self, shape: TableShape, load_id: str, order_by: str) -> int:
        """Of staged rows that share a key keep the first by ``order_by``; the number of rows dropped."""

    def settle_keys(self, shape: TableShape, load_id: str) -> int:
        """In landed rows: hold those with a null key, drop exact repeats of a key, hold the ones that contradict the
        last landed row. Returns the number of rows dropped; ``held`` counts the others."""

    def hold(self, shape: TableShape, load_id: str, reasons: Sequence[tuple[str, str]], *, landed: bool) -> int:
        """Move the staging rows that meet any (condition, reason) to the held rows; the number moved."""

    def publish(
        self,
        shape: TableShape,
        load_id: str,
        *,
        brought: Brought,
        ledger: Callable[[Arrived], LedgerRows],
        select: str = "",
        change: Change = UNCHANGED,
    ) -> None:
        """One transaction: the table, its quarantine, its alias and its ledger rows. ``ledger`` is called in it with
        what was counted on the way; ``change`` is what becomes of a table that keeps rows and stands there. Quarantined
        rows of files, periods or keys that this load brought anew become superseded."""

    def exchange(self, shape: TableShape, statements: Sequence[str], ledger: Callable[[Arrived], LedgerRows]) -> None:
        """One transaction: statements that change single rows of a published table, and ``ledger`` as in publish. The
        rows that they insert into it and delete from it are counted."""

    def execute(self, statement: str) -> None:
        """One statement that gives nothing back and commits by itself."""

    def reconcile(self, shape: TableShape) -> None:
        """Give a published table whose rows do not change the physical design that it declares."""

    def record(self, rows: LedgerRows) -> None:
        """Write ledger rows by themselves: a run's state, a load that failed."""

    def remove(
        self, objects: Sequence[Standing], forget: Sequence[Statement], ledger: Callable[[], LedgerRows]
    ) -> None:
        """One transaction: drop objects in this order, do the statements of ``forget``, and write the rows that
        ``ledger`` gives. What is gone already is passed over."""

    def readers(self) -> list[tuple[str, str]]:
        """What reads tables: the name of each view with its text, and of each table with a foreign key with the name
        of the table that it refers to."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """The result as dictionaries."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Column names and rows of a statement in this warehouse's own SQL."""

    def count(self, schema: str, name: str) -> int:
        """The number of rows in a table."""

    def staging(self, shape: TableShape, load_id: str) -> tuple[str, str]:
        """Schema and name of a load's staging table."""

    def held_rows(self, shape: TableShape, load_id: str) -> tuple[str, str]:
        """Schema and name of the table of the rows that a load under way has held back."""

    def exists(self, schema: str, name: str) -> bool:
        """Whether there is a table or view of that name."""

    def held(self, shape: TableShape, load_id: str) -> int:
        """The number of rows that a load under way has held back."""

    def reasons_held(self, shape: TableShape, load_id: str) -> dict[int, list[str]]:
        """Why each row that a load quarantined while it landed was, by the row's number in its source."""

    def first_reason(self, shape: TableShape, load_id: str) -> str:
        """Why the first held row of a load was held back."""

    def highest(self, shape: TableShape, column: str) -> str | None:
        """The highest published value of a column, as text that casts back; None in an empty table. Read inside the
        publishing transaction."""

    def tables(self, schema: str) -> list[str]:
        """The tables of a schema, by name."""

    def kept_staging(self) -> list[tuple[str, str, str]]:
        """Staging that loads left: schema and name, and the table it was to become."""
