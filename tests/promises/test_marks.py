"""An append never doubles: what its watermark takes is taken once, and where that cannot be told, it is refused. A table
that the ledger does not know is not touched."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.project_files import PIPELINES, UNGUARDED, Said, medallion, write_project
from tests.targets import ask, change, on_target

pytestmark = pytest.mark.usefixtures("target")

HEAD = "order_id,customer,amount,ordered_on\n"
FIRST = HEAD + "1,Ann,10.00,2024-01-01\n2,Bob,20.00,2024-01-02\n3,Cid,30.00,2024-01-03\n"
MORE = HEAD + "4,Dan,40.00,2024-01-04\n"
LOG = "gold.log"
BY_ARRIVAL = (
    "SELECT o.order_id, o.amount, o._loaded_at AS arrived FROM bronze.orders AS o\n"
    "{% if watermark %}WHERE o._loaded_at > CAST({{ watermark | literal }} AS datetime2(3)){% endif %}\n"
)
BY_DATE = (
    "SELECT o.order_id, o.amount, o.ordered_on FROM bronze.orders AS o\n"
    "{% if watermark %}WHERE o.ordered_on > CAST({{ watermark | literal }} AS date){% endif %}\n"
)
TWICE = "SELECT order_id FROM gold.log GROUP BY order_id HAVING COUNT(*) > 1"


def declared(bronze: str = "load: append", log: str = "load: append, watermark: arrived", more: str = "") -> str:
    """pipelines.yaml: orders as they come in, and a log that takes from them what is new."""
    head, _, tail = PIPELINES.partition("tables:\n")
    columns = '{order_id: int, customer: nvarchar(20), amount: "decimal(9,2)", ordered_on: date}'
    pipelines = tail[tail.index("pipelines:\n") :]
    return (
        f"{head}tables:\n  bronze.orders: {{source: orders, {bronze}, columns: {columns}}}\n"
        f"  {LOG}: {{{log}}}\n{more}{pipelines}"
    ).replace("[bronze.*, silver.*, gold.*]", "[bronze.*, gold.*]")


def project(root: Path, template: str = BY_ARRIVAL, bronze: str = "load: append", **log: str) -> Path:
    files: dict[str, str | bytes | None] = dict.fromkeys(
        ("templates/silver/orders.sql", "templates/gold/customers.sql", "expectations/silver/orders.yaml")
    )
    files |= {
        "pipelines.yaml": declared(bronze, **log) + UNGUARDED,
        "templates/gold/log.sql": template,
        "data/raw/orders.csv": None,
        "data/raw/orders_1.csv": FIRST,
    }
    return write_project(root, files)


def declare(root: Path, *given: str, **more: str) -> None:
    (root / "pipelines.yaml").write_text(on_target(declared(*given, **more) + UNGUARDED))


def plain(said: Said) -> str:
    return " ".join((said.out + said.err).split())


def run(root: Path, *args: str) -> dict[str, Any]:
    said = medallion(root, "run", "--json", *args)
    assert said.code == 0, said.err + said.out
    return {t["table"]: t for t in json.loads(said.out)["tables"]}


def refused(root: Path, *args: str, code: int = 2) -> str:
    said = medallion(root, "run", "--json", *args)
    assert said.code == code, said.err + said.out
    return str(next(t["message"] for t in json.loads(said.out)["tables"] if t["state"] == "failed"))


def log(root: Path) -> list[int]:
    return [i for (i,) in ask(root, "SELECT order_id FROM gold.log ORDER BY 1")]


def touch(path: Path) -> None:
    """A later time, as a copy or a restore gives it."""
    at = path.stat().st_mtime_ns + 5_000_000_000
    os.utime(path, ns=(at, at))


# --- what takes by arrival ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bronze",
    ["load: replace", "load: merge, key: order_id", "load: partition, partition_by: {column: ordered_on, grain: month}"],
)
def test_a_watermark_by_arrival_is_refused_where_every_load_renews_it(bronze: str, tmp_path: Path) -> None:
    root = project(tmp_path, bronze=bronze)
    said = medallion(root, "check")
    assert said.code == 1, said.err
    assert "the watermark arrived of gold.log comes from bronze.orders._loaded_at, which every load of it renews" in plain(said)
    assert "a column of the business as the watermark" in plain(said)
    said = medallion(root, "run")
    assert said.code == 1, said.err


def test_it_is_refused_through_tables_between_too(tmp_path: Path) -> None:
    root = project(tmp_path, BY_ARRIVAL.replace("o._loaded_at", "o.since").replace("bronze.orders", "silver.orders"), "load: replace")
    (root / "templates/silver").mkdir()
    (root / "templates/silver/orders.sql").write_text(
        "SELECT o.order_id, o.amount, DATEADD(day, 1, o._loaded_at) AS since FROM bronze.orders AS o\n"
    )
    declare(root, "load: replace", more="  silver.orders: {}\n")
    said = medallion(root, "check")
    assert said.code == 1 and "comes from bronze.orders._loaded_at" in plain(said), said.err


@pytest.mark.parametrize(
    ("bronze", "log"),
    [
        ("load: append", "load: append, watermark: arrived"),
        ("load: replace", "load: append, watermark: order_id"),
        ("load: replace", "load: append, key: order_id, watermark: arrived"),
        ("load: replace", "load: merge, key: order_id, watermark: arrived"),
    ],
)
def test_other_watermarks_are_right(bronze: str, log: str, tmp_path: Path) -> None:
    said = medallion(project(tmp_path, bronze=bronze, log=log), "check")
    assert said.code == 0, said.err


def test_rows_of_new_files_are_taken_once(tmp_path: Path) -> None:
    root = project(tmp_path)
    run(root)
    (root / "data/raw/orders_2.csv").write_text(MORE)
    run(root)
    assert run(root)[LOG]["state"] == "unchanged"
    assert log(root) == [1, 2, 3, 4]


# --- files whose content is known -----------------------------------------------------------------------------------


def saved_again(root: Path) -> None:
    path = root / "data/raw/orders_1.csv"
    path.write_bytes(path.read_bytes())
    touch(path)


@pytest.mark.parametrize("again", [saved_again, lambda root: touch(root / "data/raw/orders_1.csv")])
def test_a_file_of_the_same_bytes_is_not_loaded_again(again: Callable[[Path], None], tmp_path: Path) -> None:
    root = project(tmp_path)
    run(root)
    for _ in range(2):
        again(root)
        states = {t["table"]: t["state"] for t in json.loads(medallion(root, "ls", "--json").out)}
        assert set(states.values()) == {"fresh"}
        assert {t["state"] for t in run(root).values()} == {"unchanged"}
    time = (root / "data/raw/orders_1.csv").stat().st_mtime_ns
    assert str(time) in ask(root, "SELECT fingerprint FROM ops.loads WHERE table_name = 'bronze.orders'")[0][0]
    assert log(root) == [1, 2, 3]


def test_a_touched_source_is_the_same_source_to_an_append_without_a_watermark(tmp_path: Path) -> None:
    root = project(tmp_path, "SELECT o.order_id, o.amount FROM bronze.orders AS o\n", "load: replace", log="load: append")
    run(root)
    touch(root / "data/raw/orders_1.csv")
    run(root)
    run(root, "--force", "--select", "bronze.orders")
    run(root)
    assert log(root) == [1, 2, 3]


def test_a_file_of_the_same_size_and_other_bytes_is_loaded(tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log="load: append, watermark: ordered_on")
    run(root)
    (root / "data/raw/orders_1.csv").write_text(FIRST.replace("30.00", "31.00"))
    touch(root / "data/raw/orders_1.csv")
    assert run(root)["bronze.orders"]["state"] == "published"
    assert ask(root, "SELECT CAST(amount AS INTEGER) FROM bronze.orders WHERE order_id = 3") == [(31,)]


@pytest.mark.parametrize("with_another", [True, False])
def test_a_renamed_file_is_the_same_file(with_another: bool, tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "data/raw/orders_1.csv").write_text(FIRST + "9,Eve,much,2024-01-03\n")
    run(root)
    (root / "data/raw/orders_1.csv").rename(root / "data/raw/orders_done.csv")
    if with_another:
        (root / "data/raw/orders_2.csv").write_text(MORE)
    said = medallion(root, "run")
    assert said.code == 0, said.err
    assert "data/raw/orders_done.csv is data/raw/orders_1.csv under another name, and is not loaded twice" in plain(said)
    assert log(root) == [1, 2, 3, 4][: 3 + with_another]
    files = ask(root, "SELECT DISTINCT _source_file FROM bronze.orders WHERE order_id < 4")
    assert files == ask(root, "SELECT source_file FROM quarantine.bronze_orders") == [("data/raw/orders_done.csv",)]
    assert {t["state"] for t in run(root).values()} == {"unchanged"}
    (root / "data/raw/orders_done.csv").write_text(FIRST.replace("30.00", "31.00"))
    medallion(root, "run")
    assert len(ask(root, "SELECT order_id FROM bronze.orders")) == 3 + with_another, "its rows were replaced"


def test_files_that_are_renamed_one_after_the_other_keep_their_rows(tmp_path: Path) -> None:
    root = project(tmp_path)
    raw = root / "data/raw"
    (raw / "orders_2.csv").write_text(MORE)
    run(root)
    (raw / "orders_2.csv").rename(raw / "orders_3.csv")
    (raw / "orders_1.csv").rename(raw / "orders_2.csv")
    (raw / "orders_1.csv").write_text(HEAD + "5,Eve,50.00,2024-01-05\n")
    run(root)
    assert log(root) == [1, 2, 3, 4, 5]
    files = ask(root, "SELECT order_id, _source_file FROM bronze.orders ORDER BY 1")
    assert [file[-5] for _, file in files] == ["2", "2", "2", "3", "1"]


def test_a_file_in_the_place_of_another_one_is_refused(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "data/raw/orders_2.csv").write_text(MORE)
    run(root)
    (root / "data/raw/orders_1.csv").rename(root / "data/raw/orders_2.csv")
    message = refused(root, code=3)
    assert "orders_2.csv: now has the bytes of data/raw/orders_1.csv, which was loaded and is gone" in message
    assert log(root) == [1, 2, 3, 4]


def test_a_file_that_is_gone_loads_nothing_anew(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "data/raw/orders_2.csv").write_text(MORE)
    run(root)
    (root / "data/raw/orders_1.csv").unlink()
    assert {t["state"] for t in run(root).values()} == {"unchanged"}
    assert log(root) == [1, 2, 3, 4]


def changed_file(root: Path) -> None:
    (root / "data/raw/orders_1.csv").write_text(FIRST + "5,Eve,50.00,2024-01-05\n")


def all_files_again(root: Path) -> None:
    run(root, "--force", "--select", "bronze.orders")


def from_the_start(root: Path) -> None:
    run(root, "--full", "--select", "bronze.orders")


def dropped(root: Path) -> None:
    change(root, "DROP TABLE bronze.orders")


@pytest.mark.parametrize("replaced", [changed_file, all_files_again, from_the_start, dropped])
@pytest.mark.parametrize("keyed", [False, True])
def test_rows_that_were_taken_and_are_replaced_are_not_taken_twice(
    replaced: Callable[[Path], None], keyed: bool, tmp_path: Path
) -> None:
    root = project(tmp_path, log="load: append, watermark: arrived" + (", key: order_id" if keyed else ""))
    run(root)
    replaced(root)
    message = refused(root)
    assert "gold.log has taken rows of bronze.orders that have been replaced" in message
    assert "medallion run --full --select gold.log" in message
    assert ask(root, TWICE) == []
    run(root, "--full", "--select", LOG)
    (root / "data/raw/orders_2.csv").write_text(MORE)
    assert run(root)[LOG]["rows_published"] == 1
    assert ask(root, TWICE) == []
    assert {t["state"] for t in run(root).values()} == {"unchanged"}


def test_a_watermark_of_the_business_does_not_mind(tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log="load: append, watermark: ordered_on")
    run(root)
    changed_file(root)
    run(root)
    assert log(root) == [1, 2, 3, 5]


# --- replayed and taken back ----------------------------------------------------------------------------------------

BAD = "6,Eve,much,2024-01-06\n"
REPLAY = ("quarantine", "replay", "bronze.orders", "--all", "--set", "amount=60", "--yes")


def undone(root: Path) -> Said:
    (found,) = ask(root, "SELECT DISTINCT replay_load_id FROM quarantine.bronze_orders WHERE state = 'replayed'")
    said = medallion(root, "quarantine", "undo", found[0])
    assert said.code == 0, said.err
    return said


@pytest.mark.parametrize(
    ("template", "how"),
    [
        (BY_ARRIVAL, "load: append, watermark: arrived"),
        (BY_DATE, "load: append, watermark: ordered_on"),
        (BY_DATE, "load: merge, key: order_id, watermark: ordered_on"),
    ],
)
@pytest.mark.parametrize("taken", [True, False])
def test_rows_that_an_undo_takes_back_are_not_kept_downstream(
    template: str, how: str, taken: bool, tmp_path: Path
) -> None:
    root = project(tmp_path, template, log=how)
    (root / "data/raw/orders_1.csv").write_text(FIRST + BAD)
    run(root)
    assert medallion(root, *REPLAY).code == 0
    if taken:
        run(root)
        assert log(root) == [1, 2, 3, 6]
    said = undone(root)
    assert ("gold.log has taken rows" in plain(said)) == taken, said.err
    if not taken:
        assert run(root)[LOG]["rows_total"] == 3
        return
    message = refused(root)
    assert "gold.log has taken rows of bronze.orders that were taken back by quarantine undo" in message
    assert "medallion run --full --select gold.log" in message
    run(root, "--full", "--select", LOG, "--allow", "gold.log:rows")
    assert log(root) == [1, 2, 3]
    assert {t["state"] for t in run(root).values()} == {"unchanged"}


def test_an_undo_accuses_no_table_that_took_nothing(tmp_path: Path) -> None:
    """A replayed row below a watermark never reaches its table, and the replay says so."""
    root = project(tmp_path, BY_DATE, log="load: append, watermark: ordered_on")
    (root / "data/raw/orders_1.csv").write_text(FIRST + BAD.replace("2024-01-06", "2024-01-01"))
    run(root)
    said = medallion(root, *REPLAY)
    assert said.code == 0, said.err
    unseen = "gold.log takes only what is above its watermark ordered_on, and may not see these rows"
    assert unseen in plain(said) and "medallion run --full --select gold.log" in plain(said)
    assert run(root)[LOG]["rows_published"] == 0
    assert "gold.log has taken rows" not in plain(undone(root))
    (root / "data/raw/orders_2.csv").write_text(MORE)
    run(root)
    assert log(root) == [1, 2, 3, 4]


def test_a_replay_does_not_warn_of_a_watermark_by_arrival(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / "data/raw/orders_1.csv").write_text(FIRST + BAD)
    run(root)
    assert "takes only what is above" not in plain(medallion(root, *REPLAY))
    run(root)
    assert log(root) == [1, 2, 3, 6]


# --- a table that the ledger does not know --------------------------------------------------------------------------

OF_OTHERS = "CREATE TABLE gold.log (order_id int, amount decimal(9, 2), ordered_on date)"


@pytest.mark.parametrize(
    "how", ["load: replace", "load: append, watermark: ordered_on", "load: merge, key: order_id", "load: view"]
)
def test_a_table_that_the_ledger_does_not_know_is_not_touched(how: str, tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log=how)
    run(root, "--select", "bronze.orders")
    change(root, OF_OTHERS, "INSERT INTO gold.log VALUES (7, 70.00, '2024-01-07')")
    message = refused(root, code=3)
    assert "a table gold.log stands in the warehouse (1 row), and the ledger knows no load that published it" in message
    assert "medallion run --full --select gold.log" in message
    refused(root, "--force", code=3)
    assert log(root) == [7]
    run(root, "--full", "--select", LOG)
    assert log(root) == [1, 2, 3]
    assert {t["state"] for t in run(root).values()} == {"unchanged"}


def test_a_lost_ledger_is_not_taken_for_a_new_warehouse(tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log="load: append, watermark: ordered_on")
    run(root)
    change(root, "DELETE FROM ops.loads", "DELETE FROM ops.watermarks")
    assert "bronze.orders stands in the warehouse" in refused(root, code=3)
    assert log(root) == [1, 2, 3]
    run(root, "--full")
    assert log(root) == [1, 2, 3]


def test_an_empty_table_takes_its_first_load(tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log="load: append, watermark: ordered_on")
    run(root, "--select", "bronze.orders")
    change(root, OF_OTHERS)  # so stands what a load that was killed has made on a server
    run(root)
    assert log(root) == [1, 2, 3]


# --- a watermark that is declared otherwise -------------------------------------------------------------------------

ANOTHER = BY_DATE.replace("o.ordered_on FROM", "DATEADD(day, -400, o.ordered_on) AS ordered_on FROM").replace(
    "WHERE o.ordered_on", "WHERE DATEADD(day, -400, o.ordered_on)"
)


@pytest.mark.parametrize("how", ["load: append", "load: merge, key: order_id"])
def test_a_watermark_of_another_meaning_is_refused(how: str, tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log=f"{how}, watermark: ordered_on")
    run(root)
    (root / "templates/gold/log.sql").write_text(ANOTHER)
    message = refused(root)
    assert "the watermark ordered_on of gold.log is computed otherwise than when its rows were published" in message
    assert "medallion run --full --select gold.log" in message
    run(root, "--full", "--select", LOG, "--allow", "gold.log:rows")
    (root / "data/raw/orders_2.csv").write_text(MORE)
    run(root)
    assert log(root) == [1, 2, 3, 4]


def test_the_rest_of_the_select_may_change(tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log="load: append, watermark: ordered_on")
    run(root)
    (root / "templates/gold/log.sql").write_text(
        BY_DATE.replace("o.", "b.").replace("AS o", "AS b").replace("b.amount,", "b.amount, b.customer,")
    )
    (root / "data/raw/orders_2.csv").write_text(MORE)
    run(root)
    assert log(root) == [1, 2, 3, 4]


def test_a_watermark_that_comes_back_begins_with_what_is_published(tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log="load: append, watermark: ordered_on")
    by_id = BY_DATE.replace("o.ordered_on > CAST({{ watermark | literal }} AS date)", "o.order_id > {{ watermark | int }}")
    template = root / "templates/gold/log.sql"
    run(root)
    for text, column, file in ((by_id, "order_id", MORE), (BY_DATE, "ordered_on", HEAD + "5,Eve,50.00,2024-01-05\n")):
        template.write_text(text)
        declare(root, log=f"load: append, watermark: {column}")
        (root / f"data/raw/orders_{column}.csv").write_text(file)
        run(root)
    assert log(root) == [1, 2, 3, 4, 5]


def test_a_new_column_without_values_is_no_watermark(tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log="load: append, watermark: ordered_on")
    run(root)
    (root / "templates/gold/log.sql").write_text(BY_DATE.replace("o.ordered_on FROM", "o.ordered_on, o.ordered_on AS day FROM"))
    declare(root, log="load: append, watermark: day")
    message = refused(root)
    assert "gold.log appends what its watermark day has not seen, and its 3 published rows have no value of it" in message
    assert "medallion run --full --select gold.log" in message
    run(root, "--full", "--select", LOG)
    assert log(root) == [1, 2, 3]


# --- no other rows, and no other watermark --------------------------------------------------------------------------

PLAIN = "SELECT o.order_id, o.amount FROM bronze.orders AS o\n"


@pytest.mark.parametrize("bronze", ["load: append", "load: replace", "load: partition, partition_by: {column: ordered_on, grain: month}"])
def test_a_file_without_rows_brings_nothing_to_append(bronze: str, tmp_path: Path) -> None:
    root = project(tmp_path, PLAIN, bronze, log="load: append")
    (root / "pipelines.yaml").write_text(on_target(declared(bronze, "load: append")))
    run(root)
    (root / "data/raw/orders_2.csv").write_text(HEAD)
    run(root)
    (root / "data/raw/orders_3.csv").write_text(HEAD + "\n")
    run(root)
    assert log(root) == [1, 2, 3]


def test_a_load_that_changed_no_row_brings_nothing_to_append(tmp_path: Path) -> None:
    root = project(tmp_path, PLAIN, log="load: append")
    run(root)
    (root / "data/raw/orders_2.csv").write_text(HEAD + "x,Bad,1.00,2024-01-01\n")
    run(root, "--allow", "bronze.orders:quarantine")
    assert log(root) == [1, 2, 3]
    (root / "data/raw/orders_3.csv").write_text(MORE)
    run(root)
    assert log(root) == [1, 1, 2, 2, 3, 3, 4]


def test_a_watermark_that_is_taken_away_is_another_one(tmp_path: Path) -> None:
    root = project(tmp_path, BY_DATE, log="load: append, watermark: ordered_on")
    run(root)
    declare(root, log="load: append")
    for _ in range(2):
        message = refused(root)
        assert "gold.log has appended what its watermark ordered_on had not seen, and has none any more" in message
        assert "medallion run --full --select gold.log" in message
    assert log(root) == [1, 2, 3]
    run(root, "--full", "--select", LOG)
    assert log(root) == [1, 2, 3]
    assert {t["state"] for t in run(root).values()} == {"unchanged"}


CLOCKS = {
    "GETDATE()": "SELECT o.order_id, GETDATE() AS arrived FROM bronze.orders AS o\n",
    "CURRENT_TIMESTAMP": "SELECT o.order_id, DATEADD(day, 1, CURRENT_TIMESTAMP) AS arrived FROM bronze.orders AS o\n",
    "SYSUTCDATETIME()": "SELECT o.order_id, o.arrived FROM (SELECT b.order_id, SYSUTCDATETIME() AS arrived FROM bronze.orders AS b) AS o\n",
}


@pytest.mark.parametrize("clock", CLOCKS)
def test_the_clock_of_a_load_is_not_a_watermark(clock: str, tmp_path: Path) -> None:
    root = project(tmp_path, CLOCKS[clock])
    said = medallion(root, "check")
    assert said.code == 1, said.err
    assert f"the watermark arrived of gold.log is the clock of a load ({clock} in the SELECT of gold.log)" in plain(said)
    assert "pipelines.yaml:" in plain(said) and "a column of the business as the watermark" in plain(said)
    keyed = "load: merge, key: order_id, watermark: arrived"
    declare(root, log=keyed)
    assert medallion(root, "check").code == 0


@pytest.mark.parametrize(("between", "code"), [("{}", 1), ("{load: append}", 0)])
def test_the_clock_of_a_table_between_is_not_a_watermark_either(between: str, code: int, tmp_path: Path) -> None:
    root = project(tmp_path, "SELECT s.order_id, s.arrived FROM silver.seen AS s\n")
    (root / "templates/silver").mkdir()
    (root / "templates/silver/seen.sql").write_text(CLOCKS["GETDATE()"])
    declare(root, more=f"  silver.seen: {between}\n")
    said = medallion(root, "check")
    assert said.code == code, said.err
    assert ("(GETDATE() in the SELECT of silver.seen)" in plain(said)) == bool(code)
