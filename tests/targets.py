"""The targets that tests of the engine's promises run against: the embedded one always, a live server when
MEDALLION_TEST_SQLSERVER names one.

The variable is a SQLAlchemy URL, mssql+pyodbc://user:password@host:1433/database?Encrypt=no, of a login that may
create databases. Each test gets a database of its own.
"""

from __future__ import annotations

import functools
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

SQLSERVER = "MEDALLION_TEST_SQLSERVER"
NO_SERVER = f"{SQLSERVER} names no live server"
WANTED = "MEDALLION_TEST_TARGET"
"""Which target the projects that tests write have: set by the fixture ``target``, read by ``write_project``."""
ROOT = Path(__file__).resolve().parent.parent
live = pytest.mark.skipif(not os.environ.get(SQLSERVER), reason=NO_SERVER)
TARGETS = ["embedded", pytest.param("server", marks=live)]


def server_settings(database: str = "") -> dict[str, str]:
    """The live server as the shipped project's environment variables."""
    import sqlalchemy as sa

    url = sa.make_url(os.environ[SQLSERVER])
    options = {k.casefold(): str(v) for k, v in url.query.items()}
    return {
        "MSSQL_SERVER": url.host or "",
        "MSSQL_PORT": str(url.port or 1433),
        "MSSQL_DATABASE": database or url.database or "",
        "MSSQL_USER": url.username or "",
        "MSSQL_PASSWORD": str(url.password or ""),
        "MSSQL_ENCRYPT": options.get("encrypt", "yes"),
        "MSSQL_TRUST_CERTIFICATE": options.get("trustservercertificate", "no"),
    }


def server_spec(settings: dict[str, str] | None = None) -> Any:
    """The live server as a target, its references resolved."""
    from engine.config.specs import SqlServerTarget

    found = settings or server_settings()
    spec = SqlServerTarget(
        type="sqlserver",
        server=found["MSSQL_SERVER"],
        port=found["MSSQL_PORT"],
        database=found["MSSQL_DATABASE"],
        user=found["MSSQL_USER"],
        encrypt=found["MSSQL_ENCRYPT"],
        trust_certificate=found["MSSQL_TRUST_CERTIFICATE"],
    )
    return spec.model_copy(update={"password": found["MSSQL_PASSWORD"]})


@functools.cache
def capabilities() -> Any:
    """What the live server can do, as the engine reads it."""
    from engine.warehouses.sqlserver.catalog import SERVER, capabilities
    from engine.warehouses.sqlserver.connect import drained

    connection = connect(server_settings())
    names, rows = drained(connection, SERVER)
    connection.close()
    return capabilities(dict(zip(names, rows[0], strict=True)))


def is_babelfish() -> bool:
    from engine.warehouses.sqlserver.shape import BABELFISH

    return bool(capabilities() == BABELFISH)


def needs(capability: str) -> None:
    """Skip the test that calls this on a server without ``capability``, a field of the engine's Capabilities."""
    if not getattr(capabilities(), capability):
        pytest.skip(f"this server has no {capability}")


def differs_on_babelfish(request: pytest.FixtureRequest, target: str, why: str) -> None:
    """Expect the test that calls this to fail on the server when it is Babelfish, and nowhere else."""
    if target == "server" and is_babelfish():
        request.applymarker(pytest.mark.xfail(strict=True, reason=f"Babelfish: {why}"))


@contextmanager
def chosen(target: str) -> Iterator[str]:
    """Projects that are written meanwhile have ``target`` as their default; on the server with a database of its own."""
    with pytest.MonkeyPatch.context() as environment, ExitStack() as stack:
        settings = stack.enter_context(new_database()) if target == "server" else {}
        for name, value in {**settings, WANTED: target}.items():
            environment.setenv(name, value)
        yield target


def environment_settings() -> dict[str, str]:
    """The server that the environment names, as the shipped project's variables."""
    return {k: v for k, v in os.environ.items() if k.startswith("MSSQL_")}


def connector(settings: dict[str, str] | None = None) -> Any:
    """The engine's way to a server; to the database that the environment names by default."""
    from engine.warehouses.sqlserver.connect import Connector

    return Connector(server_spec(settings or environment_settings()))


def connect(settings: dict[str, str] | None = None) -> Any:
    """A connection of its own, as the engine opens them; to the database that the environment names by default."""
    return connector(settings).connect()


@contextmanager
def new_database() -> Iterator[dict[str, str]]:
    """An empty database on the live server, as environment variables; dropped in the end."""
    name = f"medallion_test_{secrets.token_hex(4)}"
    connection = connect(server_settings())
    connection.execute(f"CREATE DATABASE [{name}]").close()
    try:
        yield server_settings(name)
    finally:
        _drop(connection, name)
        connection.close()


def _drop(connection: Any, name: str) -> None:
    """Drop a database when the sessions of killed processes have ended."""
    import pyodbc

    for tries_left in reversed(range(50)):
        try:
            connection.execute(f"DROP DATABASE IF EXISTS [{name}]").close()
            return
        except pyodbc.Error:
            if not tries_left:
                raise
            time.sleep(0.2)


def on_target(pipelines: str) -> str:
    """The text of a small project's pipelines.yaml with the target that is wanted as its default."""
    if os.environ.get(WANTED) != "server":
        return pipelines
    keys = ("server", "port", "database", "user", "password", "encrypt", "trust_certificate")
    values = ", ".join(f'{key}: "${{MSSQL_{key.upper()}}}"' for key in keys)
    return pipelines.replace("targets:\n", f"targets:\n  server: {{type: sqlserver, {values}}}\n", 1).replace(
        "default_target: embedded", "default_target: server"
    )


def process_environment() -> dict[str, str]:
    """The little that a process of the engine needs, and the target."""
    return {"PYTHONPATH": str(ROOT), "PATH": "", **environment_settings()}


def ask(root: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows of a statement that both warehouses understand."""
    return ask_server(sql) if os.environ.get(WANTED) == "server" else ask_file(root / "data/warehouse.duckdb", sql)


def ask_file(path: Path, sql: str) -> list[tuple[Any, ...]]:
    """The rows that an embedded warehouse gives."""
    import duckdb

    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()


def ask_server(sql: str, settings: dict[str, str] | None = None) -> list[tuple[Any, ...]]:
    """The rows that the server gives, by default the database that the environment names."""
    connection = connect(settings)
    try:
        return [tuple(row) for row in connection.execute(sql).fetchall()]
    finally:
        connection.close()


def change(root: Path, *statements: str) -> None:
    """Do what somebody else might do to the warehouse between two runs, in statements that both understand."""
    if os.environ.get(WANTED) == "server":
        connection = connect()
        for statement in statements:
            connection.execute(statement).close()
        connection.close()
        return
    import duckdb

    with duckdb.connect(str(root / "data/warehouse.duckdb")) as con:
        for statement in statements:
            con.execute(statement)
