"""Templates to T-SQL text, with the template line of every rendered line.

A template is a plain SELECT. Values reach it as SQL only through ``| literal`` and ``| ident``: a bare text is refused
when it is printed, so that a variable can never become part of the statement by accident.
"""

from __future__ import annotations

import datetime as dt
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup

from engine.core.errors import Problem, ProjectError, nearest

_MARK = "\x00"
_FILTERS = (
    "default",
    "first",
    "int",
    "join",
    "last",
    "length",
    "list",
    "lower",
    "map",
    "round",
    "sort",
    "trim",
    "unique",
    "upper",
)


class Sql(str):
    """Text that is SQL already: what ``literal`` and ``ident`` return."""


class Text(str):
    """A text value. It refuses to be printed, also as a part of something longer."""

    def __html__(self) -> str:
        raise jinja2.TemplateRuntimeError(_bare(self))


def _bare(value: object) -> str:
    shown = str(value)
    shown = shown if len(shown) <= 40 else shown[:37] + "…"
    return f"the text {shown!r} would become part of the statement; write {{{{ … | literal }}}} for a value or {{{{ … | ident }}}} for a name"


def literal(value: Any) -> Sql:
    """The value as a T-SQL literal; a list becomes its literals with commas between."""
    if value is None:
        return Sql("NULL")
    if isinstance(value, bool):
        return Sql("1" if value else "0")
    if isinstance(value, int | Decimal):
        return Sql(str(value))
    if isinstance(value, float):
        return Sql(repr(value))
    if isinstance(value, dt.datetime):
        return Sql(f"CAST('{value.isoformat(sep='T', timespec='microseconds')}' AS datetime2(6))")
    if isinstance(value, dt.date):
        return Sql(f"CAST('{value.isoformat()}' AS date)")
    if isinstance(value, list | tuple):
        if not value:
            raise jinja2.TemplateRuntimeError("an empty list has no literal; an IN () is not T-SQL")
        return Sql(", ".join(literal(v) for v in value))
    if isinstance(value, str):
        return Sql("N'" + value.replace("'", "''") + "'")
    raise jinja2.TemplateRuntimeError(f"a {type(value).__name__} has no T-SQL literal")


def ident(value: Any) -> Sql:
    """The value as one quoted T-SQL name."""
    name = str(value)
    if not name or len(name) > 128 or _MARK in name:
        raise jinja2.TemplateRuntimeError(f"{name[:40]!r} is no T-SQL name: 1 to 128 characters")
    return Sql("[" + name.replace("]", "]]") + "]")


def _printed(value: Any) -> Any:
    if isinstance(value, jinja2.Undefined):
        return value
    if isinstance(value, Sql):
        return Markup(str(value))
    if isinstance(value, Markup) or (isinstance(value, int | float | Decimal) and not isinstance(value, bool)):
        return value
    if isinstance(value, str):
        raise jinja2.TemplateRuntimeError(_bare(value))
    raise jinja2.TemplateRuntimeError(
        f"a {type(value).__name__} cannot be printed as it is; write {{{{ … | literal }}}}"
    )


class _LineMarks(Extension):
    """Notes the template line in front of every line of template text; ``_unmark`` reads the notes."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        for token in stream:
            if token.type != "data":
                yield token
                continue
            lines = token.value.split("\n")
            marked = [f"{_MARK}{stream.name}:{token.lineno + i}{_MARK}{line}" for i, line in enumerate(lines)]
            yield Token(token.lineno, "data", "\n".join(marked))


@dataclass(frozen=True)
class Rendered:
    """SQL text and, for each of its lines, the template file (relative to the project) and line it came from."""

    sql: str
    lines: tuple[tuple[str, int], ...]

    def problem(self, message: str, line: int, column: int = 0, expected: str = "", near: str = "") -> Problem:
        """A problem at a line of the SQL, told with the template's file and line."""
        file, at = self.lines[min(max(line, 1), len(self.lines)) - 1]
        return Problem(message, file, at, column, expected, near)


