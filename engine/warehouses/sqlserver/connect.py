"""The way into SQL Server: connection strings, the driver, each connection's settings, and errors in plain words.

Statements go through pyodbc and a SQLAlchemy pool. A password never leaves this module but in a connection string:
errors are cleaned of it, and nothing here has it in its repr.
"""

from __future__ import annotations

import datetime as dt
import logging
import platform
import re
import struct
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from engine.core.errors import LOST, WarehouseError, sqlstate

if TYPE_CHECKING:
    import pyodbc
    import sqlalchemy as sa
    import tenacity

    from engine.config.specs import SqlServerTarget

_log = logging.getLogger(__name__)
APPLICATION = "medallion"
LOGIN_TIMEOUT = 15
"""Seconds until a server that does not answer is given up."""
LOCK_TIMEOUT_MS = 60_000
SETTINGS = (
    # A failed statement must take its transaction with it: without this a DELETE can be committed alone.
    "SET XACT_ABORT ON; "
    f"SET LOCK_TIMEOUT {LOCK_TIMEOUT_MS}; "
    "SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; "
    "SET CONCAT_NULL_YIELDS_NULL ON; SET QUOTED_IDENTIFIER ON; SET NUMERIC_ROUNDABORT OFF; "
    # What a date written as text means must not depend on the login's language.
    "SET LANGUAGE us_english; SET DATEFIRST 7"
)
TRANSIENT = frozenset({1205, 1222, 3960, 4221, 10928, 10929, 40197, 40501, 40613, 49918, 49919, 49920})
"""Errors after which the same statement may well succeed: deadlock victim, lock timeout, snapshot conflict, and Azure
SQL's ways to say "not now". 4060 (no such database) is not among them: it is a wrong name far more often."""
_DELAYS = (0.3, 1.0, 3.0, 8.0, 15.0)
_AUTHENTICATION = {
    "entra-password": "ActiveDirectoryPassword",
    "entra-service-principal": "ActiveDirectoryServicePrincipal",
    "entra-managed-identity": "ActiveDirectoryMsi",
    "entra-integrated": "ActiveDirectoryIntegrated",
}
_ADVICE = {
    r"certificate verify failed|certificate chain": (
        "the server's certificate is signed by nobody this machine trusts; install that authority, or, on a network you "
        "trust, set trust_certificate: yes"
    ),
    r"SSL Provider|TLS|encryption not supported": "look at encrypt of the target: yes, no or strict",
    r"error 18456\b": "look at user and password of the target, and whether the server takes such logins",
    r"error (?:4060|911)\b": "the database has to be there, and the login needs a user in it",
    r"timeout expired|error 1(?:0060|0061|1001)\b|Unable to connect|Adaptive Server is unavailable": (
        "nothing answered there; look at server and port of the target, and whether the server is up and listens on TCP"
    ),
}
"""What to do about a connection that cannot be had, by what the drivers say of it; the first that fits."""
_ACCESS_TOKEN = 1256  # SQL_COPT_SS_ACCESS_TOKEN
_DATETIMEOFFSET = -155  # SQL_SS_TIMESTAMPOFFSET, which pyodbc does not read by itself
_YES = {
    "yes": "yes", "true": "yes", "1": "yes", "mandatory": "yes", "no": "no", "false": "no", "0": "no", "optional": "no",
    "strict": "strict",
}  # fmt: skip
Result = TypeVar("Result")


class ServerError(WarehouseError):
    """SQL Server or its driver refused. ``number`` is SQL Server's error number, 0 when the driver gave none."""

    def __init__(self, words: str, number: int = 0, state: str = "") -> None:
        super().__init__(words)
        self.number = number
        self.lost = state.startswith(LOST)
        """The connection is gone; whether the statement was done is not known."""
        self.transient = number in TRANSIENT or self.lost or "lock timeout" in words.casefold()


@dataclass(frozen=True)
class Driver:
    """An ODBC driver: what a connection string calls it, and whether it is Microsoft's."""

    name: str
    microsoft: bool = True


def find_driver() -> Driver:
    """Microsoft's driver where it is installed, else the one in mssql-python's wheels, else FreeTDS.

    Raises WarehouseError with what to install.
    """
    installed = _pyodbc().drivers()
    named = sorted((d for d in installed if re.fullmatch(r"ODBC Driver 1[89] for SQL Server", d)), reverse=True)
    if named:
        return Driver(named[0])
    if carried := carried_driver():
        return Driver(str(carried))
    if "FreeTDS" in installed:
        return Driver("FreeTDS", microsoft=False)
    raise WarehouseError(
        "no ODBC driver for SQL Server; pip install 'medallion-warehouse[mssql]' brings one, or install msodbcsql18"
    )


def carried_driver() -> Path | None:
    """The driver library that mssql-python-odbc carries for this machine; None where there is none to load by path."""
    from importlib.util import find_spec

    spec = find_spec("mssql_python_odbc")
    if spec is None or not spec.origin or not sys.platform.startswith("linux"):
        return None
    libraries = Path(spec.origin).parent / "libs" / "linux"
    machine = {"aarch64": "arm64"}.get(platform.machine(), platform.machine())
    found = sorted(libraries.glob(f"{_distribution()}/{machine}/lib/libmsodbcsql*.so*"))
    return found[-1] if found else None


