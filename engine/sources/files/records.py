"""Splits a delimited file into records where quotes do not balance or lines have no end.

The rule: a quote that is still open after LONGEST_LINE bytes, or at the end of the file, was a mistake in the line it
stands in. That one line is held back and reading goes on with the line after it, so that a single stray quote does not
swallow the rest of the file.
"""

from __future__ import annotations

import codecs
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from engine.sources.files.found import LONGEST_LINE, opened
from engine.sources.parts import Fault

_KEPT = 2_000
"""Characters of a faulty line that are kept."""


@dataclass
class Split:
    """What splitting found: how many data records there are, those left out, and where record and line numbers part."""

    records: int = 0
    left_out: list[Fault] = field(default_factory=list)
    _rows: list[int] = field(default_factory=list)
    _lines: list[int] = field(default_factory=list)

    def note(self, row: int, line: int) -> None:
        """Record ``row`` starts in ``line``; kept only where the distance between the two changes."""
        if not self._rows or self._lines[-1] - self._rows[-1] != line - row:
            self._rows.append(row)
            self._lines.append(line)

    def line_of(self, row: int) -> int:
        at = bisect_right(self._rows, row) - 1
        return self._lines[at] + row - self._rows[at] if at >= 0 else row

    def row_of(self, kept: int) -> int:
        """The number among all records of the ``kept``-th record that was not left out."""
        row = kept
        for fault in self.left_out:
            if fault.row > row:
                break
            row += 1
        return row


def split(path: Path, name: str, to: Path, *, delimiter: str, quote: str, header: bool, one_column: bool = False) -> Split:
    """Copy the good records to ``to``, one line feed after each, and return what was left out.

    A blank line is no record, but in a file of one column it is one whose value is empty; never is it the header.
    """
    found = Split()
    mark, comma = quote.encode(), delimiter.encode()
    row = 0 if header else 1
    with opened(path, name) as stream, to.open("wb", buffering=1 << 20) as out:
        lines = _Lines(stream)
        for number, line in lines:
            if number == 1 and line is not None:
                line = line.removeprefix(codecs.BOM_UTF8)
            if line is None:
                found.left_out.append(Fault(row, f"line {number:,}: is longer than {LONGEST_LINE:,} bytes", _text(lines.beginning)))
            elif not line.strip(b"\r\n") and not (one_column and row):
                continue
            elif mark and mark in line and _open(line, False, mark, comma):
                whole = _until_closed(line, lines, mark, comma)
                if whole is None:
                    found.left_out.append(Fault(row, f"line {number:,}: a quote is opened and never closed", _text(line)))
                else:
                    out.write(_ended(whole))
            else:
                out.write(_ended(line))
            found.note(row, number)
            row += 1
    found.records = row - 1
    return found


def _until_closed(line: bytes, lines: _Lines, mark: bytes, comma: bytes) -> bytes | None:
    whole, taken, size = [line], [], len(line)
    for number, more in lines:
        taken.append((number, more))
        size += len(more) if more is not None else LONGEST_LINE
        if more is None or size > LONGEST_LINE:
            break
        whole.append(more)
        if mark in more and not _open(more, True, mark, comma):
            return b"".join(whole)
    lines.put_back(taken)
    return None


def _open(line: bytes, inside: bool, mark: bytes, comma: bytes) -> bool:
    """Whether a quoted value is still open at the end of the line; a quote opens one only where a value begins."""
    at = 0
    while True:
        if not inside and line.startswith(mark, at):
            inside, at = True, at + 1
        while inside:
            at = line.find(mark, at)
            if at < 0:
                return True
            if line.startswith(mark, at + 1):
                at += 2
            else:
                inside, at = False, at + 1
        at = line.find(comma, at)
        if at < 0:
            return False
        at += len(comma)


class _Lines:
    """Physical lines with their numbers, None in place of one that is too long; lines can be put back."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._waiting: deque[tuple[int, bytes | None]] = deque()
        self._fresh = self._read(stream)
        self.beginning = b""

    def __iter__(self) -> Iterator[tuple[int, bytes | None]]:
        return self

    def __next__(self) -> tuple[int, bytes | None]:
        return self._waiting.popleft() if self._waiting else next(self._fresh)

    def put_back(self, lines: list[tuple[int, bytes | None]]) -> None:
        self._waiting.extendleft(reversed(lines))

    def _read(self, stream: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
        beyond = 0
        for number, line, whole in physical_lines(stream, LONGEST_LINE):
            if not whole:
                self.beginning = line[:_KEPT]
                yield number + beyond, None
            elif b"\r" in line[:-2] and b"\n" not in line:
                # Line ends of old Macintoshes: what looks like one line holds many.
                pieces = line.removesuffix(b"\r").split(b"\r")
                for n, piece in enumerate(pieces):
                    yield number + beyond + n, piece + b"\n"
                beyond += len(pieces) - 1
            else:
                yield number + beyond, line


def physical_lines(stream: IO[bytes], longest: int) -> Iterator[tuple[int, bytes, bool]]:
    """Line numbers and lines; of a line beyond ``longest`` bytes only the beginning, and False."""
    number = 0
    while line := stream.readline(longest + 1):
        number += 1
        if len(line) <= longest:
            yield number, line, True
            continue
        beginning = line[:longest]
        while line and not line.endswith(b"\n"):
            line = stream.readline(longest)
        yield number, beginning, False


def _ended(line: bytes) -> bytes:
    return line.rstrip(b"\r\n") + b"\n"


def _text(line: bytes) -> str:
    return line[:_KEPT].decode("utf-8", "replace").rstrip("\r\n")
