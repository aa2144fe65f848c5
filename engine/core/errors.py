"""What can go wrong, said so that the reader knows where to look and what to do.

Each error carries its exit code: 1 the project is wrong, 2 a gate failed, 3 a source or the
warehouse failed.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with the project: where, what, what was expected, what is near.

    ``file`` is relative to the project folder; ``line`` and ``column`` count from 1, 0 means unknown.
    """

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    expected: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        where = self.file
        if self.line:
            where += f":{self.line}" + (f":{self.column}" if self.column else "")
        text = f"{where}: {self.message}" if where else self.message
        if self.expected:
            text += f"; expected {self.expected}"
        if self.nearest:
            text += f"; did you mean {self.nearest!r}?"
        return text


class MedallionError(Exception):
    """The base of every error this engine raises on purpose."""

    exit_code = 1


class ProjectError(MedallionError):
    """The project is wrong: pipelines.yaml, a template or a suite. Holds every problem found, in file order."""

    exit_code = 1

    def __init__(self, problems: Iterable[Problem] | Problem | str) -> None:
        if isinstance(problems, str):
            problems = Problem(problems)
        if isinstance(problems, Problem):
            problems = [problems]
        self.problems = sorted(problems, key=lambda p: (p.file, p.line, p.column))
        super().__init__("\n".join(str(p) for p in self.problems))


class GateFailed(MedallionError):
    """A critical expectation did not hold; the published table was left as it was."""

    exit_code = 2


class SourceError(MedallionError):
    """A source could not be read: missing, empty, wrong encoding, columns absent."""

    exit_code = 3


class WarehouseError(MedallionError):
    """The warehouse refused, or somebody else holds it."""

    exit_code = 3


class StagingGone(WarehouseError):
    """The rows that were to be judged are no longer staged: a later load of the table took their place."""


LOST = ("08", "HYT00", "HYT01")
"""How the ODBC states begin that say that a connection is gone."""


def sqlstate(error: BaseException) -> str:
    """The ODBC state in a driver's exception, or in SQLAlchemy's around it; empty when it has none."""
    arguments = (getattr(error, "orig", None) or error).args
    state = str(arguments[0]) if len(arguments) > 1 else ""
    return state if re.fullmatch(r"[0-9A-Z]{5}", state) else ""


def nearest(name: str, known: Iterable[str]) -> str:
    """The known name closest to ``name`` (case ignored), or an empty string when none is close."""
    by_folded = {k.casefold(): k for k in known}
    match = difflib.get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[match[0]] if match else ""
