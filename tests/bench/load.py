"""Into the server that MEDALLION_TEST_SQLSERVER names: the engine's load beside a bare bulk copy and what others use, on
the same rows; and where the seconds of a whole run on the server go."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tests.bench.timing import Timed, medallion, median, row, timed
from tests.bench.ways import DLT_SCRIPT, dlt_environment, dlt_python
from tests.project.shipped import REFERENCE, copy_project
from tests.project_files import environment
from tests.targets import NO_SERVER, SQLSERVER, new_database

SLOW = {"fast_executemany": 20_000, "to_sql": 20_000, "dlt": 20_000}
"""Rows that the slow ways are given: enough for a rate, few enough to wait for."""
SESSIONS = {
    "session_id": "nvarchar(20)", "user_id": "nvarchar(20)", "content_id": "nvarchar(20)", "watch_date": "date",
    "watch_duration_minutes": "int", "completion_percentage": "decimal(5,1)", "device_type": "nvarchar(40)",
    "quality_level": "nvarchar(10)",
}  # fmt: skip
SHAPES: dict[str, dict[str, tuple[str, str]]] = {
    "narrow": {
        "id": ("bigint", "i"),
        "amount": ("decimal(9,2)", "CAST(i % 100000 AS DECIMAL(9,2)) / 100"),
        "day": ("date", "DATE '2020-01-01' + CAST(i % 1500 AS INTEGER)"),
        "flag": ("bit", "i % 3 = 0"),
    },
    "wide": {
        "id": ("bigint", "i"),
        **{f"n{k}": ("int", f"CAST((i * {k + 7}) % 100000 AS INTEGER)") for k in range(12)},
        **{f"d{k}": ("decimal(12,3)", f"CAST((i * {k + 3}) % 1000000 AS DECIMAL(12,3)) / 7") for k in range(6)},
        **{f"s{k}": ("nvarchar(20)", f"'value ' || (i * {k + 5}) % 1000") for k in range(8)},
        **{f"t{k}": ("datetime2(3)", "TIMESTAMP '2020-01-01' + INTERVAL (i % 100000) SECOND") for k in range(3)},
    },
    "strings": {
        "id": ("bigint", "i"),
        **{f"s{k}": ("nvarchar(200)", f"repeat('Zürich ' || (i * {k + 3}) % 9973 || ' ', 6)") for k in range(6)},
    },
}


def bench(folder: Path, runs: int, rows: int) -> None:
    if not os.environ.get(SQLSERVER):
        print(f"not run: {NO_SERVER}")
        return
    with new_database() as settings, environment(**settings):
        dlt = dlt_python(folder / "dlt"), dlt_environment(folder / "odbc")
        for label, path, count in _files(folder, rows):
            _load(folder, label, path, count, runs, dlt)
    with new_database() as settings, environment(**settings):
        _whole_run(folder)


def _files(folder: Path, rows: int) -> Iterator[tuple[str, Path, int]]:
    if REFERENCE.is_dir():
        path = folder / "sessions.parquet"
        reader = ", ".join(f"CAST({c} AS {_duckdb(t)}) AS {c}" for c, t in SESSIONS.items())
        csv = f"read_csv('{REFERENCE}/viewing_sessions.csv', header = true, all_varchar = true)"
        # The first column is a number, for the sum.
        yield (
            "reference sessions",
            path,
            _write(path, f"SELECT row_number() OVER () AS n, {reader} FROM {csv}", {"n": "bigint", **SESSIONS}),
        )
    for count in (min(rows, 1_000_000), rows):
        for shape, spec in SHAPES.items():
            path = folder / f"{shape}.parquet"
            select = ", ".join(f"CAST({sql} AS {_duckdb(t)}) AS {c}" for c, (t, sql) in spec.items())
            yield (
                shape,
                path,
                _write(path, f"SELECT {select} FROM range({count}) AS r(i)", {c: t for c, (t, _) in spec.items()}),
            )
            path.unlink()
        if rows <= 1_000_000:
            return


def _duckdb(tsql: str) -> str:
    from engine.core.sqltypes import parse_type

    return parse_type(tsql).duckdb


def _write(path: Path, select: str, types: dict[str, str]) -> int:
    # In a process of its own: the peak that a child is told to have had is never less than this one's.
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        return apart.submit(write, path, select, types).result()


def write(path: Path, select: str, types: dict[str, str]) -> int:
    """Write a query's rows to Parquet, each column with its T-SQL type beside it. Returns their number."""
    import duckdb
    import pyarrow as pa
    import pyarrow.parquet as pq

    with duckdb.connect() as con:
        reader = con.sql(select).to_arrow_reader(102_400)
        schema = pa.schema([f.with_metadata({"tsql": types[f.name]}) for f in reader.schema])
        with pq.ParquetWriter(path, schema) as writer:
            count = 0
            for batch in reader:
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema), 102_400)
                count += batch.num_rows
    return count


