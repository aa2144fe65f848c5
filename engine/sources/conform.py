"""From raw text to typed values, or to the reason why not: the rules, as DuckDB SQL.

DuckDB's own casts are laxer than a warehouse may be: '12.5' becomes the integer 13, '1_000' becomes 1000, '24:00'
becomes the next day, text after a date is ignored. So a cast alone is believed only when the value, written back as
text, starts with the very text that was read; that settles nearly all rows at the price of one cheap comparison. The
others go through a pattern that says exactly which spellings are good, and a value that has none of them is held back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from engine.core.sqltypes import MAX, Column, SqlType

_NUMBER = r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)"
_CLOCK = r"([01]?[0-9]|2[0-3]):[0-5][0-9]"
_DAY = r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
_ZONE = r"(Z|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
_UUID = r"\{?[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}\}?"
_FIRST_DAY = {"datetime": "1753-01-01", "smalldatetime": "1900-01-01"}
_LAST_DAY = {"smalldatetime": "2079-06-06"}
_COMPACT = r"[0-9]{8}"
_SHOWN = 40


def literal(text: str) -> str:
    """``text`` as a SQL string."""
    return "'" + text.replace("'", "''") + "'"


def ident(name: str) -> str:
    """``name`` as a quoted SQL name."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Rule:
    """How text becomes a value of one type. ``cast`` is DuckDB's own reading of ``$x``; ``sure`` says, given that
    reading as ``$v``, that it is right (and so not NULL); ``careful`` is a value for the spellings that are good all the same, else
    NULL; ``complaint`` says why a text is not a value, as SQL that yields words to follow the shortened value."""

    cast: str
    sure: str
    careful: str
    complaint: str


def rule(t: SqlType, casts: Mapping[str, str] | None = None) -> Rule | None:
    """The rule of a type; None where any text will do. ``casts``: see ``conform``."""
    if t.family == "string":
        return None if t.length == MAX else _string(t)
    found = _RULES[t.family](t)
    if casts and t.duckdb in casts:
        return replace(found, cast=f"{casts[t.duckdb]}($x)", sure="$v IS NOT NULL")
    return found


def _string(t: SqlType) -> Rule:
    # SQL Server counts UTF-16 units: what lies beyond the first 65,536 characters counts twice.
    units = "(length($x) + length(regexp_replace($x, '[^\\x{10000}-\\x{10FFFF}]', '', 'g')))"
    return Rule(
        cast="$x",
        sure=f"strlen($x) <= {t.length}",
        careful=f"CASE WHEN {units} <= {t.length} THEN $x END",
        complaint=f"'has ' || {units} || ' characters, {t} holds {t.length}'",
    )


def _integer(t: SqlType) -> Rule:
    pattern = r"[+-]?[0-9]+(\.0*)?"
    cast = f"TRY_CAST($x AS {t.duckdb})"
    return Rule(
        cast=cast,
        sure="prefix($v::VARCHAR, $x)",
        careful=_when(pattern, cast),
        complaint=_cases(
            (_matches(pattern), f"is out of range for {t}"),
            (_matches(_NUMBER), f"is not a whole number ({t})"),
            (None, f"is not a number ({t})"),
        ),
    )


def _decimal(t: SqlType) -> Rule:
    scale = t.digits[1]
    pattern = rf"[+-]?([0-9]+(\.[0-9]{{0,{scale}}}0*)?" + (rf"|\.[0-9]{{1,{scale}}}0*)" if scale else ")")
    cast = f"TRY_CAST($x AS {t.duckdb})"
    places = f"{scale} decimal place" + ("s" if scale != 1 else "")
    return Rule(
        cast=cast,
        sure="prefix($v::VARCHAR, $x)",
        careful=_when(pattern, cast),
        complaint=_cases(
            (_matches(pattern), f"is out of range for {t}"),
            (_matches(_NUMBER), f"has more than the {places} of {t}" if scale else f"is not a whole number ({t})"),
            (None, f"is not a number ({t})"),
        ),
    )


