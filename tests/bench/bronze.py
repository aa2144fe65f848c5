"""CSV to bronze, beside a bare DuckDB load of the same file into a stored table, with peak memory at two sizes."""

from __future__ import annotations

from pathlib import Path

from tests.bench.timing import Timed, medallion, median, row, script, timed

COLUMNS = {
    "event_id": "bigint",
    "user_id": "nvarchar(20)",
    "country": "nvarchar(20)",
    "happened_on": "date",
    "happened_at": "datetime2(6)",
    "quantity": "int",
    "price": "decimal(12,2)",
    "ratio": "float",
    "is_new": "bit",
    "note": "nvarchar(60)",
}
DUCKDB = {
    "event_id": "BIGINT",
    "user_id": "VARCHAR",
    "country": "VARCHAR",
    "happened_on": "DATE",
    "happened_at": "TIMESTAMP",
    "quantity": "INTEGER",
    "price": "DECIMAL(12,2)",
    "ratio": "DOUBLE",
    "is_new": "BOOLEAN",
    "note": "VARCHAR",
}


def bench(folder: Path, runs: int, rows: int) -> None:
    small = _pair(folder, rows // 10, runs)
    large = _pair(folder, rows, runs)
    for label, (engine, bare, count) in (("small", small), ("large", large)):
        seconds, alone = median([e.wall for e in engine]), median([b.wall for b in bare])
        ratios = [b.wall / e.wall for e, b in zip(engine, bare, strict=True)]
        row(
            f"{count:,} rows, CSV to bronze ({label})",
            seconds,
            f"{count / seconds:,.0f} rows/s",
            f"{median([e.peak_mb for e in engine]):,.0f} MB",
        )
        row(
            f"{count:,} rows, bare CREATE TABLE AS",
            alone,
            f"{count / alone:,.0f} rows/s",
            f"{median([b.peak_mb for b in bare]):,.0f} MB",
        )
        print(
            f"  {100 * median(ratios):.0f} % of the bare load's speed, pair by pair {', '.join(f'{100 * r:.0f}' for r in ratios)}"
        )


def _pair(folder: Path, rows: int, runs: int) -> tuple[list[Timed], list[Timed], int]:
    source = folder / f"events_{rows}.csv"
    timed(script(_generate(source, rows)), folder)
    columns = ", ".join(f'{k}: "{v}"' for k, v in COLUMNS.items())
    project = folder / f"project_{rows}"
    project.mkdir()
    (project / "pipelines.yaml").write_text(
        "version: 1\nname: events\ntargets:\n  embedded: {type: duckdb, path: data/warehouse.duckdb}\ndefault_target: embedded\n"
        f"sources:\n  events: {{type: csv, path: {source}}}\ntables:\n  bronze.events: {{source: events, columns: {{{columns}}}}}\n"
    )
    typed = ", ".join(f"'{k}': '{v}'" for k, v in DUCKDB.items())
    bare = (
        f"import duckdb\ncon = duckdb.connect({str(folder / 'bare.duckdb')!r})\n"
        f"con.execute(\"CREATE TABLE events AS SELECT * FROM read_csv('{source}', header = true, columns = {{{typed}}})\")\ncon.close()\n"
    )
    engine, alone = [], []
    for _ in range(runs):
        for leftover in (project / "data").glob("*"):
            leftover.unlink()
        engine.append(timed(medallion(project, "run", "--json"), folder))
        (folder / "bare.duckdb").unlink(missing_ok=True)
        alone.append(timed(script(bare), folder))
    source.unlink()
    return engine, alone, rows


def _generate(path: Path, rows: int) -> str:
    return f"""
import duckdb
duckdb.execute(\"\"\"COPY (SELECT i AS event_id, 'U' || (i % 90000) AS user_id, ['Mexico', 'Peru', 'Chile', 'Argentina'][1 + i % 4] AS country,
    DATE '2020-01-01' + CAST(i % 2000 AS INTEGER) AS happened_on, TIMESTAMP '2020-01-01 00:00:00' + INTERVAL (i % 90000000) SECOND AS happened_at,
    i % 1000 AS quantity, CAST((i % 100000) / 100 AS DECIMAL(12,2)) AS price, (i % 997) / 13.0 AS ratio, i % 3 = 0 AS is_new,
    'note ' || hash(i) AS note FROM range({rows}) AS t(i)) TO '{path}' (HEADER)\"\"\")
"""
