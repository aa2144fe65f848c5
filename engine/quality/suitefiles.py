"""expectations/<layer>/<table>.yaml, read and checked without importing Great Expectations."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from engine.config.yamlfile import Node, load_yaml
from engine.core.errors import Problem, ProjectError, nearest
from engine.quality.rowquery import NotRowWise, check_row_wise
from engine.quality.suites import (
    COLUMN_KWARGS,
    QUERY_KWARG,
    ROW_QUERY,
    Expectation,
    Position,
    Suite,
    catalogue,
    identified,
    short_digest,
)
from engine.tsql.like import INSTEAD, like_regex
from engine.tsql.templates import literal

SEVERITIES = ("critical", "warning", "info")
_KEYS = ("type", "kwargs", "severity", "quarantine", "description")
_VARIABLE = re.compile(r"\{\{\s*(\w+)\s*(\|\s*literal\s*)?\}\}")
_KIND_WORDS = {
    "text": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "list": "a list",
    "date": "a date (YYYY-MM-DD)",
    "mapping": "a mapping",
    "choice": "one of its words",
}


def load_suite(path: Path, root: Path, *, variables: Mapping[str, Any] | None = None) -> Suite:
    """Read and check one suite; ``variables`` are what ``{{ name }}`` may name in keyword arguments.

    Raises ProjectError with everything that is wrong in the file, each with line and column.
    """
    node = load_yaml(path, root)
    reader = _Reader(node, variables or {})
    suite = Suite(f"{path.parent.name}.{path.stem}", node.file, tuple(reader.expectations()))
    if reader.problems:
        raise ProjectError(reader.problems)
    return suite


class _Reader:
    """Turns the YAML into expectations and collects what is wrong with it."""

    def __init__(self, node: Node, variables: Mapping[str, Any]) -> None:
        self.node = node
        self.variables = variables
        self.problems: list[Problem] = []

    def problem(self, path: tuple[Any, ...], message: str, **more: Any) -> None:
        self.problems.append(self.node.problem(path, message, **more))

    def expectations(self) -> Iterator[Expectation]:
        top = self.node.value
        if not isinstance(top, dict):
            self.problem((), "a suite is a mapping", expected="expectations: followed by a list")
            return
        self.unknown((), top, ("expectations",), "key of a suite")
        listed = top.get("expectations")
        if listed is None:
            listed = []
        if not isinstance(listed, list):
            self.problem(("expectations",), "expectations is not a list", expected="- type: … for each", value=True)
            return
        if not listed and set(top) <= {"expectations"}:
            self.problem(("expectations",), "the suite judges nothing", expected="an expectation, or no such file")
        said: dict[tuple[str, str], int] = {}
        ids: set[str] = set()
        for i, item in enumerate(listed):
            expectation = self.expectation(i, item)
            if expectation is None:
                continue
            same = said.setdefault((expectation.type, short_digest(expectation.kwargs)), i)
            if same != i:
                line = self.node.at("expectations", same)[0]
                self.problem(("expectations", i), f"the same expectation stands on line {line}", expected="it once")
            if expectation.id in ids:
                expectation = replace(expectation, id=f"{expectation.id}#{short_digest(expectation.kwargs)}")
            ids.add(expectation.id)
            yield expectation

    def expectation(self, i: int, item: Any) -> Expectation | None:
        here = ("expectations", i)
        if not isinstance(item, dict):
            self.problem(here, "an expectation is a mapping", expected="type: expect_… and kwargs: {…}")
            return None
        self.unknown(here, item, _KEYS, "key of an expectation")
        severity = item.get("severity", "critical")
        if severity not in SEVERITIES:
            self.problem(
                (*here, "severity"),
                f"severity {severity!r}",
                expected=_or(SEVERITIES),
                nearest=nearest(str(severity), SEVERITIES),
                value=True,
            )
        quarantine = item.get("quarantine", False)
        if not isinstance(quarantine, bool):
            self.problem((*here, "quarantine"), f"quarantine {quarantine!r}", expected="true or false", value=True)
        type_, spec = self.kind(here, item)
        if spec is None:
            return None
        kwargs = self.kwargs(here, item.get("kwargs") or {}, type_, spec)
        if quarantine is True and not spec["rows"]:
            self.problem(
                (*here, "quarantine"),
                f"{type_} judges the table as a whole: it has no failing rows to move",
                expected="quarantine only on expectations about single rows",
            )
        if type_ == ROW_QUERY and isinstance(kwargs.get(QUERY_KWARG), str):
            self.query((*here, "kwargs", QUERY_KWARG), kwargs[QUERY_KWARG], quarantine is True)
        return Expectation(
            identified(type_, kwargs),
            type_,
            kwargs,
            str(severity),
            quarantine is True,
            str(item.get("description") or ""),
            self.position(here),
            self.columns_at(here, kwargs),
        )

    def kind(self, here: tuple[Any, ...], item: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
        if "type" not in item:
            self.problem(here, "an expectation without a type", expected="type: expect_…")
            return "", None
        type_ = item["type"]
        spec = catalogue().get(type_) if isinstance(type_, str) else None
        if spec is None:
            self.problem(
                (*here, "type"),
                f"unknown expectation {type_!r}",
                value=True,
                expected="the name of a Great Expectations expectation",
                nearest=nearest(str(type_), catalogue()),
            )
        elif reason := spec.get("unavailable"):
            self.problem((*here, "type"), f"{type_} cannot be judged here: {reason}", value=True)
        return str(type_), spec

    def kwargs(self, here: tuple[Any, ...], given: Any, type_: str, spec: Mapping[str, Any]) -> dict[str, Any]:
        path = (*here, "kwargs")
        if not isinstance(given, dict):
            self.problem(path, "kwargs is not a mapping", expected="kwargs: {name: value}", value=True)
            return {}
        known = spec["kwargs"]
        self.unknown(path, given, tuple(known), f"argument of {type_}")
        for name, rule in known.items():
            if rule.get("required") and given.get(name) is None:
                self.problem(path if given else here, f"{type_} without {name}", expected=f"{name}: {_expected(rule)}")
        out = {}
        for name, value in given.items():
            if name not in known or value is None:
                continue
            in_sql = name == QUERY_KWARG
            out[name] = self.filled((*path, name), value, in_sql)
            if _holds_variable(value) and out[name] is None:
                continue
            self.value((*path, name), type_, name, known[name], out[name])
        self.bounds(path, out)
        self.patterns(path, out)
        if isinstance(out.get("row_condition"), str):
            out.setdefault("condition_parser", "great_expectations")
        return out

    def filled(self, path: tuple[Any, ...], value: Any, in_sql: bool) -> Any:
        """The value with its variables, dates as ISO text; None when a variable is missing."""
        if isinstance(value, list):
            return [self.filled((*path, i), v, in_sql) for i, v in enumerate(value)]
        if isinstance(value, dict):
            return {k: self.filled((*path, k), v, in_sql) for k, v in value.items()}
        if isinstance(value, dt.date):
            return value.isoformat()
        if isinstance(value, Decimal):
            return float(value)
        if not isinstance(value, str):
            return value
        whole = _VARIABLE.fullmatch(value.strip())
        if whole and not in_sql:
            found = self.variable(path, whole[1])
            return self.filled(path, found, in_sql) if not isinstance(found, str) else found
        text = _VARIABLE.sub(lambda m: self.in_text(path, m, in_sql), value)
        if in_sql and (stray := re.search(r"\{\{|\{%", text)):
            self.problem(
                path, f"only {{{{ name | literal }}}} is filled in here, not {text[stray.start() :][:20]!r}", value=True
            )
        return text

    def in_text(self, path: tuple[Any, ...], match: re.Match[str], in_sql: bool) -> str:
        value = self.variable(path, match[1])
        if not in_sql:
            return str(value)
        if match[2] or isinstance(value, int | float | Decimal):
            return str(literal(value))
        self.problem(
            path,
            f"{match[0]} would become part of the statement",
            expected=f"{{{{ {match[1]} | literal }}}}",
            value=True,
        )
        return "NULL"

    def variable(self, path: tuple[Any, ...], name: str) -> Any:
        if name not in self.variables:
            self.problem(
                path,
                f"undefined variable {name!r}",
                nearest=nearest(name, self.variables),
                value=True,
                expected="a name from vars in pipelines.yaml",
            )
            return None
        return self.variables[name]

    def value(self, path: tuple[Any, ...], type_: str, name: str, rule: Mapping[str, Any], value: Any) -> None:
        if "choice" in rule["kinds"] and isinstance(value, str):
            if value not in rule["choices"]:
                self.problem(
                    path,
                    f"{name} {value!r}",
                    expected=_or(rule["choices"]),
                    value=True,
                    nearest=nearest(value, rule["choices"]),
                )
        elif not any(_is(kind, value) for kind in rule["kinds"]):
            self.problem(path, f"{name} {_short(value)}", expected=_expected(rule), value=True)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            least, most = rule.get("least"), rule.get("most")
            if (least is not None and value < least) or (most is not None and value > most):
                span = f"{least:g} to {most:g}" if most is not None else f"{least:g} or more"
                self.problem(path, f"{name} {value}", expected=f"a number from {span}", value=True)
        elif name == "column_list" and not all(isinstance(v, str) for v in value):
            self.problem(path, f"{name} {_short(value)}", expected="a list of column names", value=True)

    def bounds(self, path: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        low, high = kwargs.get("min_value"), kwargs.get("max_value")
        if low is not None and high is not None and type(low) is type(high) and low > high:
            self.problem(
                (*path, "min_value"),
                f"min_value {low} is above max_value {high}",
                value=True,
                expected="min_value <= max_value",
            )

    def patterns(self, path: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """LIKE patterns that would mean something else on each warehouse, or nothing at all."""
        escape = kwargs.get("escape")
        if escape is not None and (not isinstance(escape, str) or len(escape) != 1):
            self.problem((*path, "escape"), f"escape {_short(escape)}", expected="one character", value=True)
            return
        listed = kwargs.get("like_pattern_list")
        given = [((*path, "like_pattern_list", i), p) for i, p in enumerate(listed if isinstance(listed, list) else ())]
        for at, pattern in [((*path, "like_pattern"), kwargs.get("like_pattern")), *given]:
            if isinstance(pattern, str):
                try:
                    like_regex(pattern, escape or "")
                except ValueError as error:
                    self.problem(at, str(error), expected=INSTEAD, value=True)
            elif pattern is not None and at[-1] != "like_pattern":
                self.problem(at, f"a pattern {_short(pattern)}", expected="text", value=True)

    def query(self, path: tuple[Any, ...], sql: str, quarantine: bool) -> None:
        if "{batch}" not in sql:
            self.problem(
                path,
                "the query does not read {batch}, the table that is judged",
                value=True,
                expected="SELECT b.* FROM {batch} AS b WHERE …",
            )
        elif quarantine:
            try:
                check_row_wise(sql)
            except NotRowWise as error:
                self.problem(
                    path,
                    f"rows cannot be quarantined by this query: {error}",
                    value=True,
                    expected="SELECT b.* FROM {batch} AS b WHERE …, with other tables only in sub-queries",
                )

    def unknown(self, path: tuple[Any, ...], given: Mapping[Any, Any], known: Sequence[str], what: str) -> None:
        for name in given:
            if name not in known:
                self.problem(
                    (*path, name), f"{name!r} is no {what}", expected=_or(known), nearest=nearest(str(name), known)
                )

    def position(self, path: tuple[Any, ...]) -> Position:
        return Position(self.node.file, *self.node.at(*path))

    def columns_at(self, here: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[tuple[str, Position], ...]:
        found: list[tuple[str, Position]] = []
        for name in COLUMN_KWARGS:
            value, path = kwargs.get(name), (*here, "kwargs", name)
            listed = enumerate(value) if isinstance(value, list) else ()
            parts = [(value, path)] if isinstance(value, str) else [(v, (*path, i)) for i, v in listed]
            found += [(str(v), Position(self.node.file, *self.node.value_at(*p))) for v, p in parts]
        condition = kwargs.get("row_condition")
        if isinstance(condition, str):
            at = Position(self.node.file, *self.node.value_at(*here, "kwargs", "row_condition"))
            found += [(column, at) for column in re.findall(r"""col\(\s*["'](.+?)["']\s*\)""", condition)]
        return tuple(found)


def _holds_variable(value: Any) -> bool:
    return isinstance(value, str) and bool(_VARIABLE.search(value))


def _is(kind: str, value: Any) -> bool:
    if kind == "text":
        return isinstance(value, str)
    if kind in ("number", "integer"):
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return not isinstance(value, bool) and (whole if kind == "integer" else isinstance(value, int | float))
    if kind == "date":
        try:
            return isinstance(value, str) and bool(dt.datetime.fromisoformat(value))
        except ValueError:
            return False
    return isinstance(value, {"boolean": bool, "list": list, "mapping": dict}.get(kind, ()))


def _expected(rule: Mapping[str, Any]) -> str:
    if rule.get("choices"):
        return _or(rule["choices"])
    return _or([_KIND_WORDS[kind] for kind in rule["kinds"]])


def _or(words: Sequence[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
