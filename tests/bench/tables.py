"""Five hundred small tables in three layers, two expectations each: what a table costs beside its rows."""

from __future__ import annotations

from pathlib import Path

from tests.bench.timing import medallion, median, row, timed

TABLES = 500


def bench(folder: Path, runs: int, _rows: int) -> None:
    walls, gates, idle = [], [], []
    for number in range(runs):
        project = write_tables(folder / str(number), TABLES)
        done = timed(medallion(project, "run", "--json"), folder)
        walls.append(done.wall)
        gates.append(sum(t["seconds_by_step"].get("gate", 0.0) for t in done.data["tables"] if "seconds_by_step" in t))
        idle.append(timed(medallion(project, "run", "--json"), folder).wall)
        assert done.data["published"] == TABLES, done.data
    row(f"{TABLES} tables, two expectations each", median(walls))
    row(
        "  of it Great Expectations judging, its import included",
        median(gates),
        f"{1000 * median(gates) / TABLES:.1f} ms a table",
    )
    row("  everything but the judging", median(walls) - median(gates))
    row(f"{TABLES} tables with nothing to do", median(idle))


def write_tables(root: Path, count: int) -> Path:
    """A project of ``count`` tables: a tenth bronze, the others silver and gold over the ones before."""
    bronze = count // 10
    silver = (count - bronze) // 2
    tables = ["tables:"]
    (root / "data" / "raw").mkdir(parents=True)
    (root / "data" / "raw" / "rows.csv").write_text("id,amount\n" + "".join(f"{i},{i * 3}\n" for i in range(1000)))
    for i in range(count):
        if i < bronze:
            layer, name = "bronze", f"t{i}"
            tables.append(f"  bronze.{name}: {{source: rows, columns: {{id: int, amount: int}}}}")
        else:
            layer = "silver" if i < bronze + silver else "gold"
            source = f"bronze.t{i % bronze}" if layer == "silver" else f"silver.t{bronze + i % silver}"
            name = f"t{i}"
            tables.append(f"  {layer}.{name}:")
            path = root / "templates" / layer / f"{name}.sql"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"SELECT s.id, s.amount + 1 AS amount\nFROM {source} AS s\nWHERE s.amount >= 0\n")
        suite = root / "expectations" / layer / f"{name}.yaml"
        suite.parent.mkdir(parents=True, exist_ok=True)
        suite.write_text(
            "expectations:\n  - type: expect_column_values_to_be_unique\n    kwargs: {column: id}\n"
            "  - type: expect_column_values_to_not_be_null\n    kwargs: {column: amount}\n"
        )
    head = [
        "version: 1",
        "name: many",
        "targets:",
        "  embedded: {type: duckdb, path: data/warehouse.duckdb}",
        "default_target: embedded",
        "sources:",
        "  rows: {type: csv, path: data/raw/rows.csv}",
    ]
    (root / "pipelines.yaml").write_text("\n".join(head + tables) + "\n")
    return root
