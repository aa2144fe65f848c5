"""The set-up: parsed by Microsoft's parser, no right beyond the documented ones, passwords of any character."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.compose.files import ROOT, SQL
from tests.microsoft import Microsoft

VARIABLE = re.compile(r"\$\((\w+)\)")
NAMES = {"MSSQL_DATABASE": "ware.house-1", "MSSQL_USER": "medallion", "MSSQL_ANALYST_USER": "anna"}
DATABASE = (ROOT / "docker/database.sql").read_text(encoding="utf-8")
CODE = re.sub(r"--[^\n]*", "", DATABASE)
# Stands in for sqlcmd: writes down how it was called and what it would have sent.
SQLCMD = f"""#!{sys.executable}
import json, os, pathlib, re, sys
script = pathlib.Path(sys.argv[sys.argv.index("-i") + 1]).read_text(encoding="utf-8")
sent = re.sub(r"\\$\\((\\w+)\\)", lambda m: os.environ[m[1]], script)
with open(os.environ["CALLS"], "a", encoding="utf-8") as calls:
    print(json.dumps({{"arguments": sys.argv[1:], "password": os.environ["SQLCMDPASSWORD"], "sent": sent}}), file=calls)
"""


def set_up(folder: Path, **variables: str) -> tuple[subprocess.CompletedProcess[str], list[dict[str, str]]]:
    """Run setup.sh with a stand-in for sqlcmd; what it said, and how sqlcmd was called."""
    stand_in, calls = folder / "sqlcmd", folder / "calls"
    stand_in.write_text(SQLCMD, encoding="utf-8")
    stand_in.chmod(0o755)
    calls.touch()
    given = {"MSSQL_SERVER": "mssql", "SQLCMDPASSWORD": "top secret", **NAMES, "MSSQL_PASSWORD": "x", **variables}
    done = subprocess.run(
        ["bash", str(ROOT / "docker/setup.sh")],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], "SQLCMD": str(stand_in), "CALLS": str(calls), **given},
    )
    return done, [json.loads(line) for line in calls.read_text(encoding="utf-8").splitlines()]


AWKWARD = "a'b\"c]d{e}f;g$h`i\\j k"


def test_passwords_of_any_character_arrive_and_are_on_no_command_line(tmp_path: Path, checker: Microsoft) -> None:
    done, calls = set_up(tmp_path, MSSQL_PASSWORD=AWKWARD, MSSQL_ANALYST_PASSWORD="it's")
    assert done.returncode == 0, done.stderr
    assert [call["arguments"][-3:] for call in calls] == [
        ["master", "-i", "server.sql"], ["ware.house-1", "-i", "database.sql"], ["ware.house-1", "-i", "analyst.sql"],
    ]  # fmt: skip
    for call in calls:
        assert checker.parse_errors(call["sent"]) == []
        assert call["password"] == "top secret"
        assert not {"top secret", AWKWARD, "it's"} & set(call["arguments"])
    assert "N'a''b\"c]d{e}f;g$h`i\\j k'" in calls[0]["sent"]
    assert "N'it''s'" in calls[2]["sent"]
    assert AWKWARD not in done.stdout + done.stderr


def test_an_analyst_is_made_when_named(tmp_path: Path) -> None:
    done, calls = set_up(tmp_path, MSSQL_ANALYST_USER="")
    assert done.returncode == 0, done.stderr
    assert len(calls) == 2


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"MSSQL_DATABASE": "a]; DROP DATABASE b; --"}, "characters other than"),
        ({"MSSQL_USER": "o'brien"}, "characters other than"),
        ({"MSSQL_ANALYST_PASSWORD": ""}, "MSSQL_ANALYST_USER is set"),
        ({"MSSQL_PASSWORD": ""}, "MSSQL_PASSWORD"),
    ],
)
def test_what_cannot_work_is_refused_in_words(variables: dict[str, str], words: str, tmp_path: Path) -> None:
    done, _ = set_up(tmp_path, **variables)
    assert done.returncode != 0
    assert words in done.stderr


@pytest.mark.parametrize("script", SQL, ids=lambda script: script.name)
def test_scripts_parse(script: Path, checker: Microsoft) -> None:
    text = script.read_text(encoding="utf-8")
    assert not re.search(r"^\s*USE\b", text, re.M | re.I), "Azure SQL has no USE of another database"
    assert checker.parse_errors(VARIABLE.sub(lambda m: NAMES.get(m[1], "x"), text)) == []


DYNAMIC = [
    "CREATE DATABASE [ware.house-1] COLLATE SQL_Latin1_General_CP1_CI_AS;"
    " ALTER DATABASE [ware.house-1] SET READ_COMMITTED_SNAPSHOT ON; ALTER DATABASE [ware.house-1] SET RECOVERY SIMPLE;",
    "CREATE LOGIN [medallion] WITH PASSWORD = N'a''b';",
    "ALTER LOGIN [medallion] WITH PASSWORD = N'a''b';",
]


@pytest.mark.parametrize("statement", DYNAMIC)
def test_statements_that_scripts_put_together_parse(statement: str, checker: Microsoft) -> None:
    assert checker.parse_errors(statement) == []


def documented() -> set[tuple[str, str]]:
    """Role and right of every row of the table in docs/existing-server.md."""
    page = (ROOT / "docs/existing-server.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \|", page, re.M)
    return {(role, right) for role, rights in rows for right in re.findall(r"`([^`]+)`", rights)}


def test_rights_are_the_documented_ones_and_no_others() -> None:
    granted = {
        (role, re.sub(r"[\[\]]", "", right)) for right, role in re.findall(r"\bGRANT (.*?) TO \[(\w+)\];", CODE, re.S)
    }
    assert granted == documented()
    assert len(granted) == len(re.findall(r"\bGRANT\b", CODE))


def test_no_login_is_given_a_role_of_the_server_or_an_owners() -> None:
    made = set(re.findall(r"CREATE ROLE \[(\w+)\]", CODE))
    assert made == {"loader", "transformer", "data_analyst"}
    everything = "\n".join(path.read_text(encoding="utf-8") for path in SQL)
    assert set(re.findall(r"ALTER ROLE \[(\w+)\] ADD MEMBER", everything)) == made
    assert not re.search(r"SERVER ROLE|sp_addrolemember|sp_addsrvrolemember|db_owner|sysadmin", everything)
    for path in SQL:
        if path.name != "database.sql":
            assert "GRANT" not in re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8")), path.name


def test_an_analyst_reads_gold_and_nothing_else() -> None:
    assert {right for role, right in documented() if role == "data_analyst"} == {"SELECT ON SCHEMA::gold"}
