"""The physical design that a table declares in pipelines.yaml: read into a ``Design``, and what speaks against it.

Everything here is for SQL Server. On DuckDB only ``partition_by`` means anything; the rest is checked all the same, so
that a project that is right on a laptop is right on the server.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

from sqlglot import exp

from engine.config.specs import TableSpec
from engine.config.yamlfile import Node
from engine.core.design import NO_DESIGN, Design, ForeignKey, Index, Partitioning, Partitions
from engine.core.errors import Problem, nearest
from engine.core.sqltypes import MAX, Column
from engine.core.tables import TableShape
from engine.tsql.bind import BindError, bind, parse
from engine.tsql.bind.reserved import LONGEST, RESERVED
from engine.tsql.bind.typed import SetOperation

_DATES = ("date", "datetime")
_REFERENCE = re.compile(r"(?P<table>[^( ]+) *(?:\((?P<columns>[^)]*)\))?")
_MASK = re.compile(
    r"""default\(\)|email\(\)|random\(\s*-?[\d.]+\s*,\s*-?[\d.]+\s*\)|partial\(\s*\d+\s*,\s*"[^"']*"\s*,\s*\d+\s*\)"""
    r"""|datetime\("[YMDhms]"\)""",
    re.IGNORECASE,
)
_MASKS = 'default(), email(), random(1, 9), partial(1,"***",0) or datetime("Y")'
_FOR_TABLES = (
    "dedupe",
    "watermark",
    "indexes",
    "foreign_keys",
    "compression",
    "partitions",
    "computed",
    "defaults",
    "masks",
)
_MASKED = {
    "partial": ("string",),
    "email": ("string",),
    "random": ("integer", "decimal", "float"),
    "datetime": ("date", "datetime", "datetimeoffset", "time"),
}
"""The families of types that a masking function takes; default() takes all."""
_COMPARISONS = (exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.In, exp.Is)
_NOT_CONSTANT = (exp.Column, exp.Query, exp.Binary, exp.Anonymous)
_KEY_BYTES = 1700
_KEY_COLUMNS = 32


# --- from YAML -----------------------------------------------------------------------------------------------------


def partition_of(spec: TableSpec) -> Partitioning | None:
    """What a partition load replaces; None for another load."""
    by = spec.partition_by
    return Partitioning(by.column, by.grain) if by is not None else None


