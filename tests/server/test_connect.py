"""Connecting: strings for each driver and way to log in, what is said when it fails, what is tried again."""

from __future__ import annotations

import socket
from typing import Any

import pyodbc
import pytest

from engine.config.specs import SqlServerTarget
from engine.core.errors import WarehouseError
from engine.warehouses.sqlserver import connect as sqlserver_connect
from engine.warehouses.sqlserver.connect import (
    TRANSIENT,
    Connector,
    Driver,
    ServerError,
    connection_string,
    find_driver,
    packed_token,
    retrying,
)
from tests.targets import live, server_spec

MICROSOFT, FREETDS, BULK = Driver("ODBC Driver 18 for SQL Server"), Driver("FreeTDS", microsoft=False), None
START = "DRIVER={ODBC Driver 18 for SQL Server};SERVER=db,1433;ENCRYPT=yes;"
END = "DATABASE={wh};APP=medallion"
LOGIN = ";UID={ann};PWD={secret}"
SQL = {"user": "ann", "password": "secret"}


def spec(**changes: Any) -> SqlServerTarget:
    given = {"server": "db", "database": "wh", **changes}
    password = given.pop("password", None)
    return SqlServerTarget(type="sqlserver", **given).model_copy(update={"password": password})


STRINGS: dict[str, tuple[dict[str, Any], Driver | None, str]] = {
    "user and password": (SQL, MICROSOFT, START + END + LOGIN),
    "for bulk copy": (SQL, BULK, "SERVER=db,1433;ENCRYPT=yes;DATABASE={wh};UID={ann};PWD={secret}"),
    "odd characters": (
        {"user": "a;b", "password": "p;}x{ ='\"%", "database": "w]h}"},
        MICROSOFT,
        START + "DATABASE={w]h}}};APP=medallion;UID={a;b};PWD={p;}}x{ ='\"%}",
    ),
    "not encrypted": (
        {**SQL, "encrypt": "no"},
        MICROSOFT,
        START.replace("=yes", "=no") + END + LOGIN,
    ),
    "strict": (
        {**SQL, "encrypt": "strict"},
        MICROSOFT,
        START.replace("=yes", "=strict") + END + LOGIN,
    ),
    "a certificate taken as it is": (
        {**SQL, "trust_certificate": True},
        MICROSOFT,
        START + "TrustServerCertificate=yes;" + END + LOGIN,
    ),
    "another port": (
        {**SQL, "port": "1444"},
        MICROSOFT,
        START.replace("1433", "1444") + END + LOGIN,
    ),
    "a named instance": (
        {**SQL, "server": "db\\wh"},
        MICROSOFT,
        START.replace("db,1433", "db\\wh") + END + LOGIN,
    ),
    "a server that would end the string": (
        {**SQL, "server": "db;UID=sa"},
        MICROSOFT,
        START.replace("db,1433", "{db;UID=sa,1433}") + END + LOGIN,
    ),
    "windows": ({"auth": "windows"}, MICROSOFT, START + END + ";Trusted_Connection=yes"),
    "entra, by a token beside the string": ({"auth": "entra"}, MICROSOFT, START + END),
    "entra, for bulk copy": (
        {"auth": "entra"},
        BULK,
        "SERVER=db,1433;ENCRYPT=yes;DATABASE={wh};Authentication=ActiveDirectoryDefault",
    ),
    "entra, a password": (
        {"auth": "entra-password", **SQL},
        MICROSOFT,
        START + END + ";Authentication=ActiveDirectoryPassword;UID={ann};PWD={secret}",
    ),
    "entra, an application": (
        {"auth": "entra-service-principal", **SQL},
        MICROSOFT,
        START + END + ";Authentication=ActiveDirectoryServicePrincipal;UID={ann};PWD={secret}",
    ),
    "entra, the machine's identity": (
        {"auth": "entra-managed-identity"},
        MICROSOFT,
        START + END + ";Authentication=ActiveDirectoryMsi",
    ),
    "FreeTDS": (
        SQL,
        FREETDS,
        "DRIVER={FreeTDS};SERVER=db;PORT=1433;TDS_Version=7.4;ENCRYPTION=require;DATABASE={wh};APP=medallion;"
        "UID={ann};PWD={secret}",
    ),
    "FreeTDS, not encrypted": (
        {**SQL, "encrypt": False},
        FREETDS,
        "DRIVER={FreeTDS};SERVER=db;PORT=1433;TDS_Version=7.4;ENCRYPTION=off;DATABASE={wh};APP=medallion;"
        "UID={ann};PWD={secret}",
    ),
}


