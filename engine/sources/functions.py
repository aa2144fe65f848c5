"""Python functions that the database calls while it reads rows."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

_numbers = itertools.count(1)


def register(con: duckdb.DuckDBPyConnection, function: Callable[[Any], Any], gives: str, *, arrow: bool = False) -> str:
    """Let SQL call ``function`` with a text, and return the name to call it by; ``unregister`` takes it away again.

    ``gives`` is the type of what it returns. With ``arrow`` it is given some 2,000 values at a time as an Arrow array,
    and returns as many.
    """
    # All connections to a database share its functions, and tables are loaded side by side.
    name = f"__read_{next(_numbers)}"
    _end_reading(con)
    con.create_function(
        name, function, ["VARCHAR"], gives, type="arrow" if arrow else "native", null_handling="special"
    )
    return name


def unregister(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Take away what ``register`` called ``name``."""
    import duckdb

    # What went wrong while it was used is the error to tell.
    with suppress(duckdb.Error):
        _end_reading(con)
        con.remove_function(name)


def _end_reading(con: duckdb.DuckDBPyConnection) -> None:
    # While a result is not read to its end, a change of functions is undone without a word.
    con.execute("SELECT 1").fetchall()
