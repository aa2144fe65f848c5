"""SQL Server's data types and the rules by which expressions get theirs.

The rules are those of Microsoft's reference: data type precedence, "Precision, scale, and length", and the result
types of the aggregates. Nothing here knows a warehouse except ``SqlType.duckdb``, the embedded warehouse's word for
the same values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from engine.core.errors import nearest

MAX = -1
"""The length of nvarchar(max) and its kin."""


@dataclass(frozen=True, slots=True)
class SqlType:
    """One SQL Server type. ``length`` counts characters (bytes for varbinary), -1 is max; ``scale`` of datetime2 and
    time is the number of fractional digits."""

    name: str
    length: int | None = None
    precision: int | None = None
    scale: int | None = None

    def __str__(self) -> str:
        if self.length is not None:
            return f"{self.name}({'max' if self.length == MAX else self.length})"
        if self.name == "decimal":
            return f"decimal({self.precision},{self.scale})"
        if self.name in _FRACTIONAL:
            return f"{self.name}({self.scale})"
        return self.name

    @property
    def family(self) -> str:
        """integer, decimal (money too), float, string, date, datetime, time, datetimeoffset, bit, uuid, binary or
        null."""
        return _FAMILY[self.name]

    @property
    def duckdb(self) -> str:
        """The DuckDB type that holds every value of this type; lengths are kept by casts, not by the type."""
        if self.name == "decimal":
            return f"DECIMAL({self.precision},{self.scale})"
        return _DUCKDB[self.name]

    @property
    def unicode(self) -> bool:
        return self.name in ("nvarchar", "nchar")

    @property
    def fixed(self) -> bool:
        """char and nchar: values are filled up with blanks."""
        return self.name in ("char", "nchar")

    @property
    def digits(self) -> tuple[int, int]:
        """Precision and scale when the value takes part in decimal arithmetic. Raises KeyError for other families."""
        if self.name == "decimal":
            return self.precision or 18, self.scale or 0
        return _AS_DECIMAL[self.name]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table or of a SELECT. ``padded`` says that a string may end in blanks, which T-SQL ignores when it
    compares and DuckDB does not. ``lineage`` names the (table, column) pairs the values are computed from."""

    name: str
    type: SqlType
    nullable: bool = True
    padded: bool = True
    lineage: frozenset[tuple[str, str]] = frozenset()


_FAMILY = {
    "null": "null",
    "bit": "bit",
    "tinyint": "integer",
    "smallint": "integer",
    "int": "integer",
    "bigint": "integer",
    "decimal": "decimal",
    "money": "decimal",
    "smallmoney": "decimal",
    "real": "float",
    "float": "float",
    "char": "string",
    "varchar": "string",
    "nchar": "string",
    "nvarchar": "string",
    "date": "date",
    "time": "time",
    "smalldatetime": "datetime",
    "datetime": "datetime",
    "datetime2": "datetime",
    "datetimeoffset": "datetimeoffset",
    "uniqueidentifier": "uuid",
    "binary": "binary",
    "varbinary": "binary",
}

_DUCKDB = {
    "null": "INTEGER",
    "bit": "BOOLEAN",
    "tinyint": "UTINYINT",
    "smallint": "SMALLINT",
    "int": "INTEGER",
    "bigint": "BIGINT",
    "money": "DECIMAL(19,4)",
    "smallmoney": "DECIMAL(10,4)",
    "real": "FLOAT",
    "float": "DOUBLE",
    "char": "VARCHAR",
    "varchar": "VARCHAR",
    "nchar": "VARCHAR",
    "nvarchar": "VARCHAR",
    "date": "DATE",
    "time": "TIME",
    "smalldatetime": "TIMESTAMP",
    "datetime": "TIMESTAMP",
    "datetime2": "TIMESTAMP",
    "datetimeoffset": "TIMESTAMPTZ",
    "uniqueidentifier": "UUID",
    "binary": "BLOB",
    "varbinary": "BLOB",
}

