"""A fault stays where it is: pipelines that do not need the faulty part are still there."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from engine.compile.dag_manifest import outline
from engine.compile.partial import sound_model
from engine.core.errors import ProjectError
from tests.project_files import PIPELINES, write_project

TWO = PIPELINES.replace(
    '  all: {tables: [bronze.*, silver.*, gold.*], schedule: "@daily"}\n',
    "  early: {tables: [bronze.*, silver.*]}\n  late: {tables: [gold.*], after: early}\n",
)
FAULTS: dict[str, tuple[dict[str, str | bytes | None], list[str]]] = {
    "a template": ({"templates/gold/customers.sql": "SELECT o.nonsense AS x FROM silver.orders AS o"}, ["early"]),
    "a template that others read": ({"templates/silver/orders.sql": "SELECT nonsense"}, []),
    "a suite": ({"expectations/gold/customers.yaml": "expectations:\n  - type: expect_nonsense\n"}, ["early"]),
    "a table": ({"pipelines.yaml": TWO.replace("    key: customer\n", "    kee: customer\n")}, ["early"]),
    "a pipeline": ({"pipelines.yaml": TWO.replace("after: early}", "after: early, retries: many}")}, ["early"]),
    "a table that nothing reads": (
        {"pipelines.yaml": TWO.replace("  gold.customers:", "  gold.other: {key: id}\n  gold.customers:")},
        ["early"],
    ),
    "a suite without a table": ({"expectations/gold/customer.yaml": "expectations: []\n"}, ["early", "late"]),
    "nothing": ({}, ["early", "late"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_pipelines_that_are_right_stay(fault: str, tmp_path: Path) -> None:
    changes, stay = FAULTS[fault]
    root = write_project(tmp_path, {"pipelines.yaml": TWO, **changes})
    sound = sound_model(root, None, dt.date(2024, 1, 1))
    assert list(sound.pipelines()) == stay
    assert bool(sound.problems) == (fault != "nothing")
    assert list(outline(root).pipelines) == stay


@pytest.mark.parametrize("text", ["tables: [", TWO.replace("version: 1", "version: 7"), ""])
def test_what_is_wrong_with_all_of_it_leaves_nothing(text: str, tmp_path: Path) -> None:
    root = write_project(tmp_path, {"pipelines.yaml": text})
    with pytest.raises(ProjectError):
        sound_model(root, None, dt.date(2024, 1, 1))
    made = outline(root)
    assert (made.pipelines, made.problem != "") == ({}, True)


def test_an_outline_is_kept_until_something_changes(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"pipelines.yaml": TWO})
    first = outline(root)
    kept = (root / "data/outline.json").read_bytes()
    assert outline(root) == first
    template = root / "templates/silver/orders.sql"
    template.write_text(template.read_text() + "  AND o.customer <> N'Ann'\n")
    assert "Ann" in outline(root).tables["silver.orders"].doc
    assert (root / "data/outline.json").read_bytes() != kept


def test_a_fault_is_not_kept(tmp_path: Path) -> None:
    root = write_project(tmp_path, {"pipelines.yaml": TWO, "templates/gold/customers.sql": "SELECT nonsense"})
    assert outline(root).problem
    assert not (root / "data/outline.json").exists()
