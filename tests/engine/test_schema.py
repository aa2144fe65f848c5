"""The JSON Schema that editors use says what the engine says."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
import yaml

from engine.config.project import json_schema
from tests.project_files import PIPELINES, ROOT

PATH = ROOT / "engine" / "pipelines.schema.json"


def test_the_published_schema_is_the_models() -> None:
    assert json.loads(PATH.read_text()) == json_schema(), "run make schema"


@pytest.mark.parametrize("text", [PIPELINES, (ROOT / "pipelines.yaml").read_text()])
def test_projects_that_are_right_fit_the_schema(text: str) -> None:
    jsonschema.validate(yaml.safe_load(text), json.loads(PATH.read_text()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    key: order_id\n    columns", "    kee: order_id\n    columns"),
        ("type: csv", "type: cvs"),
        ("version: 1", "version: 2"),
    ],
)
def test_projects_that_are_wrong_do_not(old: str, new: str) -> None:
    changed: Any = yaml.safe_load(PIPELINES.replace(old, new))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(changed, json.loads(PATH.read_text()))


def test_the_shipped_project_names_the_schema() -> None:
    first = (ROOT / "pipelines.yaml").read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=./engine/pipelines.schema.json"
