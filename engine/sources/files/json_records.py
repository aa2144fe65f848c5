"""One JSON record, read by the letter.

The database reads records fast, but it passes a number through a double (1.10 becomes 1.1, the last digits of a long
one change), takes the first of two fields of one name, and knows only the fields it is asked for. ``doubt`` says, in
SQL, where one of these could matter. Where it is only digits, ``marked`` makes texts of the numbers and ``unmarked``
takes that back afterwards; all others go to a ``Reader``, which rewrites them so that nothing can matter any more.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from decimal import Decimal
from functools import lru_cache
from typing import Any

from engine.sources.conform import literal
from engine.sources.names import folded

FOUND = "STRUCT(record VARCHAR, fault VARCHAR)"
"""What ``Reader.read`` gives: a record whose values are all texts, true, false or null; or what is wrong with it."""
_DOUBLE = 15
"""Digits of a number that a double is sure to keep."""
_PLACES = 400
"""The longest power of ten that is written out."""
_HALF = re.compile("[\ud800-\udfff]")
_MARK = "\ue000"
_SHOWN = 60
_LATE = "which the beginning of the file does not have; declare it as a column"

Fields = Mapping[str, Set[str]]
"""The fields that are read, each with the families of the types it lands as."""

_VALUE, _END = r"[:,\[]\s*", r"[\s,}\]]"
_LONG = "|".join(rf"[0-9]{{{n},}}\.[0-9]{{{_DOUBLE + 1 - n},}}" for n in range(1, _DOUBLE + 1))
# Both patterns may match inside of texts as well, which costs time and nothing else.
_CHANGING = rf"{_VALUE}-?([0-9]+\.[0-9]+0{_END}|0\.0000|{_LONG})"
"""Fractions that come out of a double in other digits, or with an exponent."""
_ALWAYS = rf'{_VALUE}(-?[0-9]+(\.[0-9]*)?[eE][+-]?[0-9]|-0{_END}|(?i:-?(nan|inf)))|,\s*[}}\]]'
"""Exponents, -0, infinities, and what the database forgives and JSON does not: a comma before a closing bracket."""
_EXPONENT = re.compile(r"-?[0-9]+(\.[0-9]+)?[eE][+-]?[0-9]{1,9}")


def usable(field: str) -> bool:
    """Whether a field's name can be a column's; half of a surrogate pair and a zero byte are in no SQL text."""
    return bool(field.strip()) and "\0" not in field and not _HALF.search(field)


def path(field: str) -> str:
    """A field of a record as the database's JSON functions take it, in SQL."""
    return literal("/" + field.replace("~", "~0").replace("/", "~1"))


def doubt(fields: Fields) -> str:
    """SQL that says what of ``record``, read for ``fields`` by the database, could come out other than it is written:
    NULL (nothing), 'digits' or 'anything'."""
    every = f"[{', '.join(map(path, fields))}]"
    # A double is all that a float column keeps.
    exact = f"[{', '.join(path(f) for f, families in fields.items() if families != {'float'})}]"
    many = f"list_count(json_type(record, {every}))" if fields else "0"
    types = f"list_has_any(json_type(record, {exact}), ['DOUBLE', 'ARRAY', 'OBJECT'])" if exact != "[]" else "false"
    twice = "list_filter(json_keys(record, '$.**'), lambda keys: list_unique(keys) <> len(keys))"
    return (
        # As many keys as fields were found: so each is known, and none is there twice. What is not an object has none.
        "CASE WHEN NOT json_valid(record) THEN 'anything'"
        f" WHEN len(json_keys(record)) = 0 OR len(json_keys(record)) <> {many} THEN 'anything'"
        f" WHEN contains(substr(record, 2), '{{') AND len({twice}) > 0 THEN 'anything'"
        f" WHEN NOT regexp_matches(record, {literal(f'{_ALWAYS}|{_CHANGING}')}) THEN NULL"
        f" WHEN regexp_matches(record, {literal(_ALWAYS)}) THEN 'anything' WHEN {types} THEN 'digits' END"
    )


def marked(record: str) -> str:
    """SQL of ``record`` with its fractions as texts; NULL, or not JSON, where that cannot be done: a mark that gets into
    a text ends the text, and nothing that begins with a mark may follow there."""
    numbers = literal(rf"({_VALUE})(-?[0-9]+\.[0-9]+)")
    there = literal(rf"{_MARK}|(?i:\\u{ord(_MARK):04x})")
    return f"CASE WHEN NOT regexp_matches({record}, {there}) THEN regexp_replace({record}, {numbers}, '\\1\"{_MARK}\\2\"', 'g') END"


