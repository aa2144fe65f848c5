#!/bin/sh
# Writes the lock files anew: what the engine runs on, development, and the container image. Needs uv (https://docs.astral.sh/uv/). Hashes are recorded, index hosts are not.
set -eu
cd "$(dirname "$0")/.."
opts="--quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header"
uv pip compile $opts pyproject.toml requirements/build.in -o requirements/run.txt
uv pip compile $opts pyproject.toml requirements/build.in --extra airflow --extra mssql --group dev --group tsql -c requirements/run.txt -o requirements/dev.txt
uv pip compile $opts pyproject.toml requirements/build.in --extra airflow --extra mssql --extra postgres -c requirements/dev.txt -o requirements/image.txt