class Templates:
    """The templates of a project, rendered with one set of values."""

    def __init__(self, root: Path, values: Mapping[str, Any]) -> None:
        self.root = root
        self.values = {k: _wrapped(v) for k, v in values.items()}

    @cached_property
    def _environment(self) -> jinja2.Environment:
        environment = ImmutableSandboxedEnvironment(
            loader=jinja2.FileSystemLoader(self.root / "templates"),
            undefined=jinja2.StrictUndefined,
            autoescape=True,
            finalize=_printed,
            extensions=[_LineMarks],
            keep_trailing_newline=True,
        )
        environment.globals = {"range": environment.globals["range"]}
        environment.filters = {k: environment.filters[k] for k in _FILTERS} | {"literal": literal, "ident": ident}
        return environment

    def render(self, name: str, **values: Any) -> Rendered:
        """Render ``templates/<name>``; ``values`` come on top of the common ones.

        Raises ProjectError with file and line for a syntax error, an undefined name or a bare text.
        """
        known = self.values | {k: _wrapped(v) for k, v in values.items()}
        try:
            plain = self._plain(name)
            if plain is not None:
                return plain
            text = self._environment.get_template(name).render(known)
        except jinja2.TemplateNotFound as error:
            raise ProjectError(
                Problem(f"no template {error.name!r}", f"templates/{name}", expected="a SELECT in that file")
            ) from None
        except jinja2.TemplateSyntaxError as error:
            raise ProjectError(Problem(str(error.message), f"templates/{error.name or name}", error.lineno)) from None
        except (jinja2.TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise ProjectError(self._failure(error, name, known)) from None
        except UnicodeDecodeError as error:
            raise ProjectError(
                Problem(f"not UTF-8 at byte {error.start}", f"templates/{name}", expected="a file saved as UTF-8")
            ) from None
        return _unmark(text, name)

    def _plain(self, name: str) -> Rendered | None:
        """A template without any Jinja is its own result; compiling it would take most of the time of a check."""
        path = self.root / "templates" / name
        text = path.read_text(encoding="utf-8") if path.is_file() else "{"
        if "{" in text:
            return None
        return Rendered(text, tuple((f"templates/{name}", i + 1) for i in range(text.count("\n") + 1)))

    def _failure(self, error: Exception, name: str, known: Mapping[str, Any]) -> Problem:
        file, line = f"templates/{name}", 1
        folder = str(self.root / "templates")
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename.startswith(folder):
                file, line = "templates/" + Path(frame.filename).relative_to(folder).as_posix(), frame.lineno or 1
        message, expected, near = str(error), "", ""
        if isinstance(error, jinja2.UndefinedError) and message.endswith("is undefined"):
            missing = message.split("'")[1] if "'" in message else message
            message = f"{missing!r} is not defined"
            expected = "one of " + ", ".join(sorted(known))
            near = nearest(missing, known)
        return Problem(message, file, line, expected=expected, nearest=near)


def _wrapped(value: Any) -> Any:
    if isinstance(value, str) and not isinstance(value, Sql):
        return Text(value)
    if isinstance(value, list):
        return [_wrapped(v) for v in value]
    return value


def _unmark(text: str, name: str) -> Rendered:
    """Take the line notes out; a line without one of its own came from where the line before it did."""
    lines: list[str] = []
    origins: list[tuple[str, int]] = []
    here = (f"templates/{name}", 1)
    for raw in text.split("\n"):
        parts = raw.split(_MARK)
        first = True
        for note in parts[1::2]:
            file, _, number = note.rpartition(":")
            if first or not "".join(parts[: parts.index(note)][::2]).strip():
                here = (f"templates/{file}", int(number))
            first = False
        lines.append("".join(parts[0::2]))
        origins.append(here)
    return Rendered("\n".join(lines), tuple(origins))
