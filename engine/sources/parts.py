"""What a source hands over for landing: raw text rows, one part a file, and what was wrong with rows as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.core.sqltypes import Column

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that could not be split into columns. ``row`` counts the file's data records from 1, all of them."""

    row: int
    reason: str
    raw: str


class Doubtful(Exception):
    """What the database read does not account for every line of the file; it has to be read the careful way."""


class Part(Protocol):
    """One file, or one batch of messages, of a source."""

    name: str
    """The file as users know it."""
    numbered: bool
    """Whether the relation numbers its rows itself (``_row``); otherwise they are numbered in the order they arrive."""
    expected: int
    """About how many rows there are, for progress."""
    columns: Sequence[Column]
    """The landing's columns; set before the relation is asked for."""
    failed: Exception | None
    """What went wrong while the database was pulling rows from the part."""

    def relation(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> str:
        """SQL that reads the rows as text columns ``x0, x1, ...`` in the order of the landing's columns, then ``_row``,
        ``_fault`` and ``_raw``. ``scratch`` is a folder for passing files."""

    def settle(self, con: duckdb.DuckDBPyConnection, rows: int, breaks: Breaks) -> Sequence[Fault]:
        """After the relation was consumed and gave ``rows`` rows: the records it left out. Raises Doubtful when the
        two do not add up to the file."""

    def careful(self) -> Part:
        """The same file read a slower way that accounts for every line; called after Doubtful. Raises SourceError when
        there is no such way."""

    def close(self, con: duckdb.DuckDBPyConnection) -> None:
        """Let go of what the relation needed."""


class Breaks(Protocol):
    """Counts the line breaks inside the values that were staged; asked for only when lines and rows differ."""

    def __call__(self) -> int: ...
