"""JSON files as parts: records as JSON text, one a row, which the database takes apart.

JSON Lines stream: memory stays flat however long the file is. A whole document is held in memory once as text while its
records are cut out of it.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.core.errors import SourceError
from engine.core.sqltypes import Column
from engine.sources.files import found as files
from engine.sources.files import json_documents, json_records
from engine.sources.files.records import physical_lines
from engine.sources.functions import register, unregister
from engine.sources.parts import Breaks, Fault, Part

if TYPE_CHECKING:
    import duckdb

_BATCH_ROWS, _BATCH_BYTES = 20_000, 8 << 20
_LONGEST_RECORD = 16 << 20
_KEPT = 10_000

_Batch = tuple[list[bytes], list[int], list[str | None], list[str | None]]
"""Texts of records, their numbers, what is wrong with them, and their kinds."""


class _JsonPart:
    """What both kinds of file share: records as JSON text, one a row, handed over as Arrow batches."""

    numbered = True
    _unit = "record"

    def __init__(self, path: Path, name: str, claims: Mapping[str, str], expected: int) -> None:
        self.name = name
        self.columns: Sequence[Column] = ()
        self.expected = expected
        self.failed: Exception | None = None
        self._path, self._claims = path, claims
        self._view = "__records"
        self._function = ""

    def relation(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> str:
        import pyarrow as pa

        schema = pa.schema([("record", pa.string()), ("row", pa.int64()), ("fault", pa.string()), ("kind", pa.string())])
        con.register(self._view, pa.RecordBatchReader.from_batches(schema, self._guarded(schema)))
        fields: dict[str, set[str]] = {}
        for column in self.columns:
            if column.name in self._claims:
                fields.setdefault(self._claims[column.name], set()).add(column.type.family)
        self._function = register(con, json_records.Reader(fields).read, json_records.FOUND)
        paths = ", ".join(map(json_records.path, fields))
        values = f"json_extract_string(coalesce(digits, careful.record, record), [{paths}])" if fields else "[]::VARCHAR[]"
        xs = [f"{self._value(column, list(fields))} AS x{i}, " for i, column in enumerate(self.columns)]
        where = f"'{self._unit} ' || format('{{:,}}', row) || ': '"
        careful = f"CASE WHEN doubt IS NOT NULL AND digits IS NULL THEN {self._function}(record) END"
        return (
            f"SELECT {''.join(xs)}row AS _row, wrong AS _fault, CASE WHEN wrong IS NOT NULL THEN left(record, {_KEPT}) END AS _raw"
            f" FROM (SELECT *, CASE WHEN digits IS NULL THEN read ELSE {json_records.unmarked('read')} END AS f"
            f" FROM (SELECT *, CASE WHEN wrong IS NULL THEN {values} END AS read"
            f" FROM (SELECT *, {where} || coalesce(fault, careful.fault) AS wrong"
            f" FROM (SELECT *, {careful} AS careful"
            f" FROM (SELECT *, CASE WHEN json_valid(marked) THEN marked END AS digits"
            f" FROM (SELECT *, CASE WHEN doubt = 'digits' THEN {json_records.marked('record')} END AS marked"
            f" FROM (SELECT *, CASE WHEN fault IS NULL THEN {json_records.doubt(fields)} END AS doubt"
            f" FROM {self._view})))))))"
        )

    def _value(self, column: Column, fields: Sequence[str]) -> str:
        if column.name not in self._claims:
            return "NULL::VARCHAR"
        found = f"f[{fields.index(self._claims[column.name]) + 1}]"
        # An empty text is a text, but it is not a number or a date.
        return found if column.type.family == "string" else f"CASE WHEN strlen({found}) > 0 THEN {found} END"

    def _guarded(self, schema: Any) -> Iterator[Any]:
        import pyarrow as pa

        try:
            for records, rows, faults, kinds in self._batches():
                try:
                    texts = pa.array(records, pa.binary()).cast(pa.string())
                except pa.ArrowInvalid:
                    mended = [_in_utf8(record, fault) for record, fault in zip(records, faults, strict=True)]
                    texts, faults = pa.array([text for text, _ in mended], pa.string()), [fault for _, fault in mended]
                arrays = [texts, pa.array(rows, pa.int64()), pa.array(faults, pa.string()), pa.array(kinds, pa.string())]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        except Exception as error:
            # The database would tell of it in its own words.
            self.failed = error
            raise

    def _batches(self) -> Iterator[_Batch]:
        raise NotImplementedError

    def settle(self, con: duckdb.DuckDBPyConnection, rows: int, breaks: Breaks) -> Sequence[Fault]:
        return ()

    def careful(self) -> Part:
        raise SourceError(f"{self.name}: cannot be read")

    def close(self, con: duckdb.DuckDBPyConnection) -> None:
        con.unregister(self._view)
        if self._function:
            unregister(con, self._function)
            self._function = ""


class LinesPart(_JsonPart):
    """A file of JSON Lines. ``_source_row`` is the line."""

    _unit = "line"

    def __init__(self, path: Path, name: str, claims: Mapping[str, str]) -> None:
        first = files.head(path, name)
        width = len(first) / max(1, first.count(b"\n"))
        super().__init__(path, name, claims, int(path.stat().st_size * (4 if files.packed(path) else 1) / width) + 1)
        self._encoding = json.detect_encoding(first)

    def relation(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> str:
        if codecs.lookup(self._encoding).name not in ("utf-8", "utf-8-sig"):
            files.transcode(self._path, self.name, self._encoding, scratch / "utf8.jsonl")
            self._path = scratch / "utf8.jsonl"
        return super().relation(con, scratch)

    def _batches(self) -> Iterator[_Batch]:
        texts: list[bytes] = []
        rows: list[int] = []
        faults: list[str | None] = []
        size = 0
        with files.opened(self._path, self.name) as stream:
            for number, line, whole in physical_lines(stream, _LONGEST_RECORD):
                if not whole:
                    texts.append(_readable(line))
                    faults.append(f"is longer than {_LONGEST_RECORD:,} bytes")
                else:
                    if number == 1:
                        line = line.removeprefix(codecs.BOM_UTF8)
                    line = line.strip()
                    if not line:
                        continue
                    texts.append(line)
                    faults.append(None)
                rows.append(number)
                size += len(line)
                if len(rows) >= _BATCH_ROWS or size >= _BATCH_BYTES:
                    yield texts, rows, faults, [None] * len(rows)
                    texts, rows, faults, size = [], [], [], 0
        if rows:
            yield texts, rows, faults, [None] * len(rows)


class DocumentPart(_JsonPart):
    """A whole document. ``_source_row`` counts its records, in the order of the paths."""

    def __init__(self, path: Path, name: str, claims: Mapping[str, str], paths: Mapping[str, str], kind: str) -> None:
        super().__init__(path, name, claims, int(path.stat().st_size / 200) + 1)
        self._paths, self._kind = paths, kind

    def _value(self, column: Column, fields: Sequence[str]) -> str:
        if self._kind and self._kind == self._claims.get(column.name):
            return "kind"
        return super()._value(column, fields)

    def _batches(self) -> Iterator[_Batch]:
        document, row = json_documents.text(self._path, self.name), 0
        for kind, path in self._paths.items():
            records = json_documents.records(document, path, self.name)
            while texts := _some(records):
                yield texts, list(range(row + 1, row + 1 + len(texts))), [None] * len(texts), [kind or None] * len(texts)
                row += len(texts)


def _some(records: Iterator[str]) -> list[bytes]:
    """The next records, as many as go into one batch."""
    texts: list[bytes] = []
    size = 0
    while len(texts) < _BATCH_ROWS and size < _BATCH_BYTES and (text := next(records, None)) is not None:
        texts.append(text.encode())
        size += len(texts[-1])
    return texts


def _in_utf8(record: bytes, fault: str | None) -> tuple[bytes, str | None]:
    try:
        record.decode()
    except UnicodeDecodeError as error:
        return _readable(record), fault or f"has bytes that are not UTF-8 (0x{record[error.start]:02X})"
    return record, fault


def _readable(record: bytes) -> bytes:
    return record[:_KEPT].decode("utf-8", "replace").encode()
