"""Suites: what a table is judged by, known without importing Great Expectations.

What Great Expectations knows (names, keyword arguments, which expectations judge single rows) stands in
``expectations.json``, written from the installed version; importing it would take longer than a whole `check`.

In the SQL of ``unexpected_rows_expectation``, ``{batch}`` is the table that is judged: ``FROM {batch} AS b``, or
``FROM {batch}`` and ``{batch}.column``. The SQL is T-SQL, with ``{{ name | literal }}`` for variables.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from engine.quality.rowquery import BATCH, BATCH_SCHEMA, BATCH_TABLE, NotRowWise, check_row_wise

__all__ = ["BATCH", "COMPOUND", "HOLDS_FOR_FEWER", "NOT_NULL", "QUERY_KWARG", "ROW_QUERY", "UNIQUE", "Expectation", "Position", "Suite",
           "catalogue", "identified", "judges_single_rows", "suite_with_key"]

ROW_QUERY = "unexpected_rows_expectation"
QUERY_KWARG = "unexpected_rows_query"
NOT_NULL, UNIQUE, COMPOUND = (
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_be_unique",
    "expect_compound_columns_to_be_unique",
)

HOLDS_FOR_FEWER = frozenset({
    NOT_NULL, UNIQUE, COMPOUND, "expect_column_values_to_be_null", "expect_column_values_to_be_in_set",
    "expect_column_values_to_not_be_in_set", "expect_column_values_to_be_between",
    "expect_column_value_lengths_to_be_between", "expect_column_value_lengths_to_equal",
    "expect_column_values_to_match_like_pattern", "expect_column_values_to_not_match_like_pattern",
    "expect_column_pair_values_to_be_equal", "expect_column_pair_values_a_to_be_greater_than_b",
})
"""What holds for some rows and therefore for fewer of them. Not so a z-score, an order or a query's total."""

_ABOUT_OTHER_ROWS = frozenset({
    UNIQUE, COMPOUND, "expect_column_value_z_scores_to_be_less_than", "expect_column_values_to_not_be_outliers",
    "expect_column_values_to_be_increasing", "expect_column_values_to_be_decreasing",
})  # fmt: skip
COLUMN_KWARGS = ("column", "column_A", "column_B", "column_list")
_ABOUT_THE_TABLE = re.compile(r"expect_table_|expect_column_to_exist$")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a file of the project; lines and columns count from 1, 0 means unknown."""

    file: str = ""
    line: int = 0
    column: int = 0


@dataclass(frozen=True)
class Expectation:
    """One expectation of a suite. ``id`` names it among the verdicts of its table, the same in every run."""

    id: str
    type: str
    kwargs: Mapping[str, Any]
    severity: str = "critical"
    quarantine: bool = False
    description: str = ""
    position: Position = field(default=Position(), compare=False)
    columns_at: tuple[tuple[str, Position], ...] = field(default=(), compare=False)

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it names, in the order of its keyword arguments."""
        return _columns(self.kwargs)

    @property
    def query(self) -> str:
        """The T-SQL of a row query with ``{batch}`` standing for the table; empty for other expectations."""
        return str(self.kwargs[QUERY_KWARG]) if self.type == ROW_QUERY else ""

    @property
    def bindable_query(self) -> str:
        """The T-SQL of a row query with the table ``BATCH`` in the place of ``{batch}``."""
        source, of_column = f"[{BATCH_SCHEMA}].[{BATCH_TABLE}]", re.compile(r"\{batch\}(?=\s*\.)")
        if of_column.search(self.query):
            source += f" AS [{BATCH_TABLE}]"
        return of_column.sub(f"[{BATCH_TABLE}]", self.query).replace("{batch}", source)


@dataclass(frozen=True)
class Suite:
    """The expectations of one table; ``file`` is empty for a table without a suite."""

    table: str = ""
    file: str = ""
    expectations: tuple[Expectation, ...] = ()

    @cached_property
    def digest(self) -> str:
        """Changes when a verdict could: a table whose suite has another digest has to be judged again. The order of
        expectations and their descriptions change none."""
        parts = sorted(
            json.dumps([e.type, e.kwargs, e.severity, e.quarantine], sort_keys=True, default=str)
            for e in self.expectations
        )
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]

    def columns_read(self) -> list[tuple[str, Position]]:
        """Each column an expectation needs the table to have, and where the suite names it. Columns in the SQL of row
        queries are not among them; see ``row_queries``."""
        return [pair for e in self.expectations if not _ABOUT_THE_TABLE.match(e.type) for pair in e.columns_at]

    def row_queries(self) -> list[tuple[str, Position]]:
        """The T-SQL of each row query, over ``BATCH``, and where the suite has it."""
        return [(e.bindable_query, e.position) for e in self.expectations if e.query]


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[str, Any]]:
    """What the installed Great Expectations offers: name -> rows, columns, kwargs, unavailable."""
    path = Path(__file__).parent / "expectations.json"
    known: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["expectations"]
    return known


def judges_single_rows(e: Expectation) -> bool:
    """Whether an expectation says the same of a row whatever other rows there are."""
    if e.query:
        try:
            check_row_wise(e.query)
        except NotRowWise:
            return False
        return len(re.findall(r"\{batch\}(?!\s*\.)", e.query)) == 1
    known = catalogue().get(e.type, {})
    return bool(known.get("rows")) and e.type not in _ABOUT_OTHER_ROWS and e.kwargs.get("mostly") in (None, 1)


def suite_with_key(suite: Suite, key: Sequence[str]) -> Suite:
    """The suite with what a key promises: no nulls, no duplicates, critical. Nothing that a suite says of its key takes
    the place of that; what says the same and is as strict is not judged twice."""
    built_in: list[tuple[str, dict[str, Any]]] = [(NOT_NULL, {"column": column}) for column in key]
    if len(key) == 1:
        built_in.append((UNIQUE, {"column": key[0]}))
    elif key:
        built_in.append((COMPOUND, {"column_list": list(key)}))
    said = {
        (e.type, _folded(e.columns))
        for e in suite.expectations
        if e.severity == "critical" and not e.quarantine and set(e.kwargs) <= set(COLUMN_KWARGS)
    }
    added = tuple(
        Expectation(identified(type_, kwargs), type_, kwargs, description="The key of the table")
        for type_, kwargs in built_in
        if (type_, _folded(_columns(kwargs))) not in said
    )
    taken = {e.id.casefold() for e in added}
    own = tuple(
        replace(e, id=f"{e.id}#{short_digest(e.kwargs)}") if e.id.casefold() in taken else e for e in suite.expectations
    )
    return replace(suite, expectations=added + own)


def _folded(columns: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted(c.casefold() for c in columns))


def _columns(kwargs: Mapping[str, Any]) -> tuple[str, ...]:
    names: list[str] = []
    for name in COLUMN_KWARGS:
        value = kwargs.get(name)
        names += [value] if isinstance(value, str) else value if isinstance(value, list) else []
    return tuple(str(name) for name in names)


def identified(type_: str, kwargs: Mapping[str, Any]) -> str:
    columns = _columns(kwargs)
    if columns or type_ != ROW_QUERY:
        return f"{type_}({', '.join(columns)})"
    return f"{type_}({short_digest(kwargs)})"


def short_digest(kwargs: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(kwargs, sort_keys=True, default=str).encode()).hexdigest()[:8]
