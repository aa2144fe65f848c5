"""Tables that left pipelines.yaml: everyone is told of them, and `prune` takes away what the engine made, nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.config.project import load_project
from engine.execution.runner import open_warehouse
from tests.project_files import PIPELINES as GUARDED
from tests.project_files import UNGUARDED, Said, medallion, write_project
from tests.targets import ask, change

PIPELINES = GUARDED + UNGUARDED
OLD = """\
  gold.old:
    key: order_id
    load: merge
    alias: dbo.OldOrders
    watermark: ordered_on
"""
FILES: dict[str, str | bytes | None] = {
    "pipelines.yaml": PIPELINES.replace("pipelines:\n", OLD + "pipelines:\n"),
    "templates/gold/old.sql": (
        "SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM silver.orders AS o\n"
        "WHERE o.ordered_on > COALESCE(CAST({{ watermark | literal }} AS date), CAST('1900-01-01' AS date))\n"
    ),
    "expectations/gold/old.yaml": (
        "expectations:\n"
        "  - {type: expect_column_values_to_be_between, kwargs: {column: amount, max_value: 50}, quarantine: true}\n"
    ),
}
GONE: dict[str, str | bytes | None] = {
    "pipelines.yaml": PIPELINES,
    "templates/gold/old.sql": None,
    "expectations/gold/old.yaml": None,
}
WARNING = "published and no longer declared: gold.old (2 rows, last published 20"
VIEW = "SELECT o.order_id, o.amount FROM silver.orders AS o\n"


def published(root: Path, files: Mapping[str, str | bytes | None] = FILES, *args: str) -> Path:
    write_project(root, files)
    said = medallion(root, "run", *args)
    assert said.code == 0, said.err
    return root


def left_behind(root: Path) -> Path:
    """The small project after gold.old was published and its declaration taken away."""
    return write_project(published(root), GONE)


def pruned(root: Path, *args: str) -> Said:
    said = medallion(root, "prune", *args)
    assert said.code == 0, said.err
    return said


def items(said: Said) -> dict[str, tuple[str, str, int | None]]:
    """What ``prune --json`` shows: each object with what it is, of which table, and its rows."""
    return {r["object"].casefold(): (r["what"], r["table"], r["rows"]) for r in json.loads(said.out)}


def objects(root: Path) -> set[str]:
    """Every table and view but the ledger's and the engine's own."""
    rows = ask(root, "SELECT table_schema, table_name FROM INFORMATION_SCHEMA.TABLES")
    kept = ("bronze", "silver", "gold", "quarantine", "staging", "dbo")
    return {f"{schema}.{name}".casefold() for schema, name in rows if schema in kept}


# --- who is told ----------------------------------------------------------------------------------------------------


def test_everyone_is_told_of_a_table_that_nobody_declares(target: str, tmp_path: Path) -> None:
    root = published(tmp_path)
    assert "no longer declared" not in medallion(root, "ls").err + medallion(root, "check").err
    write_project(root, GONE)
    listed, status = medallion(root, "ls"), medallion(root, "status")
    assert (listed.code, status.code) == (0, 0)
    assert WARNING in listed.err and "`medallion prune` shows what can go" in listed.err
    assert WARNING in status.out
    assert WARNING in medallion(root, "status", "--watch").out
    row = json.loads(medallion(root, "ls", "--json").out)[-1]
    assert (row["table"], row["state"], row["rows"]) == ("gold.old", "undeclared", 2)
    (one,) = json.loads(medallion(root, "status", "--json").out)["undeclared"]
    assert (one["table"], one["rows"]) == ("gold.old", 2)
    checked = medallion(root, "check")
    assert checked.code == 0
    assert (WARNING in checked.err) == (target == "embedded"), "a server is not asked by check"
    assert medallion(root, "docs", "build").code == 0
    pages = root / "data/docs"
    assert WARNING in (pages / "index.html").read_text()
    assert "no longer declared" in (pages / "tables/gold.old.html").read_text()
    assert "no longer declared" not in (pages / "tables/gold.customers.html").read_text()


def test_check_asks_for_no_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = 'targets:\n  far: {type: sqlserver, server: 192.0.2.1, database: d, user: u, password: "${NO_PASSWORD}"}\n'
    monkeypatch.delenv("NO_PASSWORD", raising=False)
    text = PIPELINES.replace("targets:\n", server).replace("default_target: embedded", "default_target: far")
    said = medallion(write_project(tmp_path, {"pipelines.yaml": text}), "check")
    assert (said.code, said.err.count("\n")) == (0, 1), said.err


@pytest.mark.parametrize("state", ["none", "garbage", "at work", "an earlier version"])
def test_check_needs_no_warehouse(state: str, tmp_path: Path) -> None:
    if state == "none":
        root = write_project(tmp_path)
    else:
        root = left_behind(tmp_path)
    file = root / "data/warehouse.duckdb"
    if state == "garbage":
        file.write_bytes(b"no database" * 1000)
    if state == "an earlier version":
        change(root, "ALTER TABLE ops.loads DROP COLUMN alias")
    lock = open_warehouse(load_project(root), "embedded").run_lock(0, print)
    if state == "at work":
        lock.__enter__()
    said = medallion(root, "check")
    lock.__exit__(None, None, None)
    assert (said.code, said.err.count("\n")) == (0, 1), said.err


# --- what goes ------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("target")
def test_prune_shows_first_and_drops_when_told_to(tmp_path: Path) -> None:
    root = published(tmp_path)
    change(root, "CREATE TABLE gold.mine (a int)", "INSERT INTO gold.mine VALUES (1)")
    before = objects(root)
    assert pruned(root).err.startswith("nothing to prune")
    write_project(root, GONE)
    shown = pruned(root, "--json")
    assert items(shown) == {
        "dbo.oldorders": ("alias", "gold.old", None),
        "gold.old": ("table", "gold.old", 2),
        "quarantine.gold_old": ("quarantine", "gold.old", 1),
        "ops.watermarks": ("watermark", "gold.old", 1),
    }
    assert {r["state"] for r in json.loads(shown.out)} == {"can go"}
    assert "`medallion prune --yes` drops what is left of 1 table" in pruned(root).err
    assert objects(root) == before, "nothing was touched"
    said = pruned(root, "--yes")
    assert "gold.old" in said.out and "dropped what was left of 1 table" in said.err
    assert before - objects(root) == {"gold.old", "dbo.oldorders", "quarantine.gold_old"}
    assert ask(root, "SELECT a FROM gold.mine") == [(1,)]
    assert ask(root, "SELECT table_name FROM ops.watermarks") == []
    assert pruned(root, "--yes").err.startswith("nothing to prune")


@pytest.mark.usefixtures("target")
def test_after_a_prune_the_ledger_keeps_the_history_and_warns_no_more(tmp_path: Path) -> None:
    root = left_behind(tmp_path)
    pruned(root, "--yes")
    told = [medallion(root, *command) for command in (["ls"], ["ls", "--json"], ["check"], ["status"], ["run"])]
    assert [s.code for s in told] == [0] * 5
    assert not any("gold.old" in s.out + s.err for s in told)
    medallion(root, "docs", "build")
    assert not (root / "data/docs/tables/gold.old.html").exists()
    states = "SELECT state, rows_published FROM ops.loads WHERE table_name = 'gold.old' ORDER BY number"
    assert ask(root, states) == [("published", 2), ("pruned", 0)]


@pytest.mark.usefixtures("target")
def test_a_table_declared_again_starts_from_its_source(tmp_path: Path) -> None:
    root = left_behind(tmp_path)
    pruned(root, "--yes")
    write_project(root, FILES)
    rows = {r["table"]: r for r in json.loads(medallion(root, "ls", "--json").out)}
    assert (rows["gold.old"]["state"], rows["gold.old"]["reason"]) == ("new", "never published")
    assert medallion(root, "run").code == 0
    assert ask(root, "SELECT order_id FROM dbo.OldOrders ORDER BY order_id") == [(1,), (2,)]
    assert ask(root, "SELECT COUNT(*) FROM quarantine.gold_old") == [(1,)]
    assert "no longer declared" not in medallion(root, "ls").err
    assert pruned(root).err.startswith("nothing to prune")
    write_project(root, GONE)
    assert WARNING in medallion(root, "ls").err
    assert items(pruned(root, "--json")).keys() >= {"gold.old", "dbo.oldorders"}


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("now", ["    alias: dbo.NewName\n", ""])
def test_the_view_of_an_alias_that_changed_goes_and_its_table_stays(now: str, tmp_path: Path) -> None:
    root = published(tmp_path)
    text = str(FILES["pipelines.yaml"]).replace("    alias: dbo.OldOrders\n", now)
    published(root, {**FILES, "pipelines.yaml": text}, "--allow", "gold.old:quarantine")
    assert "no longer declared" not in medallion(root, "ls").err
    assert items(pruned(root, "--json")) == {"dbo.oldorders": ("alias", "gold.old", None)}
    before = objects(root)
    pruned(root, "--yes")
    assert before - objects(root) == {"dbo.oldorders"}
    assert pruned(root).err.startswith("nothing to prune")
    write_project(root, GONE)
    names = {"gold.old", "quarantine.gold_old", "ops.watermarks"}
    assert items(pruned(root, "--json")).keys() == (names | {"dbo.newname"} if now else names)


@pytest.mark.usefixtures("target")
def test_views_go_before_what_they_read(tmp_path: Path) -> None:
    both = OLD + "  silver.seen:\n    load: view\n  gold.again:\n    load: view\n"
    root = published(
        tmp_path,
        {
            **FILES,
            "pipelines.yaml": PIPELINES.replace("pipelines:\n", both + "pipelines:\n"),
            "templates/silver/seen.sql": "SELECT o.order_id, o.amount FROM gold.old AS o\n",
            "templates/gold/again.sql": "SELECT s.order_id FROM silver.seen AS s\n",
        },
    )
    write_project(root, {**GONE, "templates/silver/seen.sql": None, "templates/gold/again.sql": None})
    tables = [r["table"] for r in json.loads(pruned(root, "--json").out)]
    assert list(dict.fromkeys(tables)) == ["gold.again", "silver.seen", "gold.old"]
    refused = medallion(root, "prune", "--yes", "--select", "silver.seen,gold.old")
    assert refused.code == 3
    assert "silver.seen stays: gold.again reads or refers to it" in refused.err
    assert {"gold.old", "silver.seen", "gold.again"} <= objects(root)
    pruned(root, "--yes")
    assert not {"gold.old", "silver.seen", "gold.again", "dbo.oldorders"} & objects(root)


@pytest.mark.usefixtures("target")
def test_only_what_is_selected_goes(tmp_path: Path) -> None:
    two = OLD + "  silver.other:\n    key: order_id\n"
    root = published(
        tmp_path,
        {**FILES, "pipelines.yaml": PIPELINES.replace("pipelines:\n", two + "pipelines:\n"), "templates/silver/other.sql": VIEW},
    )
    write_project(root, {**GONE, "templates/silver/other.sql": None})
    wrong = medallion(root, "prune", "--select", "silver.othr")
    assert wrong.code == 1
    assert "selects nothing to prune" in wrong.err and "silver.other" in wrong.err
    assert medallion(root, "prune", "--yes", "--select", "gold.customers").code == 1, "it is declared"
    assert {t for _, t, _ in items(pruned(root, "--json", "--select", "silver.*")).values()} == {"silver.other"}
    pruned(root, "--yes", "--select", "silver.*")
    assert "silver.other" not in objects(root) and "gold.old" in objects(root)
    assert WARNING in medallion(root, "ls").err


@pytest.mark.usefixtures("target")
def test_what_a_failed_load_of_an_undeclared_table_left_goes_too(tmp_path: Path) -> None:
    suite = "expectations:\n  - {type: expect_column_values_to_be_between, kwargs: {column: amount, max_value: 1}}\n"
    write_project(tmp_path, {**FILES, "expectations/gold/old.yaml": suite})
    assert medallion(tmp_path, "run").code == 2
    root = write_project(tmp_path, GONE)
    assert "no longer declared" not in medallion(root, "ls").err, "it was never published"
    found = items(pruned(root, "--json"))
    assert sorted(what for what, _, _ in found.values()) == ["ledger", "staging"]
    pruned(root, "--yes")
    assert not [name for name in objects(root) if name.endswith("old") or "old__" in name]
    assert "gold.old" not in medallion(root, "status").out
    assert pruned(root).err.startswith("nothing to prune")


# --- what stays -----------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("over", ["gold.old", "dbo.OldOrders"])
def test_a_table_that_somebody_reads_stays_until_they_do_not(over: str, tmp_path: Path) -> None:
    root = left_behind(tmp_path)
    change(root, f"CREATE VIEW dbo.report AS SELECT o.order_id FROM {over} AS o")
    before = objects(root)
    (row, *_) = json.loads(pruned(root, "--json").out)
    assert (row["state"], row["why"]) == ("kept", "read by dbo.report")
    said = medallion(root, "prune", "--yes")
    assert said.code == 3
    assert "gold.old stays: dbo.report reads or refers to it; drop or change that first" in said.err
    assert objects(root) == before
    change(root, "DROP VIEW dbo.report")
    pruned(root, "--yes")
    assert "gold.old" not in objects(root)


@pytest.mark.usefixtures("target")
def test_a_published_view_that_still_reads_it_keeps_a_table(tmp_path: Path) -> None:
    """The template reads something else by now, but nobody has run it."""
    text = str(FILES["pipelines.yaml"]).replace("pipelines:\n", "  gold.seen:\n    load: view\npipelines:\n")
    seen = "SELECT o.order_id, o.amount FROM gold.old AS o\n"
    root = published(tmp_path, {**FILES, "pipelines.yaml": text, "templates/gold/seen.sql": seen})
    write_project(root, {**GONE, "pipelines.yaml": text.replace(OLD, ""), "templates/gold/seen.sql": VIEW})
    said = medallion(root, "prune", "--yes")
    assert said.code == 3 and "gold.old stays: gold.seen" in said.err
    assert medallion(root, "run").code == 0
    pruned(root, "--yes")
    assert medallion(root, "query", "SELECT s.order_id FROM gold.seen AS s").code == 0


def test_a_foreign_key_keeps_the_table_that_it_refers_to(target: str, tmp_path: Path) -> None:
    if target != "server":
        pytest.skip("no foreign key refers to a table of a DuckDB file: they have no keys")
    root = left_behind(tmp_path)
    change(root, "CREATE TABLE dbo.comments (order_id int REFERENCES gold.old (order_id), said nvarchar(100))")
    said = medallion(root, "prune", "--yes")
    assert said.code == 3 and "gold.old stays: dbo.comments reads or refers to it" in said.err
    assert "gold.old" in objects(root)


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize(
    "instead",
    ["CREATE TABLE gold.old (name varchar(10))", "CREATE VIEW gold.old AS SELECT * FROM gold.customers"],
)
def test_what_somebody_put_in_its_place_is_not_ours(instead: str, tmp_path: Path) -> None:
    root = left_behind(tmp_path)
    view = "CREATE VIEW dbo.OldOrders AS SELECT c.customer FROM gold.customers AS c"
    change(root, "DROP VIEW dbo.OldOrders", "DROP TABLE gold.old", instead, view)
    shown = {r["what"]: r for r in json.loads(pruned(root, "--json").out)}
    assert shown.keys() == {"ledger", "quarantine", "watermark"}
    assert "what stands there now is not what was published" in shown["ledger"]["why"]
    pruned(root, "--yes")
    assert {"gold.old", "dbo.oldorders"} <= objects(root)
    assert "no longer declared" not in medallion(root, "ls").err


@pytest.mark.usefixtures("target")
def test_a_table_that_was_dropped_by_hand_is_forgotten(tmp_path: Path) -> None:
    root = left_behind(tmp_path)
    change(root, "DROP VIEW dbo.OldOrders", "DROP TABLE gold.old")
    assert items(pruned(root, "--json"))["gold.old"] == ("ledger", "gold.old", None)
    pruned(root, "--yes")
    assert "no longer declared" not in medallion(root, "ls").err


@pytest.mark.usefixtures("target")
def test_tables_of_another_project_in_the_same_warehouse_stay(tmp_path: Path) -> None:
    root = left_behind(tmp_path)
    write_project(root, {"pipelines.yaml": PIPELINES.replace("name: shop", "name: office")})
    assert "no longer declared" not in medallion(root, "ls").err
    said = pruned(root, "--yes")
    assert "gold.old was published by project 'shop', not by this one ('office'), and stays" in said.err
    assert "gold.old" in objects(root)


def test_a_project_that_is_wrong_prunes_nothing(tmp_path: Path) -> None:
    root = published(tmp_path)
    reads = "SELECT o.order_id AS customer FROM gold.old AS o\n"
    write_project(root, {**GONE, "templates/gold/customers.sql": reads})
    said = medallion(root, "prune", "--yes")
    assert said.code == 1 and "gold.old" in said.err
    assert "gold.old" in objects(root)


# --- beside runs ----------------------------------------------------------------------------------------------------


def test_a_prune_is_refused_while_a_run_is_at_work(target: str, tmp_path: Path) -> None:
    root = left_behind(tmp_path)
    project = load_project(root)
    with open_warehouse(project, project.target_name(None)).run_lock(0, print):
        said = medallion(root, "prune", "--yes")
        assert said.code == 3 and "at work on this warehouse" in said.err and "--wait" in said.err
        waited = medallion(root, "prune", "--yes", "--wait", "0.5")
        assert waited.code == 3 and "after 0.5 s" in waited.err
        if target == "embedded":
            assert medallion(root, "prune").code == 3, "the file cannot be read either"
    assert "gold.old" in objects(root)
    pruned(root, "--yes")


@pytest.mark.usefixtures("target")
def test_a_ledger_of_an_earlier_version_is_brought_up_to_date(tmp_path: Path) -> None:
    root = left_behind(tmp_path)
    change(root, "ALTER TABLE ops.loads DROP COLUMN alias", "ALTER TABLE ops.loads DROP COLUMN project")
    shown = medallion(root, "prune")
    assert shown.code == 3 and "earlier version" in shown.err
    said = medallion(root, "prune", "--yes")
    assert "added ops.loads.alias, ops.loads.project" in said.err
    assert ask(root, "SELECT DISTINCT project FROM ops.loads") == [("shop",)]
    # Which alias it had nobody wrote down then; what the view reads keeps it from being left without a table.
    assert said.code == 3 and "gold.old stays: dbo.oldorders" in said.err.casefold()
    change(root, "DROP VIEW dbo.OldOrders")
    pruned(root, "--yes")
    assert "gold.old" not in objects(root)


@pytest.mark.usefixtures("target")
def test_there_is_nothing_to_prune_where_nothing_was_ever_run(tmp_path: Path) -> None:
    root = write_project(tmp_path)
    assert pruned(root).err.startswith("nothing to prune")
    assert pruned(root, "--yes").err.startswith("nothing to prune")
