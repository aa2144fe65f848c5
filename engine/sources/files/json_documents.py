"""Whole JSON documents: what a path to records means, and the text of each record, cut out of the document as it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

from engine.core.errors import SourceError, nearest
from engine.sources.files import found as files

_BIG = 1 << 30
# Numbers are of no interest here, and Python would refuse one of more than 4,300 digits.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str)
_scan = _DECODER.scan_once  # type: ignore[attr-defined]
_blanks = re.compile(r"[ \t\n\r]*").match
_string = json.decoder.scanstring  # type: ignore[attr-defined]


def text(path: Path, name: str) -> str:
    """The document. Raises SourceError when it is too large, or is not in the encoding its first bytes show."""
    with files.opened(path, name) as stream:
        data = stream.read(_BIG + 1)
    if len(data) > _BIG:
        raise SourceError(f"{name}: is longer than 1 GB in one document; deliver it as JSON Lines, one record a line")
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise SourceError(f"{name}: is not {encoding.upper()}: byte {error.start} is 0x{data[error.start]:02X}; "
                          "write the file in UTF-8") from None


def parsed(document: str, name: str) -> Any:
    """The document's values, its numbers as texts. Raises SourceError that says where it is not JSON."""
    try:
        return _DECODER.decode(document)
    except json.JSONDecodeError as error:
        raise SourceError(f"{name}: is not JSON: {error.msg} at line {error.lineno}, column {error.colno}; "
                          "the delivery may have been cut off, fetch the file again") from None
    except RecursionError:
        raise SourceError(f"{name}: is nested too deeply to be a document of records; correct the file") from None


def value(line: str) -> Any:
    """The value that a line of JSON Lines holds; None when it is not JSON."""
    try:
        return _DECODER.decode(line)
    except (ValueError, RecursionError):
        return None


def taken(document: Any, path: str, name: str) -> list[Any]:
    """The records at ``path``, by the rules of JSONPath's plain part: names, places and ``[*]``."""
    values = [document]
    for step in _steps(path, name):
        values = [v for value in values for v in _step(value, step)]
    if not values and "[*]" not in path:
        there = ", ".join(document) if isinstance(document, dict) else f"a {type(document).__name__}"
        near = nearest(path.removeprefix("$."), document) if isinstance(document, dict) else ""
        raise SourceError(f"{name}: there is nothing at {path}; the document has {there}" + (f"; did you mean $.{near}?" if near else
                          "; correct the source's records"))
    return [record for value in values if value is not None for record in (value if isinstance(value, list) else [value])]


def records(document: str, path: str, name: str) -> Iterator[str]:
    """The texts of the records at ``path``. Raises SourceError where the document is not JSON, or when a name on the way
    to the records is there twice."""
    try:
        end = yield from _walk(document, _past_blanks(document, 0), _steps(path, name), name)
        whole = _past_blanks(document, end) == len(document)
    except (IndexError, ValueError, RecursionError):
        whole = False
    if not whole:
        parsed(document, name)
        raise SourceError(f"{name}: is not JSON; the delivery may have been cut off, fetch the file again")


def _walk(document: str, at: int, steps: list[str | int], name: str) -> Generator[str, None, int]:
    """Yields the records below the value that begins at ``at``; returns where the value ends."""
    opening = document[at]
    if steps and opening != ("{" if isinstance(steps[0], str) else "["):
        return _end(document, at)
    if not steps and opening != "[":
        end = _end(document, at)
        if opening != "n":
            yield document[at:end]
        return end
    closing = "]" if opening == "[" else "}"
    place, found = 0, False
    at = _past_blanks(document, at + 1)
    while document[at] != closing:
        if place:
            at = _past_blanks(document, _past(document, at, ","))
        key: str | int = place
        if opening == "{":
            key, at = _string(document, _past(document, at, '"'), True)
            at = _past_blanks(document, _past(document, _past_blanks(document, at), ":"))
        if not steps:
            end = _end(document, at)
            yield document[at:end]
            at = end
        elif steps[0] in (key, -1):
            if found and opening == "{":
                raise SourceError(f"{name}: has the field {key!r} twice on the way to its records; correct the file")
            found = True
            at = yield from _walk(document, at, steps[1:], name)
        else:
            at = _end(document, at)
        at = _past_blanks(document, at)
        place += 1
    return at + 1


def _end(document: str, at: int) -> int:
    """Where the value that begins at ``at`` ends."""
    try:
        end: int = _scan(document, at)[1]
    except StopIteration:
        raise ValueError from None
    return end


def _past(document: str, at: int, mark: str) -> int:
    if document[at] != mark:
        raise ValueError
    return at + 1


def _past_blanks(document: str, at: int) -> int:
    found = _blanks(document, at)
    return found.end() if found else at


def _steps(path: str, name: str) -> list[str | int]:
    steps: list[str | int] = []
    rest = path.removeprefix("$")
    while rest:
        found = re.match(r"\.(\w+)|\.\"([^\"]+)\"|\[(\d+|\*)\]|\[['\"]([^'\"]+)['\"]\]", rest)
        if not found or not path.startswith("$"):
            raise SourceError(f"{name}: {path!r} is no path to records; write it like $.movies or $.data.items[*]")
        place = found[3]
        steps.append(found[1] or found[2] or found[4] or (-1 if place == "*" else int(place)))
        rest = rest[found.end():]
    return steps


def _step(value: Any, step: str | int) -> list[Any]:
    if isinstance(step, str):
        return [value[step]] if isinstance(value, dict) and step in value else []
    if not isinstance(value, list):
        return []
    return value if step == -1 else value[step:step + 1]
