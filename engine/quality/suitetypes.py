"""What an expectation can judge by the type of its column: elsewhere the two warehouses convert, or fail, differently."""

from __future__ import annotations

import re
from collections.abc import Sequence

from engine.core.errors import Problem
from engine.core.sqltypes import Column
from engine.quality.suites import Expectation, Suite

_ABOUT_TEXT = re.compile("_like_pattern|_value_lengths_")
_ABOUT_NUMBERS = re.compile("_(mean|sum|median|stdev|quantile_values|z_scores)_")


def unfit(suite: Suite, columns: Sequence[Column]) -> list[Problem]:
    """The expectations of a suite that judge a column by something its type does not have."""
    types = {c.name.lower(): c.type for c in columns}
    problems: list[Problem] = []
    for e in suite.expectations:
        for name, at in e.columns_at:
            type_ = types.get(name.lower())
            if type_ is not None and (words := _unfit(e, type_.family == "string")):
                problems.append(Problem(f"{name} is {type_}; {words}", at.file, at.line, at.column, _INSTEAD))
    return problems


_INSTEAD = "a column of the other kind, or unexpected_rows_expectation with a CAST"


def _unfit(e: Expectation, is_text: bool) -> str:
    if _ABOUT_TEXT.search(e.type) and not is_text:
        return f"{e.type} judges text"
    bounds = [e.kwargs.get(name) for name in ("min_value", "max_value")]
    numbers = any(isinstance(b, int | float) for b in bounds) and re.search("_(values|max|min)_to_be_between", e.type)
    if is_text and (numbers or _ABOUT_NUMBERS.search(e.type)):
        return f"{e.type} compares numbers here"
    return ""


def unmovable(suite: Suite, view: str) -> list[Problem]:
    """Expectations with ``quarantine`` in the suite of a view, which has no rows of its own to move."""
    return [
        Problem(
            f"{view} is a view, which has no rows of its own to quarantine",
            e.position.file,
            e.position.line,
            e.position.column,
            f"no quarantine here, or another load than view for {view}, such as replace",
        )
        for e in suite.expectations
        if e.quarantine
    ]
