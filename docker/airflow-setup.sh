#!/bin/sh
# Airflow's metadata, the pool that warehouse tasks share, and the password of its one user. Runs as often as it likes to.
set -eu
: "${AIRFLOW_ADMIN_PASSWORD:?}" "${AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE:?}"
umask 077
python -c '
import json, os, pathlib
passwords = {os.environ.get("AIRFLOW_ADMIN_USER") or "admin": os.environ["AIRFLOW_ADMIN_PASSWORD"]}
pathlib.Path(os.environ["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"]).write_text(json.dumps(passwords) + "\n")
'
airflow db migrate
airflow pools set warehouse "${WAREHOUSE_SLOTS:-4}" "Tasks that build tables at the same time"
