"""``medallion add``: a new table's YAML, SQL and suite, from a file's header and values or from a SELECT.

The YAML is edited as text, so that comments and layout stay; if the project does not hold together afterwards,
everything is put back as it was.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from engine.compile.manifest import load_model
from engine.config.project import PIPELINES, Project, load_project
from engine.core.errors import Problem, ProjectError
from engine.core.layers import TABLE_NAME
from engine.core.sqltypes import Column
from engine.tsql.bind import BindError, bind, parse
from engine.tsql.templates import Rendered

_NAME = re.compile(TABLE_NAME)
_LENGTHS = (10, 20, 40, 60, 100, 200, 400, 1000, 2000, 4000)


def add_table(project: Project, table: str, *, file: str | None, select: str | None, key: Sequence[str]) -> list[str]:
    """Write what a new table needs and return a line for each thing written.

    Raises ProjectError when the name is taken, the file or SELECT cannot be used, or the project would not hold
    together; then nothing is changed.
    """
    if not _NAME.fullmatch(table):
        raise ProjectError(
            Problem(f"{table!r} is not a table name", expected="layer.name in lower case, such as gold.daily_views")
        )
    if table in project.tables:
        raise ProjectError(Problem(f"{table} is declared already", PIPELINES, *project.node.at("tables", table)))
    if (file is None) == (select is None):
        raise ProjectError(
            Problem("say what the table is made from", expected="--from-file FILE or --from-select 'SELECT …'")
        )
    undo = _Undo()
    try:
        lines = (
            _from_file(project, table, file, key, undo)
            if file
            else _from_select(project, table, select or "", key, undo)
        )
        changed = load_project(project.root)
        load_model(changed, changed.default_target, dt.datetime.now(dt.UTC).date())
    except BaseException:
        undo.everything()
        raise
    return [*lines, f"next: medallion run --select +{table}"]


class _Undo:
    """Remembers what files were, to put them back."""

    def __init__(self) -> None:
        self._before: dict[Path, str | None] = {}

    def write(self, path: Path, text: str) -> None:
        self._before.setdefault(path, path.read_text(encoding="utf-8") if path.exists() else None)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def everything(self) -> None:
        for path, text in self._before.items():
            if text is None:
                path.unlink(missing_ok=True)
            else:
                path.write_text(text, encoding="utf-8")


def _from_file(project: Project, table: str, file: str, key: Sequence[str], undo: _Undo) -> list[str]:
    path = Path(file)
    if not path.is_absolute():
        path = Path.cwd() / path
    if not path.is_file():
        raise ProjectError(Problem(f"no file {file}", expected="a CSV or JSON file that is there"))
    kind = "json" if ".json" in path.name.lower() else "csv"
    columns, complete = sniff(path, kind)
    _check_key(key, [c for c, _ in columns])
    name = table.split(".")[1]
    try:
        shown = path.resolve().relative_to(project.root.resolve()).as_posix()
    except ValueError:
        shown = str(path.resolve())
    lines = []
    text = (project.root / PIPELINES).read_text(encoding="utf-8")
    if name not in project.sources:
        text = _inserted(project, text, "sources", "", f'  {name}:\n    type: {kind}\n    path: "{shown}"\n')
        lines.append(f"{PIPELINES}: source {name}")
    entry = f"  {table}:\n    source: {name}\n" + _key_line(key) + "    columns:\n"
    entry += "".join(f"      {_yaml(c)}: {_yaml(t)}\n" for c, t in columns)
    undo.write(project.root / PIPELINES, text)
    project = load_project_text(project)
    undo.write(project.root / PIPELINES, _inserted(project, text, "tables", table, entry))
    suite = project.suite_path(table)
    undo.write(suite, _suite([c for c in complete if c not in key], table))
    return [
        *lines,
        f"{PIPELINES}: table {table}, {len(columns)} columns",
        f"{suite.relative_to(project.root)}: what its values promise; read it through",
    ]


def load_project_text(project: Project) -> Project:
    """The project as its file is now, before its new parts hold together."""
    from dataclasses import replace

    from engine.config.yamlfile import load_yaml

    return replace(project, node=load_yaml(project.root / PIPELINES, project.root))


def sniff(path: Path, kind: str) -> tuple[list[tuple[str, str]], list[str]]:
    """The columns of a file with T-SQL types that hold all its values, and the columns that are never empty.

    Raises ProjectError when the file cannot be read as what it seems to be.
    """
    import duckdb

    reader = (
        "read_csv(?, sample_size = -1, normalize_names = true)" if kind == "csv" else "read_json(?, sample_size = -1)"
    )
    connection = duckdb.connect(config={"autoinstall_known_extensions": "false"})
    try:
        found = connection.execute(f"DESCRIBE SELECT * FROM {reader}", [str(path)]).fetchall()
        columns, complete = [], []
        for name, type_, *_ in found:
            quoted = '"' + name.replace('"', '""') + '"'
            longest, nulls = connection.execute(
                f"SELECT max(length(CAST({quoted} AS VARCHAR))), count(*) FILTER ({quoted} IS NULL) FROM {reader}",
                [str(path)],
            ).fetchone() or (0, 0)
            columns.append((name, _tsql_type(type_, longest or 1)))
            if not nulls:
                complete.append(name)
    except duckdb.Error as error:
        raise ProjectError(Problem(f"{path} cannot be read: {str(error).splitlines()[0]}")) from None
    return columns, complete


def _tsql_type(duckdb_type: str, longest: int) -> str:
    fixed = {
        "BIGINT": "bigint",
        "INTEGER": "int",
        "SMALLINT": "int",
        "TINYINT": "int",
        "DOUBLE": "decimal(18,4)",
        "FLOAT": "decimal(18,4)",
        "BOOLEAN": "bit",
        "DATE": "date",
        "TIMESTAMP": "datetime2(6)",
        "TIME": "time(6)",
        "UUID": "uniqueidentifier",
    }
    if duckdb_type in fixed:
        return fixed[duckdb_type]
    # Twice the longest value seen: the next file has a longer one.
    return f"nvarchar({next((n for n in _LENGTHS if n >= 2 * longest), 4000)})"


def _from_select(project: Project, table: str, select: str, key: Sequence[str], undo: _Undo) -> list[str]:
    model = load_model(project, project.default_target, dt.datetime.now(dt.UTC).date())
    try:
        columns: Sequence[Column] = bind(parse(select), model.catalog).columns
    except BindError as error:
        shown = Rendered(select, tuple(("--from-select", i + 1) for i in range(select.count("\n") + 1)))
        raise ProjectError(
            [shown.problem(f.message, f.line, f.column, f.expected, f.nearest) for f in error.problems]
        ) from None
    _check_key(key, [c.name for c in columns])
    template, suite = project.template_path(table), project.suite_path(table)
    if template.exists():
        raise ProjectError(
            Problem(
                "a template is there already",
                template.relative_to(project.root).as_posix(),
                expected="another table name",
            )
        )
    undo.write(template, select.strip().rstrip(";") + "\n")
    entry = f"  {table}:\n" + (_key_line(key) or '    description: ""\n')
    undo.write(
        project.root / PIPELINES,
        _inserted(project, (project.root / PIPELINES).read_text(encoding="utf-8"), "tables", table, entry),
    )
    undo.write(suite, _suite([c.name for c in columns if not c.nullable and c.name not in key], table))
    return [
        f"{template.relative_to(project.root)}: the SELECT",
        f"{PIPELINES}: table {table}, {len(columns)} columns",
        f"{suite.relative_to(project.root)}: a suite to fill",
    ]


def _check_key(key: Sequence[str], columns: Sequence[str]) -> None:
    from engine.core.errors import nearest

    for name in key:
        if name not in columns:
            raise ProjectError(
                Problem(
                    f"no column {name!r} for the key",
                    expected="one of " + ", ".join(columns),
                    nearest=nearest(name, columns),
                )
            )


def _key_line(key: Sequence[str]) -> str:
    if not key:
        return ""
    return f"    key: {key[0]}\n" if len(key) == 1 else f"    key: [{', '.join(key)}]\n"


def _yaml(text: str) -> str:
    return (
        text if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*(\([0-9a-z]+\))?", text) else '"' + text.replace('"', '\\"') + '"'
    )


def _suite(complete: Sequence[str], table: str) -> str:
    lines = [f"# What must hold of {table} before it is published. The key is checked by itself.", "expectations:"]
    for column in complete:
        lines.append(
            f"  - type: expect_column_values_to_not_be_null\n    kwargs: {{column: {_yaml(column)}}}\n    severity: warning"
        )
    if not complete:
        lines.append(
            "  - type: expect_table_row_count_to_be_between\n    kwargs: {min_value: 1}\n    severity: warning"
        )
    return "\n".join(lines) + "\n"


def _inserted(project: Project, text: str, section: str, table: str, entry: str) -> str:
    """The file with an entry added: after the last table of the same layer, else at the end of the section."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += "\n"
    entries: dict[str, Any] = project.node.value.get(section) or {}
    starts = {name: project.node.at(section, name)[0] - 1 for name in entries}
    if section not in project.node.value:
        return "".join(lines) + f"\n{section}:\n{entry}"
    layer = table.split(".")[0]
    same = [n for n in entries if table and n.startswith(f"{layer}.")] or list(entries)
    last = max((starts[n] for n in same), default=project.node.at(section)[0] - 1)
    end = last + 1
    while end < len(lines) and (
        lines[end].startswith("    ") or (not lines[end].strip() and _deeper_follows(lines, end))
    ):
        end += 1
    return "".join(lines[:end]) + entry + "".join(lines[end:])


def _deeper_follows(lines: Sequence[str], at: int) -> bool:
    rest = next((line for line in lines[at:] if line.strip()), "")
    return rest.startswith("    ")