def _float(t: SqlType) -> Rule:
    cast = f"TRY_CAST($x AS {t.duckdb})"
    # Beyond plain numbers DuckDB reads only underscores, infinities and NaN.
    # What is too small becomes 0 without a word.
    sure = "isfinite($v) AND NOT contains($x, '_') AND ($v <> 0 OR NOT regexp_matches($x, '^[^eE]*[1-9]'))"
    return Rule(
        cast=cast,
        sure=sure,
        careful=f"NULL::{t.duckdb}",
        complaint=_cases(
            (_matches(_NUMBER + r"([eE][+-]?[0-9]+)?"), f"is out of range for {t}"), (None, f"is not a number ({t})")
        ),
    )


def _bit(t: SqlType) -> Rule:
    return Rule(
        cast="TRY_CAST($x AS BOOLEAN)",
        # Beyond 0, 1, true and false DuckDB reads t, f, y, n, yes and no.
        sure="$v IS NOT NULL AND (strlen($x) > 3 OR contains('01', $x))",
        careful=_when("(?i)0|1|true|false", "TRY_CAST(lower($x) AS BOOLEAN)"),
        complaint="'is not a bit (0, 1, true or false)'",
    )


def _date(t: SqlType) -> Rule:
    pattern = rf"{_DAY}([ T]00:00(:00(\.0*)?)?)?"
    cast = "TRY_CAST($x AS DATE)"
    good = "strlen($x) = 10 AND prefix($v::VARCHAR, $x) AND $v <= DATE '9999-12-31'"
    compact = "TRY_CAST(TRY_STRPTIME($x, '%Y%m%d') AS DATE)"
    careful = (
        f"CASE WHEN {_matches(pattern)} AND {_plain(cast)} >= DATE '0001-01-01' THEN {_plain(cast)}"
        f" WHEN {_matches(_COMPACT)} AND {_plain(compact)} >= DATE '0001-01-01' THEN {_plain(compact)} END"
    )
    return Rule(
        cast,
        good,
        careful,
        _cases(
            (_matches(f"{_DAY}[ T]00:00.*|{_DAY}|{_COMPACT}"), "is not a day of the calendar"),
            (_matches(f"{_DAY}[ T][0-9].*"), "has a time of day, which date does not keep"),
            (None, "is not a date (YYYY-MM-DD)"),
        ),
    )


def _datetime(t: SqlType) -> Rule:
    digits = _fraction(t)
    first, last = _FIRST_DAY.get(t.name, "0001-01-01"), _LAST_DAY.get(t.name, "9999-12-31")
    bounds = f"TIMESTAMP '{first}' AND TIMESTAMP '{last} 23:59:59.999999'"
    pattern = rf"{_DAY}([ T]{_CLOCK}{_seconds(digits)}Z?)?"
    cast = "TRY_CAST($x AS TIMESTAMP)"
    longest = 19 + (digits + 1 if digits else 0)
    good = f"strlen($x) <= {longest} AND prefix($v::VARCHAR, $x) AND $v BETWEEN {bounds}"
    # The same with a T between day and time, which is as common as the blank.
    other = good.replace("$v", cast).replace("VARCHAR, $x", "VARCHAR, replace($x, 'T', ' ')")
    careful = (
        f"CASE WHEN {other} THEN {cast}"
        f" WHEN {_matches(pattern)} AND {_plain(cast)} BETWEEN {bounds} THEN {_plain(cast)} END"
    )
    return Rule(cast, good, careful, _moment_complaint(t, pattern, digits))


def _datetimeoffset(t: SqlType) -> Rule:
    digits = _fraction(t)
    pattern = rf"{_DAY}([ T]{_CLOCK}{_seconds(digits)} ?{_ZONE}?)?"
    cast = "TRY_CAST($x AS TIMESTAMPTZ)"
    bounds = "TIMESTAMPTZ '0001-01-01 00:00:00+00' AND TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"
    careful = f"CASE WHEN {_matches(pattern)} AND {_plain(cast)} BETWEEN {bounds} THEN {_plain(cast)} END"
    return Rule(cast, "false", careful, _moment_complaint(t, pattern, digits))


