"""Holds T-SQL against Microsoft's own parser (ScriptDom) and compiler (DacFx), as of SQL Server 2019, without a server.

    from tests.microsoft import microsoft
    microsoft().parse_errors("SELECT 1 LIMIT 2")       -> ["1:10 Incorrect syntax near LIMIT."]

One process serves a whole test session: starting .NET takes a second, a statement a few milliseconds.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.microsoft.assemblies import ICU_VERSION, Unavailable, unpacked

__all__ = ["Microsoft", "Unavailable", "as_procedure", "as_view", "microsoft"]


class Microsoft:
    """A running checker process; raises Unavailable when .NET, its wheels or its libraries cannot be had."""

    def __init__(self) -> None:
        home = unpacked()
        try:
            import dotnetcore2
        except ImportError as absent:
            raise Unavailable("dotnetcore2 is not installed (make setup)") from absent
        dotnet = Path(dotnetcore2.__file__).parent / "bin"
        found = {name: value for name, value in os.environ.items() if not name.startswith("DOTNET_")}
        environment = found | {
            "LD_LIBRARY_PATH": f"{home}:{os.environ.get('LD_LIBRARY_PATH', '')}",
            "CLR_ICU_VERSION_OVERRIDE": ICU_VERSION,
            "DOTNET_CLI_TELEMETRY_OPTOUT": "1",
            "COMPlus_EnableDiagnostics": "0",
        }
        checker = Path(__file__).with_name("checker.py")
        self.process = subprocess.Popen(
            [sys.executable, str(checker), str(home), str(dotnet)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        if not self.process.stdout or not self.process.stdout.readline():
            words = self.process.stderr.read() if self.process.stderr else ""
            raise Unavailable(f".NET Core 3.1 did not start: {words.strip()[-500:]}")

    def ask(self, request: Mapping[str, Any]) -> Any:
        assert self.process.stdin and self.process.stdout and self.process.stderr
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the checker process ended: {self.process.stderr.read()[-2000:]}")
        answer = json.loads(line)
        if "failed" in answer:
            raise RuntimeError(answer["failed"])
        return answer["errors"]

    def parse_errors(self, sql: str) -> list[str]:
        """What SQL Server 2019's grammar has against a script (GO separates batches), as ``line:column message``."""
        errors: list[str] = self.ask({"parse": sql})
        return errors

    def compile_errors(self, declarations: Iterable[str], objects: Iterable[str]) -> list[str]:
        """What the compiler has against views and procedures over declared schemas and tables, one text an error.

        Both are CREATE statements, one a text. All share one model, so hundreds are one request. Tables and columns
        that do not resolve are found; a missing GROUP BY, an unknown function and the system's own objects are not.
        """
        errors: list[str] = self.ask({"declare": list(declarations), "compile": list(objects)})
        # the system's objects would come with the master database, which no package carries
        return [e for e in errors if "object [sys].[" not in e and "objects: [sys].[" not in e]

    def close(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(timeout=30)


@functools.cache
def microsoft() -> Microsoft:
    """The checker of this process, started on first use; raises Unavailable with the reason."""
    checker = Microsoft()
    atexit.register(checker.close)
    return checker


def as_view(name: str, select: str) -> str:
    """A SELECT as a view, so that the compiler resolves what it reads; ``name`` is any text."""
    return f"CREATE VIEW [dbo].[{name.replace(']', ']]')}] AS\n{select}"


def as_procedure(name: str, script: str) -> str:
    """A script of one batch as a procedure, so that the compiler resolves what it reads and writes."""
    return f"CREATE PROCEDURE [dbo].[{name.replace(']', ']]')}] AS\n{script}"