@pytest.mark.parametrize("case", STRINGS)
def test_connection_strings(case: str) -> None:
    changes, driver, expected = STRINGS[case]
    assert connection_string(spec(**changes), driver) == expected


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "needs user and password to log in by auth: sql"),
        ({"user": "ann"}, "needs user and password to log in by auth: sql"),
        ({"auth": "entra-password", "user": "ann"}, "needs user and password to log in by auth: entra-password"),
        ({**SQL, "encrypt": "maybe"}, "encrypt: 'maybe' is none of yes, no, strict"),
        ({**SQL, "trust_certificate": "perhaps"}, "trust_certificate: 'perhaps' is none of yes, no"),
    ],
)
def test_what_a_target_lacks(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(WarehouseError, match=said):
        connection_string(spec(**changes), MICROSOFT)


def test_a_token_is_its_length_and_utf_16() -> None:
    assert packed_token("aé") == b"\x04\x00\x00\x00a\x00\xe9\x00"


# --- what is said -------------------------------------------------------------------------------------------------

ODBC = "[Microsoft][ODBC Driver 18 for SQL Server]"


@pytest.mark.parametrize(
    ("state", "said", "words", "number", "transient"),
    [
        (
            "42S02",
            f"[42S02] {ODBC}[SQL Server]Invalid object name 'x'. (208) (SQLExecDirectW)",
            "Invalid object name 'x'. (error 208)",
            208,
            False,
        ),
        (
            "40001",
            f"[40001] {ODBC}[SQL Server]Transaction was deadlocked. (1205) (SQLExecDirectW)",
            "Transaction was deadlocked. (error 1205)",
            1205,
            True,
        ),
        (
            "08S01",
            f"[08S01] {ODBC}Communication link failure (0) (SQLExecDirectW)",
            "Communication link failure",
            0,
            True,
        ),
        (
            "42000",
            f"[42000] {ODBC}[SQL Server]First. (50000) (SQLExecDirectW); [42000] {ODBC}[SQL Server]Second. (3609)",
            "First. (error 50000); Second. (error 3609)",
            50000,
            False,
        ),
        (
            "28000",
            f"[28000] {ODBC}[SQL Server]Login failed with secret. (18456) (SQLDriverConnect)",
            "Login failed with ***. (error 18456)",
            18456,
            False,
        ),
    ],
)
def test_what_a_driver_said_in_plain_words(state: str, said: str, words: str, number: int, transient: bool) -> None:
    error = Connector(spec(**SQL)).error(pyodbc.Error(state, said))
    assert (str(error), error.number, error.transient) == (words, number, transient)


def test_a_password_is_not_said_however_it_is_spelt() -> None:
    connector = Connector(spec(user="ann", password="p}x"))
    assert connector.clean("p}x was refused, PWD={p}}x};APP=medallion") == "*** was refused, PWD={***};APP=medallion"


def test_nothing_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlserver_connect, "LOGIN_TIMEOUT", 1)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))  # taken, and nobody listens
        port = bound.getsockname()[1]
        with pytest.raises(ServerError) as caught:
            Connector(spec(server="127.0.0.1", port=port, **SQL)).connect()
    assert str(caught.value).startswith(f"cannot connect to wh on 127.0.0.1,{port}: ")
    assert str(caught.value).endswith("and whether the server is up and listens on TCP")


@live
@pytest.mark.parametrize(
    ("changes", "todo"),
    [
        ({"password": "wrong"}, "look at user and password of the target"),
        ({"database": "no_such_database"}, "the database has to be there, and the login needs a user in it"),
        ({"encrypt": "yes", "trust_certificate": "no"}, "set trust_certificate: yes"),
    ],
)
def test_what_to_do_about_a_refusal(changes: dict[str, str], todo: str) -> None:
    with pytest.raises(ServerError, match=todo):
        Connector(server_spec().model_copy(update=changes)).connect()


@live
def test_the_engine_says_who_it_is_and_how_it_wants_to_work() -> None:
    connection = Connector(server_spec()).connect()
    found = connection.execute("SELECT APP_NAME(), @@LOCK_TIMEOUT, @@OPTIONS & 16384, @@DATEFIRST").fetchone()
    connection.close()
    assert tuple(found) == ("medallion", sqlserver_connect.LOCK_TIMEOUT_MS, 16384, 7)  # 16384: XACT_ABORT


def test_a_driver_is_found() -> None:
    assert find_driver().name


# --- what is tried again ------------------------------------------------------------------------------------------


def tried(error: Exception, times: int, **options: Any) -> tuple[int, bool]:
    """How often a unit is called that fails so many times, and whether it succeeded in the end."""
    calls = 0

    def unit() -> None:
        nonlocal calls
        calls += 1
        if calls <= times:
            raise error

    try:
        retrying(unit, delays=(0.0, 0.0), **options)
    except WarehouseError as raised:
        assert raised is error
        return calls, False
    return calls, True


def lost() -> ServerError:
    return ServerError("the connection is gone", 0, "08S01")


@pytest.mark.parametrize(
    ("error", "options", "calls"),
    [
        *((ServerError("busy", number), {}, 3) for number in sorted(TRANSIENT - {1222})),
        (lost(), {}, 3),
        (lost(), {"retry_lost": False}, 1),
        (ServerError("no such object", 208), {}, 1),
        (ServerError("duplicate key", 2627), {}, 1),
        (ServerError("blocked", 1222), {}, 2),
        (WarehouseError("rows are missing"), {}, 1),
    ],
    ids=lambda value: str(value) if isinstance(value, Exception) else None,
)
def test_how_often_a_unit_is_tried(error: Exception, options: dict[str, Any], calls: int) -> None:
    assert tried(error, 99, **options) == (calls, False)
    assert tried(error, calls - 1, **options) == (calls, True)
