"""What pydantic finds wrong with a part of pipelines.yaml, told with its place and in plain words."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from engine.config import specs
from engine.config.yamlfile import Node
from engine.core.errors import Problem, nearest


def validate_typed(
    node: Node,
    path: tuple[str, ...],
    value: Any,
    models: Mapping[str, type[BaseModel]],
    noun: str,
    problems: list[Problem],
) -> Any:
    """The model that the mapping's ``type`` names, filled from it; None, with problems added, when that cannot be."""
    if not isinstance(value, dict):
        problems.append(
            node.problem(path, f"{path[-1]!r} is not a mapping", expected=f"{{type: {' or '.join(models)}, …}}")
        )
        return None
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in models:
        said = f"{kind!r} is not a type of {noun}" if kind is not None else f"this {noun} has no type"
        problems.append(
            node.problem(
                (*path, "type"), said, value=True, expected=" or ".join(models), nearest=nearest(str(kind), models)
            )
        )
        return None
    return validate(node, path, value, models[kind], problems)


def validate(node: Node, path: tuple[str, ...], value: Any, model: type[BaseModel], problems: list[Problem]) -> Any:
    """The model filled from a value; None, with problems added, when it does not fit."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        problems += findings(node, path, error, model)
        return None


def findings(node: Node, path: tuple[Hashable, ...], error: ValidationError, model: type[BaseModel]) -> list[Problem]:
    """Each error of a ValidationError as a problem at its place."""
    out: dict[tuple[Any, ...], Problem] = {}
    errors = error.errors(include_url=False)
    for item in errors:
        if item["type"].endswith("_type") and _tried_better(item, errors):
            continue
        # pydantic names the branch of a union in loc; only the parts that stand in the file are positions.
        loc = _path_in(node.value, path, item["loc"])
        known = [f.alias or n for n, f in model.model_fields.items()]
        where = (*path, *loc)
        if item["type"] == "extra_forbidden":
            key = str(item["loc"][-1])
            if len(item["loc"]) > 1:
                within = _within(item["loc"])
                known = [f.alias or n for n, f in within.model_fields.items()]
            problem = node.problem(
                where, f"unknown key {key!r}", expected="one of " + ", ".join(known), nearest=nearest(key, known)
            )
        elif item["type"] == "missing":
            problem = node.problem(where, f"the key {item['loc'][-1]!r} is missing")
        else:
            message, expected = _said(item)
            problem = node.problem(where, message, expected=expected, value=True)
        out.setdefault((where, item["type"] == "extra_forbidden"), problem)
    return list(out.values())


def _within(loc: tuple[Any, ...]) -> type[BaseModel]:
    """The model of the part that holds the last key of ``loc``."""
    words = [part for part in loc[:-1] if isinstance(part, str)]
    return specs.PARTS.get(".".join(words), specs.PARTS.get(words[0], specs.ColumnSpec))


def _tried_better(item: Any, errors: list[Any]) -> bool:
    """Whether another branch of the same union got further into the value than "it is not text"."""
    prefix = item["loc"][:-1]
    return any(
        e is not item
        and (len(e["loc"]) > len(item["loc"]) or e["type"] == "value_error")
        and e["loc"][: len(prefix)] == prefix
        and not e["type"].endswith("_type")
        for e in errors
    )


def _path_in(value: Any, path: tuple[Hashable, ...], loc: tuple[Any, ...]) -> tuple[Any, ...]:
    for part in path:
        value = value[part]
    kept = []
    for part in loc:
        if (isinstance(value, dict) and part in value) or (
            isinstance(value, list) and isinstance(part, int) and part < len(value)
        ):
            value = value[part]
            kept.append(part)
    return tuple(kept)


def _said(item: Any) -> tuple[str, str]:
    context = item.get("ctx", {})
    shown = repr(item["input"])
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    if item["type"] == "literal_error":
        return f"{shown} does not fit here", str(context["expected"])
    if item["type"] == "value_error":
        return str(context["error"]), ""
    if item["loc"][-1] == "alias" and item["type"] == "string_pattern_mismatch":
        return f"{shown} does not fit here", "schema.name with the schema in lower case, such as dbo.users"
    if item["type"] == "string_too_short" and item["loc"][0] in ("grants", "deny"):
        return f"{shown} is empty", "a name"
    if item["type"] == "string_too_long" and context["max_length"] > 1:
        return f"{shown} is too long", f"at most {context['max_length']} characters"
    return f"{shown} does not fit here", _EXPECTED.get(item["type"]) or item["msg"][0].lower() + item["msg"][1:]


_EXPECTED = {
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "string_type": "text",
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "string_pattern_mismatch": "lower-case letters, digits and _",
    "string_too_long": "one character",
    "string_too_short": "one character",
}


def check_keys(
    node: Node,
    path: tuple[str, ...],
    data: dict[str, Any],
    known: tuple[str, ...],
    required: tuple[str, ...],
    problems: list[Problem],
) -> None:
    """Add a problem for each key that is unknown and each that is required and missing."""
    for key in data:
        if key not in known:
            problems.append(
                node.problem(
                    (*path, key),
                    f"unknown key {key!r}",
                    expected="one of " + ", ".join(known),
                    nearest=nearest(str(key), known),
                )
            )
    for key in required:
        if data.get(key) is None:
            problems.append(node.problem((*path, key) if key in data else path, f"the key {key!r} is missing"))
