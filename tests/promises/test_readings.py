"""How the files of a source are read: declared otherwise, read again, or there twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.project_files import UNGUARDED, Said, medallion, write_project
from tests.targets import ask

pytestmark = pytest.mark.usefixtures("target")

PIPELINES = """\
version: 1
name: shop
targets:
  embedded: {type: duckdb, path: data/warehouse.duckdb}
default_target: embedded
sources:
  items: {SOURCE}
tables:
  bronze.items: {source: items, LOAD, columns: {id: int, v: nvarchar(20)}}
pipelines:
  all: {tables: [bronze.*]}
"""
CSV = "type: csv, path: data/raw/*.csv"
TYPED = {"nvarchar(20)": "int"}
NONE = {
    "templates/silver/orders.sql": None,
    "templates/gold/customers.sql": None,
    "expectations/silver/orders.yaml": None,
    "data/raw/orders.csv": None,
}


def declared(load: str, source: str = CSV, **otherwise: str) -> str:
    text = PIPELINES.replace("SOURCE", source).replace("LOAD", load) + UNGUARDED
    for old, new in otherwise.items():
        text = text.replace(old, new)
    return text


def numbers(load: str, columns: str = "id: int, v: int") -> str:
    return declared(load).replace("id: int, v: nvarchar(20)", columns)


def project(root: Path, pipelines: str, files: dict[str, Any]) -> Path:
    return write_project(root, {**NONE, "pipelines.yaml": pipelines, **{f"data/raw/{n}": c for n, c in files.items()}})


def redeclare(root: Path, pipelines: str) -> None:
    write_project(root, {**NONE, "pipelines.yaml": pipelines, "expectations/bronze/items.yaml": None})


def run(root: Path, *args: str, code: int = 0) -> Said:
    said = medallion(root, "run", *args)
    assert said.code == code, said.err
    return said


def rows(root: Path) -> list[tuple[Any, ...]]:
    return [tuple(r) for r in ask(root, "SELECT id, v FROM bronze.items ORDER BY id, v")]


def why_stale(root: Path) -> str:
    said = medallion(root, "ls", "--json")
    assert said.code == 0, said.err
    return str(next(t["reason"] for t in json.loads(said.out) if t["table"] == "bronze.items"))


def replay(root: Path, repair: str) -> None:
    said = medallion(root, "quarantine", "replay", "bronze.items", "--all", "--yes", "--set", repair)
    assert said.code == 0, said.err


# -- a source that is declared otherwise -----------------------------------------------------------------------------


@pytest.mark.parametrize("load", ["load: replace", "load: append", "load: merge, key: id"])
@pytest.mark.parametrize(
    ("before", "now", "name", "text", "found"),
    [
        (f"{CSV}, encoding: latin-1", CSV, "a.csv", "id,v\n1,Zoé\n", [(1, "Zoé")]),
        (f"{CSV}, quote: ''", CSV, "a.csv", 'id,v\n1,"x"\n', [(1, "x")]),
        (
            "type: json, path: data/raw/*.json, records: $.old",
            "type: json, path: data/raw/*.json, records: $.new",
            "a.json",
            '{"old": [{"id": 1, "v": "x"}], "new": [{"id": 1, "v": "y"}]}',
            [(1, "y")],
        ),
    ],
    ids=["encoding", "quote", "records"],
)
def test_a_source_that_is_declared_otherwise_is_read_again(
    load: str, before: str, now: str, name: str, text: str, found: list[Any], tmp_path: Path
) -> None:
    root = project(tmp_path, declared(load, before), {name: text.encode()})
    run(root)
    assert rows(root) != found
    redeclare(root, declared(load, now))
    assert why_stale(root) == "its source is declared otherwise"
    run(root)
    assert rows(root) == found
    assert "1 unchanged" in run(root).err


def test_a_column_that_is_read_from_another_header_is_read_again(tmp_path: Path) -> None:
    root = project(tmp_path, numbers("load: append", "id: int, v: {type: int, from: a}"), {"a.csv": "id,a,b\n1,5,6\n"})
    run(root)
    assert rows(root) == [(1, 5)]
    redeclare(root, numbers("load: append", "id: int, v: {type: int, from: b}, a: nvarchar(4000)"))
    assert why_stale(root) == "its source is declared otherwise"


def test_a_source_that_is_described_otherwise_by_its_path_alone_is_as_it_was(tmp_path: Path) -> None:
    root = project(tmp_path, declared("load: append"), {"a.csv": "id,v\n1,x\n"})
    run(root)
    redeclare(root, declared("load: append", "type: csv, path: data/raw/a*.csv"))
    assert why_stale(root) == ""


# -- files that were loaded and have not changed -----------------------------------------------------------------------

SUITE = "expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: v, max_value: 100}\n"
REPAIRED = {"a.csv": "id,v\n1,10\n2,x\n", "b.csv": "id,v\n3,30\n"}


def repaired(root: Path, load: str = "load: append") -> Path:
    """Three rows, one of which only a replay has repaired, and one of a file that is gone."""
    project(root, numbers(load), REPAIRED)
    run(root)
    replay(root, "v=20")
    (root / "data/raw/b.csv").unlink()
    return root


@pytest.mark.parametrize("change", ["alias", "key", "suite"])
def test_files_that_were_loaded_are_not_read_for_what_says_nothing_of_their_rows(change: str, tmp_path: Path) -> None:
    root = repaired(tmp_path)
    redeclare(root, numbers({"alias": "load: append, alias: dbo.items", "key": "load: append, key: id"}.get(change, "load: append")))  # fmt: skip
    if change == "suite":
        write_project(
            root, {**NONE, "pipelines.yaml": numbers("load: append"), "expectations/bronze/items.yaml": SUITE}
        )
    assert why_stale(root) == "its definition changed"
    run(root)
    assert rows(root) == [(1, 10), (2, 20), (3, 30)]
    assert ask(root, "SELECT COUNT(*) FROM quarantine.bronze_items WHERE state = 'held'")[0][0] == 0
    assert ask(root, "SELECT COUNT(*) FROM bronze.items AS i INNER JOIN ops.loads AS l ON l.load_id = i._load_id"
                     " WHERE l.number > 2")[0][0] == 0  # fmt: skip
    assert why_stale(root) == ""


def test_a_suite_that_is_new_judges_the_rows_that_stay(tmp_path: Path) -> None:
    root = repaired(tmp_path)
    suite = SUITE.replace("100", "25")
    write_project(root, {**NONE, "pipelines.yaml": numbers("load: append"), "expectations/bronze/items.yaml": suite})
    assert "of the whole table" in run(root, code=2).err


def test_a_file_read_again_for_a_new_column_does_not_lose_a_repaired_row(tmp_path: Path) -> None:
    root = repaired(tmp_path)
    redeclare(root, numbers("load: append", "id: int, v: int, w: {type: int, from: id}"))
    said = run(root, code=2).err
    assert "would lose 1 published row of files that have not changed" in said
    assert "--allow bronze.items:rows" in said
    assert rows(root) == [(1, 10), (2, 20), (3, 30)]
    run(root, "--allow", "bronze.items:rows")
    assert rows(root) == [(1, 10), (3, 30)]


def test_a_load_that_is_forced_keeps_a_repaired_row(tmp_path: Path) -> None:
    root = repaired(tmp_path)
    run(root, "--force")
    assert rows(root) == [(1, 10), (2, 20), (3, 30)]


MERGE = "load: merge, key: id"
PERIODS = "load: partition, partition_by: {column: d, grain: day}"
DATED = "id: int, v: int, d: date"


@pytest.mark.parametrize("load", [MERGE, PERIODS])
def test_a_repaired_row_is_its_source_row_when_that_is_read_again(load: str, tmp_path: Path) -> None:
    old = "1,8,2024-01-01\n" if load == MERGE else "2,8,2024-01-01\n"
    files = {"a.csv": "id,v,d\n" + old, "b.csv": "id,v,d\n1,x,2024-01-01\n"}
    root = project(tmp_path, numbers(load, DATED), files)
    run(root)
    replay(root, "v=99")
    (root / "data/raw/c.csv").write_text("id,v,d\n50,50,2024-01-01\n")
    run(root)
    assert (1, 99) in rows(root)
    assert (50, 50) in rows(root)
    waiting = ask(root, "SELECT source_file FROM quarantine.bronze_items WHERE state = 'held'")
    assert [w for w in waiting if w[0] == "data/raw/b.csv"] == []
    load_id = ask(root, "SELECT DISTINCT replay_load_id FROM quarantine.bronze_items WHERE state = 'replayed'")[0][0]
    assert medallion(root, "quarantine", "undo", load_id).code == 0
    assert (1, 99) not in rows(root)


def test_a_row_that_reads_otherwise_takes_the_place_of_what_was_repaired(tmp_path: Path) -> None:
    root = project(tmp_path, numbers(MERGE), {"a.csv": "id,v\n1,8\n", "b.csv": "id,v\n1,x\n"})
    run(root)
    replay(root, "v=99")
    (root / "data/raw/b.csv").write_text("id,v\n1,X\n")
    run(root)
    assert rows(root) == [(1, 8)]


def test_a_newer_row_takes_the_place_of_a_repaired_one(tmp_path: Path) -> None:
    root = project(tmp_path, numbers(MERGE), {"a.csv": "id,v\n1,8\n", "b.csv": "id,v\n1,x\n"})
    run(root)
    replay(root, "v=99")
    (root / "data/raw/c.csv").write_text("id,v\n1,5\n")
    run(root)
    assert rows(root) == [(1, 5)]


# -- files of the same bytes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("load", "told"), [("load: append", True), ("load: append, key: id", False)])
def test_a_copy_of_a_loaded_file_is_named(load: str, told: bool, tmp_path: Path) -> None:
    root = project(tmp_path, numbers(load), {"b.csv": "id,v\n1,10\n"})
    run(root)
    (root / "data/raw/a.csv").write_text("id,v\n1,10\n")
    said = run(root, code=0 if told else 3).err
    sentence = "data/raw/a.csv has the bytes of data/raw/b.csv, which is loaded already; the rows of both are published"
    assert (sentence in said) is told
    assert "has the bytes of" not in run(root, code=0 if told else 3).err


def test_files_without_rows_are_no_copies(tmp_path: Path) -> None:
    root = project(tmp_path, numbers("load: append"), {"a.csv": "id,v\n1,10\n", "b.csv": "id,v\n", "c.csv": "id,v\n"})
    assert "has the bytes of" not in run(root).err