def unmarked(texts: str) -> str:
    """SQL of the list ``texts``, taken out of a marked record, as they were written."""
    return (
        f"list_transform({texts}, lambda text: CASE WHEN contains(text, '{_MARK}')"
        f" THEN regexp_replace(text, '\"?{_MARK}([-0-9.]+)\"?', '\\1', 'g') ELSE text END)"
    )


class _Number(str):
    """A number as it is written."""

    __slots__ = ()


class _Object(list[tuple[str, Any]]):
    """The fields of an object, each as often as it is there."""


_decode = json.JSONDecoder(
    parse_int=_Number, parse_float=_Number, parse_constant=_Number, object_pairs_hook=_Object
).decode


_encode = json.JSONEncoder(ensure_ascii=False).encode


class Reader:
    """Reads the records of one file for the fields that the database is going to ask for."""

    def __init__(self, fields: Fields) -> None:
        self._fields = {folded(name): name for name in fields}
        self._exact = {name for name, families in fields.items() if families <= {"integer", "decimal"}}
        self._folded = lru_cache(4096)(folded)

    def read(self, text: str) -> dict[str, str | None]:
        """``text`` rewritten with every value as a text, digits as they are written; or what is wrong with it."""
        try:
            record = _decode(text)
            if not isinstance(record, _Object):
                return {"record": None, "fault": f"is not an object with fields but {_kind(record)}"}
            fault = "; ".join((*self._faults(record), *_twice(record, "$")))
            if fault:
                _written(record).encode()
                return {"record": None, "fault": fault}
            rewritten = _encode({self._fields[self._folded(k)]: self._plain(k, v) for k, v in record})
            rewritten.encode()
        except UnicodeEncodeError:
            return {
                "record": None,
                "fault": "has half of a surrogate pair (an escape from \\ud800 to \\udfff), which is not a character",
            }
        except RecursionError:
            return {"record": None, "fault": "is nested too deeply"}
        except ValueError:
            return {"record": None, "fault": "is not JSON"}
        return {"record": rewritten, "fault": None}

    def _faults(self, record: _Object) -> Iterator[str]:
        spellings: dict[str, list[str]] = {}
        for name, _ in record:
            spellings.setdefault(self._folded(name), []).append(name)
        for fold, found in spellings.items():
            different = list(dict.fromkeys(found))
            if len(different) > 1:
                yield f"has the fields {' and '.join(map(_shown, different))}, which are one name"
            elif not usable(found[0]):
                yield f"has the field {_shown(found[0])}, which cannot be a column's name"
            elif fold not in self._fields:
                yield f"has the field {_shown(found[0])}, {_LATE}"

    def _plain(self, name: str, value: Any) -> str | bool | None:
        if isinstance(value, list):
            return _written(value)
        # Writers of JSON put 0.00001 as 1e-05, which is the same number; a text is read as a text in a file of any kind.
        if isinstance(value, _Number) and self._fields[self._folded(name)] in self._exact and _EXPONENT.fullmatch(value):
            number = Decimal(value)
            return f"{number:f}" if abs(number.adjusted()) <= _PLACES else value
        scalar: str | bool | None = value
        return scalar


def _written(value: Any) -> str:
    """The JSON text of a value that was read, without blanks."""
    if isinstance(value, _Number):
        return value
    if isinstance(value, _Object):
        return "{" + ",".join([f"{_encode(k)}:{_written(v)}" for k, v in value]) + "}"
    if isinstance(value, list):
        return "[" + ",".join([_written(v) for v in value]) + "]"
    return _encode(value)


def _twice(value: Any, where: str) -> Iterator[str]:
    """Fields that stand twice in one object, anywhere in ``value``."""
    if isinstance(value, _Object):
        if len({k for k, _ in value}) < len(value):
            for name, times in Counter(k for k, _ in value).items():
                if times > 1:
                    often = "twice" if times == 2 else f"{times:,} times"
                    yield f"has the field {_shown(name)} {often}" + (f" in {where}" if where != "$" else "")
        inner = [(f"{where}.{name[:_SHOWN]}", v) for name, v in value if isinstance(v, list)]
    else:
        inner = [(f"{where}[{place}]", v) for place, v in enumerate(value) if isinstance(v, list)]
    for place, v in inner:
        yield from _twice(v, place)


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, list):
        return "a list"
    return "a number" if isinstance(value, _Number) else "a text"


def _shown(name: str) -> str:
    return repr(name if len(name) <= _SHOWN else name[: _SHOWN - 1] + "…")
