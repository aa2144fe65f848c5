"""What CONTRIBUTING.md and docs/architecture.md say of where things live."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import get_args

import pytest

from engine.config.specs import SOURCES as SOURCE_SPECS
from engine.config.specs import TARGETS, TableSpec
from engine.core.strategies import STRATEGIES
from engine.sources import SOURCES
from engine.sources import Source as SourceProtocol
from engine.warehouses.dialect import Dialect
from engine.warehouses.kinds import Kind

ROOT = Path(__file__).parents[2]
RECIPES = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROOMS = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")


def members(protocol: type) -> set[str]:
    return {*protocol.__annotations__, *(n for n in vars(protocol) if not n.startswith("_"))}


def test_every_place_that_a_recipe_names_is_there() -> None:
    named = re.findall(r"`((?:engine|tests|docs)/[^`<>]*)`", RECIPES)
    assert named
    assert [place for place in named if not (ROOT / place).exists()] == []


def test_the_rooms_are_the_folders_in_the_order_of_the_contract() -> None:
    told = re.findall(r"^\| `(\w+)` \|", ROOMS, re.MULTILINE)
    contract = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    layers = re.search(r"^layers = \[(.*?)\]", contract, re.DOTALL | re.MULTILINE)
    assert layers
    assert told == re.findall(r'"(\w+)"', layers[1])
    assert {*told} == {p.parent.name for p in (ROOT / "engine").glob("*/__init__.py")}


def test_a_strategy_is_one_entry_its_statements_and_its_word() -> None:
    assert {*STRATEGIES} == {*get_args(TableSpec.model_fields["load"].annotation)}
    pages = (ROOT / "docs/pipelines.md").read_text(encoding="utf-8")
    for name, strategy in STRATEGIES.items():
        assert f"| `{name}`" in pages
        for folder in ("duckdb", "sqlserver"):
            made = ROOT / f"engine/warehouses/{folder}/sql/publish_{name}.sql"
            assert made.exists() or (strategy.exchanges and folder == "sqlserver"), made


@pytest.mark.parametrize("type_", sorted(TARGETS))
def test_a_warehouse_is_a_folder_with_a_kind_and_a_dialect(type_: str) -> None:
    kind = import_module(f"engine.warehouses.{type_}.kind").KIND
    dialect = import_module(f"engine.warehouses.{type_}.dialect").DIALECT
    assert members(Kind) - {*dir(kind)} == set()
    assert members(Dialect) - {*dir(dialect)} == set()


def test_a_source_is_a_class_with_the_members_of_source_and_a_model() -> None:
    assert {*SOURCES} == {*SOURCE_SPECS}
    for module, name in SOURCES.values():
        assert members(SourceProtocol) - {*dir(getattr(import_module(module), name))} == set()
