"""Volume guards: too many rows in quarantine, none, far fewer or far more are a failed gate, until that is allowed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.warehouses.duckdb.warehouse import DuckDBWarehouse
from engine.warehouses.sqlserver.warehouse import SqlServerWarehouse
from tests.project_files import FILES, PIPELINES, Said, medallion, write_project
from tests.targets import ask, on_target

HEAD = "order_id,customer,amount,ordered_on\n"
ORDERS = "data/raw/orders.csv"


def lines(count: int, first: int = 1, day: str = "2024-01-01") -> str:
    return "".join(f"{i},Customer {i},50.00,{day}\n" for i in range(first, first + count))


def published(root: Path) -> tuple[object, ...]:
    """What readers see, and what the ledger says of it."""
    tables = ("bronze.orders", "silver.orders", "gold.customers")
    return (
        *(ask(root, f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables),
        ask(root, "SELECT table_name, load_id FROM ops.loads WHERE state = 'published' ORDER BY 1, 2"),
    )


def project(root: Path, pipelines: str = PIPELINES, **files: str) -> Path:
    write_project(root, {"pipelines.yaml": pipelines, ORDERS: HEAD + lines(120), **files})
    said = medallion(root, "run")
    assert said.code == 0, said.err
    return root


def in_words(said: Said) -> str:
    return " ".join(said.err.split())


def text(value: str) -> Callable[[Path], None]:
    return lambda root: (root / ORDERS).write_text(value) and None


def declare(old: str, new: str) -> Callable[[Path], None]:
    path = "pipelines.yaml"
    return lambda root: (root / path).write_text((root / path).read_text().replace(old, new)) and None


def template(name: str, value: str) -> Callable[[Path], None]:
    return lambda root: (root / "templates" / name).write_text(value) and None


NOTHING = "SELECT o.order_id, o.customer, o.amount, o.ordered_on FROM bronze.orders AS o WHERE o.amount > 100\n"
TWICE = (
    "SELECT a.order_id * 1000 + b.order_id AS order_id, a.customer, a.amount, a.ordered_on\n"
    "FROM bronze.orders AS a INNER JOIN bronze.orders AS b ON b.order_id <= 11\n"
)
BAD = HEAD + lines(60) + lines(60, 61).replace("50.00", "much")
CASES: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "a wrong column type": (
        declare("ordered_on: date", "ordered_on: int"),
        "bronze.orders:quarantine",
        "120 of 120 rows (100 %) would go to quarantine, and none is left, first because: ordered_on: '2024-01-01' is not",
    ),
    "half of the rows bad": (
        text(BAD),
        "bronze.orders:quarantine",
        "60 of 120 rows (50 %) would go to quarantine, more than the 25% of guards.quarantine, first because: amount: 'much'",
    ),
    "a file of only a header": (
        text(HEAD),
        "bronze.orders:empty",
        "bronze.orders failed no rows would take the place of 120",
    ),
    "a file that was cut": (
        text(HEAD + lines(50)),
        "bronze.orders:drop",
        "50 rows after 120: 58 % fewer, more than the 50% of guards.drop",
    ),
    "a SELECT that finds nothing": (
        template("silver/orders.sql", NOTHING),
        "silver.orders:empty",
        "silver.orders failed no rows would take the place of 120",
    ),
    "a join that multiplies": (
        template("silver/orders.sql", TWICE),
        "silver.orders:rise",
        "1,320 rows after 120: 1,000 % more, more than the 900% of guards.rise",
    ),
}


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("case", CASES)
def test_a_load_of_unlikely_volume_is_a_failed_gate(case: str, tmp_path: Path) -> None:
    break_it, allow, words = CASES[case]
    root = project(tmp_path)
    before = published(root)
    break_it(root)
    said = medallion(root, "run")
    assert said.code == 2, said.err
    assert words in in_words(said)
    table, _, what = allow.partition(":")
    assert f"medallion run --select {table} --allow {allow}" in in_words(said)
    assert published(root) == before
    assert ask(root, "SELECT expectation_id, severity FROM ops.verdicts WHERE type = 'volume_guard'") == [
        (f"guard.{what}", "critical")
    ]


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("case", [c for c in CASES if c != "a wrong column type"])
def test_it_is_published_once_when_it_is_allowed(case: str, tmp_path: Path) -> None:
    break_it, allow, _ = CASES[case]
    root = project(tmp_path)
    break_it(root)
    table = allow.partition(":")[0]
    said = medallion(root, "run", "--select", table, "--allow", allow)
    assert said.code == 0, said.err
    assert ask(root, f"SELECT verdict FROM ops.loads WHERE table_name = '{table}' AND number = 2") == [("warned",)]
    assert (
        f"allowed by --allow {allow}" in ask(root, "SELECT message FROM ops.verdicts WHERE type = 'volume_guard'")[0][0]
    )


KEPT = {
    "merge": ("    load: merge\n", HEAD, "bronze.orders:empty"),
    "partition": (
        "    load: partition\n    partition_by: {column: ordered_on, grain: year}\n",
        HEAD + lines(50),
        "bronze.orders:drop",
    ),
    "append": ("    load: append\n", None, "bronze.orders:rise"),
}


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("load", KEPT)
def test_tables_that_keep_rows_are_guarded_in_the_transaction_that_publishes_them(load: str, tmp_path: Path) -> None:
    declared, content, allow = KEPT[load]
    root = project(tmp_path, PIPELINES.replace("  bronze.orders:\n", f"  bronze.orders:\n{declared}"))
    before = published(root)
    if content is None:
        (root / "data/raw/orders2.csv").write_text(HEAD + lines(1300, 1000))
    else:
        (root / ORDERS).write_text(content)
    said = medallion(root, "run")
    assert said.code == 2, said.err
    assert f"--allow {allow}" in in_words(said)
    assert published(root) == before
    assert ask(root, "SELECT rows_published, rows_total FROM ops.loads WHERE state = 'failed'") == [(0, 0)]
    assert medallion(root, "run", "--select", "bronze.orders", "--allow", allow).code == 0


@pytest.mark.usefixtures("target")
def test_versions_that_are_over_are_no_drop(tmp_path: Path) -> None:
    scd2 = PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n    load: scd2\n")
    root = project(tmp_path, scd2)
    for amount in ("51.00", "52.00"):
        (root / ORDERS).write_text((HEAD + lines(120)).replace("50.00", amount))
        assert medallion(root, "run").code == 0
    (root / "pipelines.yaml").write_text(on_target(scd2.replace("load: scd2", "load: merge")))
    said = medallion(root, "run", "--allow", "silver.orders:history")
    assert said.code == 0, said.err
    assert ask(root, "SELECT COUNT(*) FROM silver.orders") == [(120,)]


@pytest.mark.usefixtures("target")
def test_history_is_not_closed_by_an_empty_load(tmp_path: Path) -> None:
    root = project(tmp_path, PIPELINES.replace("  silver.orders:\n", "  silver.orders:\n    load: scd2\n"))
    before = published(root)
    for select, words in (
        (NOTHING, "no rows would take the place of 120"),
        (NOTHING.replace("o.amount > 100", "o.order_id < 20"), "19 rows after 120"),
    ):
        (root / "templates/silver/orders.sql").write_text(select)
        said = medallion(root, "run")
        assert (said.code, words in in_words(said)) == (2, True), said.err
        assert published(root) == before


@pytest.mark.usefixtures("target")
def test_one_guard_is_allowed_and_not_the_others(tmp_path: Path) -> None:
    root = project(tmp_path)
    before = published(root)
    (root / ORDERS).write_text(HEAD + lines(50))
    said = medallion(root, "run", "--select", "bronze.orders", "--allow", "bronze.orders:rise")
    assert (said.code, "50 rows after 120" in in_words(said)) == (2, True), said.err
    assert published(root) == before


@pytest.mark.usefixtures("target")
def test_what_is_allowed_for_one_table_is_not_for_another(tmp_path: Path) -> None:
    root = project(tmp_path)
    before = published(root)[1:3]
    (root / ORDERS).write_text(HEAD + lines(50))
    said = medallion(root, "run", "--allow", "bronze.orders:drop")
    assert (said.code, "silver.orders failed 50 rows after 120" in in_words(said)) == (2, True), said.err
    assert published(root)[1:3] == before


@pytest.mark.usefixtures("target")
def test_not_one_row_left_is_never_published(tmp_path: Path) -> None:
    root = project(tmp_path, PIPELINES + "guards: {quarantine: off, empty: yes, drop: off}\n")
    before = published(root)
    (root / ORDERS).write_text(HEAD + lines(5).replace("50.00", "much"))
    said = medallion(root, "run")
    assert (said.code, "and none is left" in in_words(said)) == (2, True), said.err
    assert published(root) == before


@pytest.mark.usefixtures("target")
def test_rows_that_the_suite_moves_away_are_guarded(tmp_path: Path) -> None:
    suite = FILES["expectations/silver/orders.yaml"] + "    quarantine: true\n"
    root = project(tmp_path, **{"expectations/silver/orders.yaml": suite})
    before = published(root)[1]
    (root / ORDERS).write_text(HEAD + lines(80) + lines(40, 81).replace("50.00", "5000.00"))
    said = medallion(root, "run")
    assert (said.code, "silver.orders failed 40 of 120 rows (33 %)" in in_words(said)) == (2, True), said.err
    assert published(root)[1] == before


@pytest.mark.usefixtures("target")
def test_guards_are_declared_for_the_project_and_for_a_table(tmp_path: Path) -> None:
    pipelines = PIPELINES + "guards: {quarantine: 60%}\n"
    root = project(tmp_path, pipelines)
    (root / ORDERS).write_text(BAD)
    said = medallion(root, "run")
    assert said.code == 0, said.err
    strict = pipelines.replace("  bronze.orders:\n", "  bronze.orders:\n    guards: {quarantine: 1%, drop: off}\n")
    (root / "pipelines.yaml").write_text(on_target(strict))
    (root / ORDERS).write_text(HEAD + lines(99) + "100,X,much,2024-01-01\n101,X,much,2024-01-01\n")
    said = medallion(root, "run")
    assert said.code == 2
    assert "2 of 101 rows (2 %) would go to quarantine, more than the 1% of guards.quarantine" in in_words(said)
    (root / ORDERS).write_text(HEAD + lines(1))
    assert medallion(root, "run", "--select", "bronze.orders").code == 0


@pytest.mark.parametrize(
    ("guards", "words"),
    [
        ("{quarantine: 0.2}", "0.2 is not a share; write one such as 25% or 0.5%, or off"),
        ("{quarantine: -3%}", "'-3%' is not a share"),
        ("{drops: 10%}", "unknown key 'drops'; expected one of quarantine, empty, drop, rise; did you mean 'drop'?"),
        ("{empty: perhaps}", "'perhaps' does not fit here"),
    ],
)
@pytest.mark.parametrize("of", ["project", "table"])
def test_a_wrong_guard_is_told_with_its_place(of: str, guards: str, words: str, tmp_path: Path) -> None:
    text = PIPELINES + f"guards: {guards}\n"
    if of == "table":
        text = PIPELINES.replace("  silver.orders:\n", f"  silver.orders:\n    guards: {guards}\n")
    root = write_project(tmp_path, {"pipelines.yaml": text})
    said = medallion(root, "check")
    assert said.code == 1
    assert words in in_words(said)
    line = next(i for i, content in enumerate(text.splitlines(), 1) if "guards:" in content)
    assert f"pipelines.yaml:{line}:" in said.err


@pytest.mark.parametrize(
    ("allow", "words"),
    [
        (
            "silver.order:drop",
            "there is no table 'silver.order'; expected TABLE:WHAT, such as silver.orders:empty; did you mean 'silver.orders'?",
        ),
        ("silver.orders:drops", "'drops' is not something that can be allowed"),
        ("silver.orders", "'' is not something that can be allowed"),
    ],
)
def test_what_cannot_be_allowed_is_refused_before_anything_is_touched(allow: str, words: str, tmp_path: Path) -> None:
    root = write_project(tmp_path)
    said = medallion(root, "run", "--allow", allow)
    assert said.code == 1
    assert words in in_words(said)
    assert not (root / "data/warehouse.duckdb").exists()


def test_the_page_of_a_table_shows_its_failed_guard(tmp_path: Path) -> None:
    root = project(tmp_path)
    (root / ORDERS).write_text(HEAD)
    assert medallion(root, "run").code == 2
    assert medallion(root, "docs", "build").code == 0
    page = (root / "data/docs/tables/bronze.orders.html").read_text()
    assert "no rows would take the place of 120" in page


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("quarantine", ["", "    quarantine: true\n"])
def test_what_is_within_the_tolerance_stays_published_and_is_reported(quarantine: str, tmp_path: Path) -> None:
    suite = (
        FILES["expectations/silver/orders.yaml"].replace("max_value: 1000}", "max_value: 1000, mostly: 0.9}")
        + quarantine
    )
    content = HEAD + lines(99) + "100,X,5000.00,2024-01-01\n"
    root = project(tmp_path, **{ORDERS: content, "expectations/silver/orders.yaml": suite})
    assert ask(root, "SELECT COUNT(*) FROM silver.orders") == [(100,)]
    found = ask(
        root, "SELECT success, unexpected, message FROM ops.verdicts WHERE type = 'expect_column_values_to_be_between'"
    )
    message = "amount: 1 of 100 values (1 %) are not between 0 and 1,000: 5,000; within the tolerance (mostly: 0.9)"
    assert found == [(True, 1, message)]
    said = medallion(root, "run", "--force", "--json")
    assert json.loads(said.out)["tables"][1]["rows_quarantined"] == 0
    assert "1 tolerated" in said.err
    (root / ORDERS).write_text(HEAD + lines(80) + lines(20, 81).replace("50.00", "5000.00"))
    said = medallion(root, "run")
    if quarantine:
        assert (said.code, ask(root, "SELECT COUNT(*) FROM silver.orders")) == (0, [(80,)]), said.err
    else:
        assert (said.code, "20 of 100 values (20 %)" in said.err) == (2, True), said.err


LOSSES = {
    "history and most rows": ("scd2", "scd2", ("drop", "history", "rows"), "1 closed version"),
    "history and most rows, of another strategy": ("scd2", "replace", ("drop", "history", "rows"), "1 closed version"),
    "rows that the inputs no longer give": ("merge", "merge", ("drop", "rows"), "at least 100 of its 120 rows"),
    "all of them": ("merge", "merge", ("empty", "rows"), "would lose 120 of its 120 rows"),
}


@pytest.mark.usefixtures("target")
@pytest.mark.parametrize("case", LOSSES)
def test_one_refusal_tells_all_that_has_to_be_allowed(case: str, tmp_path: Path) -> None:
    was, now, allow, words = LOSSES[case]
    emptied = "empty" in allow
    silver = "  silver.orders:\n"
    root = project(tmp_path, PIPELINES.replace(silver, f"{silver}    load: {was}\n"))
    (root / ORDERS).write_text((HEAD + lines(120)).replace("Customer 1,", "Ann,"))
    assert medallion(root, "run", "--allow", "silver.orders:rise").code == 0
    (root / "templates/silver/orders.sql").write_text(
        NOTHING if emptied else NOTHING.replace("o.amount > 100", "o.order_id <= 20")
    )
    (root / "pipelines.yaml").write_text(on_target(PIPELINES.replace(silver, f"{silver}    load: {now}\n")))
    full = ["--full"] if was == now else []
    before = published(root)
    said = medallion(root, "run", "--select", "silver.orders", *full)
    command = "medallion run --select silver.orders" + "".join(f" --allow silver.orders:{word}" for word in allow)
    assert (said.code, words in in_words(said), " ".join([command, *full]) in in_words(said)) == (2, True, True), said.err
    assert published(root) == before
    said = medallion(root, *command.split()[1:], *full)
    assert said.code == 0, said.err
    assert ask(root, "SELECT COUNT(*) FROM silver.orders") == [(0 if emptied else 20,)]
    last = "SELECT MAX(number) FROM ops.loads WHERE table_name = 'silver.orders'"
    found = ask(
        root,
        "SELECT v.expectation_id, v.severity FROM ops.verdicts AS v INNER JOIN ops.loads AS l ON l.load_id = v.load_id"
        f" AND l.table_name = v.table_name WHERE l.table_name = 'silver.orders' AND l.number = ({last})",
    )
    assert {(f"guard.{word}", "warning") for word in allow} <= {*found}


@pytest.mark.usefixtures("target")
def test_a_publish_that_is_tried_again_says_a_warning_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = project(tmp_path, PIPELINES.replace("  bronze.orders:\n", "  bronze.orders:\n    load: append\n"))
    (root / "data/raw/orders2.csv").write_text(HEAD + lines(1300, 1000))

    def twice(publish: Callable[..., None]) -> Callable[..., None]:
        def as_a_deadlock_does(*args: Any, ledger: Callable[[Any], Any], **options: Any) -> None:
            publish(*args, ledger=lambda arrived: (ledger(arrived), ledger(arrived))[1], **options)

        return as_a_deadlock_does

    for warehouse in (DuckDBWarehouse, SqlServerWarehouse):
        monkeypatch.setattr(warehouse, "publish", twice(warehouse.publish))
    said = medallion(root, "run", "--select", "bronze.orders", "--allow", "bronze.orders:rise")
    assert (said.code, "1 warning" in said.err) == (0, True), said.err
    assert ask(root, "SELECT expectation_id, severity FROM ops.verdicts WHERE type = 'volume_guard'") == [("guard.rise", "warning")]