def design_of(spec: TableSpec, columns: Sequence[Column] = ()) -> Design:
    """The table's physical design, with names in the case in which ``columns`` have them."""
    spelt = {c.name.casefold(): c.name for c in columns} | {name.casefold(): name for name in spec.computed}

    def names(found: str | Iterable[str]) -> tuple[str, ...]:
        listed = [found] if isinstance(found, str) else found
        return tuple(spelt.get(name.strip().casefold(), name.strip()) for name in listed)

    def directed(found: str | Iterable[str]) -> tuple[str, ...]:
        listed = (found,) if isinstance(found, str) else tuple(found)
        keys = Index(tuple(" ".join(c.split()) for c in listed)).keys
        return tuple(names(name)[0] + (" desc" if descends else "") for name, descends in keys)

    def by_column(found: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        return tuple((names(column)[0], text.strip()) for column, text in found.items())

    described = {n: " ".join(c.description.split()) for n, c in spec.column_specs.items() if c.description.strip()}
    design = Design(
        indexes=tuple(
            Index(directed(i.columns), names(i.include), " ".join(i.where.split()), i.unique, i.name)
            for i in spec.indexes
        ),
        foreign_keys=tuple(
            ForeignKey(names(f.columns), *reference(f.references), f.trusted) for f in spec.foreign_keys
        ),
        compression=spec.compression or "",
        partitions=(
            Partitions(names(spec.partitions.column)[0], spec.partitions.grain, spec.partitions.keep)
            if spec.partitions is not None
            else None
        ),
        computed=tuple((name, text.strip()) for name, text in spec.computed.items()),
        defaults=by_column(spec.defaults),
        descriptions=by_column(described),
        masks=by_column(spec.masks),
        grants=tuple(spec.grants),
        deny=tuple((role, names(found)) for role, found in spec.deny.items()),
    )
    return NO_DESIGN if design == NO_DESIGN else design


def reference(text: str) -> tuple[str, tuple[str, ...]]:
    """``silver.users(user_id)`` as table and columns; no columns stand for the table's key."""
    found = _REFERENCE.fullmatch(text.strip())
    if found is None:
        return text, ()
    return found["table"], tuple(c.strip() for c in (found["columns"] or "").split(",") if c.strip())


def referring(spec: TableSpec, tables: Mapping[str, TableSpec]) -> TableSpec:
    """The table with each of its references in full: a reference without columns is to the other table's key."""
    if not spec.foreign_keys:
        return spec

    def full(text: str) -> str:
        table, columns = reference(text)
        other = tables.get(table)
        named = columns or (other.key_columns if other is not None else ())
        return f"{table}({', '.join(named)})" if named else table

    keys = [key.model_copy(update={"references": full(key.references)}) for key in spec.foreign_keys]
    return spec.model_copy(update={"foreign_keys": keys})


def held_to(name: str, spec: TableSpec) -> list[str]:
    """The other tables whose keys the server holds this one to: it is loaded after them, and again when they change."""
    found = [reference(key.references)[0] for key in spec.foreign_keys if key.trusted]
    return [table for table in dict.fromkeys(found) if table != name]


# --- what speaks against it ----------------------------------------------------------------------------------------


def faults(node: Node, tables: Mapping[str, TableSpec], name: str, shape: TableShape) -> list[Problem]:
    """Everything that is wrong with a table's partitions, indexes and so on, each at its place in pipelines.yaml."""
    return list(_Faults(node, tables, name, shape).found())


def mismatched(node: Node, shape: TableShape, catalog: Mapping[str, Sequence[Column]]) -> Iterator[Problem]:
    """Foreign keys whose columns have other types than the columns that they refer to."""
    mine = {c.name.casefold(): str(c.type) for c in shape.columns}
    for n, key in enumerate(shape.design.foreign_keys):
        theirs = {c.name.casefold(): str(c.type) for c in catalog.get(key.table, ())}
        for column, other in zip(key.columns, key.referenced, strict=False):
            type_, wanted = mine.get(column.casefold()), theirs.get(other.casefold())
            if type_ and wanted and type_ != wanted:
                said = f"{column} is {type_} and {key.table}.{other} is {wanted}; a foreign key needs the same type"
                yield node.problem(("tables", shape.full_name, "foreign_keys", n), said, value=True)


class _Faults:
    def __init__(self, node: Node, tables: Mapping[str, TableSpec], name: str, shape: TableShape) -> None:
        self.node, self.tables, self.name, self.shape = node, tables, name, shape
        self.spec = tables[name]
        self.types = {c.name.casefold(): c.type for c in shape.columns}
        self.names = [c.name for c in shape.columns]

    def found(self) -> Iterator[Problem]:
        spec = self.spec
        if spec.partition_by is not None:
            yield from self._date(spec.partition_by.column, "partition_by", "column")
        if spec.strategy.is_view:
            for key in _FOR_TABLES:
                if getattr(spec, key):
                    yield self._at((key,), f"{self.name} is a view, which has no {key.replace('_', ' ')}")
            if spec.storage == "columnstore":
                yield self._at(("storage",), f"{self.name} is a view, which has no storage")
            return
        if spec.partitions is not None:
            yield from self._date(spec.partitions.column, "partitions", "column")
        if spec.compression and spec.storage == "columnstore":
            yield self._at(("compression",), "a columnstore is compressed already", expected="one of the two")
        yield from self._indexes()
        yield from self._foreign_keys()
        yield from self._expressions()
        yield from self._readers()

    def _at(self, path: tuple[Hashable, ...], message: str, expected: str = "", near: str = "") -> Problem:
        return self.node.problem(("tables", self.name, *path), message, value=True, expected=expected, nearest=near)

    def _known(self, column: str, *path: Hashable, also: Iterable[str] = ()) -> Iterator[Problem]:
        names = [*self.names, *also]
        if column.casefold() not in {n.casefold() for n in names}:
            said = f"{self.name} has no column {column!r}"
            yield self._at(path, said, "one of " + ", ".join(names), nearest(column, names))

    def _date(self, column: str, *path: Hashable) -> Iterator[Problem]:
        type_ = self.types.get(column.casefold())
        if type_ is None:
            yield from self._known(column, *path)
        elif type_.family not in _DATES:
            yield self._at(path, f"{column} is {type_}, which has no days", "a date, datetime2 or datetime column")

    def _indexes(self) -> Iterator[Problem]:
        seen: set[Index] = set()
        for n, (index, declared) in enumerate(zip(self.shape.design.indexes, self.spec.indexes, strict=True)):
            path: tuple[Hashable, ...] = ("indexes", n)
            columns = [column for column, _ in index.keys]
            for column in (*columns, *index.include):
                yield from self._known(column, *path, also=self.spec.computed)
            folded = [c.casefold() for c in (*columns, *index.include)]
            if not columns or len(set(folded)) < len(folded):
                yield self._at(path, "an index names each of its columns once, and has at least one")
            yield from self._key_width(columns, path)
            if index.where:
                told = list(self._bound(f"SELECT 1 AS x FROM {self.name} WHERE {index.where}", declared.where, path))
                yield from told or self._filter(declared.where, path)
            plain = Index(index.columns, index.include, index.where, index.unique)
            if plain in seen:
                yield self._at(path, "this index is declared twice")
            seen.add(plain)

    def _filter(self, text: str, path: tuple[Hashable, ...]) -> Iterator[Problem]:
        """What a filtered index takes: columns compared with constants, IN and IS NULL, joined by AND."""
        todo: list[exp.Expr] = [parse(f"SELECT 1 AS x FROM {self.name} WHERE {text}").args["where"].this]
        while todo:
            node = todo.pop()
            if isinstance(node, (exp.And, exp.Paren)):
                todo += node.iter_expressions()
                continue
            bare = node.this if isinstance(node, exp.Not) and isinstance(node.this, exp.Is) else node
            constants = bare.expressions if isinstance(bare, exp.In) else [bare.args.get("expression")]
            fits = isinstance(bare, _COMPARISONS) and isinstance(bare.this, exp.Column)
            if not fits or any(c is None or c.find(*_NOT_CONSTANT) for c in constants) or not constants:
                said = f"{text!r}: an index takes columns compared with constants only, joined by AND"
                yield self._at(path, said, "such as amount > 10 AND kind IN (N'a', N'b')")
                return

    def _key_width(self, columns: Sequence[str], path: tuple[Hashable, ...]) -> Iterator[Problem]:
        from engine.warehouses.sqlserver.shape import width

        types = [(c, self.types[c.casefold()]) for c in columns if c.casefold() in self.types]
        for column, type_ in types:
            if type_.length == MAX:
                yield self._at(
                    path, f"{column} is {type_}, which no index takes as a key; include it, or give it a length"
                )
        wide = sum(width(type_) for _, type_ in types if type_.length != MAX)
        if wide > _KEY_BYTES:
            yield self._at(path, f"the index key takes up to {wide:,} bytes, SQL Server allows {_KEY_BYTES:,}")
        if len(columns) > _KEY_COLUMNS:
            yield self._at(path, f"the index key has {len(columns)} columns, SQL Server allows {_KEY_COLUMNS}")

    def _foreign_keys(self) -> Iterator[Problem]:
        for n, (key, declared) in enumerate(zip(self.shape.design.foreign_keys, self.spec.foreign_keys, strict=True)):
            path: tuple[Hashable, ...] = ("foreign_keys", n)
            for column in key.columns:
                yield from self._known(column, *path)
            other = self.tables.get(key.table)
            if other is None:
                said = f"no table {key.table!r} to refer to"
                yield self._at(
                    (*path, "references"), said, "one of " + ", ".join(self.tables), nearest(key.table, self.tables)
                )
                continue
            its = other.key_columns
            wanted = key.referenced or its
            if (
                not its
                or other.strategy.is_view
                or other.strategy.versions
                or {c.casefold() for c in its} != {c.casefold() for c in wanted}
            ):
                said = f"{key.table} has no key ({', '.join(wanted)}) that a foreign key could refer to"
                yield self._at(
                    (*path, "references"), said, f"its key: {', '.join(its)}" if its else "a table with a key"
                )
            elif len(wanted) != len(key.columns):
                yield self._at(
                    (*path, "columns"), f"{declared.references} has {len(wanted)} key columns", "as many columns"
                )

    def _expressions(self) -> Iterator[Problem]:
        seen: set[str] = set()
        for column, text in self.spec.computed.items():
            if column.casefold() in seen or not 1 <= len(column.strip()) <= LONGEST:
                said = f"{column[:40]!r} is not a valid name for a computed column"
                yield self._at(("computed", column), said, f"1 to {LONGEST} characters, in any case only once")
            seen.add(column.casefold())
            if column.casefold() in self.types:
                yield self._at(("computed", column), f"{self.name} has a column {column} already", "another name")
            yield from self._bound(f"SELECT ({text}) AS x FROM {self.name}", text, ("computed", column))
        for column, text in self.spec.defaults.items():
            yield from self._known(column, "defaults", column)
            yield from self._default(column, text)

    def _default(self, column: str, text: str) -> Iterator[Problem]:
        try:
            value = parse(f"SELECT ({text}) AS x").expressions[0]
        except BindError as error:
            yield self._at(("defaults", column), f"{text!r}: {error.problems[0].message}", "a T-SQL expression")
            return
        columns = [c.name for c in value.find_all(exp.Column) if c.name.upper() not in RESERVED]  # USER is a function
        if columns or value.find(exp.Select, exp.SetOperation):
            yield self._at(
                ("defaults", column), f"{text!r} reads a column or a table", "an expression that reads neither"
            )

    def _bound(self, sql: str, text: str, path: tuple[Hashable, ...]) -> Iterator[Problem]:
        try:
            tree = parse(sql)
            query = bind(tree, {self.name: self.shape.columns}).query
            grouped = isinstance(query, SetOperation) or query.grouped
            if grouped or tree.find(exp.Window) or sum(1 for _ in tree.find_all(exp.Select)) > 1:
                said = f"{text!r}: SQL Server takes no subquery, aggregate or window function here"
                yield self._at(path, said, "an expression over one row")
        except BindError as error:
            for fault in error.problems:
                yield self._at(path, f"{text!r}: {fault.message}", fault.expected, fault.nearest)

    def _readers(self) -> Iterator[Problem]:
        for column, mask in self.spec.masks.items():
            yield from self._known(column, "masks", column)
            type_ = self.types.get(column.casefold())
            families = _MASKED.get(mask.strip().partition("(")[0].lower())
            if not _MASK.fullmatch(mask.strip()):
                yield self._at(("masks", column), f"{mask!r} is no masking function", _MASKS)
            elif families and type_ is not None and type_.family not in families:
                yield self._at(("masks", column), f"{column} is {type_}, which {mask} does not mask", "default()")
        for role, columns in self.spec.deny.items():
            for column in columns:
                yield from self._known(column, "deny", role)
