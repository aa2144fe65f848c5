"""What is promised of a server alone: a connection that breaks, readers meanwhile, deadlocks, what hangs on a table."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.config.project import load_project
from engine.core.errors import MedallionError
from engine.execution.runner import Watcher, run
from engine.warehouses.sqlserver.connect import ServerError, drained, retrying
from engine.warehouses.sqlserver.session import Session
from tests import targets
from tests.project_files import FILES, PIPELINES, medallion, write_project
from tests.promises.proxy import Wire, wire
from tests.promises.test_kill import NEW, TABLES, tables, unkilled, whole
from tests.targets import ask

pytestmark = targets.live


@pytest.fixture(autouse=True)
def server() -> Iterator[None]:
    with targets.chosen("server"):
        yield


@pytest.fixture
def cuttable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    """The engine's way to the server leads over a wire; ``ask`` goes over it too."""
    with wire(os.environ["MSSQL_SERVER"], int(os.environ["MSSQL_PORT"])) as made:
        monkeypatch.setenv("MSSQL_SERVER", "127.0.0.1")
        monkeypatch.setenv("MSSQL_PORT", str(made.port))
        yield made


class Cutter(Watcher):
    """Cuts the wire when a table is at a step, once."""

    def __init__(self, wire: Wire, table: str, step: str, *, deaf: bool = False) -> None:
        self.wire, self.at, self.deaf = wire, (table, step), deaf

    def step(self, table: str, step: str, rows: int) -> None:
        if (table, step) == self.at and not self.wire.used:
            self.wire.ask("deaf" if self.deaf else "cut")


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, object], dict[str, object]]:
    return unkilled(tmp_path_factory.mktemp("clean"), {})


@pytest.mark.parametrize("deaf", [False, True], ids=["cut", "answer lost"])
@pytest.mark.parametrize("step", ["load", "gate", "publish", "commit"])
@pytest.mark.parametrize("table", [TABLES[0], TABLES[2]])
def test_a_connection_that_breaks_leaves_each_table_as_it_was_or_as_it_will_be(
    table: str,
    step: str,
    deaf: bool,
    tmp_path: Path,
    cuttable: Wire,
    clean: tuple[dict[str, object], dict[str, object]],
) -> None:
    before, after = clean
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    (root / "data/raw/orders.csv").write_text(NEW)
    try:
        result = run(load_project(root), watcher=Cutter(cuttable, table, step, deaf=deaf))
        assert result.exit_code in (0, 3), "it repaired itself, or the warehouse is to blame; the data is not"
    except MedallionError as error:
        assert error.exit_code == 3
    assert cuttable.used
    whole(tables(root), before, after)
    again = medallion(root, "run")
    assert again.code == 0, again.err
    assert tables(root) == after
    assert (
        ask(
            root,
            "SELECT COUNT(*) FROM ops.loads WHERE state = 'published' GROUP BY table_name, load_id HAVING COUNT(*) > 1",
        )
        == []
    )


STRATEGIES = {
    "replace": "  silver.orders:\n    key: order_id\n",
    "merge": "  silver.orders:\n    key: order_id\n    load: merge\n",
    "append": "  silver.orders:\n    load: append\n",
    "partition": "  silver.orders:\n    load: partition\n    partition_by: {column: ordered_on, grain: year}\n",
    "scd2": "  silver.orders:\n    key: order_id\n    load: scd2\n",
}


@pytest.mark.parametrize("load", STRATEGIES)
def test_a_reader_never_sees_half_of_a_publish(load: str, tmp_path: Path) -> None:
    pipelines = PIPELINES.replace("  silver.orders:\n    key: order_id\n", STRATEGIES[load])
    root = write_project(tmp_path, {"pipelines.yaml": pipelines})
    assert medallion(root, "run").code == 0
    (root / "data/raw/orders.csv").write_text(NEW)
    seen: list[tuple[object, ...]] = []
    faults: list[BaseException] = []
    over = threading.Event()

    def read() -> None:
        connection = targets.connect()
        try:
            while not over.is_set():
                seen.extend(tuple(r) for r in drained(connection, "SELECT COUNT(*), SUM(amount) FROM silver.orders")[1])
        except BaseException as error:
            faults.append(error)
        finally:
            connection.close()

    before = ask(root, "SELECT COUNT(*), SUM(amount) FROM silver.orders")
    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    said = medallion(root, "run")
    over.set()
    for reader in readers:
        reader.join()
    after = ask(root, "SELECT COUNT(*), SUM(amount) FROM silver.orders")
    assert (said.code, faults) == (0, [])
    assert before != after
    assert set(seen) <= {before[0], after[0]}
    assert before[0] in seen


def test_a_deadlock_victim_tries_again(tmp_path: Path) -> None:
    connector = targets.connector()
    session = Session(connector)
    session.open()
    session.run("CREATE TABLE dbo.a (id int PRIMARY KEY, n int); CREATE TABLE dbo.b (id int PRIMARY KEY, n int);")
    session.run("INSERT INTO dbo.a VALUES (1, 0); INSERT INTO dbo.b VALUES (1, 0);")
    other, holds = targets.connect(), threading.Event()
    told: list[int] = []

    def cross() -> None:
        drained(other, "BEGIN TRANSACTION; UPDATE dbo.b SET n = n + 1;")
        holds.set()
        drained(other, "UPDATE dbo.a SET n = n + 1; COMMIT TRANSACTION;")

    rival = threading.Thread(target=cross)

    def unit() -> None:
        with session.undoing():
            session.run("BEGIN TRANSACTION; UPDATE dbo.a SET n = n + 10;")
            if not rival.is_alive() and not told:
                rival.start()
                holds.wait(30)
                threading.Event().wait(1.5)  # it waits for dbo.a by now, and this one closes the circle
            session.run("UPDATE dbo.b SET n = n + 10; COMMIT TRANSACTION;")

    retrying(unit, before_retry=lambda error: told.append(error.number))
    rival.join(30)
    assert told == [1205]
    assert session.rows("SELECT a.n AS a, b.n AS b FROM dbo.a AS a, dbo.b AS b") == [{"a": 11, "b": 11}]
    session.close()
    other.close()


