"""The set-up of roles: one text from the command and from the container's script, and Microsoft's parser takes it."""

from __future__ import annotations

import re
from dataclasses import replace

from engine.core.design import Design
from engine.warehouses.sqlserver.roles import SCHEMAS, alias_schemas, script, set_up
from engine.warehouses.sqlserver.shape import BABELFISH, SQL_SERVER
from tests.microsoft import Microsoft
from tests.microsoft.designs import DESIGNS
from tests.microsoft.shapes import CASES, shape
from tests.project_files import ROOT

SHIPPED = [
    shape("gold.users", alias="dbo.gold_users", id="int"),
    shape("silver.users", alias="dbo.silver_users", id="int"),
    shape("gold.plain", id="int"),
]


def grants(text: str) -> set[str]:
    return {" ".join(line.split()).rstrip(";") for line in re.findall(r"^GRANT .*?;", text, re.M)}


def test_the_set_up_parses(checker: Microsoft) -> None:
    shapes = [case.shape for case in CASES] + [case.table for case in DESIGNS]
    for server in (SQL_SERVER, BABELFISH):
        assert checker.parse_errors(script(set_up(shapes, server))) == []


def test_the_containers_script_gives_the_same_rights() -> None:
    text = (ROOT / "docker/database.sql").read_text(encoding="utf-8")
    assert grants(text) == grants(script(set_up(SHIPPED)))
    for name in SCHEMAS:
        assert f"SCHEMA_ID(N'{name}')" in text


def test_analysts_read_gold_and_its_aliases_and_nothing_else() -> None:
    text = script(set_up(SHIPPED))
    found = re.findall(r"(\S+) ON (\S+) TO \[data_analyst\]", text)
    assert found == [("SELECT", "SCHEMA::[gold]"), ("SELECT", "OBJECT::[dbo].[gold_users]")]


def test_declared_readers_and_denials_are_part_of_it() -> None:
    table = shape("silver.people", alias="people.all", id="int", name="int")
    text = script(set_up([replace(table, design=Design(grants=("readers",), deny=(("interns", ("name",)),)))]))
    assert alias_schemas([table]) == ["people"]
    assert "GRANT CONTROL ON SCHEMA::[people] TO [transformer];" in text
    for on in ("[silver].[people]", "[people].[all]"):
        assert f"IF OBJECT_ID(N'{on}') IS NOT NULL\n    GRANT SELECT ON OBJECT::{on} TO [readers];" in text
        assert f"IF OBJECT_ID(N'{on}') IS NOT NULL\n    DENY SELECT ON OBJECT::{on} ([name]) TO [interns];" in text
