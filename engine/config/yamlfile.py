"""A YAML file as plain data that still knows the line and column of every key and value.

Strict where PyYAML is lax: a key written twice is an error (the last one would win in silence), and so are aliases
that multiply into more data than a person can have written.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from engine.core.errors import Problem, ProjectError

MAX_NODES = 200_000
"""Values a file may hold once its aliases are expanded; 1,000 tables need about 30,000."""

Path_ = tuple[Hashable, ...]
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass
class Node:
    """A YAML document: its plain ``value`` and where each part of it stands."""

    file: str
    value: Any
    keys: dict[Path_, tuple[int, int]] = field(default_factory=dict)
    values: dict[Path_, tuple[int, int]] = field(default_factory=dict)

    def at(self, *path: Hashable) -> tuple[int, int]:
        """Line and column (from 1) of the key at ``path``, or of its nearest parent that stands in the file."""
        return self._find(self.keys, path)

    def value_at(self, *path: Hashable) -> tuple[int, int]:
        """Line and column (from 1) of the value at ``path``, or of its nearest parent that stands in the file."""
        return self._find(self.values, path)

    def problem(
        self, path: Path_, message: str, *, expected: str = "", nearest: str = "", value: bool = False
    ) -> Problem:
        """A problem that points at the key (or the value) at ``path``."""
        line, column = self.value_at(*path) if value else self.at(*path)
        return Problem(message, self.file, line, column, expected, nearest)

    @staticmethod
    def _find(marks: dict[Path_, tuple[int, int]], path: Path_) -> tuple[int, int]:
        for end in range(len(path), -1, -1):
            if path[:end] in marks:
                return marks[path[:end]]
        return (1, 1)


class _Reader:
    def __init__(self, file: str) -> None:
        self.node = Node(file, None)
        self.problems: list[Problem] = []
        self.count = 0
        self.open: set[int] = set()
        self.scalars = yaml.constructor.SafeConstructor()

    def read(self, node: yaml.Node, path: Path_) -> Any:
        self.count += 1
        if self.count > MAX_NODES:
            raise ProjectError(
                self._at(
                    node,
                    f"the aliases of this file expand to more than {MAX_NODES:,} values",
                    "plain data; write repeated parts out, or fewer of them",
                )
            )
        if id(node) in self.open:
            raise ProjectError(
                self._at(node, "an anchor that contains itself", "an alias to something already complete")
            )
        mark = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.node.values[path] = mark
        self.node.keys.setdefault(path, mark)
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        self.open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                return [self.read(child, (*path, i)) for i, child in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self.open.discard(id(node))

    def _mapping(self, node: yaml.Node, path: Path_) -> dict[Any, Any]:
        out: dict[Any, Any] = {}
        seen: dict[Any, int] = {}
        for key_node, value_node in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                self.problems.append(self._at(key_node, "a key that is not a plain word", "text before the colon"))
                continue
            if key_node.tag == "tag:yaml.org,2002:merge":
                self.problems.append(self._at(key_node, "merge keys (<<) are not read", "the keys written out"))
                continue
            # Keys are names here: `on:` or `2024:` must not turn into True or a number.
            key = key_node.value
            if key in seen:
                self.problems.append(
                    self._at(
                        key_node,
                        f"the key {key!r} stands here a second time; the first is on line {seen[key]}",
                        "each key once",
                    )
                )
                continue
            seen[key] = key_node.start_mark.line + 1
            here = (*path, key)
            self.node.keys[here] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            out[key] = self.read(value_node, here)
        return out

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        try:
            return self.scalars.construct_object(node)
        except (yaml.YAMLError, ValueError) as error:
            what = getattr(error, "problem", None) or str(error)
            self.problems.append(
                self._at(node, f"cannot read {node.value!r}: {what}", "plain text, a number, a date or true/false")
            )
            return None

    def _at(self, node: yaml.Node, message: str, expected: str) -> Problem:
        return Problem(message, self.node.file, node.start_mark.line + 1, node.start_mark.column + 1, expected)


def load_yaml(path: Path, root: Path) -> Node:
    """Read one YAML document; an empty file is an empty mapping.

    Raises ProjectError with every fault found (syntax, tabs, duplicate keys, runaway aliases), each with its line and
    column, the file named relative to ``root``.
    """
    file = display_path(path, root)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ProjectError(Problem("no such file", file, expected="a YAML file here")) from None
    except UnicodeDecodeError as error:
        raise ProjectError(
            Problem(f"not UTF-8 at byte {error.start}", file, expected="a file saved as UTF-8")
        ) from None
    except OSError as error:
        raise ProjectError(Problem(f"cannot be read: {error.strerror}", file)) from None
    return parse_yaml(text, file)


def parse_yaml(text: str, file: str) -> Node:
    """The same for a text in hand; ``file`` is the name used in problems."""
    reader = _Reader(file)
    try:
        loader = _Loader(text)
        try:
            root_node = loader.get_single_node()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise ProjectError(_syntax_problem(error, text, file)) from None
    except yaml.YAMLError as error:
        raise ProjectError(Problem(f"not YAML: {error}", file, expected="a text file in YAML")) from None
    except RecursionError:
        raise ProjectError(Problem("nested too deeply", file, expected="a few levels of keys")) from None
    if root_node is None:
        reader.node.value = {}
        return reader.node
    reader.node.value = reader.read(root_node, ())
    if reader.problems:
        raise ProjectError(reader.problems)
    return reader.node


def display_path(path: Path, root: Path) -> str:
    """The path relative to the project folder where it lies inside, else as it is."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return str(path)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, file: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    column = mark.column + 1 if mark else 1
    lines = text.splitlines()
    shown = lines[line - 1] if 0 < line <= len(lines) else ""
    if "\t" in shown[: len(shown) - len(shown.lstrip())]:
        return Problem("a tab is used to indent", file, line, shown.index("\t") + 1, "spaces")
    what = error.problem or "not YAML"
    if error.context:
        what += f" ({error.context})"
    expected = "one YAML document" if "document" in what else "valid YAML: key: value, two spaces a level"
    return Problem(what, file, line, column, expected)