def _distribution() -> str:
    try:
        release = Path("/etc/os-release").read_text(encoding="utf-8").casefold()
    except OSError:
        return "debian_ubuntu"
    like = " ".join(re.findall(r'^(?:id|id_like)="?([^"\n]*)', release, re.MULTILINE))
    if "alpine" in like:
        return "alpine"
    if "suse" in like:
        return "suse"
    return "rhel" if re.search(r"rhel|fedora|centos|amzn", like) else "debian_ubuntu"


def _pyodbc() -> Any:
    try:
        import pyodbc
    except ModuleNotFoundError:
        raise WarehouseError("pyodbc is not installed; pip install 'medallion-warehouse[mssql]'") from None
    except ImportError as error:
        raise WarehouseError(f"pyodbc finds no ODBC driver manager ({error}); install unixodbc") from None
    # A connection that is closed has to be gone, and the locks of its session with it.
    pyodbc.pooling = False
    return pyodbc


def quoted(value: str) -> str:
    """A value for a connection string, whatever characters it has."""
    return "{" + value.replace("}", "}}") + "}"


def _plain(value: str) -> str:
    return value if re.fullmatch(r"[\w.:,\\\-]+", value) else quoted(value)


def _chosen(value: str | bool, what: str) -> str:
    text = ("yes" if value else "no") if isinstance(value, bool) else value.strip().casefold()
    if text not in _YES:
        raise WarehouseError(f"{what}: {value!r} is none of yes, no, strict")
    return _YES[text]


def address(spec: SqlServerTarget) -> str:
    """Server and port as Microsoft's drivers take them; a named instance finds its port by itself."""
    if "," in spec.server or "\\" in spec.server:
        return spec.server
    return f"{spec.server},{spec.port}"


def connection_string(spec: SqlServerTarget, driver: Driver | None) -> str:
    """The connection string for an ODBC driver, or, without one, for mssql-python, which brings its own.

    Raises WarehouseError when the target lacks what its way to log in needs.
    """
    encrypt, trust = _chosen(spec.encrypt, "encrypt"), _chosen(spec.trust_certificate, "trust_certificate")
    if driver is not None and not driver.microsoft:
        parts = {"DRIVER": quoted(driver.name), "SERVER": _plain(spec.server), "PORT": str(spec.port)}
        parts |= {"TDS_Version": "7.4", "ENCRYPTION": "off" if encrypt == "no" else "require"}
    else:
        parts = {"DRIVER": quoted(driver.name)} if driver is not None else {}
        parts |= {"SERVER": _plain(address(spec)), "ENCRYPT": encrypt}
        if trust == "yes":
            parts["TrustServerCertificate"] = "yes"
    parts["DATABASE"] = quoted(spec.database)
    if driver is not None:
        parts["APP"] = APPLICATION
    return ";".join(f"{key}={value}" for key, value in {**parts, **_login(spec, driver)}.items())


def _login(spec: SqlServerTarget, driver: Driver | None) -> dict[str, str]:
    if spec.auth == "windows":
        return {"Trusted_Connection": "yes"}
    if spec.auth == "entra":
        # pyodbc is given a token instead; mssql-python fetches its own.
        return {} if driver is not None else {"Authentication": "ActiveDirectoryDefault"}
    who = {"UID": quoted(spec.user)} if spec.user else {}
    if spec.auth in _AUTHENTICATION:
        who = {"Authentication": _AUTHENTICATION[spec.auth], **who}
    if spec.auth in ("entra-managed-identity", "entra-integrated"):
        return who
    if not spec.user or spec.password is None:
        raise WarehouseError(f"the SQL Server target needs user and password to log in by auth: {spec.auth}")
    return {**who, "PWD": quoted(spec.password)}


def packed_token(token: str) -> bytes:
    """An access token as the driver wants it: its length, then UTF-16."""
    data = token.encode("utf-16-le")
    return struct.pack(f"<I{len(data)}s", len(data), data)