_AS_DECIMAL = {
    "bit": (1, 0),
    "tinyint": (3, 0),
    "smallint": (5, 0),
    "int": (10, 0),
    "bigint": (19, 0),
    "smallmoney": (10, 4),
    "money": (19, 4),
    "null": (10, 0),
}

_PRECEDENCE = {
    name: rank
    for rank, name in enumerate(
        (
            "null", "binary", "varbinary", "char", "varchar", "nchar", "nvarchar", "uniqueidentifier", "bit",
            "tinyint", "smallint", "int", "bigint", "smallmoney", "money", "decimal", "real", "float", "time",
            "date", "smalldatetime", "datetime", "datetime2", "datetimeoffset",
        )
    )
}  # fmt: skip

_SIZED = {"char": 8000, "varchar": 8000, "nchar": 4000, "nvarchar": 4000, "binary": 8000, "varbinary": 8000}
_UNBOUNDED = {"varchar", "nvarchar", "varbinary"}
_FRACTIONAL = {"datetime2", "time", "datetimeoffset"}
_SYNONYMS = {
    "numeric": "decimal",
    "dec": "decimal",
    "integer": "int",
    "character": "char",
    "double precision": "float",
    "sysname": "nvarchar(128)",
}
_TYPE_TEXT = re.compile(r"\s*\[?([a-z_]\w*(?:\s+precision)?)\]?\s*(?:\(\s*(max|\d+)\s*(?:,\s*(\d+)\s*)?\))?\s*", re.I)

NULL = SqlType("null")
BIT = SqlType("bit")
INT = SqlType("int")
BIGINT = SqlType("bigint")
FLOAT = SqlType("float")
DATE = SqlType("date")
DATETIME = SqlType("datetime")
DATETIME2 = SqlType("datetime2", scale=7)
UNIQUEIDENTIFIER = SqlType("uniqueidentifier")
NVARCHAR_MAX = SqlType("nvarchar", length=MAX)


def decimal(precision: int, scale: int) -> SqlType:
    """decimal(precision, scale), unchecked."""
    return SqlType("decimal", precision=precision, scale=scale)


def string(name: str, length: int) -> SqlType:
    """A character type, cut to what the type allows: nvarchar(5000) does not exist and becomes nvarchar(4000)."""
    return SqlType(name, length=length if length == MAX else max(1, min(length, _SIZED[name])))


@lru_cache(maxsize=1024)
def parse_type(text: str, *, default_length: int = 1) -> SqlType:
    """The type that ``text`` names, such as ``nvarchar(20)`` or ``decimal(9,1)``.

    ``default_length`` is the length of a character type without one: 1 in a declaration, 30 in CAST and CONVERT.
    Raises ValueError that says what is wrong and names the nearest type.
    """
    match = _TYPE_TEXT.fullmatch(text)
    if not match:
        raise ValueError(f"{text.strip()!r} is not a type; expected a T-SQL type such as nvarchar(50) or decimal(9,2)")
    name = " ".join(match[1].lower().split())
    first, second = match[2], match[3]
    alias = _SYNONYMS.get(name, name)
    if "(" in alias:
        return parse_type(alias)
    if alias not in _FAMILY or alias == "null":
        hint = nearest(name, [n for n in _FAMILY if n != "null"])
        raise ValueError(f"unknown type {name!r}" + (f"; did you mean {hint!r}?" if hint else ""))
    if first is not None and first.lower() == "max" and alias not in _UNBOUNDED:
        raise ValueError(f"{alias}(max) does not exist; only varchar, nvarchar and varbinary have max")
    if second is not None and alias != "decimal":
        raise ValueError(f"{alias} takes one number at most, got {text.strip()!r}")
    return _sized(alias, first, second, default_length)