def _load(folder: Path, label: str, path: Path, count: int, runs: int, dlt: tuple[Path, dict[str, str]]) -> None:
    print(f"{label}, {count:,} rows")
    pairs = [(_way(folder, "engine", path, count), _way(folder, "bare", path, count)) for _ in range(runs)]
    for number, name in enumerate(("engine", "bare bulk copy")):
        _say(name, count, [pair[number] for pair in pairs])
    ratios = [b.data["seconds"] / e.data["seconds"] for e, b in pairs]
    print(
        f"    the engine at {100 * median(ratios):.0f} % of the bare copy, pair by pair {', '.join(f'{100 * r:.0f}' for r in ratios)}"
    )
    if count <= 1_000_000:
        inserts = _way(folder, "engine", path, min(count, SLOW["to_sql"]), MEDALLION_SQLSERVER_LOADER="inserts")
        _say("engine, second path", min(count, SLOW["to_sql"]), [inserts])
        for name in ("fast_executemany", "to_sql"):
            some = min(count, SLOW[name])
            _say(name, some, [_way(folder, name, path, some)])
        some = min(count, SLOW["dlt"])
        python, environment = dlt
        try:
            done = timed([str(python), "-c", DLT_SCRIPT, str(path), str(some)], folder, PYTHONPATH="", **environment)
        except RuntimeError as error:
            said = [line for line in str(error).splitlines() if "[SQL Server]" in line or "Error" in line]
            print(f"  dlt: not measured, it failed on this server: {(said or [str(error)])[-1][-300:]}")
            return
        _checked(done, some)
        _say("dlt", some, [done])


def _way(folder: Path, way: str, path: Path, limit: int, **environment: str) -> Timed:
    done = timed([sys.executable, "-m", "tests.bench.ways", way, str(path), str(limit)], folder, **environment)
    _checked(done, limit)
    if done.data["sum"] != (limit * (limit + 1 if path.stem == "sessions" else limit - 1)) // 2:
        raise RuntimeError(f"{way} brought other values: {done.out}")
    return done


def _checked(done: Timed, rows: int) -> None:
    if done.data["rows"] != rows:
        raise RuntimeError(f"{rows} rows were sent, {done.data['rows']} arrived")


def _say(name: str, rows: int, done: list[Timed]) -> None:
    seconds = median([d.data["seconds"] for d in done])
    row(
        f"  {name}, {rows:,} rows",
        seconds,
        f"{rows / seconds:>9,.0f} rows/s",
        f"{median([d.peak_mb for d in done]):,.0f} MB",
    )


def _whole_run(folder: Path) -> None:
    if not REFERENCE.is_dir():
        return
    (folder / "streaming").mkdir()
    project = copy_project(folder / "streaming")
    command = [*medallion(project, "run", "--target", "sqlserver", "--json")]
    done = timed(command, folder, DATA_DIR=str(REFERENCE))
    tables: list[dict[str, Any]] = json.loads(done.out)["tables"]
    steps = {s: sum(t["seconds_by_step"].get(s, 0) for t in tables) for s in ("load", "gate", "publish")}
    landed = sum(t["seconds_by_step"]["load"] for t in tables if t["table"].startswith("bronze."))
    row("the whole reference run on the server", done.wall, f"{done.peak_mb:,.0f} MB")
    print(
        f"    seconds of its threads: loading {landed:.1f}, building {steps['load'] - landed:.1f}, "
        f"judging {steps['gate']:.1f}, publishing {steps['publish']:.1f}; "
        f"judging is {100 * steps['gate'] / sum(steps.values()):.0f} % of them"
    )
    again = timed(command, folder, DATA_DIR=str(REFERENCE))
    row("the same with nothing to do", again.wall)
