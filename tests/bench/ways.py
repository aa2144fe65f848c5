"""One way of loading a Parquet file into one new table of the server, in a process of its own: ``python -m
tests.bench.ways WAY FILE LIMIT``. Prints seconds, rows and the sum of the first column as the server has them.

What is timed is the load alone, from the first batch read to the last row committed; connecting and making the table
are not in it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from engine.core.sqltypes import Column, parse_type
from engine.warehouses.sqlserver import load as sqlserver_load
from engine.warehouses.sqlserver.connect import Connector, connection_string, find_driver
from tests import targets

SCHEMA, TABLE = "dbo", "loaded"


def columns(path: Path) -> list[Column]:
    """The file's columns with the T-SQL types that its metadata names."""
    schema = pq.read_schema(path)
    return [Column(f.name, parse_type(f.metadata[b"tsql"].decode())) for f in schema]


def batches(path: Path, limit: int) -> Iterator[pa.RecordBatch]:
    left = limit
    # Read ahead, it would hold the whole file in memory in the end.
    for batch in pq.ParquetFile(path, pre_buffer=False).iter_batches(sqlserver_load.rows_at_once(columns(path))):
        if left <= 0:
            return
        yield batch.slice(0, left)
        left -= batch.num_rows


def engine(connector: Connector, path: Path, limit: int) -> None:
    """The engine's own load, by the way that MEDALLION_SQLSERVER_LOADER chooses."""
    connection = connector.connect()
    sqlserver_load.load(connector, connection, (SCHEMA, TABLE), columns(path), lambda: batches(path, limit), limit)
    connection.close()


def bare(connector: Connector, path: Path, limit: int) -> None:
    """mssql-python's bulk copy of the same batches, and nothing else."""
    import mssql_python

    connection = mssql_python.connect(connector.bulk_string(), autocommit=True)
    connection.cursor().bulkcopy_arrow(
        f"{SCHEMA}.{TABLE}", batches(path, limit), batch_size=sqlserver_load.COMMIT_ROWS, timeout=0, table_lock=True
    )
    connection.close()


def fast_executemany(connector: Connector, path: Path, limit: int) -> None:
    """pyodbc as its users use it: one executemany, sizes as the driver finds them."""
    connection = connector.connect()
    rows = [tuple(row.values()) for batch in batches(path, limit) for row in batch.to_pylist()]
    cursor = connection.cursor()
    cursor.fast_executemany = True
    marks = ", ".join("?" * len(rows[0]))
    cursor.execute("BEGIN TRANSACTION")
    cursor.executemany(f"INSERT INTO {SCHEMA}.{TABLE} VALUES ({marks})", rows)
    cursor.execute("COMMIT TRANSACTION")
    connection.close()


def to_sql(connector: Connector, path: Path, limit: int) -> None:
    """pandas, with the setting that its users are told to use for SQL Server."""
    import sqlalchemy as sa

    url = sa.URL.create("mssql+pyodbc", query={"odbc_connect": connection_string(connector.spec, find_driver())})
    frame = pa.Table.from_batches(list(batches(path, limit))).to_pandas()
    with sa.create_engine(url, fast_executemany=True).begin() as connection:
        frame.to_sql(TABLE, connection, schema=SCHEMA, if_exists="append", index=False)


WAYS: dict[str, Callable[[Connector, Path, int], None]] = {
    "engine": engine, "bare": bare, "fast_executemany": fast_executemany, "to_sql": to_sql,
}  # fmt: skip


def main() -> None:
    way, path, limit = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    connector = targets.connector()
    server = connector.connect()
    listed = ", ".join(f"[{c.name}] {c.type}" for c in columns(path))
    server.execute(f"DROP TABLE IF EXISTS {SCHEMA}.{TABLE}")
    server.execute(f"CREATE TABLE {SCHEMA}.{TABLE} ({listed})")
    began = time.perf_counter()
    WAYS[way](connector, path, limit)
    seconds = time.perf_counter() - began
    first = columns(path)[0].name
    rows, total = server.execute(
        f"SELECT COUNT_BIG(*), SUM(CAST([{first}] AS bigint)) FROM {SCHEMA}.{TABLE}"
    ).fetchone()
    print(json.dumps({"seconds": seconds, "rows": rows, "sum": int(total)}))


# --- dlt, which has dependencies of its own ------------------------------------------------------------------------

DLT = "dlt[mssql,parquet]==1.31.0"
DLT_SCRIPT = """
import json, os, sys, time
import dlt, pyarrow.parquet as pq

path, limit = sys.argv[1], int(sys.argv[2])
os.environ["DATA_WRITER__DISABLE_COMPRESSION"] = "true"

@dlt.resource(name="loaded_by_dlt", write_disposition="replace")
def rows():
    left = limit
    for batch in pq.ParquetFile(path).iter_batches(102_400):
        if left <= 0:
            return
        yield batch.slice(0, left).to_pylist()
        left -= batch.num_rows

pipeline = dlt.pipeline("bench", destination="mssql", dataset_name="dlt_bench", pipelines_dir=os.environ["DLT_DIR"])
began = time.perf_counter()
pipeline.run(rows())
seconds = time.perf_counter() - began
with pipeline.sql_client() as client:
    count, = client.execute_sql("SELECT COUNT_BIG(*) FROM loaded_by_dlt")[0]
print(json.dumps({"seconds": seconds, "rows": count}))
"""


def dlt_python(folder: Path) -> Path:
    """A Python that has dlt, made once in ``folder``."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install", DLT], check=True)
    return python


def dlt_environment(folder: Path) -> dict[str, str]:
    """dlt wants the driver by name, and the server as a URL."""
    settings = targets.environment_settings()
    driver = find_driver().name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "odbcinst.ini").write_text(f"[ODBC Driver 18 for SQL Server]\nDriver = {driver}\n")
    import urllib.parse

    password = urllib.parse.quote(settings["MSSQL_PASSWORD"], safe="")
    trust = "yes" if re.fullmatch("yes|true", settings["MSSQL_TRUST_CERTIFICATE"], re.IGNORECASE) else "no"
    return {
        "ODBCSYSINI": str(folder),
        "DLT_DIR": str(folder / "pipelines"),
        "RUNTIME__DLTHUB_TELEMETRY": "false",
        # It asks for a table of its own that is not there, and knows SQL Server's answer only.
        "RESTORE_FROM_DESTINATION": "false",
        "DESTINATION__MSSQL__CREDENTIALS": (
            f"mssql://{settings['MSSQL_USER']}:{password}@{settings['MSSQL_SERVER']}:{settings['MSSQL_PORT']}"
            f"/{settings['MSSQL_DATABASE']}?Encrypt={settings['MSSQL_ENCRYPT']}&TrustServerCertificate={trust}"
        ),
    }


if __name__ == "__main__":
    main()