class Connector:
    """Opens connections to one target, each with the settings the engine relies on."""

    def __init__(self, spec: SqlServerTarget) -> None:
        self.spec = spec
        self._secrets = tuple(s for s in {spec.password or "", quoted(spec.password or "")[1:-1]} if s)

    @property
    def where(self) -> str:
        """Server and database, for messages."""
        return f"{self.spec.database} on {address(self.spec)}"

    def connect(self) -> pyodbc.Connection:
        """A new connection in autocommit: statements that need a transaction begin one. Raises ServerError."""
        return retrying(self._connect, retry_lost=False)

    def _connect(self) -> pyodbc.Connection:
        pyodbc = _pyodbc()
        text = connection_string(self.spec, find_driver())
        try:
            attributes = {_ACCESS_TOKEN: packed_token(_token())} if self.spec.auth == "entra" else {}
            connection = pyodbc.connect(text, autocommit=True, timeout=LOGIN_TIMEOUT, attrs_before=attributes)
            connection.add_output_converter(_DATETIMEOFFSET, _moment)
            connection.execute(SETTINGS).close()
        except pyodbc.Error as error:
            failed = self.error(error)
            raise ServerError(
                f"cannot connect to {self.where}: {failed}{_advice(str(failed))}",
                failed.number,
                "08001" if failed.lost else "",
            ) from None
        return connection

    def engine(self, size: int) -> sa.Engine:
        """A SQLAlchemy engine with a pool of ``size`` connections; statements commit by themselves."""
        import sqlalchemy

        _pyodbc()
        return sqlalchemy.create_engine("mssql+pyodbc://", creator=self.connect, pool_size=size, max_overflow=size,
                                        isolation_level="AUTOCOMMIT", use_insertmanyvalues=False)  # fmt: skip

    def bulk_string(self) -> str:
        """The connection string for mssql-python."""
        return connection_string(self.spec, None)

    def error(self, error: BaseException) -> ServerError:
        """What the driver said, in plain words and without secrets."""
        if isinstance(error, ServerError):
            return error
        original = getattr(error, "orig", None) or error
        arguments = [str(a) for a in original.args] or [type(original).__name__]
        state = sqlstate(error)
        said = arguments[-1] if state else " ".join(arguments)
        return ServerError(self.clean(plain_words(said)), first_number(said), state)

    def clean(self, text: str) -> str:
        """``text`` without the password."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text


def _advice(said: str) -> str:
    return next((f"; {todo}" for words, todo in _ADVICE.items() if re.search(words, said)), "")


def drained(
    connection: pyodbc.Connection, batch: str, parameters: Sequence[Any] = ()
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Run a batch to its end, and give its last result: column names and rows. Raises what the driver raises.

    Every result is read: one that is left is cancelled, together with everything its transaction did.
    """
    names: list[str] = []
    rows: list[tuple[Any, ...]] = []
    cursor = connection.execute(batch, *parameters)
    while True:
        if cursor.description:
            names, rows = [d[0] for d in cursor.description], [tuple(r) for r in cursor.fetchall()]
        if not cursor.nextset():
            break
    cursor.close()
    return names, rows


def _token() -> str:
    try:
        from azure.identity import DefaultAzureCredential
    except ImportError:
        raise WarehouseError("auth: entra needs azure-identity; pip install 'medallion-warehouse[mssql]'") from None
    return str(DefaultAzureCredential().get_token("https://database.windows.net/.default").token)


def _moment(data: bytes | None) -> dt.datetime | None:
    if data is None:
        return None
    year, month, day, hour, minute, second, nanoseconds, hours, minutes = struct.unpack("<6hI2h", data)
    zone = dt.timezone(dt.timedelta(hours=hours, minutes=minutes))
    return dt.datetime(year, month, day, hour, minute, second, nanoseconds // 1000, zone)


def plain_words(said: str) -> str:
    """A driver's message without states, vendor and function names; its parts joined."""
    parts = re.split(r"(?:^|; )\[\w{5}\] (?:\[[^\]]*\])+", said)
    words = [re.sub(r"(?: \((-?\d+)\))?(?: \(SQL\w+\))?\s*$", _numbered, p.strip()) for p in parts if p.strip()]
    return "; ".join(dict.fromkeys(words))


def _numbered(match: re.Match[str]) -> str:
    return f" (error {match[1]})" if match[1] and match[1] != "0" else ""


def first_number(said: str) -> int:
    """SQL Server's error number in a driver's message; 0 when there is none."""
    found = re.search(r"\((-?\d+)\) \(SQL\w+\)", said)
    return int(found[1]) if found else 0


def retrying(
    unit: Callable[[], Result],
    *,
    retry_lost: bool = True,
    before_retry: Callable[[ServerError], None] | None = None,
    delays: Sequence[float] = _DELAYS,
) -> Result:
    """Run ``unit``, and run it again after a transient error; the waits between are ``delays``, in seconds.

    Only for units that may run twice: each starts from nothing, or finds out what the first attempt did. A lock timeout
    took a minute already and is tried twice only.
    """
    import tenacity

    attempts = 0

    def worth_it(error: BaseException) -> bool:
        nonlocal attempts
        attempts += 1
        if not isinstance(error, ServerError):
            return False
        blocked = error.number == 1222 or "lock timeout" in str(error).casefold()
        return error.transient and (retry_lost or not error.lost) and not (blocked and attempts > 1)

    def told(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        _log.info("attempt %d: %s", state.attempt_number, error)
        if before_retry is not None and isinstance(error, ServerError):
            before_retry(error)

    policy = tenacity.Retrying(
        retry=tenacity.retry_if_exception(worth_it),
        wait=tenacity.wait_chain(*(tenacity.wait_random(0.75 * delay, 1.25 * delay) for delay in delays)),
        stop=tenacity.stop_after_attempt(len(delays) + 1),
        before_sleep=told,
        reraise=True,
    )
    return policy(unit)
