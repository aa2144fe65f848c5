"""The statements of a replay and of its undoing. They mean the same on every warehouse, so there is one text of each;
what differs is how a text is written, how keys compare and how a table is made of a SELECT.

Replayed rows are staged with audit columns, whatever their table has: there ``_source_row`` is the row's number in the
replay, by which all that is found out about it is kept. The table ``plan`` says what becomes of each number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from engine.core.design import NO_DESIGN
from engine.core.quoting import qualified, quoted
from engine.core.sqltypes import Column
from engine.core.tables import AUDIT_COLUMNS, TableShape
from engine.warehouses.dialect import Dialect
from engine.warehouses.sqlserver.shape import short_name

_AT_ONCE = 500
ID, SIDE = "__quarantine_id", "__side"
"""What the rows that are kept for undoing carry beside the table's columns: whose they are, and whether they went into
the table (in) or made way (out)."""


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of one row of a replay: published, or still quarantined for ``reasons`` (a JSON array)."""

    number: int
    quarantine_id: str
    source_file: str
    source_row: int
    reasons: str = ""


def staged(shape: TableShape) -> TableShape:
    """How replayed rows of a table are staged."""
    audit = {c.name for c in AUDIT_COLUMNS}
    columns = (*(c for c in shape.columns if c.name not in audit), *AUDIT_COLUMNS)
    return replace(shape, columns=columns, load="append", partition_by=None, design=NO_DESIGN, alias="")


