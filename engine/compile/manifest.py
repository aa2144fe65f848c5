"""The whole project, bound: every table's columns, types, inputs and suite, checked before anything is touched."""

from __future__ import annotations

import datetime as dt
import graphlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from engine.compile.naming import column_faults, table_faults
from engine.compile.physical import design_of, faults, held_to, mismatched, partition_of, referring
from engine.compile.strays import strays
from engine.compile.watermarks import Selects, Watermark, arrival_faults, clock_of, watermark_of
from engine.config.project import Project
from engine.config.specs import TableSpec
from engine.core.errors import Problem, ProjectError, SourceError, nearest
from engine.core.selectors import Graph
from engine.core.sqltypes import Column, parse_type
from engine.core.tables import AUDIT_COLUMNS, HISTORY_COLUMNS, TableShape
from engine.quality.suitefiles import load_suite
from engine.quality.suites import BATCH, Suite, suite_with_key
from engine.quality.suitetypes import unfit, unmovable
from engine.tsql.bind import BindError, Bound, bind, meaning, parse, tables_of
from engine.tsql.splitting import split_ctes, split_tail
from engine.tsql.templates import Rendered, Templates
from engine.warehouses.kinds import kind_of

if TYPE_CHECKING:
    from engine.sources import SourceColumn

DEFINITION_FORMAT = "2"
"""Part of every table's definition: raised when the engine builds the same project differently."""
UNDECLARED = parse_type("nvarchar(4000)")


@dataclass(frozen=True)
class Table:
    """One table of the model. ``columns`` are in table order; audit columns are not among them."""

    name: str
    spec: TableSpec
    columns: tuple[Column, ...]
    suite: Suite
    inputs: tuple[str, ...] = ()
    rendered: Rendered | None = None
    bound: Bound | None = None
    ranked: Bound | None = None
    """The SELECT with the rank by which ``dedupe`` keeps one row of each key."""
    definition: str = ""
    select: str = ""
    """A digest of what its SELECT means."""
    reading: str = ""
    """A digest of what makes rows of its source's files, apart from the types of columns."""
    reads: tuple[str, ...] = ()
    """Those of its inputs that its SELECT reads; the others are read by its suite or referred to."""
    dated: bool = False
    """Whether its template reads ``{{ logical_date }}``, so that another day gives other rows; told only where a table
    appends what its SELECT gives."""
    mark: Watermark | None = None
    """What its watermark is made from."""

    @property
    def layer(self) -> str:
        return self.name.split(".")[0]

    @property
    def landed(self) -> bool:
        """Loaded from a source, not built from a SELECT."""
        return self.spec.source is not None

    @cached_property
    def shape(self) -> TableShape:
        schema, name = self.name.split(".")
        columns = (*self.columns, *AUDIT_COLUMNS) if self.landed else self.columns
        return TableShape(
            schema,
            name,
            columns,
            self.spec.key_columns,
            self.spec.load,
            self.spec.storage,
            self.spec.alias,
            self.spec.description,
            partition_of(self.spec),
            design_of(self.spec, columns),
        )


