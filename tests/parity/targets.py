"""Where the parity table runs: DuckDB always, a live SQL Server when MEDALLION_TEST_SQLSERVER names one.

Both answer ``execute(sql) -> rows`` to the same T-SQL text.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

import yaml

from engine.core.sqltypes import Column, parse_type
from engine.tsql.bind import bind, parse
from engine.tsql.bind.typed import Bound
from engine.warehouses.duckdb.transpile.dialect import install_macros, to_duckdb
from engine.warehouses.sqlserver.connect import Connector
from tests.targets import new_database, server_spec

Rows = list[tuple[Any, ...]]


class Loader(yaml.SafeLoader):
    """YAML with !d for decimals, !t for times and !hex for bytes."""


Loader.add_constructor("!d", lambda loader, node: Decimal(node.value))
Loader.add_constructor("!t", lambda loader, node: dt.time.fromisoformat(node.value))
Loader.add_constructor("!hex", lambda loader, node: bytes.fromhex(node.value))


def load() -> dict[str, Any]:
    """The table of cases and the tables they read."""
    text = (Path(__file__).parent / "expressions.yaml").read_text(encoding="utf-8")
    return dict(yaml.load(text, Loader=Loader))


class Target(Protocol):
    def execute(self, sql: str) -> Rows: ...


def columns_of(spec: Mapping[str, Any]) -> list[Column]:
    """The declared columns of one table of the YAML file."""
    found = []
    for name, text in spec["columns"].items():
        nullable = not text.endswith(" not null")
        found.append(Column(name, parse_type(text.removesuffix(" not null")), nullable))
    return found


class OnDuckdb:
    """Binds and translates each statement, then runs it in memory."""

    def __init__(self, tables: Mapping[str, Any]) -> None:
        import duckdb

        self.con = duckdb.connect()
        self.con.execute("SET default_collation = 'nocase'; SET TimeZone = 'UTC'; CREATE SCHEMA parity")
        install_macros(self.con)
        self.catalog = {name: columns_of(spec) for name, spec in tables.items()}
        for name, spec in tables.items():
            columns = self.catalog[name]
            self.con.execute(f"CREATE TABLE {name} ({', '.join(f'{c.name} {c.type.duckdb}' for c in columns)})")
            marks = ", ".join("?" * len(columns))
            self.con.executemany(f"INSERT INTO {name} VALUES ({marks})", spec["rows"])

    def bind(self, sql: str) -> Bound:
        return bind(parse(sql), self.catalog)

    def execute(self, sql: str) -> Rows:
        return list(self.con.execute(to_duckdb(self.bind(sql))).fetchall())

    def types(self, sql: str) -> list[str]:
        """The DuckDB types that really came out."""
        result = self.con.execute(to_duckdb(self.bind(sql)))
        return [str(d[1]) for d in result.description or ()]


class OnSqlServer:
    """Runs each statement as it is written."""

    def __init__(self, settings: dict[str, str], tables: Mapping[str, Any]) -> None:
        import mssql_python  # type: ignore[import-not-found]

        mssql_python.pooling(enabled=False)
        self.con = mssql_python.connect(Connector(server_spec(settings)).bulk_string(), autocommit=True)
        self.babelfish = self.execute("SELECT CAST(SERVERPROPERTY('babelfish') AS int)") == [(1,)]
        cursor = self.con.cursor()
        cursor.execute("IF SCHEMA_ID('parity') IS NULL EXEC('CREATE SCHEMA parity')")
        for name, spec in tables.items():
            columns = columns_of(spec)
            cursor.execute(f"DROP TABLE IF EXISTS {name}")
            listed = ", ".join(f"{c.name} {c.type} {'NULL' if c.nullable else 'NOT NULL'}" for c in columns)
            cursor.execute(f"CREATE TABLE {name} ({listed})")
            marks = ", ".join("?" * len(columns))
            for row in spec["rows"]:
                cursor.execute(f"INSERT INTO {name} VALUES ({marks})", tuple(row))

    def execute(self, sql: str) -> Rows:
        cursor = self.con.cursor()
        cursor.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]


@contextmanager
def open_target(name: str, tables: Mapping[str, Any]) -> Iterator[Target]:
    """The target called ``name``, its tables filled."""
    with ExitStack() as stack:
        if name == "duckdb":
            target: OnDuckdb | OnSqlServer = OnDuckdb(tables)
        else:
            target = OnSqlServer(stack.enter_context(new_database()), tables)
        stack.callback(target.con.close)
        yield target


def comparable(value: Any) -> Any:
    """A value in a form that compares by value and by scale: Decimal('2.5') and Decimal('2.500') differ."""
    if isinstance(value, Decimal):
        return ("decimal", str(value))
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return ("float", float(f"{value:.12g}"))
    if isinstance(value, uuid.UUID):
        return str(value)
    if isinstance(value, (bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=None).isoformat()
    return value


def compared(rows: Sequence[Sequence[Any]], *, ordered: bool) -> list[tuple[Any, ...]]:
    """Rows ready for ==; without an order of their own they are sorted."""
    shown = [tuple(comparable(v) for v in row) for row in rows]
    return shown if ordered else sorted(shown, key=repr)