def _moment_complaint(t: SqlType, pattern: str, digits: int) -> str:
    moment = rf"{_DAY}[ T]{_CLOCK}{_seconds(None)}"
    form = "YYYY-MM-DD hh:mm:ss" + ("+hh:mm" if t.name == "datetimeoffset" else "")
    return _cases(
        (_matches(pattern), f"does not exist, or is out of range for {t}"),
        (
            _matches(rf"{moment} ?{_ZONE}?") if t.name == "datetimeoffset" else _matches(moment + "Z?"),
            f"has more fractional digits than {t} keeps" + (f" here ({digits})" if digits < (t.scale or 0) else ""),
        ),
        (_matches(rf"{moment} ?{_ZONE}"), f"has a time zone, which {t} does not keep; declare datetimeoffset"),
        (None, f"is not a date and time ({form})"),
    )


def _time(t: SqlType) -> Rule:
    digits = _fraction(t)
    pattern = rf"{_CLOCK}{_seconds(digits)}"
    cast = "TRY_CAST($x AS TIME)"
    longest = 8 + (digits + 1 if digits else 0)
    good = f"strlen($x) BETWEEN 5 AND {longest} AND NOT starts_with($x, '24') AND prefix($v::VARCHAR, $x)"
    return Rule(
        cast,
        good,
        _when(pattern, cast),
        _cases(
            (
                _matches(rf"{_CLOCK}{_seconds(None)}"),
                f"has more fractional digits than {t} keeps" + (f" here ({digits})" if digits < (t.scale or 0) else ""),
            ),
            (None, "is not a time of day (hh:mm:ss)"),
        ),
    )


def _uuid(t: SqlType) -> Rule:
    cast = "TRY_CAST($x AS UUID)"
    return Rule(cast, "prefix($v::VARCHAR, $x)", _when(_UUID, cast), f"'is not a {t}'")


def _binary(t: SqlType) -> Rule:
    room = "" if t.length in (MAX, None) else f" AND strlen(trim($x)) <= {2 * (t.length or 0) + 2}"
    pattern = "0[xX]([0-9a-fA-F]{2})*"
    # unhex raises on anything else, and CASE guards it only for rows: so it is given nothing else.
    clean = f"CASE WHEN {_matches(pattern)}{room} THEN substr(trim($x), 3) END"
    return Rule(
        "NULL::BLOB",
        "false",
        f"unhex({clean})",
        _cases((_matches(pattern), f"is longer than {t}"), (None, "is not binary (0x and two digits a byte)")),
    )


_RULES = {
    "integer": _integer,
    "decimal": _decimal,
    "float": _float,
    "bit": _bit,
    "date": _date,
    "datetime": _datetime,
    "datetimeoffset": _datetimeoffset,
    "time": _time,
    "uuid": _uuid,
    "binary": _binary,
}


def _fraction(t: SqlType) -> int:
    # DuckDB keeps microseconds; a seventh digit would be lost without a word, so it is refused instead.
    if t.name == "smalldatetime":
        return 0
    return min(6, t.scale if t.scale is not None else 3)


def _seconds(digits: int | None) -> str:
    if digits is None:
        return r"(:[0-5][0-9](\.[0-9]*)?)?"
    return rf"(:[0-5][0-9](\.[0-9]{{0,{digits}}}0*)?)?"


_TRIMMED = "trim($x, ' ' || chr(9))"


def _plain(sql: str) -> str:
    return sql.replace("$x", _TRIMMED)


def _matches(pattern: str) -> str:
    return f"regexp_full_match({_TRIMMED}, {literal(pattern)})"


def _when(pattern: str, cast: str) -> str:
    return f"CASE WHEN {_matches(pattern)} THEN {_plain(cast)} END"


def _cases(*cases: tuple[str | None, str]) -> str:
    arms = [f"WHEN {test} THEN {literal(words)}" if test else f"ELSE {literal(words)}" for test, words in cases]
    return f"CASE {' '.join(arms)} END"


