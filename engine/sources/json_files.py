"""JSON files: whole documents with one or more lists of records, or JSON Lines.

JSON Lines stream: memory stays flat however long the file is. A whole document is held in memory once as text while its
records are taken out of it.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.errors import SourceError, nearest
from engine.sources import files, names
from engine.sources.conform import literal
from engine.sources.parts import Breaks, Fault, Part
from engine.sources.records import physical_lines
from engine.sqltypes import Column

if TYPE_CHECKING:
    import datetime as dt

    import duckdb

    from engine.sources import SourceColumn
    from engine.sources.landing import Scan
    from engine.specs import JsonSource

_PEEKED = 1_000
"""Lines of JSON Lines that are looked at for field names."""
_BATCH_ROWS, _BATCH_BYTES = 20_000, 8 << 20
_LONGEST_RECORD = 16 << 20
_KEPT = 10_000
_LINES = (".jsonl", ".ndjson")
_BIG = 1 << 30


class JsonFiles:
    """The files of a ``type: json`` source."""

    def __init__(self, spec: JsonSource, root: Path) -> None:
        self._spec = spec
        self._root = root
        self._peeks: dict[Path, list[str]] = {}

    def files(self) -> list[Path]:
        """The files that match, sorted. Raises SourceError when there are none."""
        return files.find(self._spec.path, self._root)

    def fingerprint(self) -> str:
        """Names, sizes and times of the files."""
        return files.fingerprint(self.files(), self._root)

    def changed_files(self, fingerprint: str) -> list[Path]:
        """The files that are new or different since ``fingerprint`` was taken."""
        return files.changed(self.files(), self._root, fingerprint)

    def columns(self) -> list[str]:
        """The fields of the first file's records; of JSON Lines, of the first thousand."""
        return self._fields(self.files()[0])

    def undeclared(self, columns: Sequence[SourceColumn]) -> list[str]:
        """Fields of any file that none of ``columns`` claims, as columns of the table."""
        return names.undeclared([self._fields(path) for path in self.files()], columns)

    def scan(self, con: duckdb.DuckDBPyConnection, columns: Sequence[SourceColumn], *, load_id: str, loaded_at: dt.datetime,
             files: Sequence[Path] | None = None) -> Scan:
        """What is to be landed. Raises SourceError when a file is empty, is not JSON or has none of the columns."""
        from engine.sources.landing import Scan

        paths = self.files() if files is None else list(files)
        fields = {path: self._fields(path) for path in paths}
        table = names.table_columns(list(fields.values()), columns)
        known = list(dict.fromkeys(name for found in fields.values() for name in found))
        claims = _claims(known, columns, [c.name for c in table])
        if columns and known and not {names.folded(c.field) for c in columns} & {names.folded(f) for f in known}:
            raise SourceError(self._nothing_declared(paths[0], columns, known))
        return Scan(tuple(table), [self._part(path, claims) for path in paths], load_id, loaded_at)

    def _part(self, path: Path, claims: Mapping[str, Sequence[str]]) -> Part:
        name = files.shown(path, self._root)
        if self._in_lines(path, files.head(path, name)):
            return LinesPart(path, name, claims)
        kind = self._spec.kind_column if isinstance(self._spec.records, dict) else ""
        return DocumentPart(path, name, claims, _paths(self._spec), kind)

    def _nothing_declared(self, path: Path, columns: Sequence[SourceColumn], known: Sequence[str]) -> str:
        near = nearest(columns[0].field, known)
        return (f"{files.shown(path, self._root)}: no record has any of the declared columns {', '.join(c.field for c in columns)};"
                f" the fields are {', '.join(known)}" + (f"; did you mean {near!r}?" if near else "; correct the file or the declaration"))

    def _in_lines(self, path: Path, first: bytes) -> bool:
        if self._spec.records is not None:
            return False
        if path.name.lower().removesuffix(".gz").endswith(_LINES):
            return True
        lines = [line for line in _decoded(first).split("\n")[:50] if line.strip()]
        # The last line of the sample may be cut off.
        return len(lines) > 1 and any(_is_object(line) for line in lines[:-1] or lines)

    def _fields(self, path: Path) -> list[str]:
        if path not in self._peeks:
            name = files.shown(path, self._root)
            first = files.head(path, name)
            if self._in_lines(path, first):
                cut = len(first) >= files.SAMPLE
                lines = _decoded(first).split("\n")
                records = (_loads(line) for line in islice(lines[:-1] if cut and len(lines) > 1 else lines, _PEEKED))
                self._peeks[path] = _keys(records)
            else:
                document = _document(path, name)
                found = [_taken(document, at, name) for at in _paths(self._spec).values()]
                self._peeks[path] = _keys(record for records in found for record in records)
                if isinstance(self._spec.records, dict):
                    self._peeks[path] = self._with_kind(self._peeks[path], name)
        return self._peeks[path]

    def _with_kind(self, fields: list[str], name: str) -> list[str]:
        kind = self._spec.kind_column
        if any(names.folded(f) == names.folded(kind) for f in fields):
            raise SourceError(f"{name}: its records have a field {kind!r} already; declare another kind_column")
        return [*fields, kind]