class Statements:
    """The statements for one table and one load. ``staging`` is schema and name of the load's staging table, ``dialect``
    how the warehouse spells them."""

    def __init__(self, dialect: Dialect, shape: TableShape, load_id: str, staging: tuple[str, str]) -> None:
        self.shape, self.load_id, self.dialect = shape, load_id, dialect
        self.text = dialect.literal
        schema, name = staging
        self.would_be_name = (schema, f"{name}w")
        self.staging, self.plan = qualified(schema, name), qualified(schema, f"{name}p")
        self.would_be = qualified(*self.would_be_name)
        self.published = qualified(shape.schema, shape.name)
        self.quarantine = qualified("quarantine", f"{shape.schema}_{shape.name}")
        self.key = [c for k in shape.key for c in shape.columns if c.name.casefold() == k.casefold()]
        self.audited = {c.name for c in AUDIT_COLUMNS} <= {c.name for c in shape.columns}

    # -- what is found out -------------------------------------------------------------------------------------------

    def failing(self, condition: str) -> str:
        """The numbers of the staged rows that meet a condition."""
        return f"SELECT _source_row AS n FROM {self.staging} WHERE {condition}"

    def leave_out(self, numbers: Iterable[int]) -> Iterator[str]:
        """Take rows out of staging."""
        for some in _batched(sorted(numbers)):
            yield f"DELETE FROM {self.staging} WHERE _source_row IN ({', '.join(map(str, some))})"

    def same_key(self) -> str:
        """The staged rows that share a key, as number and the number that stands for the key."""
        key = ", ".join(self._folded(c, "s") for c in self.key)
        return (
            f"SELECT n, g FROM (SELECT s._source_row AS n, MIN(s._source_row) OVER (PARTITION BY {key}) AS g,"
            f" COUNT(*) OVER (PARTITION BY {key}) AS c FROM {self.staging} AS s) AS keyed WHERE c > 1 ORDER BY n"
        )

    def standing(self) -> str:
        """The published rows whose keys are staged: the staged row's number, and where the published row is from."""
        origin = "p._load_id, p._source_file, p._source_row" if self.audited else "NULL, NULL, NULL"
        load_id, file, row = origin.split(", ")
        return (
            f"SELECT s._source_row AS n, {load_id} AS load_id, {file} AS source_file, {row} AS source_row"
            f" FROM {self.staging} AS s INNER JOIN {self.published} AS p ON {self._matched('s', 'p')} ORDER BY 1"
        )

    def clashing(self, first: int) -> str:
        """The first of the staged rows whose keys other files or loads have published: their keys, where both rows are
        from, and of how many keys (``every``)."""
        key, ours = ", ".join(f"s.{quoted(c.name)}" for c in self.key), ""
        origin = "NULL AS source_file, NULL AS source_row, NULL AS there_file, NULL AS there_row"
        if self.audited:
            origin = (
                "s._source_file AS source_file, s._source_row AS source_row,"
                " p._source_file AS there_file, p._source_row AS there_row"
            )
            ours = f" WHERE p._source_file NOT IN (SELECT _source_file FROM {self.staging})"
        return (
            f"SELECT * FROM (SELECT {key}, {origin}, COUNT(*) OVER () AS every, ROW_NUMBER() OVER (ORDER BY {key}) AS place"
            f" FROM {self.staging} AS s INNER JOIN {self.published} AS p ON {self._matched('s', 'p')}{ours}) AS clashing"
            f" WHERE place <= {first} ORDER BY place"
        )

    def repeated(self, columns: Sequence[str]) -> str:
        """The numbers of the staged rows whose values in ``columns`` the table would then have twice."""
        same = " AND ".join(f"w.{quoted(c)} = s.{quoted(c)}" for c in columns)
        return (
            f"SELECT s._source_row AS n FROM {self.staging} AS s"
            f" WHERE (SELECT COUNT(*) FROM {self.would_be} AS w WHERE {same}) > 1"
        )

    def make_would_be(self) -> str:
        """The view of what the table would hold."""
        columns = self._columns()
        stays = ""
        if self.key:
            stays = f" WHERE NOT EXISTS (SELECT 1 FROM {self.staging} AS s WHERE {self._matched('s', 'p')})"
        return (
            f"CREATE VIEW {self.would_be} AS SELECT {self._columns('p')} FROM {self.published} AS p{stays}"
            f" UNION ALL SELECT {columns} FROM {self.staging}"
        )

    def clear(self) -> list[str]:
        """Drop what the replay made beside its staging; the view first, for it reads the others."""
        return [f"DROP VIEW IF EXISTS {self.would_be}", f"DROP TABLE IF EXISTS {self.plan}"]

    # -- the replay --------------------------------------------------------------------------------------------------

    def make_plan(self, fates: Sequence[Fate]) -> Iterator[str]:
        """The table that says what becomes of each row."""
        words, long = self.dialect.key_type, self.dialect.text_type
        yield (
            f"CREATE TABLE {self.plan} (n bigint, quarantine_id {words}, source_file {words}, source_row bigint,"
            f" reasons {long})"
        )
        for some in _batched(fates):
            rows = ", ".join(
                f"({f.number}, {self.text(f.quarantine_id)}, {self.text(f.source_file)}, {f.source_row},"
                f" {self.text(f.reasons) if f.reasons else 'NULL'})"
                for f in some
            )
            yield f"INSERT INTO {self.plan} (n, quarantine_id, source_file, source_row, reasons) VALUES {rows}"

    def replay(self, repairs: str) -> list[str]:
        """Publish the staged rows in the place of those of their keys, keep both for ``undo``, and write to quarantine
        what became of each row. ``repairs`` is a JSON object, empty for none."""
        kept, joined = (
            self.kept(self.load_id),
            f"{self.staging} AS s INNER JOIN {self.plan} AS f ON f.n = s._source_row",
        )
        columns, incoming = self._columns(), self._incoming()
        keep = f"SELECT f.quarantine_id AS {quoted(ID)}, 'in' AS {quoted(SIDE)}, {incoming} FROM {joined}"
        statements = []
        if self.key:
            keep += (
                f" UNION ALL SELECT f.quarantine_id, 'out', {self._columns('p')} FROM {joined}"
                f" INNER JOIN {self.published} AS p ON {self._matched('s', 'p')}"
            )
            statements.append(self._delete(f"SELECT {{columns}} FROM {self.staging}", self.key, exactly=False))
        statements = [self._into(kept, keep), *statements]
        statements.append(f"INSERT INTO {self.published} ({columns}) SELECT {incoming} FROM {joined}")
        as_repaired = self.text(repairs) if repairs else "NULL"
        listed = f"quarantine_id IN (SELECT quarantine_id FROM {self.plan} WHERE reasons IS"
        statements.append(
            f"UPDATE {self.quarantine} SET state = 'replayed', replay_load_id = {self.text(self.load_id)},"
            f" repairs = {as_repaired} WHERE {listed} NULL)"
        )
        return [*statements, self.explain()]

    def explain(self) -> str:
        """Write to quarantine why rows are still there."""
        return (
            f"UPDATE {self.quarantine} SET reasons = (SELECT f.reasons FROM {self.plan} AS f"
            f" WHERE f.quarantine_id = {self.quarantine}.quarantine_id) WHERE quarantine_id IN"
            f" (SELECT quarantine_id FROM {self.plan} WHERE reasons IS NOT NULL)"
        )

    # -- when its file is read again ---------------------------------------------------------------------------------

    def keep(self, held_rows: tuple[str, str]) -> tuple[str, str]:
        """Stage published rows that a replay repaired in the place of those in the table ``held_rows`` (schema, name)
        that they were repaired from; and take those out there. A row that reads otherwise than it did is another."""
        held = qualified(*held_rows)
        data = self.dialect.exact("q.row_data"), self.dialect.exact("h.row_data")
        return (
            f"INSERT INTO {self.staging} ({self._columns()}) SELECT {self._columns('p')} FROM {self.published} AS p"
            f" WHERE EXISTS (SELECT 1 FROM {self.quarantine} AS q INNER JOIN {held} AS h"
            f" ON h.source_file = q.source_file AND h.source_row = q.source_row AND {data[0]} = {data[1]}"
            " WHERE q.state = 'replayed' AND q.replay_load_id = p._load_id AND q.source_file = p._source_file"
            " AND q.source_row = p._source_row)",
            f"DELETE FROM {held} WHERE EXISTS (SELECT 1 FROM {self.staging} AS s"
            f" WHERE s._source_file = {held}.source_file AND s._source_row = {held}.source_row"
            f" AND s._load_id <> {self.text(self.load_id)})",
        )

    # -- and back ----------------------------------------------------------------------------------------------------

    def kept(self, load_id: str) -> str:
        """The table that keeps what one replay put in and took out."""
        return qualified(*self.kept_name(load_id))

    def kept_name(self, load_id: str) -> tuple[str, str]:
        return "quarantine", short_name(f"replayed_{self.shape.schema}_{self.shape.name}__{load_id}")

    def touched(self, load_id: str, ids: Sequence[str]) -> str:
        """The quarantine ids of replayed rows that no longer stand in the table as they were published, or stand there
        several times."""
        same = " AND ".join(self._equal(c, f"p.{quoted(c.name)}", f"k.{quoted(c.name)}") for c in self.shape.columns)
        return (
            f"SELECT k.{quoted(ID)} AS id FROM {self.kept(load_id)} AS k WHERE k.{quoted(SIDE)} = 'in' AND {self._of(ids, 'k.')}"
            f" AND (SELECT COUNT(*) FROM {self.published} AS p WHERE {same}) <> 1 ORDER BY 1"
        )

    def undo(self, load_id: str, ids: Sequence[str], *, whole: bool) -> list[str]:
        """Take rows that a replay published out again, put back what made way for them, and the rows back into
        quarantine. ``whole``: they are all that is left of the replay."""
        kept, columns = self.kept(load_id), self._columns()
        of = self._of(ids)
        incoming = f"SELECT {{columns}} FROM {kept} WHERE {quoted(SIDE)} = 'in' AND {of}"
        return [
            self._delete(incoming, list(self.shape.columns), exactly=True),
            f"INSERT INTO {self.published} ({columns}) SELECT {columns} FROM {kept} WHERE {quoted(SIDE)} = 'out' AND {of}",
            f"UPDATE {self.quarantine} SET state = 'held', replay_load_id = NULL, repairs = NULL"
            f" WHERE quarantine_id IN (SELECT {quoted(ID)} FROM {kept} WHERE {of})",
            f"DROP TABLE {kept}" if whole else f"DELETE FROM {kept} WHERE {of}",
        ]

    # -- parts -------------------------------------------------------------------------------------------------------

    def _of(self, ids: Sequence[str], prefix: str = "") -> str:
        return f"{prefix}{quoted(ID)} IN ({', '.join(map(self.text, ids))})"

    def _into(self, name: str, select: str) -> str:
        return self.dialect.create_as(name, select)

    def _delete(self, select: str, by: Sequence[Column], *, exactly: bool) -> str:
        """Delete the published rows that agree with rows of ``select`` in the columns ``by``, which get other names
        there: so the published row's own need none."""
        renamed = ", ".join(f"{quoted(c.name)} AS __c{i}" for i, c in enumerate(by))
        others = [replace(c, name=f"__c{i}") for i, c in enumerate(by)]
        same = " AND ".join(
            self._equal(c, quoted(c.name), f"gone.{o.name}")
            if exactly
            else f"{self._folded(c)} = {self._folded(o, 'gone')}"
            for c, o in zip(by, others, strict=True)
        )
        return (
            f"DELETE FROM {self.published} WHERE EXISTS (SELECT 1 FROM ({select.format(columns=renamed)}) AS gone"
            f" WHERE {same})"
        )

    def _columns(self, of: str = "") -> str:
        return ", ".join((f"{of}." if of else "") + quoted(c.name) for c in self.shape.columns)

    def _incoming(self) -> str:
        """The columns of staged rows as they are published: the origin is the one that the row had."""
        given = {"_source_file": "f.source_file", "_source_row": "f.source_row"} if self.audited else {}
        return ", ".join(f"{given.get(c.name, 's.' + quoted(c.name))} AS {quoted(c.name)}" for c in self.shape.columns)

    def _equal(self, column: Column, left: str, right: str) -> str:
        # What is never null is compared plainly: by that a warehouse can join.
        if column in self.key or column in AUDIT_COLUMNS:
            return f"{left} = {right}"
        return f"({left} = {right} OR ({left} IS NULL AND {right} IS NULL))"

    def _matched(self, left: str, right: str) -> str:
        return " AND ".join(f"{self._folded(c, left)} = {self._folded(c, right)}" for c in self.key)

    def _folded(self, column: Column, of: str = "") -> str:
        # A key compares as SQL Server compares it: trailing blanks do not count.
        name = f"{of}.{quoted(column.name)}" if of else quoted(column.name)
        return self.dialect.folded(name, column)


_T = TypeVar("_T")


def _batched(items: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), _AT_ONCE):
        yield items[start : start + _AT_ONCE]
