"""JSON files: whole documents with one or more lists of records, or JSON Lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.core.errors import SourceError, nearest
from engine.sources import names
from engine.sources.files import found as files
from engine.sources.files import json_documents
from engine.sources.files.json_parts import DocumentPart, LinesPart
from engine.sources.files.json_records import usable
from engine.sources.parts import Part

if TYPE_CHECKING:
    import datetime as dt

    import duckdb

    from engine.config.specs import JsonSource
    from engine.sources import SourceColumn
    from engine.sources.landing import Scan

_PEEKED = 1_000
"""Lines of JSON Lines that are looked at for field names."""
_LINES = (".jsonl", ".ndjson")


class JsonFiles:
    """The files of a ``type: json`` source."""

    def __init__(self, spec: JsonSource, root: Path) -> None:
        self._spec = spec
        self._root = root
        self._peeks: dict[Path, list[str]] = {}

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

    def _part(self, path: Path, claims: Mapping[str, str]) -> Part:
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
                records = (json_documents.value(line) for line in islice(lines[:-1] if cut and len(lines) > 1 else lines, _PEEKED))
                self._peeks[path] = _keys(records)
            else:
                document = json_documents.parsed(json_documents.text(path, name), name)
                found = [json_documents.taken(document, at, name) for at in _paths(self._spec).values()]
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


def _claims(known: Sequence[str], columns: Sequence[SourceColumn], table: Sequence[str]) -> dict[str, str]:
    """For each column the field it is read from, in the first of its spellings."""
    origin = {c.name: c.field for c in columns}
    claimed = {c.name: names.folded(c.field) for c in columns}
    extra = iter(table[len(columns):])
    by_field: dict[str, str] = {}
    for field in known:
        folded = names.folded(field)
        if folded not in claimed.values() and folded not in by_field:
            by_field[folded] = next(extra)
    wanted = claimed | {column: folded for folded, column in by_field.items()}
    spelt = {names.folded(f): f for f in reversed(known)}
    return {column: spelt.get(folded, origin.get(column, "")) for column, folded in wanted.items()}


def _keys(records: Iterator[Any]) -> list[str]:
    found: dict[str, None] = {}
    for record in records:
        if isinstance(record, dict):
            found.update(dict.fromkeys(record))
    return [name for name in found if usable(name)]


def _decoded(first: bytes) -> str:
    return first.decode(json.detect_encoding(first), "replace").removeprefix("\ufeff")


def _is_object(line: str) -> bool:
    return line.lstrip().startswith("{") and isinstance(json_documents.value(line), dict)