def _paths(spec: JsonSource) -> dict[str, str]:
    if spec.records is None:
        return {"": "$"}
    return {"": spec.records} if isinstance(spec.records, str) else dict(spec.records)


def _claims(known: Sequence[str], columns: Sequence[SourceColumn], table: Sequence[str]) -> dict[str, list[str]]:
    """For each column the fields it is read from: several where records spell a field differently."""
    claimed = {c.name: names.folded(c.field) for c in columns}
    extra = iter(table[len(columns):])
    by_field: dict[str, str] = {}
    for field in known:
        folded = names.folded(field)
        if folded not in claimed.values() and folded not in by_field:
            by_field[folded] = next(extra)
    wanted = claimed | {column: folded for folded, column in by_field.items()}
    claims = {column: [f for f in known if names.folded(f) == folded] for column, folded in wanted.items()}
    return claims | {c.name: [c.field] for c in columns if not claims[c.name]}


def _keys(records: Iterator[Any]) -> list[str]:
    found: dict[str, None] = {}
    for record in records:
        if isinstance(record, dict):
            found.update(dict.fromkeys(k for k in record if k.strip()))
    return list(found)


def _decoded(first: bytes) -> str:
    return first.decode(json.detect_encoding(first), "replace").removeprefix("\ufeff")


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _is_object(line: str) -> bool:
    return line.lstrip().startswith("{") and isinstance(_loads(line), dict)


def _text(path: Path, name: str) -> str:
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


def _document(path: Path, name: str) -> Any:
    text = _text(path, name)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise SourceError(f"{name}: is not JSON: {error.msg} at line {error.lineno}, column {error.colno}; "
                          "the delivery may have been cut off, fetch the file again") from None
    except RecursionError:
        raise SourceError(f"{name}: is nested too deeply to be a document of records; correct the file") from None


def _taken(document: Any, path: str, name: str) -> list[Any]:
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


def _steps(path: str, name: str) -> list[str | int]:
    import re

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


