"""``make bench``: what the engine costs beside what the work itself costs, in one run on one machine.

Every figure is a whole process (start-up included) unless it says otherwise; of several runs the median is shown.
``--rows`` sets the largest load, ``--only`` picks parts: reference, tables, bronze, load, airflow.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from tests.bench import airflow, bronze, load, reference, tables

PARTS = {
    "reference": reference.bench,
    "tables": tables.bench,
    "bronze": bronze.bench,
    "load": load.bench,
    "airflow": airflow.bench,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--rows", type=int, default=int(os.environ.get("ROWS", 10_000_000)), help="rows of the largest load"
    )
    parser.add_argument("--runs", type=int, default=3, help="runs of each pair")
    parser.add_argument("--only", choices=sorted(PARTS), action="append")
    options = parser.parse_args()
    print(
        f"{platform.python_implementation()} {platform.python_version()}, DuckDB {version('duckdb')}, Great Expectations "
        f"{version('great-expectations')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    for name in options.only or PARTS:
        print(f"\n== {name}")
        with tempfile.TemporaryDirectory(prefix="medallion-bench-") as folder:
            PARTS[name](Path(folder), options.runs, options.rows)


if __name__ == "__main__":
    main()
