"""Delimited text files, read by DuckDB.

DuckDB's parser skips what it cannot split and remembers most of it, but not all: a line longer than its buffers goes
missing without a word, and so do rows after a stray quote in a large file. So the lines of the file are counted beside
the read. When lines and rows do not add up, ``records.split`` goes over the file first and the read is done again.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.errors import SourceError
from engine.core.sqltypes import Column
from engine.sources import names
from engine.sources.conform import literal
from engine.sources.files import found as files
from engine.sources.files.records import Split, split
from engine.sources.parts import Breaks, Doubtful, Fault

if TYPE_CHECKING:
    import datetime as dt

    import duckdb

    from engine.config.specs import CsvSource
    from engine.sources import SourceColumn
    from engine.sources.landing import Scan

_REJECTED = "__rejected"
_TRUSTED = {"MISSING COLUMNS", "TOO MANY COLUMNS", "INVALID ENCODING"}
"""Faults after which DuckDB goes on with the next line."""
_KEPT = 10_000


class CsvFiles:
    """The files of a ``type: csv`` source."""

    def __init__(self, spec: CsvSource, root: Path) -> None:
        self._spec = spec
        self._root = root

    def files(self) -> list[Path]:
        """The files that match, sorted. Raises SourceError when there are none."""
        return files.find(self._spec.path, self._root)

    def fingerprint(self, before: str = "") -> str:
        """Names, sizes, times and digests of the files; those that are in ``before`` as they are now are not read."""
        return files.fingerprint(self.files(), self._root, before)

    def changed_files(self, fingerprint: str) -> list[Path]:
        """The files that are new or different since ``fingerprint`` was taken."""
        return files.changed(self.files(), self._root, fingerprint)

    def columns(self) -> list[str]:
        """The header of the first file. Raises SourceError when it cannot be read."""
        return self._header(self.files()[0], 0)[0]

    def undeclared(self, columns: Sequence[SourceColumn]) -> list[str]:
        """Headers of any file that none of ``columns`` claims, as columns of the table."""
        headers = [self._header(path, len(columns))[0] for path in self.files()]
        return names.undeclared(headers, columns if self._spec.header else columns[: len(headers[0])], by_place=not self._spec.header)

    def scan(self, con: duckdb.DuckDBPyConnection, columns: Sequence[SourceColumn], *, load_id: str, loaded_at: dt.datetime,
             files: Sequence[Path] | None = None) -> Scan:
        """What is to be landed. Raises SourceError when a file is empty, in another encoding or lacks a column."""
        from engine.sources.landing import Scan

        paths = self.files() if files is None else list(files)
        headers = [self._header(path, len(columns)) for path in paths]
        table = names.table_columns([h for h, _ in headers] or [[]], columns, by_place=not self._spec.header)
        parts = [
            CsvPart(path, self._shown(path), self._spec, tuple(header), self._places(path, header, columns, [c.name for c in table]), width)
            for path, (header, width) in zip(paths, headers, strict=True)
        ]
        return Scan(tuple(table), parts, load_id, loaded_at)

    def _shown(self, path: Path) -> str:
        return files.shown(path, self._root)

    def _header(self, path: Path, declared: int) -> tuple[list[str], float]:
        """The header and the bytes an average row takes up on disk."""
        name = self._shown(path)
        first = files.head(path, name)
        files.check_encoding(first, self._spec.encoding, name)
        text = first.decode(self._spec.encoding, "replace").removeprefix("\ufeff").lstrip("\r\n")
        record = next(csv.reader(io.StringIO(text, newline=""), delimiter=self._spec.delimiter,
                                 quotechar=self._spec.quote or None,
                                 quoting=csv.QUOTE_MINIMAL if self._spec.quote else csv.QUOTE_NONE), [])
        width = len(first) / max(1, first.count(b"\n"))
        if not self._spec.header:
            return [f"column_{i}" for i in range(1, len(record) + 1)], width
        header = [h.strip() or f"column_{i}" for i, h in enumerate(record, 1)]
        names.check_duplicates(header, name)
        return header, width

    def _places(self, path: Path, header: Sequence[str], columns: Sequence[SourceColumn], table: Sequence[str]) -> dict[str, int]:
        """Where in the file each column of the table is."""
        if not self._spec.header:
            if len(header) < len(columns):
                raise SourceError(f"{self._shown(path)}: has {len(header)} columns, {len(columns)} are declared, and there is no header "
                                  "to tell which; declare as many columns as the file has")
            order = [c.name for c in columns]
            return {n: i for i, n in enumerate(order)} | {n: header.index(n) for n in table if n in header and n not in order}
        return names.places(header, columns, table, self._shown(path), self._spec.delimiter)


class CsvPart:
    """One delimited file on its way into the table."""

    numbered = False

    def __init__(self, path: Path, name: str, spec: CsvSource, header: tuple[str, ...], places: dict[str, int], width: float,
                 *, split_first: bool = False) -> None:
        self.name = name
        self.places = places
        self._path, self._spec, self._header, self._width = path, spec, header, width
        self._split_first = split_first
        self._split: Split | None = None
        self._count: files.LineCount | None = None
        size = path.stat().st_size * (4 if files.packed(path) else 1)
        self.expected = int(size / width) + 1
        self.columns: Sequence[Column] = ()
        self.failed: Exception | None = None

    def relation(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> str:
        path = self._path
        if not files.is_utf8(self._spec.encoding):
            path = scratch / "utf8.csv"
            files.transcode(self._path, self.name, self._spec.encoding, path)
        if self._split_first or (len(self._header) == 1 and self._spec.header and self._begins_blank(path)):
            clean = scratch / "clean.csv"
            self._split = split(path, self.name, clean, delimiter=self._spec.delimiter, quote=self._spec.quote, header=self._spec.header,
                                one_column=len(self._header) == 1)
            path = clean
        else:
            self._count = files.LineCount(path)
        self._read = path
        self.close(con)
        xs = [f"{f'f{self.places[c.name]}' if c.name in self.places else 'NULL::VARCHAR'} AS x{i}" for i, c in enumerate(self.columns)]
        return f"SELECT {', '.join(xs)}, NULL::BIGINT AS _row, NULL::VARCHAR AS _fault, NULL::VARCHAR AS _raw FROM {self._reader(path)}"

    def _begins_blank(self, path: Path) -> bool:
        """Whether a blank line stands before the header: in a file of one column the database takes it for the header."""
        with files.opened(path, self.name) as stream:
            return stream.read(4).removeprefix(codecs.BOM_UTF8)[:1] in (b"\r", b"\n")

    def _reader(self, path: Path) -> str:
        fields = ", ".join(f"'f{i}': 'VARCHAR'" for i in range(len(self._header)))
        quote = literal(self._spec.quote)
        options = {
            "auto_detect": "false", "header": str(self._spec.header).lower(), "delim": literal(self._spec.delimiter), "quote": quote,
            "escape": quote, "columns": f"{{{fields}}}", "store_rejects": "true", "rejects_table": literal(_REJECTED),
            "rejects_scan": literal(_REJECTED + "_scan"), "max_line_size": str(files.LONGEST_LINE + 2),
            "compression": "'gzip'" if files.packed(path) else "'none'",
        }
        # A glob's characters in a name would be taken for a pattern.
        name = re.sub(r"([\[\]*?])", r"[\1]", str(path))
        return f"read_csv({literal(name)}, {', '.join(f'{k} = {v}' for k, v in options.items())})"

    def settle(self, con: duckdb.DuckDBPyConnection, rows: int, breaks: Breaks) -> Sequence[Fault]:
        rejects = self._rejects(con)
        head = int(self._spec.header)
        if self._split is not None:
            faults = [Fault(self._split.row_of(line - head), self._said(self._split.line_of(self._split.row_of(line - head)), kind, words), raw)
                      for line, kind, raw, words in rejects]
            faults = sorted([*self._split.left_out, *faults], key=lambda f: f.row)
            if rows + len(faults) != self._split.records:
                raise Doubtful(f"{self._split.records:,} records, of which {rows + len(faults):,} were found again")
            return faults
        assert self._count is not None
        lines = self._count.result()
        over = lines - head - rows - len(rejects)
        if any(kind not in _TRUSTED for _, kind, _, _ in rejects) or over < 0 or (over and rejects):
            raise Doubtful
        if over:
            inside = breaks()
            # An empty line between quotes would be counted as both.
            if inside != over and (inside or files.blank_lines(self._read) != over):
                raise Doubtful
        return [Fault(line - head, self._said(line, kind, words), raw) for line, kind, raw, words in rejects]

    def _rejects(self, con: duckdb.DuckDBPyConnection) -> list[tuple[int, str, str, str]]:
        found: list[tuple[int, str, str, str]] = con.execute(
            f"SELECT line, min(error_type::VARCHAR), left(min(csv_line), {_KEPT}),"
            # Each column too many, or missing, is a reject: the last or the first of a line knows how many it has.
            " CASE WHEN min(error_type::VARCHAR) = 'TOO MANY COLUMNS' THEN arg_max(error_message, column_idx)"
            " ELSE arg_min(error_message, coalesce(column_idx, 0)) END"
            f" FROM {_REJECTED} GROUP BY line ORDER BY line"
        ).fetchall()
        return found

    def _said(self, line: int, kind: str, words: str) -> str:
        at = f"line {line:,}: "
        counts = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", words)
        if counts:
            found, wanted = len_of(int(counts[2])), counts[1]
            return at + f"has {found}, {'the header' if self._spec.header else 'the first line'} has {wanted}"
        if kind == "INVALID ENCODING":
            return at + f"has bytes that are not {self._spec.encoding.upper()}; if all lines are so, declare the file's encoding"
        if kind == "LINE SIZE OVER MAXIMUM":
            return at + f"is longer than {files.LONGEST_LINE:,} bytes"
        return at + "has a quote that is not closed, or text after a closing quote"

    def careful(self) -> CsvPart:
        if self._split_first:
            raise SourceError(f"{self.name}: its rows cannot be told apart with delimiter {self._spec.delimiter!r} and quote "
                              f"{self._spec.quote!r}; check both, nothing was loaded")
        part = CsvPart(self._path, self.name, self._spec, self._header, self.places, self._width, split_first=True)
        part.columns = self.columns
        return part

    def close(self, con: duckdb.DuckDBPyConnection) -> None:
        con.execute(f"DROP TABLE IF EXISTS {_REJECTED}; DROP TABLE IF EXISTS {_REJECTED}_scan")


def len_of(columns: int) -> str:
    """``1 column``, ``2 columns``."""
    return f"{columns} column" + ("" if columns == 1 else "s")