class _JsonPart:
    """What both kinds of file share: records as JSON text, one a row, handed over as Arrow batches."""

    numbered = True
    _unit = "record"

    def __init__(self, path: Path, name: str, claims: Mapping[str, Sequence[str]], expected: int) -> None:
        self.name = name
        self.columns: Sequence[Column] = ()
        self.expected = expected
        self.failed: Exception | None = None
        self._path, self._claims = path, claims
        self._view = "__records"

    def relation(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> str:
        import pyarrow as pa

        schema = pa.schema([("record", pa.string()), ("row", pa.int64()), ("fault", pa.string()), ("kind", pa.string())])
        con.register(self._view, pa.RecordBatchReader.from_batches(schema, self._guarded(schema)))
        at: dict[str, int] = {}
        for column in self.columns:
            for field in self._claims.get(column.name, ()):
                at.setdefault(field, len(at) + 1)
        fields = [literal("$." + json.dumps(f, ensure_ascii=False)) for f in at]
        xs = [f"{self._value(column, at)} AS x{i}" for i, column in enumerate(self.columns)]
        where = f"'{self._unit} ' || format('{{:,}}', row) || ': '"
        return (
            f"SELECT {', '.join(xs)}, row AS _row, wrong AS _fault, CASE WHEN wrong IS NOT NULL THEN left(record, {_KEPT}) END AS _raw FROM ("
            f"SELECT *, CASE WHEN wrong IS NULL THEN json_extract_string(record, [{', '.join(fields) or literal('$')}]) END AS f FROM ("
            f"SELECT *, {where} || CASE WHEN fault IS NOT NULL THEN fault WHEN NOT json_valid(record) THEN 'is not JSON'"
            f" WHEN json_type(record) <> 'OBJECT' THEN 'is not an object with fields but ' || CASE json_type(record)"
            f" WHEN 'ARRAY' THEN 'a list' WHEN 'VARCHAR' THEN 'a text' WHEN 'NULL' THEN 'null' WHEN 'BOOLEAN' THEN 'true or false'"
            f" ELSE 'a number' END END AS wrong FROM {self._view}))"
        )

    def _value(self, column: Column, at: Mapping[str, int]) -> str:
        found = [f"f[{at[f]}]" for f in self._claims.get(column.name, ())]
        value = found[0] if len(found) == 1 else f"COALESCE({', '.join(found)})" if found else "NULL::VARCHAR"
        if column.type.family == "string":
            return value
        if column.type.family in ("integer", "decimal"):
            # Writers of JSON put 0.00001 as 1e-05, which is the same number.
            plain = f"TRY_CAST({value} AS DECIMAL(38, 20))"
            value = (f"CASE WHEN contains(lower({value}), 'e') AND isfinite(TRY_CAST({value} AS DOUBLE)) AND ({plain} <> 0 OR"
                     f" TRY_CAST({value} AS DOUBLE) = 0) THEN {plain}::VARCHAR ELSE {value} END")
        # An empty text is a text, but it is no number and no date.
        return f"CASE WHEN strlen({value}) > 0 THEN {value} END"

    def _guarded(self, schema: Any) -> Iterator[Any]:
        import pyarrow as pa

        try:
            for records, rows, faults, kinds in self._batches():
                arrays = [pa.array(records, pa.string()), pa.array(rows, pa.int64()), pa.array(faults, pa.string()), pa.array(kinds, pa.string())]
                yield pa.RecordBatch.from_arrays(arrays, schema=schema)
        except Exception as error:
            # The database would tell of it in its own words.
            self.failed = error
            raise

    def _batches(self) -> Iterator[tuple[list[str], list[int], list[str | None], list[str | None]]]:
        raise NotImplementedError

    def settle(self, con: duckdb.DuckDBPyConnection, rows: int, breaks: Breaks) -> Sequence[Fault]:
        return ()

    def careful(self) -> Part:
        raise SourceError(f"{self.name}: cannot be read")

    def close(self, con: duckdb.DuckDBPyConnection) -> None:
        con.unregister(self._view)


class LinesPart(_JsonPart):
    """A file of JSON Lines. ``_source_row`` is the line."""

    _unit = "line"

    def __init__(self, path: Path, name: str, claims: Mapping[str, Sequence[str]]) -> None:
        first = files.head(path, name)
        width = len(first) / max(1, first.count(b"\n"))
        super().__init__(path, name, claims, int(path.stat().st_size * (4 if files.packed(path) else 1) / width) + 1)
        self._encoding = json.detect_encoding(first)

    def relation(self, con: duckdb.DuckDBPyConnection, scratch: Path) -> str:
        if codecs.lookup(self._encoding).name not in ("utf-8", "utf-8-sig"):
            files.transcode(self._path, self.name, self._encoding, scratch / "utf8.jsonl")
            self._path = scratch / "utf8.jsonl"
        return super().relation(con, scratch)

    def _batches(self) -> Iterator[tuple[list[str], list[int], list[str | None], list[str | None]]]:
        texts: list[str] = []
        rows: list[int] = []
        faults: list[str | None] = []
        size = 0
        with files.opened(self._path, self.name) as stream:
            for number, line, whole in physical_lines(stream, _LONGEST_RECORD):
                if not whole:
                    texts.append(line[:_KEPT].decode("utf-8", "replace"))
                    faults.append(f"is longer than {_LONGEST_RECORD:,} bytes")
                else:
                    if number == 1:
                        line = line.removeprefix(codecs.BOM_UTF8)
                    line = line.strip()
                    if not line:
                        continue
                    try:
                        texts.append(line.decode("utf-8"))
                        faults.append(None)
                    except UnicodeDecodeError as error:
                        texts.append(line[:_KEPT].decode("utf-8", "replace"))
                        faults.append(f"has bytes that are not UTF-8 (0x{line[error.start]:02X})")
                rows.append(number)
                size += len(line)
                if len(rows) >= _BATCH_ROWS or size >= _BATCH_BYTES:
                    yield texts, rows, faults, [None] * len(rows)
                    texts, rows, faults, size = [], [], [], 0
        if rows:
            yield texts, rows, faults, [None] * len(rows)


class DocumentPart(_JsonPart):
    """A whole document. ``_source_row`` counts its records, in the order of the paths."""

    def __init__(self, path: Path, name: str, claims: Mapping[str, Sequence[str]], paths: Mapping[str, str], kind: str) -> None:
        super().__init__(path, name, claims, int(path.stat().st_size / 200) + 1)
        self._paths, self._kind = paths, kind

    def _value(self, column: Column, at: Mapping[str, int]) -> str:
        if self._kind and self._kind in self._claims.get(column.name, ()):
            return "kind"
        return super()._value(column, at)

    def _batches(self) -> Iterator[tuple[list[str], list[int], list[str | None], list[str | None]]]:
        document, row = _document(self._path, self.name), 0
        for kind, path in self._paths.items():
            records = _taken(document, path, self.name)
            for low in range(0, len(records), _BATCH_ROWS):
                texts = [json.dumps(r, ensure_ascii=False) for r in records[low:low + _BATCH_ROWS]]
                yield texts, list(range(row + 1, row + 1 + len(texts))), [None] * len(texts), [kind or None] * len(texts)
                row += len(texts)

