"""Names in SQL that every warehouse understands."""

from __future__ import annotations


def quoted(name: str) -> str:
    """One identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def qualified(schema: str, name: str) -> str:
    return f"{quoted(schema)}.{quoted(name)}"
