#!/bin/bash
# Sets up database, logins and roles with the administrator's login. Runs as often as it likes to; see docs/docker.md.
# Passwords reach sqlcmd through the environment, because every user of a machine can read a command line.
set -euo pipefail
cd "$(dirname "$0")"
: "${MSSQL_SERVER:?}" "${MSSQL_DATABASE:?}" "${MSSQL_USER:?}" "${MSSQL_PASSWORD:?}" "${SQLCMDPASSWORD:?}"

# sqlcmd pastes a variable into the script as it is, between brackets or quotes.
for name in "$MSSQL_DATABASE" "$MSSQL_USER" "${MSSQL_ANALYST_USER:-}"; do
    if [[ ! $name =~ ^[A-Za-z0-9_.-]*$ ]]; then
        echo "set-up: the name $name has characters other than letters, digits, _, . and -" >&2
        exit 1
    fi
done
quote="'"
export MSSQL_PASSWORD="${MSSQL_PASSWORD//$quote/$quote$quote}"
export MSSQL_ANALYST_PASSWORD="${MSSQL_ANALYST_PASSWORD:-}"
export MSSQL_ANALYST_PASSWORD="${MSSQL_ANALYST_PASSWORD//$quote/$quote$quote}"

run() { # database, script
    echo "set-up: $2 in $1"
    "${SQLCMD:-/opt/mssql-tools18/bin/sqlcmd}" -S "$MSSQL_SERVER" -U "${MSSQL_ADMIN:-sa}" -C -I -b -l 30 -r 1 -d "$1" -i "$2"
}

run master server.sql
run "$MSSQL_DATABASE" database.sql
if [[ -n "${MSSQL_ANALYST_USER:-}" ]]; then
    : "${MSSQL_ANALYST_PASSWORD:?is empty, but MSSQL_ANALYST_USER is set}"
    run "$MSSQL_DATABASE" analyst.sql
fi
echo "set-up: done"