def test_a_failed_statement_takes_its_transaction_with_it() -> None:
    session = Session(targets.connector())
    session.open()
    session.run("CREATE TABLE dbo.t (id int PRIMARY KEY)")
    with pytest.raises(ServerError) as error, session.undoing():
        session.run(
            "BEGIN TRANSACTION; DELETE FROM dbo.t; INSERT INTO dbo.t VALUES (1); INSERT INTO dbo.t VALUES (1); COMMIT;"
        )
    assert error.value.number == 2627
    assert session.scalar("SELECT @@TRANCOUNT") == 0
    assert session.scalar("SELECT COUNT(*) FROM dbo.t") == 0
    session.close()


@pytest.fixture
def reader() -> Iterator[dict[str, str]]:
    """A login that may do nothing yet, as the settings by which it connects."""
    name, password = f"reader_{secrets.token_hex(4)}", f"Aa1-{secrets.token_hex(8)}"
    connection = targets.connect()
    connection.execute(f"CREATE LOGIN [{name}] WITH PASSWORD = N'{password}'").close()
    connection.execute(f"CREATE USER [{name}] FOR LOGIN [{name}]").close()
    try:
        yield {**targets.environment_settings(), "MSSQL_USER": name, "MSSQL_PASSWORD": password}
    finally:
        connection.execute(
            f"IF OBJECT_ID(N'gold.customers') IS NOT NULL REVOKE SELECT ON gold.customers FROM [{name}]"
        ).close()
        connection.execute(f"DROP USER [{name}]").close()
        connection.execute(f"DROP LOGIN [{name}]").close()
        connection.close()


def test_what_hangs_on_a_table_outlives_its_publish(tmp_path: Path, reader: dict[str, str]) -> None:
    root = write_project(tmp_path)
    assert medallion(root, "run").code == 0
    connection = targets.connect()
    connection.execute("CREATE VIEW dbo.dashboard AS SELECT customer, orders FROM gold.customers").close()
    connection.execute(f"GRANT SELECT ON gold.customers TO [{reader['MSSQL_USER']}]").close()
    connection.close()
    look = "SELECT customer, orders FROM gold.customers ORDER BY customer"
    before = ask(root, "SELECT OBJECT_ID(N'gold.customers')")
    assert targets.ask_server(look, reader) == [("Ann", 1), ("Bob", 1), ("Cid", 1)]
    (root / "data/raw/orders.csv").write_text(NEW)
    assert medallion(root, "run").code == 0
    assert ask(root, "SELECT OBJECT_ID(N'gold.customers')") == before
    assert targets.ask_server(look, reader) == [("Ann", 1), ("Bob", 1), ("Dan", 1)]
    assert ask(root, "SELECT customer FROM dbo.dashboard ORDER BY customer") == [("Ann",), ("Bob",), ("Dan",)]
    with pytest.raises(Exception, match="permission"):
        targets.ask_server("SELECT * FROM silver.orders", reader)


def test_a_password_is_nowhere_to_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name, password = f"awkward_{secrets.token_hex(4)}", "Pä{s}};w'o\"r=d% \\1]" + secrets.token_hex(4)
    connection = targets.connect()
    connection.execute(f"CREATE LOGIN [{name}] WITH PASSWORD = N'{password.replace(chr(39), chr(39) * 2)}'").close()
    connection.execute(f"ALTER SERVER ROLE sysadmin ADD MEMBER [{name}]").close()
    root = write_project(tmp_path)
    monkeypatch.setenv("MSSQL_USER", name)
    monkeypatch.setenv("MSSQL_PASSWORD", password)
    monkeypatch.setenv("MEDALLION_TRACEBACK", "1")
    try:
        said = [
            medallion(root, *words)
            for words in (["run"], ["ls"], ["status"], ["doctor"], ["render", "gold.customers"], ["check", "--json"])
        ]
        assert said[0].code == 0, said[0].err
        (root / "data/raw/orders.csv").write_text(NEW)
        monkeypatch.setenv("MSSQL_DATABASE", "no_such_database")
        said.append(medallion(root, "run"))
        assert said[-1].code == 3
        monkeypatch.setenv("MSSQL_PASSWORD", password + "x")
        said.append(medallion(root, "run"))
        assert said[-1].code == 3
    finally:
        connection.execute(f"DROP LOGIN [{name}]").close()
        connection.close()
    core = password[5:-8]
    for words in said:
        assert core not in words.out + words.err
    for path in root.rglob("*"):
        assert not path.is_file() or core.encode() not in path.read_bytes(), path


def test_duplicate_keys_are_a_failed_gate_before_a_merge(tmp_path: Path) -> None:
    twice = (
        str(FILES["templates/silver/orders.sql"])
        + "UNION ALL\nSELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o\n"
    )
    pipelines = PIPELINES.replace("  silver.orders:\n    key: order_id\n", STRATEGIES["merge"])
    root = write_project(tmp_path, {"pipelines.yaml": pipelines, "templates/silver/orders.sql": twice})
    said = medallion(root, "run", "--select", "+silver.orders")
    assert said.code == 2
    assert "order_id" in said.err and "8672" not in said.err
    assert ask(root, "SELECT OBJECT_ID(N'silver.orders')") == [(None,)]
