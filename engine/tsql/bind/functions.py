"""The T-SQL functions a SELECT may call: how many arguments, of what kind, and the type that comes out.

One line a function. What is not here is not available: ``UNAVAILABLE`` says why for T-SQL functions people do reach
for, and names what to write instead.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.core.sqltypes import (
    BIGINT,
    DATE,
    DATETIME,
    DATETIME2,
    FLOAT,
    INT,
    MAX,
    SqlType,
    decimal,
    parse_type,
    string,
)
from engine.tsql.bind.typed import Typed

ResultRule = Callable[[Sequence[Typed]], SqlType]


@dataclass(frozen=True, slots=True)
class Signature:
    """``kinds`` has one letter an argument, the last repeats: s text, i whole number, n number, f float, d date or
    time, x anything, k a date part, t a text constant. ``nulls`` is 'any' (NULL in, NULL out), 'always' or 'never'."""

    low: int
    high: int
    kinds: str
    result: ResultRule
    nulls: str = "any"
    padded: bool = False


def _is(t: SqlType) -> ResultRule:
    return lambda args: t


def _first(args: Sequence[Typed]) -> SqlType:
    return args[0].type


def _text(t: SqlType, length: int | None = None) -> SqlType:
    return string("nvarchar" if t.unicode else "varchar", (t.length or 1) if length is None else length)


def _same_text(args: Sequence[Typed]) -> SqlType:
    return _text(args[0].type)


def _cut_text(index: int) -> ResultRule:
    def rule(args: Sequence[Typed]) -> SqlType:
        whole, count = args[0].type, args[index]
        if count.kind == "literal" and count.type == INT and whole.length != MAX:
            return _text(whole, min(whole.length or 1, max(1, int(count.value))))
        return _text(whole)

    return rule


def _widest_text(args: Sequence[Typed]) -> SqlType:
    """REPLACE, REPLICATE, STUFF: the result may grow up to 8,000 bytes, or without end when the text is a max type."""
    texts = [a.type for a in args if a.type.family == "string"]
    unicode = any(t.unicode for t in texts)
    if any(t.length == MAX for t in texts):
        return string("nvarchar" if unicode else "varchar", MAX)
    return string("nvarchar", 4000) if unicode else string("varchar", 8000)


def _concat(args: Sequence[Typed]) -> SqlType:
    texts = [a.type for a in args]
    unicode = any(t.unicode for t in texts)
    length = MAX if any(t.length == MAX for t in texts) else sum(t.length or 1 for t in texts)
    return string("nvarchar" if unicode else "varchar", length)


def _at_least_int(args: Sequence[Typed]) -> SqlType:
    t = args[0].type
    return INT if t.name in ("bit", "tinyint", "smallint", "null") else t


def _whole(args: Sequence[Typed]) -> SqlType:
    t = _at_least_int(args)
    return decimal(t.precision or 18, 0) if t.name == "decimal" else t


def _power(args: Sequence[Typed]) -> SqlType:
    t = _at_least_int(args)
    if t.name == "decimal":
        return decimal(38, t.scale or 0)
    return FLOAT if t.name == "real" else t


def _float_unless_exact(args: Sequence[Typed]) -> SqlType:
    t = _at_least_int(args)
    return FLOAT if t.name == "real" else t


def _moved_date(args: Sequence[Typed]) -> SqlType:
    return args[2].type


def _length_of(args: Sequence[Typed]) -> SqlType:
    return BIGINT if args[0].type.length == MAX else INT


def _json_value(args: Sequence[Typed]) -> SqlType:
    return string("nvarchar", 4000)


def _fraction(index: int, name: str) -> ResultRule:
    def rule(args: Sequence[Typed]) -> SqlType:
        return SqlType(name, scale=int(args[index].value) if args[index].kind == "literal" else 7)

    return rule


_NV30 = string("nvarchar", 30)
_NV258 = string("nvarchar", 258)
_NVMAX = string("nvarchar", MAX)
_VB8000 = parse_type("varbinary(8000)")

FUNCTIONS: dict[str, Signature] = {
    # text
    "LEN": Signature(1, 1, "s", _length_of),
    "DATALENGTH": Signature(1, 1, "x", _length_of),
    "UPPER": Signature(1, 1, "s", _same_text),
    "LOWER": Signature(1, 1, "s", _same_text),
    "LTRIM": Signature(1, 1, "s", _same_text),
    "RTRIM": Signature(1, 1, "s", _same_text),
    "TRIM": Signature(1, 1, "s", _same_text),
    "REVERSE": Signature(1, 1, "s", _same_text, padded=True),
    "LEFT": Signature(2, 2, "si", _cut_text(1), padded=True),
    "RIGHT": Signature(2, 2, "si", _cut_text(1), padded=True),
    "SUBSTRING": Signature(3, 3, "sii", _cut_text(2), padded=True),
    "CHARINDEX": Signature(2, 3, "ssi", lambda a: BIGINT if a[1].type.length == MAX else INT),
    "PATINDEX": Signature(2, 2, "ts", lambda a: BIGINT if a[1].type.length == MAX else INT),
    "REPLACE": Signature(3, 3, "s", _widest_text, padded=True),
    "STUFF": Signature(4, 4, "siis", _widest_text, nulls="always", padded=True),
    "REPLICATE": Signature(2, 2, "si", _widest_text, nulls="always", padded=True),
    "SPACE": Signature(1, 1, "i", _is(string("varchar", 8000)), nulls="always", padded=True),
    "CONCAT": Signature(2, 254, "s", _concat, nulls="never", padded=True),
    "CONCAT_WS": Signature(3, 254, "s", _concat, nulls="never", padded=True),
    "TRANSLATE": Signature(3, 3, "stt", _same_text, padded=True),
    "QUOTENAME": Signature(1, 2, "st", _is(_NV258), nulls="always"),
    "ASCII": Signature(1, 1, "s", _is(INT), nulls="always"),
    "UNICODE": Signature(1, 1, "s", _is(INT), nulls="always"),
    "CHAR": Signature(1, 1, "i", _is(string("char", 1)), nulls="always", padded=True),
    "NCHAR": Signature(1, 1, "i", _is(string("nchar", 1)), nulls="always", padded=True),
    "HASHBYTES": Signature(2, 2, "tx", _is(_VB8000)),
    "FORMAT": Signature(2, 3, "xtt", _is(string("nvarchar", 4000))),
    # numbers
    "ABS": Signature(1, 1, "n", _at_least_int),
    "SIGN": Signature(1, 1, "n", _float_unless_exact),
    "CEILING": Signature(1, 1, "n", _whole),
    "FLOOR": Signature(1, 1, "n", _whole),
    "ROUND": Signature(2, 3, "nii", _float_unless_exact),
    "POWER": Signature(2, 2, "nn", _power),
    "SQRT": Signature(1, 1, "f", _is(FLOAT)),
    "SQUARE": Signature(1, 1, "f", _is(FLOAT)),
    "EXP": Signature(1, 1, "f", _is(FLOAT)),
    "LOG": Signature(1, 2, "f", _is(FLOAT)),
    "LOG10": Signature(1, 1, "f", _is(FLOAT)),
    "PI": Signature(0, 0, "x", _is(FLOAT), nulls="never"),
    "SIN": Signature(1, 1, "f", _is(FLOAT)),
    "COS": Signature(1, 1, "f", _is(FLOAT)),
    "TAN": Signature(1, 1, "f", _is(FLOAT)),
    "ASIN": Signature(1, 1, "f", _is(FLOAT)),
    "ACOS": Signature(1, 1, "f", _is(FLOAT)),
    "ATAN": Signature(1, 1, "f", _is(FLOAT)),
    "ATN2": Signature(2, 2, "f", _is(FLOAT)),
    # dates
    "GETDATE": Signature(0, 0, "x", _is(DATETIME), nulls="never"),
    "GETUTCDATE": Signature(0, 0, "x", _is(DATETIME), nulls="never"),
    "SYSDATETIME": Signature(0, 0, "x", _is(DATETIME2), nulls="never"),
    "SYSUTCDATETIME": Signature(0, 0, "x", _is(DATETIME2), nulls="never"),
    "DATEADD": Signature(3, 3, "kid", _moved_date),
    "DATEDIFF": Signature(3, 3, "kdd", _is(INT)),
    "DATEDIFF_BIG": Signature(3, 3, "kdd", _is(BIGINT)),
    "DATEPART": Signature(2, 2, "kd", _is(INT)),
    "DATENAME": Signature(2, 2, "kd", _is(_NV30)),
    "YEAR": Signature(1, 1, "d", _is(INT)),
    "MONTH": Signature(1, 1, "d", _is(INT)),
    "DAY": Signature(1, 1, "d", _is(INT)),
    "EOMONTH": Signature(1, 2, "di", _is(DATE)),
    "DATEFROMPARTS": Signature(3, 3, "i", _is(DATE)),
    "DATETIMEFROMPARTS": Signature(7, 7, "i", _is(DATETIME)),
    "DATETIME2FROMPARTS": Signature(8, 8, "i", _fraction(7, "datetime2")),
    "TIMEFROMPARTS": Signature(5, 5, "i", _fraction(4, "time")),
    # JSON and the rest
    "JSON_VALUE": Signature(2, 2, "st", _json_value, nulls="always", padded=True),
    "JSON_QUERY": Signature(1, 2, "st", _is(_NVMAX), nulls="always"),
    "ISJSON": Signature(1, 1, "s", _is(INT)),
    "NEWID": Signature(0, 0, "x", _is(SqlType("uniqueidentifier")), nulls="never"),
}

AGGREGATES = {
    "SUM", "AVG", "MIN", "MAX", "COUNT", "COUNT_BIG", "STDEV", "STDEVP", "VAR", "VARP", "STRING_AGG", "GROUPING",
    "GROUPING_ID",
}  # fmt: skip
RANKINGS = {"ROW_NUMBER", "RANK", "DENSE_RANK", "NTILE", "PERCENT_RANK", "CUME_DIST"}
OFFSETS = {"LAG", "LEAD", "FIRST_VALUE", "LAST_VALUE"}
PERCENTILES = {"PERCENTILE_CONT", "PERCENTILE_DISC"}
CHOICES = {"ISNULL", "COALESCE", "NULLIF", "IIF", "CHOOSE"}
TABLE_FUNCTIONS = {"STRING_SPLIT"}

KNOWN = sorted({*FUNCTIONS, *AGGREGATES, *RANKINGS, *OFFSETS, *PERCENTILES, *CHOICES})

DATE_PARTS = {
    name: part
    for part, names in {
        "year": "year yy yyyy",
        "quarter": "quarter qq q",
        "month": "month mm m",
        "dayofyear": "dayofyear dy y",
        "day": "day dd d",
        "week": "week wk ww",
        "weekday": "weekday dw w",
        "hour": "hour hh",
        "minute": "minute mi n",
        "second": "second ss s",
        "millisecond": "millisecond ms",
        "microsecond": "microsecond mcs",
        "nanosecond": "nanosecond ns",
        "iso_week": "iso_week isowk isoww",
        "tzoffset": "tzoffset tz",
    }.items()
    for name in names.split()
}
TIME_PARTS = {"hour", "minute", "second", "millisecond", "microsecond", "nanosecond"}

_2022 = "is SQL Server 2022 and later"
UNAVAILABLE = {
    "DATETRUNC": f"{_2022}; write DATEFROMPARTS(YEAR(d), MONTH(d), 1) or CAST(… AS date)",
    "DATE_BUCKET": f"{_2022}; write DATEADD over a DATEDIFF",
    "GREATEST": f"{_2022}; write CASE or (SELECT MAX(v) FROM (VALUES (a), (b)) AS x(v))",
    "LEAST": f"{_2022}; write CASE or (SELECT MIN(v) FROM (VALUES (a), (b)) AS x(v))",
    "GENERATE_SERIES": f"{_2022}; write a recursive WITH",
    "APPROX_PERCENTILE_CONT": f"{_2022}; write PERCENTILE_CONT(…) WITHIN GROUP (ORDER BY …) OVER (…)",
    "JSON_OBJECT": f"{_2022}; write CONCAT",
    "JSON_ARRAY": f"{_2022}; write CONCAT",
    "APPROX_COUNT_DISTINCT": "gives another answer each time; write COUNT(DISTINCT …)",
    "SOUNDEX": "has no equal on the embedded warehouse; write LEFT or LIKE",
    "DIFFERENCE": "has no equal on the embedded warehouse; write LIKE",
    "CHECKSUM": "has no equal on the embedded warehouse; write HASHBYTES('SHA2_256', …)",
    "BINARY_CHECKSUM": "has no equal on the embedded warehouse; write HASHBYTES('SHA2_256', …)",
    "CHECKSUM_AGG": "has no equal on the embedded warehouse; write SUM or STRING_AGG",
    "ISNUMERIC": "says 1 for '$', '.' and '1e4'; write TRY_CAST(… AS decimal(18, 4)) IS NOT NULL",
    "ISDATE": "depends on the session's language; write TRY_CAST(… AS date) IS NOT NULL",
    "STR": "goes through float; write CAST(CAST(… AS decimal(p, s)) AS nvarchar(n))",
    "PARSE": "depends on a culture; write CAST or CONVERT with a style",
    "TRY_PARSE": "depends on a culture; write TRY_CAST or TRY_CONVERT with a style",
    "RAND": "is not repeatable; write a column or HASHBYTES",
    "NEWSEQUENTIALID": "is only a column default; write NEWID()",
    "SYSDATETIMEOFFSET": "carries the server's time zone; write SYSUTCDATETIME()",
    "SWITCHOFFSET": "needs time zones; keep times in UTC",
    "TODATETIMEOFFSET": "needs time zones; keep times in UTC",
    "JSON_MODIFY": "has no equal on the embedded warehouse; write CONCAT or take values out with JSON_VALUE",
    "STRING_ESCAPE": "has no equal on the embedded warehouse; write REPLACE",
    "PARSENAME": "has no equal on the embedded warehouse; write STRING_SPLIT or SUBSTRING with CHARINDEX",
    "COMPRESS": "has no equal on the embedded warehouse",
    "DECOMPRESS": "has no equal on the embedded warehouse",
    "OBJECT_ID": "asks the server's catalogue; a template reads tables only",
    "SUSER_SNAME": "depends on who is connected",
    "USER_NAME": "depends on who is connected",
    "DB_NAME": "depends on where it runs; write {{ target }} in the template",
    "IF": "is not T-SQL; write IIF or CASE",
    "NVL": "is not T-SQL; write ISNULL or COALESCE",
    "IFNULL": "is not T-SQL; write ISNULL or COALESCE",
    "LENGTH": "is not T-SQL; write LEN",
    "SUBSTR": "is not T-SQL; write SUBSTRING",
    "NOW": "is not T-SQL; write SYSUTCDATETIME()",
    "DATE_TRUNC": "is not T-SQL; write DATEFROMPARTS(YEAR(d), MONTH(d), 1) or CAST(… AS date)",
    "TO_DATE": "is not T-SQL; write CAST or CONVERT with a style",
    "TO_CHAR": "is not T-SQL; write CONVERT with a style",
    "EXTRACT": "is not T-SQL; write DATEPART",
    "MOD": "is not T-SQL; write %",
    "CEIL": "is not T-SQL; write CEILING",
    "TRUNC": "is not T-SQL; write ROUND(…, n, 1)",
    "STDDEV": "is not T-SQL; write STDEV",
    "GROUP_CONCAT": "is not T-SQL; write STRING_AGG",
    "LISTAGG": "is not T-SQL; write STRING_AGG",
    "MEDIAN": "is not T-SQL; write PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY …) OVER (…)",
    "NTH_VALUE": "is not T-SQL; write ROW_NUMBER in a derived table",
}
"""T-SQL (and other dialects') functions that are turned away, with what to write instead."""
