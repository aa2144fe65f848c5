"""The streaming project on the reference data (or on a sample of its shape), beside the same SQL bare in DuckDB."""

from __future__ import annotations

import datetime as dt
import os
import shutil
from pathlib import Path

from tests.bench.timing import ROOT, Timed, medallion, median, row, script, timed

REFERENCE = ROOT.parent / "shared" / "reference"


def bench(folder: Path, runs: int, _rows: int) -> None:
    project, data = _project(folder)
    bare = folder / "bare.py"
    bare.write_text(_bare_script(project, data))
    whole: list[Timed] = []
    alone: list[float] = []
    for _ in range(runs):
        shutil.rmtree(project / "data", ignore_errors=True)
        whole.append(timed(medallion(project, "run", "--json"), folder, DATA_DIR=data))
        alone.append(timed(script(bare.read_text()), folder).wall)
    idle = [timed(medallion(project, "run", "--json"), folder, DATA_DIR=data).wall for _ in range(runs)]
    seconds = median([w.wall for w in whole])
    middle = min(whole, key=lambda w: abs(w.wall - seconds))
    tables = middle.data["tables"]
    print(
        f"data: {data if 'reference' not in data else 'the reference data'}, {len(tables)} tables, {middle.data['rows']:,} rows published"
    )
    row("the whole run, gates included", seconds, f"{median([w.peak_mb for w in whole]):,.0f} MB")
    row("the same SQL, bare in DuckDB", median(alone), f"ratio {seconds / median(alone):.1f}")
    row("a run with nothing to do, sources looked at", median(idle))
    _division(middle)


def _division(run: Timed) -> None:
    """How the seconds of the run divide. Steps overlap on two threads, so their sum may exceed the wall time."""
    steps = {"load": 0.0, "build": 0.0, "gate": 0.0, "publish": 0.0}
    for table in run.data["tables"]:
        spent = table["seconds_by_step"]
        steps["load" if table["table"].startswith("bronze.") else "build"] += spent.get("load", 0.0)
        steps["gate"] += spent.get("gate", 0.0)
        steps["publish"] += spent.get("publish", 0.0)
    phases = run.data["seconds_by_phase"]
    steps["gate"] -= phases.get("import", 0.0)
    print(
        f"  of {run.wall:.2f} s: start-up of Python {run.wall - run.data['seconds']:.2f}, checking the project {phases['check']:.2f}, "
        f"opening the warehouse {phases['open']:.2f}, tables {phases['tables']:.2f}, the rest is the end of the process"
    )
    print(
        "  within the tables, summed over threads that overlap and wait for each other: waiting for Great Expectations' import "
        f"{phases.get('import', 0.0):.2f}, " + ", ".join(f"{k} {v:.2f}" for k, v in steps.items())
    )


def _project(folder: Path) -> tuple[Path, str]:
    project = folder / "project"
    project.mkdir()
    for name in ("pipelines.yaml", "templates", "expectations"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, project / name)
        else:
            shutil.copy(source, project / name)
    if REFERENCE.is_dir():
        return project, str(REFERENCE)
    timed(medallion(project, "sample", "--dirty", "0"), folder)
    data = folder / "sample"
    (project / "data" / "raw").rename(data)
    return project, str(data)


def _bare_script(project: Path, data: str) -> str:
    """A program that runs the same transformations as plain CREATE TABLE AS statements, and nothing else."""
    from engine.compile.manifest import load_model
    from engine.config.project import load_project
    from engine.execution.rendering import render

    os.environ["DATA_DIR"] = data
    loaded = load_project(project)
    model = load_model(loaded, "embedded", dt.datetime.now(dt.UTC).date())
    statements = []
    for name, table in model.tables.items():
        quoted = '"' + name.replace(".", '"."') + '"'
        if table.landed:
            columns = ", ".join(f"'{c.name}': '{c.type.duckdb}'" for c in table.columns)
            source = loaded.source(table.spec.source or "", "embedded")
            statements.append(
                f"CREATE TABLE {quoted} AS SELECT * FROM read_csv('{project / source.path}', header = true, columns = {{{columns}}})"
                if source.type == "csv"
                else _bare_json(quoted, str(project / source.path), table.columns)
            )
        else:
            build = dict(render(model, name))["build"]
            statements.append("CREATE TABLE " + quoted + " AS" + build.split(" AS", 1)[1])
    from engine.warehouses.duckdb.transpile.dialect import MACROS

    file = str(project.parent / "bare.duckdb")
    return (
        f"import duckdb, os\nif os.path.exists({file!r}): os.remove({file!r})\ncon = duckdb.connect({file!r})\n"
        "con.execute(\"SET GLOBAL default_collation = 'nocase'; CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE SCHEMA gold\")\n"
        f"con.execute({MACROS!r})\nfor sql in {statements!r}: con.execute(sql)\ncon.close()\n"
    )


def _bare_json(name: str, path: str, columns: object) -> str:
    parts = []
    for kind, key in (("movie", "movies"), ("series", "series")):
        picked = ", ".join(
            f"TRY_CAST(r ->> '$.{c.name}' AS {c.type.duckdb}) AS {c.name}"
            if c.name != "content_type"
            else f"'{kind}' AS content_type"
            for c in columns
        )  # type: ignore[attr-defined]
        parts.append(
            f"SELECT {picked} FROM (SELECT unnest({key}) AS r FROM read_json('{path}', columns = {{{key}: 'JSON[]'}}))"
        )
    return f"CREATE TABLE {name} AS " + " UNION ALL ".join(parts)