@dataclass
class Model:
    """Tables in an order in which each comes after what it reads."""

    project: Project
    target: str
    logical_date: dt.date
    tables: dict[str, Table] = field(default_factory=dict)

    watermarks: Mapping[str, str] = field(default_factory=dict)
    """The published highest values by table that templates were rendered with."""

    catalog: dict[str, tuple[Column, ...]] = field(default_factory=dict)
    """The columns of every table, audit columns too, as SELECTs are bound against them."""

    reads: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What each declared table reads, as far as that can be told, wrong tables too."""

    @property
    def graph(self) -> Graph:
        """What selectors choose from, tables in build order; those that are wrong come last."""
        return self.project.graph({name: self.reads.get(name, ()) for name in (*self.tables, *self.project.declared)})


def source_columns(spec: TableSpec) -> list[SourceColumn]:
    """The declared columns of a table as its source reads them."""
    from engine.sources import SourceColumn

    return [SourceColumn(n, parse_type(c.type), c.origin) for n, c in spec.column_specs.items()]


def load_model(
    project: Project, target: str, logical_date: dt.date, *, watermarks: Mapping[str, str] | None = None
) -> Model:
    """Render, parse and bind every table of the project for one target.

    ``watermarks`` are the published highest values by table, None where nothing is published. Raises ProjectError with
    every problem of every template and suite.
    """
    model, problems = bound_as_far_as_it_goes(project, target, logical_date, watermarks or {})
    if problems:
        raise ProjectError(problems)
    return model


def bound_as_far_as_it_goes(
    project: Project, target: str, logical_date: dt.date, watermarks: Mapping[str, str]
) -> tuple[Model, list[Problem]]:
    """The model of the tables that can be bound, and every problem found with the others."""
    builder = _Builder(project, target, logical_date, watermarks)
    return builder.build(), builder.problems


class _Builder:
    def __init__(self, project: Project, target: str, logical_date: dt.date, watermarks: Mapping[str, str]) -> None:
        self.project = project
        self.node = project.node
        self.watermarks = watermarks
        self.declared = project.declared
        self.variables = project.variables(target)
        self.templates = Templates(project.root, {**self.variables, "logical_date": logical_date, "target": target})
        self.model = Model(project, target, logical_date, watermarks=watermarks)
        self.problems: list[Problem] = []
        self.rendered: dict[str, Rendered] = {}
        self.trees: dict[str, Any] = {}
        self.inputs: dict[str, tuple[str, ...]] = {}
        self.reads: dict[str, tuple[str, ...]] = {}
        self.appends = any(t.strategy.adds and t.source is None and not t.watermark for t in project.tables.values())
        self.suites: dict[str, Suite] = {}

    def build(self) -> Model:
        for name, spec in self.project.tables.items():
            if spec.source is None:
                self._render(name, spec)
            elif self.project.template_path(name).exists():
                self.problems.append(
                    self.node.problem(
                        ("tables", name, "source"), f"{name} has both a source and a template", expected="one of them"
                    )
                )
        for name, spec in self.project.tables.items():
            self.suites[name] = self._suite(name, spec)
            self.inputs[name] = tuple(dict.fromkeys((*self.inputs.get(name, ()), *self._judged_by(name, spec))))
        self.problems += table_faults(self.project)
        self.problems += strays(self.project, self.declared)
        for name in self._order():
            table = self._table(name, self.project.tables[name])
            if table is not None:
                self.model.tables[name] = table
                history = HISTORY_COLUMNS if table.spec.strategy.versions else ()
                self.model.catalog[name] = (*table.shape.columns, *history)
        self.model.reads = self.inputs
        for table in self.model.tables.values():
            self._suite_queries(table)
            self.problems += mismatched(self.node, table.shape, self.model.catalog)
        return self.model

    def _render(self, name: str, spec: TableSpec) -> None:
        path = self.project.template_path(name)
        if not path.exists():
            layer = path.parent
            near = nearest(path.stem, [p.stem for p in layer.glob("*.sql")]) if layer.is_dir() else ""
            self.problems.append(
                self.node.problem(
                    ("tables", name),
                    f"{name} has no source and no template",
                    nearest=near,
                    expected=f"source: … here, or a SELECT in templates/{name.replace('.', '/')}.sql",
                )
            )
            return
        try:
            watermark = self.watermarks.get(name) if spec.watermark else None
            rendered = self.templates.render(name.replace(".", "/") + ".sql", watermark=watermark)
            self.rendered[name] = rendered
            tree = parse(rendered.sql)
            self.inputs[name] = self.reads[name] = tuple(self._known_inputs(name, tables_of(tree)))
            self.trees[name] = tree
        except BindError as error:
            self.problems += _told(self.rendered[name], error)
        except ProjectError as error:
            self.problems += error.problems

    def _known_inputs(self, name: str, read: Iterable[str]) -> Iterable[str]:
        # An unknown table is told by the binder, which has its line; here only the order is at stake.
        for table in dict.fromkeys(t.lower() for t in read):
            if table in self.declared:
                yield table

    def _judged_by(self, name: str, spec: TableSpec) -> list[str]:
        """The tables that the suite's queries read, or whose keys a server holds this one to: they come first, and when
        they change the table is judged anew."""
        target = kind_of(self.project.targets[self.model.target])
        read = list(self._known_inputs(name, held_to(name, spec))) if target.checks_references else []
        for sql, _ in self.suites[name].row_queries():
            try:
                read += [t for t in self._known_inputs(name, tables_of(parse(sql))) if t != name]
            except BindError:
                continue  # told by _suite_queries, with its place
        return read

    def _order(self) -> list[str]:
        names = [n for n in self.project.tables if n in self.trees or self.project.tables[n].source is not None]
        graph = {n: [i for i in self.inputs.get(n, ()) if i in names] for n in names}
        sorter = graphlib.TopologicalSorter(graph)
        try:
            return list(sorter.static_order())
        except graphlib.CycleError as error:
            circle = error.args[1]
            self.problems.append(
                self.node.problem(
                    ("tables", circle[0]),
                    "tables read each other in a circle: " + " → ".join(reversed(circle)),
                    expected="a table that can be built first",
                )
            )
            return []

    def _table(self, name: str, spec: TableSpec) -> Table | None:
        suite, spec = self.suites[name], referring(spec, self.project.tables)
        if spec.source is not None:
            columns, reading = self._landed_columns(name, spec), self._reading(spec)
            table = Table(name, spec, columns, suite, self.inputs[name], reading=reading)
        else:
            bound = self._bound(name, self.trees[name], self.rendered[name])
            if bound is None:
                return None
            keys = {k.lower() for k in spec.key_columns}
            columns = tuple(replace(c, nullable=c.nullable and c.name.lower() not in keys) for c in bound.columns)
            table = Table(
                name, spec, columns, suite, self.inputs[name], self.rendered[name], bound, self._ranked(name, spec)
            )
            table = replace(table, reads=self.reads[name], dated=self._dated(table), mark=self._mark(name, bound, spec))
        self._check(table)
        meant = self._meaning(table)
        select = hashlib.sha256(meant.encode()).hexdigest()[:16]
        return replace(table, definition=_definition(table, meant), select=select)

    def _reading(self, spec: TableSpec) -> str:
        """What tells whether the source's files are read otherwise; which files they are is told by themselves."""
        source = self.project.source(spec.source or "", self.model.target).model_dump(exclude={"path"}, mode="json")
        origins = {c.name: c.origin for c in source_columns(spec) if c.origin}
        return _digest([source, origins])[:16]

    def _meaning(self, table: Table) -> str:
        """What tells whether the SELECT changed; the watermark moves with every load and says nothing of that."""
        if table.rendered is None:
            return ""
        if not table.spec.watermark:
            return meaning(self.trees[table.name])
        rendered = self.templates.render(table.name.replace(".", "/") + ".sql", watermark=None)
        try:
            return meaning(parse(rendered.sql))
        except BindError:
            return rendered.sql  # only a first load would run this text, and it would be told there

    def _mark(self, name: str, bound: Bound, spec: TableSpec) -> Watermark | None:
        if not spec.watermark:
            return None
        tables = self.project.tables
        landed = {name for name, other in tables.items() if other.source is not None}
        selects = Selects(self.trees, {n: t.bound for n, t in self.model.tables.items() if t.bound is not None})
        mark = watermark_of(bound, spec.watermark, self.model.catalog, landed)
        return mark and replace(mark, clock=clock_of(name, bound, spec.watermark, selects, tables))

    def _dated(self, table: Table) -> bool:
        if table.rendered is None or not self.appends:
            return False
        date = self.model.logical_date
        # Another day of the month, another month and another year.
        another = date + dt.timedelta(days=405 if date.year < 9000 else -405)
        watermark = self.watermarks.get(table.name) if table.spec.watermark else None
        name = table.name.replace(".", "/") + ".sql"
        other = self.templates.render(name, watermark=watermark, logical_date=another)
        return other.sql != table.rendered.sql

    def _bound(self, name: str, tree: Any, rendered: Rendered) -> Bound | None:
        missing = [t for t in self.inputs[name] if t not in self.model.tables]
        if missing:
            return None  # what it reads is wrong already; its own columns cannot be told
        try:
            bound = bind(tree, self.model.catalog)
        except BindError as error:
            self.problems += _told(rendered, error)
            return None
        if self.project.tables[name].strategy.is_view and tree.args.get("options"):
            line = rendered.sql.count("\n", 0, rendered.sql.upper().rindex("OPTION")) + 1
            self.problems.append(rendered.problem("a view takes no OPTION", line, 1, "load: replace in pipelines.yaml"))
        return bound

    def _ranked(self, name: str, spec: TableSpec) -> Bound | None:
        if not spec.dedupe:
            return None
        keys = ", ".join(f"[{k.replace(']', ']]')}]" for k in spec.key_columns)
        ctes, select = split_ctes(self.rendered[name].sql)
        select, option = split_tail(select)
        # A server ranks the staged rows, which have no name that the text could use.
        sql = (
            f"{ctes}\nSELECT __built.*, ROW_NUMBER() OVER (PARTITION BY {keys} ORDER BY {spec.dedupe}) AS __rank FROM (\n"
            f"{select}\n) AS __built {option}"
        )
        try:
            tree = parse(sql)
            if len(tree.expressions) != 2:
                raise BindError(Problem(f"{spec.dedupe!r} goes on after its ORDER BY"))
            return bind(tree, self.model.catalog)
        except BindError as error:
            said = "; ".join(f.message for f in error.problems)
            self.problems.append(
                self.node.problem(
                    ("tables", name, "dedupe"),
                    f"dedupe: {said}",
                    value=True,
                    expected="ORDER BY text over the columns of the SELECT, such as: watch_date DESC",
                )
            )
            return None

    def _landed_columns(self, name: str, spec: TableSpec) -> tuple[Column, ...]:
        from engine.sources import open_source

        declared = {n: parse_type(c.type) for n, c in spec.column_specs.items()}
        keys = {k.lower() for k in spec.key_columns}
        try:
            source = open_source(self.project.source(spec.source or "", self.model.target), self.project.root)
            extra = source.undeclared(source_columns(spec))
        except SourceError:
            extra = []  # the files are not here yet; what is declared is what is known
        except ProjectError as error:
            self.problems += error.problems
            extra = []
        types = declared | dict.fromkeys(extra, UNDECLARED)
        return tuple(Column(n, t, nullable=n.lower() not in keys, lineage=frozenset()) for n, t in types.items())

    # -- checks ------------------------------------------------------------------------------------------------------

    def _suite(self, name: str, spec: TableSpec) -> Suite:
        path = self.project.suite_path(name)
        suite = Suite()
        if path.exists():
            try:
                suite = load_suite(path, self.project.root, variables=self.variables)
            except ProjectError as error:
                self.problems += error.problems
        return suite_with_key(suite, spec.key_columns)

    def _check(self, table: Table) -> None:
        name, spec = table.name, table.spec
        names = [c.name for c in table.shape.columns]
        for label, columns in (("key", spec.key_columns), ("watermark", (spec.watermark,) if spec.watermark else ())):
            for column in columns:
                if column.lower() not in {n.lower() for n in names}:
                    self.problems.append(
                        self.node.problem(
                            ("tables", name, label),
                            f"{name} has no column {column!r}",
                            value=True,
                            expected="one of " + ", ".join(names),
                            nearest=nearest(column, names),
                        )
                    )
        if len({column.lower() for column in spec.key_columns}) < len(spec.key_columns):
            said = f"the key of {name} names a column twice"
            self.problems.append(
                self.node.problem(("tables", name, "key"), said, value=True, expected="each column once")
            )
        if not table.landed:
            self._declared(table)
        for column, at in table.suite.columns_read():
            if column.lower() not in {n.lower() for n in names}:
                self.problems.append(
                    Problem(
                        f"{name} has no column {column!r}",
                        at.file,
                        at.line,
                        at.column,
                        "one of " + ", ".join(names),
                        nearest(column, names),
                    )
                )
        self.problems += unfit(table.suite, table.shape.columns)
        if spec.strategy.is_view:
            self.problems += unmovable(table.suite, name)
        self.problems += faults(self.node, self.project.tables, name, table.shape)
        self.problems += arrival_faults(self.node, name, spec, self.project.tables, table.mark)
        from engine.warehouses.sqlserver.shape import limits

        select = (table.bound, table.rendered) if table.bound and table.rendered else None
        taken = list(column_faults(self.node, name, spec, table.columns, select))
        self.problems += taken or [self.node.problem(("tables", name), message) for message in limits(table.shape)]

    def _declared(self, table: Table) -> None:
        """Declared columns of a built table are a contract: same names, same types."""
        has = {c.name.lower(): c for c in table.columns}
        for column, spec in table.spec.column_specs.items():
            path = ("tables", table.name, "columns", column)
            found = has.get(column.lower())
            if found is None:
                self.problems.append(
                    self.node.problem(
                        path, f"the SELECT of {table.name} has no column {column!r}", nearest=nearest(column, has)
                    )
                )
            elif str(found.type) != str(parse_type(spec.type)):
                self.problems.append(
                    self.node.problem(
                        path,
                        f"{column} is {found.type} in the SELECT, not {parse_type(spec.type)}",
                        value=True,
                        expected=f"CAST({column} AS {parse_type(spec.type)}) in the template, or {found.type} here",
                    )
                )

    def _suite_queries(self, table: Table) -> None:
        """Bind the T-SQL that expectations carry, and translate it where the target is embedded, so that a wrong column
        or what has no equal there is told before a run."""
        queries = table.suite.row_queries()
        catalog = {**self.model.catalog, BATCH: table.shape.columns} if queries else {}
        target = kind_of(self.project.targets[self.model.target])
        for sql, at in queries:
            try:
                target.check(bind(parse(sql), catalog))
            except BindError as error:
                self.problems += [
                    Problem(f.message.replace(BATCH, "{batch}"), at.file, at.line, at.column, f.expected, f.nearest)
                    for f in error.problems
                ]


