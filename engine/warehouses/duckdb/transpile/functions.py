"""T-SQL's scalar functions on DuckDB: one entry a function, from rendered arguments to SQL."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.core.sqltypes import MAX
from engine.tsql.bind.typed import Typed
from engine.warehouses.duckdb.transpile.dates import DATE_FUNCTIONS

if TYPE_CHECKING:
    from engine.warehouses.duckdb.transpile.expressions import Renderer

Rule = Callable[["Renderer", Typed, list[str]], str]


def _plain(name: str) -> Rule:
    return lambda r, t, a: f"{name}({', '.join(a)})"


def _template(text: str) -> Rule:
    return lambda r, t, a: text.format(*a)


def _constant(t: Typed, least: int) -> bool:
    return t.kind == "literal" and t.type.family == "integer" and int(t.value) >= least


def _left(r: Renderer, t: Typed, a: list[str]) -> str:
    name, macro = ("left", "head") if t.kind == "LEFT" else ("right", "tail")
    return f"{name}({a[0]}, {a[1]})" if _constant(t.args[1], 0) else f"tsql.{macro}({a[0]}, {a[1]})"


def _substring(r: Renderer, t: Typed, a: list[str]) -> str:
    plain = _constant(t.args[1], 1) and _constant(t.args[2], 0)
    return f"{'substr' if plain else 'tsql.substring'}({', '.join(a)})"


def _charindex(r: Renderer, t: Typed, a: list[str]) -> str:
    return f"tsql.charindex{'_from' if len(a) == 3 else ''}({', '.join(a)})"


def _limited(t: Typed, text: str, longest: int | None) -> str:
    # Functions over sized text stop at 8,000 bytes; say so only where the result could get there.
    if t.type.length == MAX or (longest is not None and longest <= (t.type.length or 1)):
        return text
    return f"left({text}, {t.type.length})"


def _replace(r: Renderer, t: Typed, a: list[str]) -> str:
    find, put = t.args[1], t.args[2]
    caseless = find.kind == "literal" and find.value and find.value.upper() == find.value.lower()
    text = f"replace({', '.join(a)})" if caseless else f"tsql.replace({', '.join(a)})"
    shrinks = find.kind == put.kind == "literal" and len(put.value) <= len(find.value)
    return _limited(t, text, t.args[0].type.length if shrinks else None)


def _replicate(r: Renderer, t: Typed, a: list[str]) -> str:
    count = t.args[1]
    if not _constant(count, 0):
        return _limited(t, f"tsql.replicate({a[0]}, {a[1]})", None)
    length = t.args[0].type.length or 1
    return _limited(t, f"repeat({a[0]}, {a[1]})", length * int(count.value) if length != MAX else None)


def _trim(r: Renderer, t: Typed, a: list[str]) -> str:
    if len(a) == 1:
        return f"trim({a[0]}, ' ')"
    if t.args[1].value.upper() != t.args[1].value.lower():
        return r.refuse(t, "TRIM of letters ignores case in SQL Server", "TRIM of both cases is not available; REPLACE")
    return f"trim({a[0]}, {a[1]})"


def _concat(r: Renderer, t: Typed, a: list[str]) -> str:
    parts = [x if not arg.nullable else f"coalesce({x}, '')" for x, arg in zip(a, t.args, strict=True)]
    longest = sum(arg.type.length or 1 for arg in t.args)
    return _limited(t, f"concat({', '.join(parts)})" if len(parts) == 1 else f"({' || '.join(parts)})", longest)


def _concat_ws(r: Renderer, t: Typed, a: list[str]) -> str:
    separator = f"coalesce({a[0]}, '')" if t.args[0].nullable else a[0]
    longest = sum(arg.type.length or 1 for arg in t.args) + (t.args[0].type.length or 1) * len(a)
    return _limited(t, f"concat_ws({', '.join((separator, *a[1:]))})", longest)


def _translate(r: Renderer, t: Typed, a: list[str]) -> str:
    source, target = t.args[1].value, t.args[2].value
    if len(source) != len(target):
        return r.refuse(t, "TRANSLATE with texts of two lengths is an error in SQL Server", "texts of one length")
    if source.upper() != source.lower():
        return r.refuse(t, "TRANSLATE of letters ignores case in SQL Server", "REPLACE")
    return f"translate({', '.join(a)})"


def _quotename(r: Renderer, t: Typed, a: list[str]) -> str:
    mark = t.args[1].value if len(a) == 2 else "["
    pairs = {"[": "[]", "]": "[]", '"': '""', "'": "''"}
    if mark not in pairs:
        return r.refuse(t, f"QUOTENAME with {mark!r}", "[, \" or '")
    left, right = (r.text_literal(c) for c in pairs[mark])
    return f"CASE WHEN length({a[0]}) <= 128 THEN {left} || replace({a[0]}, {right}, {right} || {right}) || {right} END"


def _char(r: Renderer, t: Typed, a: list[str]) -> str:
    limit = 128 if t.kind == "CHAR" else 65536
    if _constant(t.args[0], 1) and int(t.args[0].value) < limit:
        return f"chr({a[0]})"
    return r.refuse(t, f"{t.kind} of anything but a constant below {limit}", "the character itself as N'…'")


def _datalength(r: Renderer, t: Typed, a: list[str]) -> str:
    arg = t.args[0]
    sizes = {"bit": 1, "tinyint": 1, "smallint": 2, "int": 4, "bigint": 8, "float": 8, "real": 4, "date": 3,
             "datetime": 8, "uniqueidentifier": 16, "money": 8}  # fmt: skip
    if arg.type.unicode:
        return f"CAST(2 * length({a[0]}) AS {t.type.duckdb})"
    if arg.type.family == "string":
        return f"CAST(length({a[0]}) AS {t.type.duckdb})"
    if arg.type.family == "binary":
        return f"CAST(octet_length({a[0]}) AS {t.type.duckdb})"
    if arg.type.name in sizes:
        return f"CASE WHEN {a[0]} IS NOT NULL THEN {sizes[arg.type.name]} END"
    return r.refuse(t, f"DATALENGTH of {arg.type}", "LEN of the text")


def _patindex(r: Renderer, t: Typed, a: list[str]) -> str:
    pattern = t.args[0].value
    regex = r.like_regex(t, pattern)
    if pattern.startswith("%"):
        regex = re.sub(r"^(\.\*)+", "", regex)
    else:
        regex = "^" + regex
    regex = re.sub(r"(\.\*)+$", "", regex) if pattern.endswith("%") else regex + "$"
    return f"tsql.patindex({a[1]}, {r.text_literal(regex)})"


def _hashbytes(r: Renderer, t: Typed, a: list[str]) -> str:
    digest = {"MD5": "md5", "SHA1": "sha1", "SHA": "sha1", "SHA2_256": "sha256"}.get(t.args[0].value.upper())
    if digest is None:
        return r.refuse(t, f"HASHBYTES with {t.args[0].value}", "SHA2_256")
    data = t.args[1].type
    if data.family == "string":
        content = f"tsql.{'utf16' if data.unicode else 'ascii_bytes'}({a[1]})"
    elif data.family == "binary":
        content = a[1]
    else:
        return r.refuse(t, f"HASHBYTES of {data}", "CAST(… AS nvarchar(n))")
    return f"unhex({digest}({content}))"


# numbers


def _round(r: Renderer, t: Typed, a: list[str]) -> str:
    digits = t.args[1]
    if digits.kind != "literal":
        return r.refuse(t, "ROUND to a computed number of digits", "a constant")
    cut = len(a) == 3
    if cut and t.args[2].kind != "literal":
        return r.refuse(t, "ROUND with a computed third argument", "0 or 1")
    cut = cut and t.args[2].value != "0"
    n, kind = int(digits.value), t.type.family
    if kind == "integer":
        if n >= 0:
            return r.strict(t.args[0]) if t.args[0].type == t.type else f"CAST({a[0]} AS {t.type.duckdb})"
        unit = 10**-n
        return (
            f"CAST({a[0]} // {unit} * {unit} AS {t.type.duckdb})"
            if cut
            else (f"CAST(round({a[0]}, {n}) AS {t.type.duckdb})")
        )
    if kind == "float":
        if cut:
            return r.refuse(t, "ROUND(…, n, 1) of float", "CAST(… AS decimal(p, s)) first")
        return f"round(CAST({a[0]} AS DOUBLE), {n})"
    name = "trunc" if cut else "round"
    if n >= (t.type.digits[1]):
        return a[0]
    # A narrow decimal gives 0 where the rounding reaches beyond its digits; SQL Server overflows or rounds up.
    wide = a[0] if n >= 0 else f"CAST({a[0]} AS DECIMAL(38,{t.type.digits[1]}))"
    return f"CAST({name}({wide}, {n}) AS {t.type.duckdb})"


def _whole(r: Renderer, t: Typed, a: list[str]) -> str:
    name = "ceil" if t.kind == "CEILING" else "floor"
    if t.type.family == "integer":
        return f"CAST({a[0]} AS {t.type.duckdb})" if t.args[0].type != t.type else a[0]
    return f"CAST({name}({a[0]}) AS {t.type.duckdb})"


def _typed(name: str) -> Rule:
    return lambda r, t, a: f"CAST({name}({a[0]}) AS {t.type.duckdb})"


def _power(r: Renderer, t: Typed, a: list[str]) -> str:
    power = f"pow(CAST({a[0]} AS DOUBLE), CAST({a[1]} AS DOUBLE))"
    if t.type.family == "float":
        return f"tsql.finite({power})"
    if t.type.name in ("bigint", "money", "smallmoney"):
        return r.refuse(t, f"POWER of {t.type} goes through float", "CAST(… AS float)")
    if t.type.family == "integer":
        return f"CAST(trunc({power}) AS {t.type.duckdb})"
    return f"CAST({power} AS {t.type.duckdb})"


def _log(r: Renderer, t: Typed, a: list[str]) -> str:
    if len(a) == 2:
        return f"(tsql.real_log({a[0]}) / tsql.nonzero(tsql.real_log({a[1]})))"
    return f"tsql.real_log({a[0]})"


# JSON


def _json(name: str) -> Rule:
    def rule(r: Renderer, t: Typed, a: list[str]) -> str:
        path = t.args[1].value if len(t.args) == 2 else "$"
        return f"tsql.{name}({a[0]}, {r.text_literal(r.json_path(t, path))})"

    return rule


FUNCTIONS: dict[str, Rule] = {
    "LEN": lambda r, t, a: f"tsql.len({a[0]})" if t.type.name == "int" else f"CAST(tsql.len({a[0]}) AS BIGINT)",
    "DATALENGTH": _datalength,
    "UPPER": _plain("upper"),
    "LOWER": _plain("lower"),
    "LTRIM": _template("ltrim({0}, ' ')"),
    "RTRIM": _template("rtrim({0}, ' ')"),
    "TRIM": _trim,
    "REVERSE": _plain("reverse"),
    "LEFT": _left,
    "RIGHT": _left,
    "SUBSTRING": _substring,
    "CHARINDEX": _charindex,
    "PATINDEX": _patindex,
    "REPLACE": _replace,
    "STUFF": lambda r, t, a: _limited(t, f"tsql.stuff({', '.join(a)})", None),
    "REPLICATE": _replicate,
    "SPACE": lambda r, t, a: f"tsql.replicate(' ', {a[0]})",
    "CONCAT": _concat,
    "CONCAT_WS": _concat_ws,
    "TRANSLATE": _translate,
    "QUOTENAME": _quotename,
    "ASCII": _template("tsql.ascii({0})"),
    "UNICODE": _template("CASE WHEN {0} <> '' THEN CAST(unicode({0}) AS INTEGER) END"),
    "CHAR": _char,
    "NCHAR": _char,
    "HASHBYTES": _hashbytes,
    "ABS": _typed("abs"),
    "SIGN": _typed("sign"),
    "CEILING": _whole,
    "FLOOR": _whole,
    "ROUND": _round,
    "POWER": _power,
    "SQRT": _template("tsql.real_root({0})"),
    "SQUARE": _template("tsql.finite({0} * {0})"),
    "EXP": _template("tsql.finite(exp({0}))"),
    "LOG": _log,
    "LOG10": _template("(tsql.real_log({0}) * 0 + log10({0}))"),
    "PI": _template("pi()"),
    "SIN": _plain("sin"),
    "COS": _plain("cos"),
    "TAN": _plain("tan"),
    "ASIN": _plain("asin"),
    "ACOS": _plain("acos"),
    "ATAN": _plain("atan"),
    "ATN2": _plain("atan2"),
    **DATE_FUNCTIONS,
    "JSON_VALUE": _json("json_value"),
    "JSON_QUERY": _json("json_query"),
    "ISJSON": _template("tsql.is_json({0})"),
    "NEWID": _plain("gen_random_uuid"),
}
