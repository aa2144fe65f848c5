"""Decimal numbers by their digits: what is read from JSON, and how it is written again, never by way of a float."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any


def digits(value: object) -> str:
    """The text of a value; a decimal's has all its digits and never an exponent, which would make it a float in T-SQL."""
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def from_json(text: str) -> Any:
    """The values of a JSON text, its fractions as decimals of the digits that are written. A number with an exponent is
    a float, as in T-SQL."""
    return json.loads(text, parse_float=lambda number: float(number) if "e" in number.lower() else Decimal(number))


def to_json(value: Any, plain: Callable[[Any], Any], indent: str = "") -> str:
    """An indented JSON document in which decimals are numbers of all their digits. ``plain`` gives JSON's word for what
    JSON does not know."""
    if isinstance(value, Decimal) and value.is_finite():
        return digits(value)
    inner = indent + "  "
    if isinstance(value, dict) and value:
        parts = [f"{json.dumps(str(k), ensure_ascii=False)}: {to_json(v, plain, inner)}" for k, v in value.items()]
        return f"{{\n{inner}" + f",\n{inner}".join(parts) + f"\n{indent}}}"
    if isinstance(value, list | tuple) and value:
        return f"[\n{inner}" + f",\n{inner}".join(to_json(v, plain, inner) for v in value) + f"\n{indent}]"
    return json.dumps(value, default=plain, ensure_ascii=False)