def _told(rendered: Rendered, error: BindError) -> list[Problem]:
    return [rendered.problem(f.message, f.line, f.column, f.expected, f.nearest) for f in error.problems]


def same_declaration(table: Table, columns: Mapping[str, str], definition: str) -> bool:
    """Whether a table from a source is declared as a load of ``definition`` was, whose ``columns`` are given with their
    types: it then differs at most in columns that the files have and nobody declared."""
    declared = tuple(Column(n, parse_type(c.type)) for n, c in table.spec.column_specs.items())
    found = tuple(Column(n, UNDECLARED) for n, t in columns.items() if t == str(UNDECLARED))
    of_files = tuple(c for c in found if c.name not in table.spec.column_specs)
    return _definition(replace(table, columns=declared + of_files), "") == definition


def _definition(table: Table, sql: str) -> str:
    spec = table.spec.model_dump(include={"load", "dedupe", "storage", "alias", "source", "watermark"}, mode="json")
    spec["key"] = table.spec.key_columns
    if table.spec.partition_by is not None:
        spec["partition_by"] = table.spec.partition_by.model_dump(mode="json")
    spec["reading"] = table.reading
    columns = [(c.name, str(c.type)) for c in table.columns]
    return _digest([DEFINITION_FORMAT, sql, spec, table.suite.digest, columns])[:32]


def _digest(parts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