def _sized(name: str, first: str | None, second: str | None, default_length: int) -> SqlType:
    if name in _SIZED:
        if first is not None and first.lower() == "max":
            return SqlType(name, length=MAX)
        length = int(first) if first else default_length
        if not 1 <= length <= _SIZED[name]:
            unbounded = f" or {name}(max)" if name in _UNBOUNDED else ""
            raise ValueError(f"{name}({length}) is out of range; expected 1 to {_SIZED[name]}{unbounded}")
        return SqlType(name, length=length)
    if name == "decimal":
        precision = int(first) if first else 18
        scale = int(second) if second else 0
        if not 1 <= precision <= 38:
            raise ValueError(f"decimal precision {precision} is out of range; expected 1 to 38")
        if scale > precision:
            raise ValueError(f"decimal({precision},{scale}): the scale may not exceed the precision")
        return decimal(precision, scale)
    if name in _FRACTIONAL:
        digits = int(first) if first else 7
        if digits > 7:
            raise ValueError(f"{name}({digits}) is out of range; expected 0 to 7 fractional digits")
        return SqlType(name, scale=digits)
    if name == "float":
        bits = int(first) if first else 53
        if not 1 <= bits <= 53:
            raise ValueError(f"float({bits}) is out of range; expected 1 to 53")
        return SqlType("real" if bits <= 24 else "float")
    if first is not None:
        raise ValueError(f"{name} takes no length, got {name}({first})")
    return SqlType(name)


def literal_number_type(text: str) -> SqlType:
    """The type of a number written in SQL: int, decimal as wide as its digits, or float when it has an exponent."""
    if "e" in text.lower():
        return FLOAT
    whole, dot, fraction = text.partition(".")
    whole = whole.lstrip("0")
    if not dot and int(whole or "0") <= 2147483647:
        return INT
    return decimal(min(38, max(1, len(whole) + len(fraction))), len(fraction))


def literal_digits(text: str) -> tuple[int, int]:
    """Precision and scale of a whole-number constant in decimal arithmetic: as many digits as it has."""
    return max(1, len(text.lstrip("0"))), 0


def common_type(types: Iterable[SqlType]) -> SqlType:
    """The type of CASE, COALESCE, VALUES and UNION over ``types``: highest precedence, wide enough for all of one
    family. Raises ValueError when SQL Server has no implicit conversion between them."""
    result = NULL
    for other in types:
        result = _common(result, other)
    return result


@lru_cache(maxsize=4096)
def _common(a: SqlType, b: SqlType) -> SqlType:
    if a == b or b.name == "null":
        return a
    if a.name == "null":
        return b
    if _PRECEDENCE[a.name] < _PRECEDENCE[b.name]:
        a, b = b, a
    if not convertible(b, a):
        raise ValueError(f"{b} does not convert to {a} by itself; write CAST")
    if a.family == "string":
        name = a.name if not a.fixed or (b.fixed or b.family != "string") else ("n" if a.unicode else "") + "varchar"
        return string(name, _longest(a.length, b.length if b.family == "string" else None))
    if a.family == "binary":
        return SqlType(a.name, length=_longest(a.length, b.length))
    if a.name == "decimal" and b.family in ("integer", "decimal", "bit"):
        return _fit(a.digits, b.digits, extra=0)
    if a.name in _FRACTIONAL and b.name in _FRACTIONAL | {"datetime"}:
        return SqlType(a.name, scale=max(a.scale or 0, b.scale or (3 if b.name == "datetime" else 0)))
    return a


def convertible(source: SqlType, target: SqlType) -> bool:
    """Whether SQL Server converts ``source`` to ``target`` without CAST (Microsoft's conversion chart)."""
    pair = (source.family, target.family)
    if "null" in pair or pair[0] == pair[1] or pair[0] == "string":
        return pair != ("string", "binary")
    if pair in _IMPLICIT:
        return True
    return source.family in _NUMBERS and (target.family in _NUMBERS or target.name in ("datetime", "smalldatetime"))


