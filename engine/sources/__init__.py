"""Sources: where bronze comes from. One file a source; a source yields raw text rows, and one conform step types them.

To add a source, write ``engine/sources/<name>.py`` with a class that has the members of ``Source`` and name it in
``SOURCES``. A source that already holds rows (a queue, a database) yields them as Arrow batches of text columns
through ``engine.sources.parts.Part`` and shares everything after that: types, reasons, held rows, accounting.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engine.core.errors import SourceError
from engine.core.sqltypes import SqlType, parse_type

if TYPE_CHECKING:
    import datetime as dt

    import duckdb

    from engine.sources.landing import Scan

__all__ = ["UNDECLARED", "Landed", "Scan", "Source", "SourceColumn", "land", "open_source"]

UNDECLARED: SqlType = parse_type("nvarchar(4000)")
"""What a column lands as when nobody declared its type."""

Progress = Callable[[int], None]

SOURCES = {"csv": ("engine.sources.files.csv", "CsvFiles"), "json": ("engine.sources.files.json", "JsonFiles")}


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A declared column. ``origin`` is the header or JSON field it is read from, when that has another name."""

    name: str
    type: SqlType
    origin: str | None = None

    @property
    def field(self) -> str:
        """The header or JSON field that is looked for."""
        return self.origin or self.name


@dataclass(frozen=True, slots=True)
class Landed:
    """The books of one landing: rows_read = rows_staged + rows_quarantined. ``files`` are named as ``_source_file`` has
    them; ``periods`` are the periods of the quarantined rows, where the scan asks for them."""

    rows_read: int
    rows_staged: int
    rows_quarantined: int
    files: tuple[str, ...]
    periods: tuple[str | None, ...] = ()
    notes: tuple[str, ...] = ()
    """what a reader should know of the files and nothing else tells: those with no rows"""
    empty: tuple[str, ...] = ()
    """the names of those"""


class Source(Protocol):
    """What every source can do. Each method raises SourceError that names the file and what to do about it."""

    def files(self) -> list[Path]:
        """The files that match, sorted by name."""

    def fingerprint(self, before: str = "") -> str:
        """What the files are now, as ``engine.sources.fingerprints`` has it; ``before`` saves reading those that are in it with
        their size and time."""

    def changed_files(self, fingerprint: str) -> list[Path]:
        """The files that are new or different since ``fingerprint`` was taken."""

    def columns(self) -> list[str]:
        """The names found: headers, or the fields of the first records."""

    def undeclared(self, columns: Sequence[SourceColumn]) -> list[str]:
        """Names found that none of ``columns`` claims, as they are going to be called in the table."""

    def scan(
        self,
        con: duckdb.DuckDBPyConnection,
        columns: Sequence[SourceColumn],
        *,
        load_id: str,
        loaded_at: dt.datetime,
        files: Sequence[Path] | None = None,
    ) -> Scan:
        """All that is needed to land the files (all of them, or ``files``); looks at headers, reads no rows yet."""


def open_source(spec: Any, root: Path) -> Source:
    """The source that ``spec`` (an entry of ``sources:``) describes. Relative paths start at ``root``."""
    if spec.type not in SOURCES:
        raise SourceError(f"source type {spec.type!r} is not known; known are {', '.join(sorted(SOURCES))}")
    module, name = SOURCES[spec.type]
    source: Source = getattr(import_module(module), name)(spec, Path(root))
    return source


def land(
    con: duckdb.DuckDBPyConnection,
    scan: Scan,
    staging: str,
    held: str,
    progress: Progress | None = None,
    *,
    one_load: bool = False,
) -> Landed:
    """Create the tables ``staging`` and ``held`` (quoted, qualified names) in ``con`` and fill both from ``scan``.

    With ``one_load`` the rows of no other load can be added to ``staging``: what all its rows share is then a property
    of the table (a generated column) and takes neither time nor space.
    Must not be called inside a transaction. ``progress`` hears of the rows so far a few times a second. Raises
    SourceError when a file cannot be read or its rows cannot be accounted for.
    """
    from engine.sources.landing import land as run

    return run(con, scan, staging, held, progress, one_load=one_load)


def __getattr__(name: str) -> Any:
    # Scan lives with the code that runs it, which imports the database only when rows are read.
    if name == "Scan":
        from engine.sources.landing import Scan

        return Scan
    raise AttributeError(name)
