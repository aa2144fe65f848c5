"""The physical design and the roles on a live server: what is there after a run, seen through its catalogue."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project_files import PIPELINES, medallion, write_project
from tests.targets import ask, chosen, connect, live, on_target

pytestmark = live

SILVER = "  silver.orders:\n"
INDEXES = (
    "    indexes: [{columns: [customer, ordered_on desc], include: [amount]}, {columns: ordered_on, name: dated}]\n"
)
REFERS = "    foreign_keys: [{columns: order_id, references: bronze.orders}]\n"
COMPUTED = "    computed: {tax: amount * 0.2}\n    description: Orders that are large enough\n"
NAMES = "SELECT i.name FROM sys.indexes i WHERE i.object_id = OBJECT_ID('silver.orders') AND LEFT(i.name, 4) = 'mdl_' ORDER BY 1"
KEYS = "SELECT COUNT(*) FROM sys.foreign_keys WHERE LEFT(name, 14) = 'mdl_fk_orders_'"


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    """The small project on a database of its own."""
    with chosen("server"):
        yield write_project(tmp_path)


def run(root: Path, design: str = "", *, customer: str = "") -> None:
    (root / "pipelines.yaml").write_text(on_target(PIPELINES.replace(SILVER, SILVER + design)))
    if customer:
        data = root / "data/raw/orders.csv"
        data.write_text(data.read_text().replace("Ann", customer))
    said = medallion(root, "run")
    assert said.code == 0, said.err


def do(root: Path, *statements: str) -> None:
    connection = connect()
    for statement in statements:
        connection.execute(statement).close()
    connection.close()


def test_indexes_follow_their_declaration_and_others_stay(root: Path) -> None:
    run(root, INDEXES)
    first = [name for (name,) in ask(root, NAMES)]
    assert [name.rpartition("_")[0] for name in first] == ["mdl_dated", "mdl_orders"]
    do(root, "CREATE INDEX theirs ON silver.orders (amount)")
    run(root, INDEXES, customer="Eve")
    assert [name for (name,) in ask(root, NAMES)] == first
    run(root, INDEXES.replace("desc]", "]"))
    second = [name for (name,) in ask(root, NAMES)]
    assert (second[0], len(second)) == (first[0], 2)
    assert second[1] != first[1]
    run(root, customer="Kim")
    assert ask(root, NAMES) == []
    theirs = (
        "SELECT COUNT(*) FROM sys.indexes WHERE object_id = OBJECT_ID('silver.orders') AND LEFT(name, 6) = 'theirs'"
    )
    assert ask(root, theirs) == [(1,)]


def test_tables_that_refer_to_each_other_are_replaced(root: Path) -> None:
    run(root, REFERS)
    assert ask(root, KEYS) == [(1,)]
    run(root, REFERS, customer="Eve")
    assert ask(root, KEYS) == [(1,)]
    assert ask(root, "SELECT COUNT(*) FROM silver.orders WHERE customer = 'Eve'") == [(1,)]
    run(root, customer="Kim")
    assert ask(root, KEYS) == [(0,)]


def test_a_computed_column_is_kept_and_changed(root: Path) -> None:
    run(root, COMPUTED)
    taxes = "SELECT CAST(MAX(tax) AS int) FROM silver.orders"
    assert ask(root, taxes) == [(19,)]
    run(root, COMPUTED, customer="Eve")
    run(root, COMPUTED.replace("0.2", "2"))
    assert ask(root, taxes) == [(199,)]
    said = ask(root, "SELECT CAST(value AS nvarchar(100)) FROM sys.extended_properties WHERE name = 'MS_Description'")
    assert said == [("Orders that are large enough",)]


def test_roles_are_set_up_twice_and_an_analyst_reads_gold_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipelines = PIPELINES.replace("  gold.customers:\n", "  gold.customers:\n    alias: dbo.customers\n")
    (root / "pipelines.yaml").write_text(on_target(pipelines))
    for _ in range(2):
        said = medallion(root, "roles", "--apply")
        assert said.code == 0, said.err
    assert medallion(root, "run").code == 0
    login, password = f"analyst_{secrets.token_hex(4)}", f"Aa1_{secrets.token_hex(8)}"
    do(root, f"CREATE LOGIN {login} WITH PASSWORD = '{password}'", f"CREATE USER {login} FOR LOGIN {login}",
       f"ALTER ROLE data_analyst ADD MEMBER {login}")  # fmt: skip
    try:
        with monkeypatch.context() as analyst:
            analyst.setenv("MSSQL_USER", login)
            analyst.setenv("MSSQL_PASSWORD", password)
            for readable in ("gold.customers", "dbo.customers"):
                assert ask(root, f"SELECT COUNT(*) FROM {readable}")[0][0] > 0
            for hidden in ("silver.orders", "bronze.orders", "ops.loads", "quarantine.bronze_orders"):
                with pytest.raises(Exception, match=r"(?i)denied"):
                    ask(root, f"SELECT COUNT(*) FROM {hidden}")
    finally:
        do(root, f"DROP USER {login}", f"DROP LOGIN {login}")
