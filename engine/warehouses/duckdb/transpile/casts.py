"""CAST, CONVERT and their TRY_ forms on DuckDB, type family by type family.

The rules are those of Microsoft's CAST and CONVERT page: numbers are cut, not rounded, on the way to whole numbers;
text is cut to its length; a style decides how dates are read and written.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable

from engine.core.sqltypes import MAX, SqlType, text_length
from engine.tsql.bind.typed import CastRule, Typed

Complain = Callable[[Typed, str, str], str]
"""Notes that an expression is refused: (expression, message, what to write instead); returns filler SQL."""

DATE_STYLES = {
    1: "%m/%d/%y", 2: "%y.%m.%d", 3: "%d/%m/%y", 4: "%d.%m.%y", 5: "%d-%m-%y", 6: "%d %b %y", 7: "%b %d, %y",
    8: "%H:%M:%S", 10: "%m-%d-%y", 11: "%y/%m/%d", 12: "%y%m%d", 20: "%Y-%m-%d %H:%M:%S", 23: "%Y-%m-%d",
    24: "%H:%M:%S", 101: "%m/%d/%Y", 102: "%Y.%m.%d", 103: "%d/%m/%Y", 104: "%d.%m.%Y", 105: "%d-%m-%Y",
    106: "%d %b %Y", 107: "%b %d, %Y", 108: "%H:%M:%S", 110: "%m-%d-%Y", 111: "%Y/%m/%d", 112: "%Y%m%d",
    120: "%Y-%m-%d %H:%M:%S",
}  # fmt: skip
_TIMED_STYLES = {8, 20, 24, 108, 120}
_FRACTION_STYLES = {21: " ", 25: " ", 121: " ", 126: "T"}
_READ_STYLES = {
    **dict.fromkeys((23, 20, 21, 25, 102, 111, 112, 120, 121, 126, 127), "iso_ymd"),
    **dict.fromkeys((101, 110), "iso_mdy"),
    **dict.fromkeys((103, 104, 105), "iso_dmy"),
}
_ISO_TEXT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[ T](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?)?")
_NUMERIC = {"integer", "decimal", "float"}


def cast(a: Typed, text: str, t: SqlType, rule: CastRule, complain: Complain) -> str:
    """``text``, the SQL of ``a``, converted to ``t``."""
    source, target = a.type.family, t.family
    if a.kind == "null" or source == "null":
        return f"CAST(NULL AS {t.duckdb})"
    if target == "string":
        return _to_text(a, text, t, rule, complain)
    if source == "string":
        return _from_text(a, text, t, rule, complain)
    if target in ("integer", "decimal", "float", "bit"):
        return _to_number(a, text, t, rule, complain)
    if target in ("date", "datetime", "time"):
        return _to_moment(a, text, t, rule, complain)
    if source == target:
        return text
    return complain(a, f"{a.type} to {t}", "another type, or no conversion")


def _word(rule: CastRule) -> str:
    return "TRY_CAST" if rule.safe else "CAST"


def _to_number(a: Typed, text: str, t: SqlType, rule: CastRule, complain: Complain) -> str:
    source, target = a.type.family, t.family
    if source not in (*_NUMERIC, "bit"):
        return complain(a, f"{a.type} to {t}", "DATEDIFF, or text on the way")
    if target == "bit":
        return text if source == "bit" else f"({text} <> 0)"
    if source == "bit" and target in ("decimal", "float"):
        return f"{_word(rule)}(CAST({text} AS INTEGER) AS {t.duckdb})"
    if target == "integer" and source in ("decimal", "float") and a.type.name not in ("money", "smallmoney"):
        # T-SQL cuts the fraction; a plain cast would round it.
        text = f"trunc({text})"
    if a.kind == "literal" and a.type.duckdb == t.duckdb:
        return text
    return f"{_word(rule)}({text} AS {t.duckdb})"


# text to something


def _from_text(a: Typed, text: str, t: SqlType, rule: CastRule, complain: Complain) -> str:
    target = t.family
    attempt = "try_" if rule.safe else ""
    if t.name in ("money", "smallmoney"):
        return complain(a, f"text to {t} accepts currency signs", "CAST(… AS decimal(19, 4))")
    if target in ("integer", "decimal", "float"):
        reader = {"integer": "whole", "decimal": "numeric", "float": "float"}[target]
        return f"{_word(rule)}(tsql.{attempt}{reader}({text}) AS {t.duckdb})"
    if target in ("bit", "uuid"):
        return f"tsql.{attempt}{'bit' if target == 'bit' else 'uuid'}({text})"
    if target == "time":
        if (t.scale or 0) < 6 and a.kind != "literal":
            return f"tsql.round_time(tsql.{attempt}clock({text}), {10 ** (6 - (t.scale or 0))})"
        return f"tsql.{attempt}clock({text})"
    if target in ("date", "datetime"):
        return _moment_from_text(a, text, t, rule, complain)
    if target == "binary" and rule.style in (1, 2):
        digits = f"substr({text}, 3)" if rule.style == 1 else text
        return f"unhex({digits})"
    return complain(a, f"text to {t}", "HASHBYTES, or CONVERT(varbinary(n), …, 2) of hexadecimal text")


def _moment_from_text(a: Typed, text: str, t: SqlType, rule: CastRule, complain: Complain) -> str:
    known = _ISO_TEXT.fullmatch(a.value) if a.kind == "literal" and rule.style in (None, *_READ_STYLES) else None
    if known and rule.style not in (101, 103, 104, 105, 110):
        literal = _moment_literal(known, t)
        if literal:
            return literal
    if rule.style is not None and rule.style not in _READ_STYLES:
        return complain(a, f"reading dates with style {rule.style}", "style 23, 101, 103, 104, 112 or 120")
    iso = f"tsql.{_READ_STYLES[rule.style] if rule.style is not None else 'iso'}({text})"
    moment = f"TRY_CAST({iso} AS TIMESTAMP)" if rule.safe else f"tsql.moment({iso}, {text})"
    if t.family == "date":
        return f"CAST({moment} AS DATE)"
    return _rounded(moment, 7, t)


def _moment_literal(match: re.Match[str], t: SqlType) -> str:
    year, month, day, hour, minute, second, fraction = match.groups()
    try:
        moment = dt.datetime(
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "").ljust(6, "0") or 0),
        )  # fmt: skip
    except ValueError:
        return ""
    if t.family == "date":
        return f"DATE '{moment:%Y-%m-%d}'" if moment.year >= 1000 else ""
    digits = len((fraction or "").rstrip("0"))
    if moment.year < 1000 or t.name == "smalldatetime" or digits > (t.scale if t.scale is not None else 2):
        return ""
    return f"TIMESTAMP '{moment.isoformat(' ')}'"


# dates and times


def _to_moment(a: Typed, text: str, t: SqlType, rule: CastRule, complain: Complain) -> str:
    source, target = a.type.family, t.family
    if source in _NUMERIC:
        return complain(a, f"{a.type} to {t} counts days from 1900", "DATEADD(day, n, CAST('1900-01-01' AS date))")
    if target == "date":
        return complain(a, f"{a.type} to date", "") if source == "time" else f"CAST({text} AS DATE)"
    if target == "time":
        scale = a.type.scale if a.type.scale is not None else 3
        clock = text if source == "time" else f"CAST({text} AS TIME)"
        if source == "date":
            return complain(a, "date to time", "CAST('00:00' AS time)")
        return (
            clock
            if scale <= (t.scale or 0) or (t.scale or 0) >= 6
            else (f"tsql.round_time({clock}, {10 ** (6 - (t.scale or 0))})")
        )
    if source == "date":
        return f"CAST({text} AS TIMESTAMP)"
    if source == "time":
        return f"(DATE '1900-01-01' + {text})"
    if a.type.name == "datetime" and t.name == "datetime2" and (t.scale or 0) > 3 and not rule.implicit:
        return complain(a, "datetime to datetime2 with more than 3 digits shows thirds of a tick", "datetime2(3)")
    return _rounded(text, a.type.scale if a.type.name == "datetime2" else 3, t)


def _rounded(text: str, scale: int | None, t: SqlType) -> str:
    if t.name == "datetime":
        return f"tsql.datetime({text})"
    if t.name == "smalldatetime":
        return f"date_trunc('minute', {text} + INTERVAL 30 SECOND)"
    digits = t.scale if t.scale is not None else 7
    if digits >= 6 or (scale is not None and scale <= digits):
        return text
    return f"tsql.round_us({text}, {10 ** (6 - digits)})"


# something to text


def _to_text(a: Typed, text: str, t: SqlType, rule: CastRule, complain: Complain) -> str:
    source = a.type.family
    length = t.length or 1
    if source == "string":
        if length != MAX and ((a.type.length or 1) > length or a.type.length == MAX) and not _short(a, length):
            text = f"left({text}, {length})"
        return f"tsql.pad({text}, {length})" if t.fixed else text
    if rule.style is not None and source not in ("date", "datetime", "time", "binary"):
        return complain(a, f"CONVERT with style {rule.style} of {a.type}", "CAST, or FORMAT")
    if source in ("date", "datetime", "time"):
        shown, width = _moment_text(a, text, rule, complain)
        shown = f"left({shown}, {length})" if length != MAX and width > length else shown
        return f"tsql.pad({shown}, {length})" if t.fixed else shown
    if source == "binary":
        if rule.style not in (1, 2):
            return complain(a, f"{a.type} to text", "CONVERT(varchar(n), …, 2) for hexadecimal")
        shown = f"hex({text})" if rule.style == 2 else f"('0x' || hex({text}))"
        return shown if length == MAX or length >= 2 * (a.type.length or 1) else f"left({shown}, {length})"
    if source == "float":
        return complain(a, f"{a.type} to text keeps 6 digits in SQL Server", "CAST(… AS decimal(p, s)) first")
    return _number_text(a, text, t, rule, complain)


def _short(a: Typed, length: int) -> bool:
    return a.kind == "literal" and len(a.value) <= length


def _number_text(a: Typed, text: str, t: SqlType, rule: CastRule, complain: Complain) -> str:
    length = t.length or 1
    if a.type.family == "bit":
        shown = f"CAST(CAST({text} AS INTEGER) AS VARCHAR)"
    elif a.type.name in ("money", "smallmoney"):
        shown = f"CAST(CAST({text} AS DECIMAL(19, 2)) AS VARCHAR)"
    elif a.type.family == "uuid":
        shown = f"upper(CAST({text} AS VARCHAR))"
    elif a.type.name == "decimal" and a.type.precision == a.type.scale != 38:
        # DuckDB writes a decimal without whole digits as .5, SQL Server as 0.5.
        shown = f"CAST(CAST({text} AS DECIMAL({(a.type.precision or 0) + 1},{a.type.scale})) AS VARCHAR)"
    else:
        shown = f"CAST({text} AS VARCHAR)"
    if length != MAX and length < text_length(a.type) and not rule.implicit:
        if rule.safe:
            enough = f"{t.name}({text_length(a.type)})"
            return complain(a, f"TRY_CAST of {a.type} to {t}, which may be too short", enough)
        if a.type.name in ("int", "smallint", "tinyint") and not t.unicode:
            shown = f"CASE WHEN length({shown}) > {length} THEN '*' ELSE {shown} END"
        elif a.type.family != "bit":
            shown = f"tsql.room({shown}, {length}, '{t.name}')"
    return f"tsql.pad({shown}, {length})" if t.fixed else shown


def _moment_text(a: Typed, text: str, rule: CastRule, complain: Complain) -> tuple[str, int]:
    style, t = rule.style, a.type
    if t.family == "time":
        if style not in (None, 8, 24, 108, 114, 121, 126):
            return complain(a, f"CONVERT with style {style} of time", "style 108"), 0
        digits = 0 if style in (8, 24, 108) else (t.scale or 0)
        stamp = f"(DATE '1900-01-01' + {text})"
        shown = f"strftime({stamp}, '%H:%M:%S')"
        return (f"({shown} || '.' || tsql.fraction({stamp}, {digits}))", 9 + digits) if digits else (shown, 8)
    if style is None:
        if t.name in ("datetime", "smalldatetime"):
            return f"tsql.style_0({text})", 19
        style = 23 if t.family == "date" else 121
    if style in (0, 100):
        return (
            (f"tsql.style_0({text})", 19)
            if t.family == "datetime"
            else (complain(a, "style 0 of a date", "style 23 or 107"), 0)
        )
    if style in _FRACTION_STYLES and t.family == "datetime":
        return _fraction_text(a, text, _FRACTION_STYLES[style])
    if style in (120, 121, 126, 20, 21, 25) and t.family == "date":
        style = 23
    form = DATE_STYLES.get(style)
    if form is None or (style in _TIMED_STYLES and t.family == "date"):
        return complain(a, f"CONVERT with style {style} of {t}", "style 23, 101, 103, 112 or 120"), 0
    width = len(dt.datetime(2024, 12, 31).strftime(form))
    return f"strftime({text}, '{form}')", width


def _fraction_text(a: Typed, text: str, between: str) -> tuple[str, int]:
    digits = a.type.scale if a.type.scale is not None else (3 if a.type.name == "datetime" else 0)
    shown = f"strftime({text}, '%Y-%m-%d{between}%H:%M:%S')"
    if not digits:
        return shown, 19
    if between == "T" and a.type.name == "datetime":
        # Style 126 leaves the fraction of a datetime away when it is zero.
        fraction = f"CASE WHEN epoch_us({text}) % 1000000 = 0 THEN '' ELSE '.' || tsql.fraction({text}, 3) END"
        return f"({shown} || {fraction})", 23
    return f"({shown} || '.' || tsql.fraction({text}, {digits}))", 20 + digits
