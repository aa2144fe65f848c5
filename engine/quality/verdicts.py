"""What the gate found, and the sentence that says it in a terminal."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from engine.quality.suites import Expectation

SAMPLE = 5
"""Failing values a verdict shows."""


# What is wrong with the failing values, after "37 of 222,785 values (0.02 %) ". A name in braces is a keyword argument.
_VALUES = {
    "expect_column_values_to_not_be_null": "are missing",
    "expect_column_values_to_be_null": "are not missing",
    "expect_column_values_to_be_unique": "occur more than once",
    "expect_column_values_to_be_in_set": "are none of {value_set}",
    "expect_column_values_to_not_be_in_set": "are one of {value_set}",
    "expect_column_values_to_be_between": "are not {span}",
    "expect_column_value_lengths_to_be_between": "have a length that is not {span}",
    "expect_column_value_lengths_to_equal": "have a length other than {value}",
    "expect_column_value_z_scores_to_be_less_than": "lie {threshold} standard deviations or more from the mean",
    "expect_column_values_to_match_like_pattern": "are not like {like_pattern}",
    "expect_column_values_to_not_match_like_pattern": "are like {like_pattern}",
    "expect_column_values_to_match_like_pattern_list": "are not like {match_on} of {like_pattern_list}",
    "expect_column_values_to_not_match_like_pattern_list": "are like one of {like_pattern_list}",
    "expect_column_pair_values_to_be_equal": "have two different values",
    "expect_column_pair_values_a_to_be_greater_than_b": "do not have {column_A} {above} {column_B}",
    "expect_column_pair_values_to_be_in_set": "are none of {value_pairs_set}",
    "expect_compound_columns_to_be_unique": "share their values with another row",
    "expect_select_column_values_to_be_unique_within_record": "repeat a value within the row",
    "expect_multicolumn_sum_to_equal": "do not add up to {sum_total}",
    "expect_multicolumn_values_to_be_equal": "have different values",
}

# What the observed value is, for expectations about the whole table or column.
_WHOLE = {
    "expect_table_row_count_to_be_between": "{observed} rows, expected {span}",
    "expect_table_row_count_to_equal": "{observed} rows, expected {value}",
    "expect_table_row_count_to_equal_other_table": "the number of rows differs from {other_table_name}: {observed}",
    "expect_table_column_count_to_be_between": "{observed} columns, expected {span}",
    "expect_table_column_count_to_equal": "{observed} columns, expected {value}",
    "expect_table_columns_to_match_ordered_list": "the columns are {observed}, expected {column_list} in this order",
    "expect_column_to_exist": "the table has no such column",
    "expect_column_unique_value_count_to_be_between": "{observed} distinct values, expected {span}",
    "expect_column_distinct_values_to_be_in_set": "{observed} occur, expected only {value_set}",
    "expect_column_distinct_values_to_contain_set": "{observed} do not occur, expected all of {value_set}",
    "expect_column_distinct_values_to_equal_set": "the distinct values differ from {value_set} by {observed}",
    "expect_column_most_common_value_to_be_in_set": "the most common value {observed} is none of {value_set}",
    "expect_column_proportion_of_unique_values_to_be_between": "the distinct share is {observed}, expected {span}",
    "expect_column_proportion_of_non_null_values_to_be_between": "the share present is {observed}, expected {span}",
    "expect_column_quantile_values_to_be_between": "the quantiles are {observed}",
    **{
        f"expect_column_{name}_to_be_between": f"{words} is {{observed}}, expected {{span}}"
        for name, words in {"max": "the largest value", "min": "the smallest value", "mean": "the average", "sum": "the sum",
                            "median": "the median", "stdev": "the standard deviation"}.items()
    },
}  # fmt: skip


def failed_values(expectation: Expectation, unexpected: int, total: int | None, sample: Sequence[str]) -> str:
    """The sentence about failing rows: "age: 3 of 5,000 values (0.06 %) are not between 0 and 120: 130, 141"."""
    if expectation.query:
        what = expectation.description or "the query finds rows"
        rows = f"{unexpected:,} row{'s' * (unexpected != 1)} found"
        sentence = f"{what}: {rows if total is None else share(unexpected, total, 'row') + ' fail'}"
    else:
        noun = "value" if isinstance(expectation.kwargs.get("column"), str) else "row"
        words = _VALUES.get(expectation.type, "do not hold")
        sentence = f"{_subject(expectation)}{share(unexpected, total or 0, noun)} {_filled(words, expectation)}"
    if sample:
        sentence += ": " + ", ".join(sample) + (", …" if len(sample) < unexpected and len(sample) == SAMPLE else "")
    return sentence


_SINGULAR = {
    "are": "is",
    "occur": "occurs",
    "have": "has",
    "lie": "lies",
    "do": "does",
    "share": "shares",
    "repeat": "repeats",
}


def reason(expectation: Expectation) -> str:
    """What is wrong with one failing row, such as "age is not between 0 and 120"."""
    if expectation.query:
        return expectation.description or expectation.id
    first, _, rest = _filled(_VALUES.get(expectation.type, "do not hold"), expectation).partition(" ")
    return f"{', '.join(expectation.columns)} {_SINGULAR.get(first, first)} {rest}"


def failed_whole(expectation: Expectation, observed: str) -> str:
    """The sentence about a table or column as a whole, such as "age: the average is 131.5, expected 0 to 120"."""
    words = _WHOLE.get(expectation.type)
    if words is None:
        return f"{_subject(expectation)}{expectation.type.removeprefix('expect_').replace('_', ' ')}: {observed}"
    return _subject(expectation) + _filled(words, expectation, observed=observed or "nothing")


def column_set(expectation: Expectation, present: Sequence[str]) -> str:
    """The sentence about columns that are missing or that nobody expected."""
    wanted = [str(c) for c in expectation.kwargs.get("column_set") or ()]
    have = {c.casefold() for c in present}
    missing = [c for c in wanted if c.casefold() not in have]
    extra = [c for c in present if c.casefold() not in {w.casefold() for w in wanted}]
    parts = [f"missing {', '.join(missing)}"] if missing else []
    if extra and expectation.kwargs.get("exact_match", True):
        parts.append(f"not expected {', '.join(extra)}")
    return "the columns differ: " + "; ".join(parts)


def held(expectation: Expectation, total: int | None, observed: str) -> str:
    """The short sentence of an expectation that holds."""
    subject = _subject(expectation)
    name = expectation.description or expectation.type.removeprefix("expect_").replace("_", " ")
    about = f"{total:,} checked" if total is not None else observed
    return f"{subject}{name}" + (f" ({about})" if about else "")


def broken(expectation: Expectation, words: str) -> str:
    """The sentence of an expectation that could not be judged."""
    return f"{_subject(expectation)}cannot be judged: {words}"


def share(part: int, whole: int, noun: str) -> str:
    """ "37 of 222,785 values (0.02 %)" """
    plural = noun if whole == 1 else noun + "s"
    return f"{part:,} of {whole:,} {plural} ({percent(part, whole)})"


def percent(part: int, whole: int) -> str:
    """A share in percent with two digits that mean something: 0.017 %, 4.2 %, never 0 % or 100 % unless it is."""
    if whole == 0:
        return "0 %"
    value = 100 * part / whole
    if part in (0, whole):
        return f"{value:.0f} %"
    digits = max(0, 1 - math.floor(math.log10(min(value, 100 - value))))
    text = f"{value:.{min(digits, 6)}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + " %"


def shown(value: Any, limit: int = 40) -> str:
    """A value as a reader of a terminal wants it: text in quotes, numbers with separators, long text shortened."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return repr(value if len(value) <= limit else value[: limit - 1] + "…")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal) and abs(float(value)) < 1e15 and value == int(value):
        value = int(value)
    if isinstance(value, int | Decimal):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.2f}"
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return "(" + ", ".join(f"{k}={shown(v, limit)}" for k, v in value.items()) + ")"
    if isinstance(value, list | tuple | set | frozenset):
        items = [shown(v, limit) for v in value]
        return "(" + ", ".join(items[:8]) + (f", … {len(items):,} in all" if len(items) > 8 else "") + ")"
    return str(value)


def _subject(expectation: Expectation) -> str:
    return ", ".join(expectation.columns) + ": " if expectation.columns else ""


def _filled(words: str, expectation: Expectation, **more: str) -> str:
    known = {name: shown(value) for name, value in expectation.kwargs.items()}
    known |= {
        name: str(expectation.kwargs[name])
        for name in ("column_A", "column_B", "other_table_name", "match_on")
        if name in expectation.kwargs
    }
    known.setdefault("match_on", "any")
    known["above"] = "at least" if expectation.kwargs.get("or_equal") else "above"
    return words.format_map({"span": _span(expectation.kwargs), **known, **more})


def _span(kwargs: Mapping[str, Any]) -> str:
    low, high = kwargs.get("min_value"), kwargs.get("max_value")
    if low is not None and high is not None:
        return f"between {_bound(low)} and {_bound(high)}" if low != high else _bound(low)
    if low is not None:
        return f"{'above' if kwargs.get('strict_min') else 'at least'} {_bound(low)}"
    if high is not None:
        return f"{'below' if kwargs.get('strict_max') else 'at most'} {_bound(high)}"
    return "present"


def _bound(value: Any) -> str:
    return value if isinstance(value, str) else shown(value)
