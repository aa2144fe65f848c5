"""Microsoft's T-SQL parser and compiler behind a pipe: one JSON request a line in, one JSON answer a line out.

A process of its own, because .NET's loader reads LD_LIBRARY_PATH and its globalisation settings once, at start.
Requests are ``{"parse": sql}`` or ``{"declare": [sql, ...], "compile": [sql, ...]}``, answers
``{"errors": [text, ...]}``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

MAKING = "Create", "AlterTableAddTableElement"
ASSEMBLIES = "Microsoft.SqlServer.TransactSql.ScriptDom", "Microsoft.SqlServer.Dac.Extensions"


def start_runtime(home: Path, dotnet: Path) -> None:
    """Start .NET Core 3.1 in this process with the assemblies in ``home``."""
    import pythonnet
    from clr_loader import get_coreclr

    pythonnet.set_runtime(get_coreclr(runtime_config=home / "runtimeconfig.json", dotnet_root=dotnet))
    import clr

    sys.path.append(str(home))
    for name in ASSEMBLIES:
        clr.AddReference(name)


def parsed(sql: str) -> tuple[Any, list[str]]:
    from Microsoft.SqlServer.TransactSql.ScriptDom import TSql150Parser
    from System.IO import StringReader

    # pythonnet hands an out parameter back beside the result
    script, errors = TSql150Parser(True).Parse(StringReader(sql), None)
    return script, [f"{e.Line}:{e.Column} {e.Message}" for e in errors]


def parse(sql: str) -> list[str]:
    return parsed(sql)[1]


def objects_in(sql: str) -> tuple[list[str], list[str]]:
    """The statements of a script that make objects, each by itself as a model wants them; and what is against it."""
    script, faults = parsed(sql)
    if faults:
        return [], faults
    made: list[str] = []
    units = sql.encode("utf-16-le")  # .NET counts in these
    for statement in (s for batch in script.Batches for s in batch.Statements):
        kind, start = statement.GetType().Name, 2 * statement.StartOffset
        if kind.startswith(MAKING):
            made.append(units[start : start + 2 * statement.FragmentLength].decode("utf-16-le"))
        else:  # a model would leave it out and say nothing
            faults.append(f"{kind} does not make an object")
    return made, faults


def compile_objects(scripts: list[str]) -> list[str]:
    from Microsoft.SqlServer.Dac.Model import SqlServerVersion, TSqlModel, TSqlModelOptions
    from System import Exception as NetException

    model = TSqlModel(SqlServerVersion.Sql150, TSqlModelOptions())
    found: list[str] = []
    for sql in scripts:
        made, faults = objects_in(sql)
        found.extend(f"{fault} in: {sql}" for fault in faults)
        for statement in made:
            try:
                model.AddObjects(statement)
            except NetException as problem:
                found.append(f"{problem.Message} in: {statement}")
    found.extend(str(message) for message in model.Validate())
    return found


def main() -> None:
    start_runtime(Path(sys.argv[1]), Path(sys.argv[2]))
    from System import Exception as NetException

    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if "parse" in request:
                answer: dict[str, Any] = {"errors": parse(request["parse"])}
            else:
                answer = {"errors": compile_objects([*request["declare"], *request["compile"]])}
        except NetException as problem:  # told to the test that asked, the process goes on
            answer = {"failed": f"{problem}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