_NUMBERS = {"integer", "decimal", "float", "bit"}
_IMPLICIT = {
    *((number, "string") for number in _NUMBERS),
    *((moment, "string") for moment in ("date", "time", "datetime", "datetimeoffset", "uuid")),
    ("date", "datetime"),
    ("date", "datetimeoffset"),
    ("datetime", "date"),
    ("datetime", "datetimeoffset"),
    ("datetime", "time"),
    ("datetimeoffset", "datetime"),
    ("datetimeoffset", "date"),
    ("time", "datetime"),
}


def _longest(a: int | None, b: int | None) -> int:
    if MAX in (a, b):
        return MAX
    return max(a or 1, b or 1)


def _fit(a: tuple[int, int], b: tuple[int, int], *, extra: int) -> SqlType:
    # Beyond 38 digits SQL Server gives up fractional digits first, to keep the whole part.
    whole = max(a[0] - a[1], b[0] - b[1])
    scale = max(a[1], b[1])
    precision = whole + scale + extra
    if precision > 38:
        scale = max(0, min(scale, 38 - whole))
        precision = 38
    return decimal(precision, scale)


@lru_cache(maxsize=4096)
def decimal_arithmetic(op: str, a: tuple[int, int], b: tuple[int, int]) -> SqlType:
    """The decimal type of ``a op b`` for ``+ - * / %``, operands given as (precision, scale)."""
    (p1, s1), (p2, s2) = a, b
    if op in "+-":
        return _fit(a, b, extra=1)
    if op == "%":
        return decimal(max(1, min(p1 - s1, p2 - s2) + max(s1, s2)), max(s1, s2))
    if op == "*":
        precision, scale = p1 + p2 + 1, s1 + s2
    else:
        scale = max(6, s1 + p2 + 1)
        precision = p1 - s1 + s2 + scale
    if precision > 38:
        # A product or quotient keeps at least six fractional digits, or all it has when it has fewer.
        whole = precision - scale
        scale = min(scale, max(6, 38 - whole))
        precision = 38
    return decimal(precision, scale)


@lru_cache(maxsize=4096)
def concat_type(a: SqlType, b: SqlType) -> SqlType:
    """The type of two strings put together with ``+``; without a max type the result stops at 8,000 bytes."""
    unicode = a.unicode or b.unicode
    fixed = a.fixed and b.fixed
    name = ("n" if unicode else "") + ("char" if fixed else "varchar")
    if MAX in (a.length, b.length):
        return SqlType(name, length=MAX)
    return string(name, (a.length or 1) + (b.length or 1))


def sum_type(t: SqlType) -> SqlType:
    """The type of SUM over ``t``. Raises ValueError for types SQL Server does not sum."""
    match t.name:
        case "tinyint" | "smallint" | "int" | "null":
            return INT
        case "bigint":
            return BIGINT
        case "decimal":
            return decimal(38, t.scale or 0)
        case "money" | "smallmoney":
            return SqlType("money")
        case "float" | "real":
            return FLOAT
    raise ValueError(f"SQL Server has no SUM or AVG of {t}; write CAST({'… AS int' if t.name == 'bit' else '… AS …'})")


def avg_type(t: SqlType) -> SqlType:
    """The type of AVG over ``t``: whole numbers stay whole. Raises ValueError for types without an average."""
    total = sum_type(t)
    return decimal(38, max(total.scale or 0, 6)) if total.name == "decimal" else total


def text_length(t: SqlType) -> int:
    """How many characters a value of ``t`` may take when it becomes a string by itself."""
    if t.family in ("string", "binary"):
        return t.length or 1
    if t.name == "decimal":
        return t.digits[0] + 3
    return _TEXT_LENGTH[t.name]


_TEXT_LENGTH = {
    "null": 1, "bit": 1, "tinyint": 3, "smallint": 6, "int": 12, "bigint": 20, "money": 21, "smallmoney": 12,
    "real": 24, "float": 24, "date": 10, "time": 16, "smalldatetime": 19, "datetime": 26, "datetime2": 27,
    "datetimeoffset": 34, "uniqueidentifier": 36,
}  # fmt: skip