def conform(raw: str, columns: Sequence[Column], casts: Mapping[str, str] | None = None) -> str:
    """SQL that types the rows of ``raw``: a relation of text columns ``x0, x1, ...`` (one for each of ``columns``) and
    ``_row`` (the row's number, or NULL), ``_fault`` (what is wrong with the row as a whole, or NULL), ``_raw`` (its text
    when it has a fault).

    Yields the columns under their own names, then ``_row`` and ``_held``: NULL when the row is good, else a JSON object
    of ``reasons`` (list of texts) and ``row`` (object of the texts as they were read).

    ``casts`` names, for types of the database that it casts text to slowly, functions that do it fast: the right value
    or NULL, also for texts that they leave to the rule.
    """
    ruled = [(f"x{i}", i, c, r) for i, c in enumerate(columns) if (r := rule(c.type, casts))]
    xs = [f"x{i}" for i in range(len(columns))]
    rest = ", ".join([*xs, "_row", "_fault", "_raw"])
    some = f"COALESCE({', '.join(xs)}, NULL) IS NOT NULL"
    readings = "".join(f", {_fill(r.cast, x)} AS v{i}" for x, i, _, r in ruled)
    # NULL counts as sure: neither the cast nor the comparison had anything to go wrong with.
    sure = {i: f"({_fill(r.sure, x, f'v{i}')} OR {x} IS NULL)" for x, i, _, r in ruled}
    every = " AND ".join([*sure.values(), "_fault IS NULL", some])
    # Asked once for the whole row; again for each column only in rows where something is in doubt.
    values = "".join(
        f", CASE WHEN _sure THEN v{i} WHEN {sure[i]} THEN v{i} ELSE {_fill(r.careful, x)} END AS r{i}"
        for x, i, _, r in ruled
    )
    fits = " AND ".join([*(f"({x} IS NULL) = (r{i} IS NULL)" for x, i, _, _ in ruled), "_fault IS NULL", some])
    out = ", ".join(
        f"{'r' if any(i == k for _, k, _, _ in ruled) else 'x'}{i} AS {ident(c.name)}" for i, c in enumerate(columns)
    )
    return (
        f"SELECT {out}, _row, CASE WHEN NOT _good THEN {_explained(columns, ruled, some)} END AS _held\n"
        f"FROM (SELECT *, CASE WHEN _sure THEN true ELSE {fits} END AS _good\n"
        f"FROM (SELECT _sure, {rest}{values}\n"
        f"FROM (SELECT *, CASE WHEN {every} THEN true ELSE false END AS _sure\n"
        f"FROM (SELECT {rest}{readings}\nFROM ({raw})))))"
    )


def _explained(columns: Sequence[Column], ruled: Sequence[tuple[str, int, Column, Rule]], some: str) -> str:
    complaints = ["_fault", f"CASE WHEN _fault IS NULL AND NOT ({some}) THEN 'every column is empty' END"]
    complaints += [
        f"CASE WHEN _fault IS NULL AND ({x} IS NULL) <> (r{i} IS NULL)"
        f" THEN {literal(c.name + ': ')} || {_shown(x)} || ' ' || ({_fill(r.complaint, x)}) END"
        for x, i, c, r in ruled
    ]
    reasons = f"list_filter([{', '.join(complaints)}], lambda reason: reason IS NOT NULL)"
    texts = f"struct_pack({', '.join(f'{ident(c.name)} := x{i}' for i, c in enumerate(columns))})"
    row = f"CASE WHEN _raw IS NULL THEN to_json({texts}) ELSE to_json(struct_pack(_raw := _raw)) END"
    return f'to_json(struct_pack(reasons := {reasons}, "row" := {row}))::VARCHAR'


def _fill(sql: str, x: str, v: str = "") -> str:
    return sql.replace("$x", x).replace("$v", v)


def _shown(x: str) -> str:
    short = f"CASE WHEN length({x}) > {_SHOWN} THEN left({x}, {_SHOWN - 1}) || '…' ELSE {x} END"
    return f"chr(39) || {short} || chr(39)"
