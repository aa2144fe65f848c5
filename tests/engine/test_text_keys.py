"""Keys that differ in case or in blanks at the end are one key, in every strategy, on both targets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.project_files import PIPELINES, UNGUARDED, medallion, write_project
from tests.targets import ask as rows

pytestmark = pytest.mark.usefixtures("target")

HEAD = "name,amount,day\n"
SOURCE = (
    PIPELINES.split("tables:\n")[0].replace("orders", "people")
    + "tables:\n  bronze.people:\n    source: people\n    {key}columns: {{name: nvarchar(20), amount: int, day: date}}\n"
)
PIPELINE = 'pipelines:\n  all: {tables: [bronze.*, silver.*], schedule: "@daily"}\n'
SELECT = "SELECT p.name, p.amount, p.day FROM bronze.people AS p\n"


def lines(*rows: str) -> str:
    return HEAD + "".join(f'"{name}",{rest}\n' for name, _, rest in (row.partition(",") for row in rows))


def project(root: Path, content: str, *, silver: str = "", key: str = "", template: str = SELECT) -> Path:
    """A source of people; ``silver``: what silver.people is, if there is one."""
    text = SOURCE.replace("{key}", f"key: {key}\n    " if key else "").replace("{{", "{").replace("}}", "}")
    text += f"  silver.people: {silver}\n" if silver else ""
    changes: dict[str, str | bytes | None] = dict.fromkeys(
        (
            "templates/gold/customers.sql",
            "templates/silver/orders.sql",
            "expectations/silver/orders.yaml",
            "data/raw/orders.csv",
        )
    )
    pipeline = PIPELINE if silver else PIPELINE.replace(", silver.*", "")
    changes |= {"pipelines.yaml": text + pipeline + UNGUARDED, "data/raw/people.csv": content}
    if silver:
        changes["templates/silver/people.sql"] = template
    return write_project(root, changes)


def run(root: Path, content: str = "", *, code: int = 0) -> str:
    if content:
        (root / "data/raw/people.csv").write_text(content, encoding="utf-8")
    said = medallion(root, "run", "--json")
    assert said.code == code, said.err
    return said.out if code == 0 else " ".join(said.err.split())


def people(root: Path, where: str = "") -> list[tuple[str, int]]:
    return [tuple(row) for row in rows(root, f"SELECT name, amount FROM silver.people {where} ORDER BY amount, name")]


@pytest.mark.parametrize(
    ("landed", "published", "duplicates", "held"),
    [
        (("a,1,2024-01-01", "a,1,2024-01-01"), "a", 1, 0),
        (("a,1,2024-01-01", "A,1,2024-01-01"), "A", 0, 1),
        (("a,1,2024-01-01", "a ,1,2024-01-01"), "a ", 0, 1),
        (("É,1,2024-01-01", "é,2,2024-01-01"), "é", 0, 1),
        (("a,1,2024-01-01", "A ,2,2024-01-01", "a,2,2024-01-01"), "a", 0, 2),
    ],
    ids=["same", "case", "blank", "accented", "three"],
)
def test_a_source_keeps_the_last_spelling_and_quarantines_the_others(
    landed: tuple[str, ...], published: str, duplicates: int, held: int, tmp_path: Path
) -> None:
    root = project(tmp_path, lines(*landed), key="name")
    bronze = json.loads(run(root))["tables"][0]
    assert (bronze["rows_duplicate"], bronze["rows_quarantined"]) == (duplicates, held)
    assert rows(root, "SELECT name FROM bronze.people") == [(published,)]


@pytest.mark.parametrize("key", ["name", "[name, day]"])
@pytest.mark.parametrize("other", ["A", "a ", "A "])
def test_the_gate_finds_a_key_that_stands_twice(key: str, other: str, tmp_path: Path) -> None:
    root = project(tmp_path, lines("a,1,2024-01-01", f"{other},2,2024-01-01"), silver=f"{{key: {key}}}")
    words = run(root, code=2)
    assert "2 of 2" in words


def test_names_that_differ_in_an_accent_are_two_keys(tmp_path: Path) -> None:
    root = project(tmp_path, lines("Zoe,1,2024-01-01", "Zoë,2,2024-01-01"), silver="{key: name}")
    run(root)
    assert people(root) == [("Zoe", 1), ("Zoë", 2)]


def test_dedupe_keeps_one_of_all_spellings(tmp_path: Path) -> None:
    content = lines("a,1,2024-01-01", "A,3,2024-01-01", "a ,2,2024-01-01", "É,4,2024-01-01", "é,5,2024-01-01")
    root = project(tmp_path, content, silver='{key: name, dedupe: "amount DESC"}')
    silver = next(t for t in json.loads(run(root))["tables"] if t["table"] == "silver.people")
    assert silver["rows_duplicate"] == 3
    assert people(root) == [("A", 3), ("é", 5)]


@pytest.mark.parametrize("key", ["name", "[name, day]"])
def test_merge_replaces_a_row_and_its_spelling(key: str, tmp_path: Path) -> None:
    content = lines("a,1,2024-01-01", "É,1,2024-01-01", "c,9,2024-01-01")
    root = project(tmp_path, content, silver=f"{{key: {key}, load: merge}}")
    run(root)
    run(root, lines("A ,2,2024-01-01", "é,3,2024-01-01"))
    assert people(root) == [("A ", 2), ("é", 3), ("c", 9)]


def test_merge_takes_the_spelling_of_a_key_that_is_the_whole_row(tmp_path: Path) -> None:
    template = "SELECT p.name FROM bronze.people AS p\n"
    root = project(tmp_path, lines("a,1,2024-01-01"), silver="{key: name, load: merge}", template=template)
    run(root)
    run(root, lines("A,1,2024-01-01"))
    assert rows(root, "SELECT name FROM silver.people") == [("A",)]


@pytest.mark.parametrize(
    ("silver", "words"),
    [
        ("{key: name, load: append}", "keys of this load stand in the table already"),
        ("{key: name, load: partition, partition_by: {column: day, grain: month}}", "keys of this load stand in periods that"),
    ],
    ids=["append", "partition"],
)
@pytest.mark.parametrize(("first", "second"), [("a", "A"), ("a", "a "), ("É", "é")])
def test_a_key_that_stands_already_is_refused(
    silver: str, words: str, first: str, second: str, tmp_path: Path
) -> None:
    root = project(tmp_path, lines(f"{first},1,2024-01-01"), silver=silver)
    run(root)
    said = run(root, lines(f"{second},2,2024-02-01"), code=3)
    assert words in said
    assert people(root) == [(first, 1)]


def test_scd2_has_one_current_version_of_all_spellings(tmp_path: Path) -> None:
    root = project(tmp_path, lines("a,1,2024-01-01", "É,5,2024-01-01"), silver="{key: name, load: scd2}")
    run(root)
    run(root, lines("A ,1,2024-01-01", "é,5,2024-01-01"))
    assert people(root) == [("a", 1), ("É", 5)], "another spelling of the key is not another version"
    run(root, lines("A,2,2024-01-01", "é,5,2024-01-01"))
    assert people(root, "WHERE valid_to IS NULL") == [("A", 2), ("É", 5)]
    assert people(root, "WHERE valid_to IS NOT NULL") == [("a", 1)]


QUERIES = {
    "group": ("SELECT COUNT(*) AS amount FROM bronze.people AS p GROUP BY p.name", [2, 3]),
    "having": ("SELECT COUNT(*) AS amount FROM bronze.people AS p GROUP BY p.name HAVING MAX(p.name) = N'A  '", [3]),
    "distinct": ("SELECT COUNT(*) AS amount FROM (SELECT DISTINCT p.name FROM bronze.people AS p) AS d", [2]),
    "count distinct": ("SELECT COUNT(DISTINCT p.name) AS amount FROM bronze.people AS p", [2]),
    "join": ("SELECT COUNT(*) AS amount FROM bronze.people AS p JOIN bronze.people AS q ON q.name = p.name", [13]),
    "in": ("SELECT p.amount FROM bronze.people AS p WHERE p.name IN (N'É ', N'q')", [4, 5]),
    "in a query": (
        "SELECT p.amount FROM bronze.people AS p WHERE p.name IN (SELECT q.name FROM bronze.people AS q WHERE q.amount = 3)",
        [1, 2, 3],
    ),
    "not in": ("SELECT p.amount FROM bronze.people AS p WHERE p.name NOT IN (N'A')", [4, 5]),
    "exists": (
        "SELECT p.amount FROM bronze.people AS p"
        " WHERE EXISTS (SELECT 1 AS one FROM bronze.people AS q WHERE q.name = p.name AND q.amount = 5)",
        [4, 5],
    ),
    "window": (
        "SELECT d.amount FROM (SELECT p.amount, COUNT(*) OVER (PARTITION BY p.name) AS n FROM bronze.people AS p) AS d"
        " WHERE d.n = 2",
        [4, 5],
    ),
    "union": ("SELECT COUNT(*) AS amount FROM (SELECT p.name FROM bronze.people AS p UNION SELECT N'a ') AS d", [2]),
    "except": ("SELECT COUNT(*) AS amount FROM (SELECT p.name FROM bronze.people AS p EXCEPT SELECT N'a ') AS d", [1]),
    "intersect": (
        "SELECT COUNT(*) AS amount FROM (SELECT p.name FROM bronze.people AS p INTERSECT SELECT N'A') AS d",
        [1],
    ),
    "case": ("SELECT SUM(CASE p.name WHEN N'a' THEN 1 ELSE 0 END) AS amount FROM bronze.people AS p", [3]),
    "nullif": ("SELECT COUNT(NULLIF(p.name, N'A')) AS amount FROM bronze.people AS p", [2]),
    "between": ("SELECT p.amount FROM bronze.people AS p WHERE p.name BETWEEN N'A' AND N'a'", [1, 2, 3]),
    "recursive": (
        "WITH r AS (SELECT N'a' AS name, 1 AS amount UNION ALL SELECT r.name, r.amount + 1 FROM r"
        " JOIN bronze.people AS p ON p.name = r.name AND p.amount = r.amount) SELECT r.amount FROM r",
        [1, 2, 3, 4],
    ),
}


@pytest.mark.parametrize("case", QUERIES)
def test_templates_take_spellings_for_one(case: str, tmp_path: Path) -> None:
    template, expected = QUERIES[case]
    content = lines("a,1,2024-01-01", "A,2,2024-01-01", "a ,3,2024-01-01", "É,4,2024-01-01", "é ,5,2024-01-01")
    root = project(tmp_path, content, silver="{key: amount}", template=template + "\n")
    run(root)
    assert [amount for (amount,) in rows(root, "SELECT amount FROM silver.people ORDER BY amount")] == expected
