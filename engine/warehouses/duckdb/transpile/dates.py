"""T-SQL's date functions on DuckDB."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from engine.tsql.bind.functions import TIME_PARTS
from engine.tsql.bind.typed import Typed

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.warehouses.duckdb.transpile.expressions import Renderer

    Rule = Callable[[Renderer, Typed, list[str]], str]


def _seen_as_moment(t: Typed, text: str) -> str:
    return f"CAST({text} AS TIMESTAMP)" if t.type.family == "date" else text


def _dateadd(r: Renderer, t: Typed, a: list[str]) -> str:
    part, moment, number = t.args[0].value, a[2], a[1]
    whole = t.args[2].type
    if part in ("day", "dayofyear", "weekday", "week"):
        count = f"({number}) * 7" if part == "week" else number
        if whole.family == "date":
            negative = number.startswith("-") and part != "week"
            return f"({moment} - {number[1:]})" if negative else f"({moment} + {count})"
        return f"({moment} + to_days({count}))"
    if part in ("year", "quarter", "month"):
        months = {"year": f"to_years({number})", "quarter": f"to_months(({number}) * 3)"}
        moved = f"{moment} + {months.get(part, f'to_months({number})')}"
        return f"CAST({moved} AS DATE)" if whole.family == "date" else f"({moved})"
    if part == "microsecond" and (whole.scale or 0) < 6:
        return r.refuse(t, f"DATEADD(microsecond, …) of {whole}", "CAST(… AS datetime2(6))")
    if part == "millisecond" and whole.name != "datetime" and (whole.scale or 0) < 3:
        return r.refuse(t, f"DATEADD(millisecond, …) of {whole}", "CAST(… AS datetime2(3))")
    if whole.name == "smalldatetime" and part in ("second", "millisecond"):
        return r.refuse(t, f"DATEADD({part}, …) of smalldatetime", "CAST(… AS datetime2(0))")
    moved = f"({moment} + to_{part}s({number}))"
    return f"tsql.datetime{moved}" if whole.name == "datetime" and part == "millisecond" else moved


def _datediff(r: Renderer, t: Typed, a: list[str]) -> str:
    part, first, last = t.args[0].value, a[1], a[2]
    kinds = [x.type.family for x in t.args[1:]]
    if "time" in kinds and (kinds[0] != kinds[1] or part not in TIME_PARTS):
        return r.refuse(t, "DATEDIFF of time and something else", "CAST(… AS datetime2(3))")
    if part in TIME_PARTS or kinds[0] != kinds[1]:
        first, last = (_seen_as_moment(x, s) for x, s in zip(t.args[1:], (first, last), strict=True))
    if part == "week":
        return f"CAST(tsql.sundays({last}) - tsql.sundays({first}) AS {t.type.duckdb})"
    if part == "nanosecond":
        return f"CAST(date_diff('microsecond', {first}, {last}) * 1000 AS {t.type.duckdb})"
    word = "day" if part in ("dayofyear", "weekday") else part
    return f"CAST(date_diff('{word}', {first}, {last}) AS {t.type.duckdb})"


_PARTS = {
    "year": "year({0})",
    "quarter": "quarter({0})",
    "month": "month({0})",
    "dayofyear": "dayofyear({0})",
    "day": "day({0})",
    "week": "tsql.week({0})",
    "weekday": "(dayofweek({0}) + 1)",
    "iso_week": "week({0})",
    "hour": "hour({0})",
    "minute": "minute({0})",
    "second": "second({0})",
    "millisecond": "(date_part('microsecond', {0}) % 1000000 // 1000)",
    "microsecond": "(date_part('microsecond', {0}) % 1000000)",
    "nanosecond": "(date_part('microsecond', {0}) % 1000000 * 1000)",
}


def _datepart(r: Renderer, t: Typed, a: list[str]) -> str:
    text = _PARTS[t.args[0].value].format(a[1])
    return text if text.startswith("tsql.") else f"CAST({text} AS INTEGER)"


def _datename(r: Renderer, t: Typed, a: list[str]) -> str:
    part = t.args[0].value
    if part in ("month", "weekday"):
        return f"strftime({a[1]}, '{'%B' if part == 'month' else '%A'}')"
    return f"CAST({_PARTS[part].format(a[1])} AS VARCHAR)"


def _single_part(part: str) -> Rule:
    return lambda r, t, a: f"CAST({part}({a[0]}) AS INTEGER)"


def _eomonth(r: Renderer, t: Typed, a: list[str]) -> str:
    return f"last_day({a[0]})" if len(a) == 1 else f"last_day({a[0]} + to_months(coalesce({a[1]}, 0)))"


def _datetime_from_parts(r: Renderer, t: Typed, a: list[str]) -> str:
    if t.kind == "DATETIMEFROMPARTS":
        return f"tsql.datetime(make_timestamp({', '.join(a[:6])}) + to_milliseconds({a[6]}))"
    if t.args[7].kind != "literal" or int(t.args[7].value) > 6:
        return r.refuse(t, "DATETIME2FROMPARTS with this precision", "a constant from 0 to 6")
    unit = 10 ** (6 - int(t.args[7].value))
    return f"(make_timestamp({', '.join(a[:6])}) + to_microseconds({a[6]} * {unit}))"


def _time_from_parts(r: Renderer, t: Typed, a: list[str]) -> str:
    if t.args[4].kind != "literal" or int(t.args[4].value) > 6:
        return r.refuse(t, "TIMEFROMPARTS with this precision", "a constant from 0 to 6")
    unit = 10 ** (6 - int(t.args[4].value))
    return f"(make_time({', '.join(a[:3])}) + to_microseconds({a[3]} * {unit}))"


_FORMAT_WORDS = {
    "yyyy": "%Y", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m", "dddd": "%A", "ddd": "%a",
    "dd": "%d", "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S",
    "s": "%-S", "tt": "%p", "fff": "%g",
}  # fmt: skip
_FORMAT_TOKEN = re.compile(r"y+|M+|d+|H+|h+|m+|s+|t+|f+|'[^']*'|[-/.: ,]|[A-Za-z]|.")


def _format(r: Renderer, t: Typed, a: list[str]) -> str:
    value, form = t.args[0].type, t.args[1].value
    if len(t.args) == 3 and t.args[2].value.lower() != "en-us":
        return r.refuse(t, f"FORMAT in culture {t.args[2].value}", "'en-US'")
    if value.family not in ("date", "datetime") or len(form) < 2:
        return r.refuse(t, f"FORMAT of {value} with {form!r}", "CAST or CONVERT with a style")
    pieces: list[str] = []
    for word in _FORMAT_TOKEN.findall(form):
        if word in _FORMAT_WORDS:
            pieces.append(_FORMAT_WORDS[word])
        elif word.startswith("'"):
            pieces.append(word[1:-1].replace("%", "%%"))
        elif word in "-/.: ,_T":
            pieces.append(word)
        else:
            return r.refuse(t, f"FORMAT with {word!r}", "yyyy MM dd HH mm ss and their kin")
    return f"strftime({a[0]}, {r.text_literal(''.join(pieces))})"


_NOW = "CAST(now() AS TIMESTAMP)"


def _now(r: Renderer, t: Typed, a: list[str]) -> str:
    return f"tsql.datetime({_NOW})" if t.type.name == "datetime" else _NOW


DATE_FUNCTIONS: dict[str, Rule] = {
    "GETDATE": _now,
    "GETUTCDATE": _now,
    "SYSDATETIME": _now,
    "SYSUTCDATETIME": _now,
    "DATEADD": _dateadd,
    "DATEDIFF": _datediff,
    "DATEDIFF_BIG": _datediff,
    "DATEPART": _datepart,
    "DATENAME": _datename,
    "YEAR": _single_part("year"),
    "MONTH": _single_part("month"),
    "DAY": _single_part("day"),
    "EOMONTH": _eomonth,
    "DATEFROMPARTS": lambda r, t, a: f"make_date({', '.join(a)})",
    "DATETIMEFROMPARTS": _datetime_from_parts,
    "DATETIME2FROMPARTS": _datetime_from_parts,
    "TIMEFROMPARTS": _time_from_parts,
    "FORMAT": _format,
}
