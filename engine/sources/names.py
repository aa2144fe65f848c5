"""Which column of a file is which column of the table."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from engine.core.errors import SourceError
from engine.core.sqltypes import Column
from engine.sources import UNDECLARED, SourceColumn

_SLIP = 0.8
"""How alike a misspelt name is: titel and title are, order_date and order_id are not."""


def folded(name: str) -> str:
    """user_id, USER_ID, UserId and "User Id" are one name."""
    return re.sub(r"[_\s-]+", "", name).casefold()


def as_column(header: str) -> str:
    """A header as the name of a column: what SQL would have to quote becomes an underscore."""
    return re.sub(r"\W+", "_", header).strip("_")[:128] or "column_"


def undeclared(headers: Sequence[Sequence[str]], columns: Sequence[SourceColumn], *, by_place: bool = False) -> list[str]:
    """Names of ``headers`` that none of ``columns`` claims, in order, as columns of the table."""
    claimed = {folded(c.field) for c in columns}
    taken = {folded(c.name) for c in columns}
    found: dict[str, str] = {}
    for header in headers:
        for name in header[len(columns):] if by_place else header:
            if folded(name) not in claimed and folded(name) not in found:
                found[folded(name)] = _free(as_column(name), taken)
                taken.add(folded(found[folded(name)]))
    return list(found.values())


def _free(name: str, taken: set[str]) -> str:
    # A header may be called as a declared column that is read from another header, or as an audit column.
    reserved = {"loadedat", "sourcefile", "sourcerow", "loadid"}
    candidate, n = name, 2
    while folded(candidate) in taken or folded(candidate) in reserved:
        candidate, n = f"{name}_{n}", n + 1
    return candidate


def table_columns(headers: Sequence[Sequence[str]], columns: Sequence[SourceColumn], *, by_place: bool = False) -> list[Column]:
    """The columns that land: the declared ones, then the others as text."""
    extra = undeclared(headers, columns, by_place=by_place)
    return [Column(c.name, c.type) for c in columns] + [Column(n, UNDECLARED) for n in extra]


def check_duplicates(header: Sequence[str], file: str) -> None:
    """Raise SourceError when two headers are one name."""
    seen: dict[str, tuple[int, str]] = {}
    for place, name in enumerate(header, 1):
        if folded(name) in seen:
            before, other = seen[folded(name)]
            same = f"{name!r} twice" if other == name else f"{other!r} and {name!r}, which are one name"
            raise SourceError(f"{file}: the header has {same} (columns {before} and {place}); rename one")
        seen[folded(name)] = (place, name)


def places(header: Sequence[str], columns: Sequence[SourceColumn], table: Sequence[str], file: str, delimiter: str) -> dict[str, int]:
    """Where in ``header`` each column of ``table`` is; columns that only other files have are left out.

    Raises SourceError when a declared column is missing.
    """
    at = {folded(name): i for i, name in enumerate(header)}
    missing = [c for c in columns if folded(c.field) not in at]
    if missing:
        claimed = {folded(c.field) for c in columns}
        free = [name for name in header if folded(name) not in claimed]
        raise SourceError(_missing(missing, header, free, file, delimiter))
    found = {c.name: at[folded(c.field)] for c in columns}
    claimed = {folded(c.field) for c in columns}
    rest = iter(table[len(columns):])
    for name, place in ((n, i) for i, n in enumerate(header)):
        if folded(name) not in claimed:
            wanted = {folded(t): t for t in table[len(columns):]}
            column = wanted.get(folded(as_column(name))) or next((t for t in rest if folded(t).startswith(folded(as_column(name)))), None)
            if column:
                found[column] = place
    return found


def _missing(missing: Sequence[SourceColumn], header: Sequence[str], free: Sequence[str], file: str, delimiter: str) -> str:
    """``free`` are the headers that no declared column claims."""
    wanted = ", ".join(repr(c.field) for c in missing)
    text = f"{file}: the header has no column {wanted}; it has {', '.join(header)}"
    other = next((d for d in (";", "\t", "|", ",") if d != delimiter and len(header) == 1 and d in header[0]), "")
    if other:
        return f"{text}; it looks delimited by {other!r}, declare delimiter: {other!r}"
    near = _misspelt(missing[0].field, free)
    if near:
        return f"{text}; did you mean {near!r}? Then declare {missing[0].name} with from: {near}"
    return f"{text}; correct the file or the declaration"


def _misspelt(field: str, headers: Sequence[str]) -> str:
    """The header that is ``field`` but for a slip of the pen; empty where it may be something else: who follows a wrong
    hint loads another column's values."""
    by_folded = {folded(h): h for h in headers if re.sub(r"\D", "", h) == re.sub(r"\D", "", field)}
    match = difflib.get_close_matches(folded(field), by_folded, n=1, cutoff=_SLIP)
    return by_folded[match[0]] if match else ""
