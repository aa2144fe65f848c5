"""The container files as data, and Docker Compose's variables in them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yaml"
EXAMPLE = ROOT / ".env.example"
SCRIPTS = sorted((ROOT / "docker").glob("*.sh"))
SQL = sorted((ROOT / "docker").glob("*.sql"))
VARIABLE = re.compile(r"(?<!\$)\$\{(?P<name>\w+)(?:(?P<how>:-|:\?)(?P<rest>[^}]*))?\}")


def tool(name: str) -> str:
    """A linter that was installed beside this Python."""
    return str(Path(sys.executable).parent / name)


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return found


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose()["services"]
    return found


def example() -> dict[str, str]:
    """The variables of .env.example with their values."""
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def interpolated(text: str, values: Mapping[str, str]) -> str:
    """``text`` as Docker Compose reads it: variables replaced, the dollar that is written twice once."""

    def value(found: re.Match[str]) -> str:
        given = values.get(found["name"], "")
        assert given or found["how"] != ":?", f"{found['name']}: {found['rest']}"
        return given or (found["rest"] if found["how"] == ":-" else "")

    return VARIABLE.sub(value, text).replace("$$", "$")


def texts(node: Any) -> Iterator[str]:
    """Every text in a YAML document, keys left out."""
    if isinstance(node, dict):
        for value in node.values():
            yield from texts(value)
    elif isinstance(node, list):
        for value in node:
            yield from texts(value)
    elif isinstance(node, str):
        yield node
