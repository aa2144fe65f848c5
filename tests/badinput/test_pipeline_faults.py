"""What a person can get wrong about when and how a pipeline runs: one sentence each, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project_files import PIPELINES, medallion, write_project

LINE = '  all: {tables: [bronze.*, silver.*, gold.*], schedule: "@daily"}\n'
TABLES = "tables: [bronze.*, silver.*, gold.*]"

FAULTS = {
    f"all: {{{TABLES}, schedule: '61 * * * *'}}": "'61 * * * *' is no cron expression",
    f"all: {{{TABLES}, schedule: '0 6 * * * *'}}": "'0 6 * * * *' is no cron expression: it has not five fields",
    f"all: {{{TABLES}, schedule: '@dayly'}}": "no preset '@dayly'; one of @once, @continuous, @hourly, @daily, @weekly, @monthly, @quarterly, @yearly; did you mean '@daily'?",
    f"all: {{{TABLES}, schedule: ['0 6 * * *', 'noon']}}": "'noon' is no cron expression",
    f"all: {{{TABLES}, schedule: '0 0 31 2 *'}}": "no day ever meets the cron expression '0 0 31 2 *'",
    f"all: {{{TABLES}, schedule: []}}": "an empty list is not a valid schedule; expected cron expressions",
    f"all: {{{TABLES}, schedule: ['0 6 * * *', '@once']}}": "@once stands alone and not in a list; expected schedule: '@once', or cron expressions only",
    f"all: {{{TABLES}, schedule: ['@continuous']}}": "@continuous stands alone and not in a list",
    f"all: {{{TABLES}, schedule: ['0 6 * * *', '0 6 * * *']}}": "'0 6 * * *' stands in this list twice; expected it once",
    f"all: {{{TABLES}, schedule: {{every: 999999999d}}}}": "999999999d is longer than ten years",
    f"all: {{{TABLES}, tags: [{'t' * 101}]}}": "is too long; expected at most 100 characters",
    f"{'a' * 251}: {{{TABLES}}}": "is not a name for one of the pipelines; expected up to 250 lower-case letters",
    f"all: {{{TABLES}, schedule: {{every: 90}}}}": "90",
    f"all: {{{TABLES}, schedule: {{evry: 90m}}}}": "unknown key 'evry'; expected one of every, at; did you mean 'every'?",
    f"all: {{{TABLES}, schedule: {{every: 90m, at: [2024-01-01T06:00:00]}}}}": "a schedule has either every or at",
    f"all: {{{TABLES}, schedule: '@daily', timezone: Europe/Zurik}}": "no time zone 'Europe/Zurik'; did you mean 'Europe/Zurich'?",
    f"all: {{{TABLES}, schedule: '@daily', catchup: true}}": "catchup needs a schedule and a start; expected start: 2024-01-01 beside it",
    f"all: {{{TABLES}, schedule: '@daily', after: other}}": "pipeline all has both schedule and after",
    f"all: {{{TABLES}, after: al}}": "no pipeline 'al'; expected one of all; did you mean 'all'?",
    f"all: {{{TABLES}, after: all}}": "pipelines run after each other in a circle: all → all",
    f"layers: {{{TABLES}}}": "'layers' is the DAG that makes schemas and roles",
    "all: {tables: [bronze.*, silver.order]}": "the selector 'silver.order' selects no table; expected a table, a pattern such as gold.*, tag:…, pipeline:… or stale; did you mean 'silver.orders'?",
    "all: {tables: []}": "pipeline all selects no table; expected a table",
    "all: {tables: [',']}": "pipeline all selects no table",
    "all: {tables: ['pipeline:al']}": "the selector 'pipeline:al' selects no table; expected a table, a pattern such as gold.*, tag:…, pipeline:… or stale; did you mean 'all'?",
    "all: {tables: [bronze.*, 'pipeline:all']}": "pipelines select each other in a circle: all → all; expected tables, or a pipeline that does not come back here",
    "all: {tables: ['+pipeline:b+, gold.*']}\n  b: {tables: ['pipeline:c']}\n  c: {tables: ['pipeline:all', bronze.*]}": "pipelines select each other in a circle: all → b → c → all",
    "all: {tables: ['tag:daily']}": "the selector 'tag:daily' selects no table",
    f"all: {{{TABLES}, retries: -1}}": "-1 does not fit here",
    f"all: {{{TABLES}, retry_delay: 5 minutes}}": "'5 minutes'",
    f"all: {{{TABLES}, alerts: {{critcal: []}}}}": "unknown key 'critcal'; expected one of critical, warning; did you mean 'critical'?",
    f"all: {{{TABLES}, alerts: {{critical: [{{emial: a@b.c}}]}}}}": "unknown key 'emial'; expected one of email, slack, pagerduty, connection; did you mean 'email'?",
    f"all: {{{TABLES}, alerts: {{critical: [{{email: a@b.c, slack: '#x'}}]}}}}": "an alert has one of email, slack and pagerduty",
    f"all: {{{TABLES}, alerts: {{critical: [{{email: [a@b.c, ann]}}]}}}}": "'ann' is no e-mail address",
    f"all: {{{TABLES}, alerts: {{critical: [{{email: 'a@b.c, d@e.f'}}]}}}}": "'a@b.c, d@e.f' is no e-mail address",
    f"all: {{{TABLES}, alerts: {{critical: [{{slack: null}}]}}}}": "no channel is named; a # without quotes begins a comment: write \"#data\"",
}  # fmt: skip


@pytest.mark.parametrize("line", FAULTS)
def test_a_fault_is_told_with_its_place(line: str, tmp_path: Path) -> None:
    assert LINE in PIPELINES
    root = write_project(tmp_path, {"pipelines.yaml": PIPELINES.replace(LINE, f"  {line}\n")})
    said = medallion(root, "check")
    assert said.code == 1
    assert FAULTS[line] in said.err.replace("\n", " ")
    assert "pipelines.yaml:19:" in said.err


RIGHT = [
    "schedule: '15 6 * * 1-5'",
    "schedule: ['0 6 * * *', '0 18 * * *'], timezone: Europe/Zurich",
    "schedule: ['@daily', '0 18 * * *']",
    "schedule: '@once'",
    "schedule: {every: 90m}, start: 2024-01-01, catchup: true",
    "schedule: {at: [2024-01-01T06:00:00, 2024-02-01T06:00:00]}",
    "alerts: {critical: [{email: [a@b.c, d@e.f]}, {pagerduty: warehouse, connection: on_call}], warning: [{slack: '#data'}]}",
    "retries: 0, retry_delay: 2m, timeout: 1h, deadline: 3h, concurrency: 2, pool: small, owner: ann, tags: [daily]",
]


@pytest.mark.parametrize("keys", RIGHT)
def test_what_is_right_is_taken(keys: str, tmp_path: Path) -> None:
    root = write_project(tmp_path, {"pipelines.yaml": PIPELINES.replace(LINE, f"  all: {{{TABLES}, {keys}}}\n")})
    said = medallion(root, "check")
    assert said.code == 0, said.err


def test_one_circle_is_one_error(tmp_path: Path) -> None:
    """A pipeline that selects others which run in a circle is not told of it once more."""
    lines = "  a: {tables: ['pipeline:b']}\n  b: {tables: ['pipeline:a']}\n  c: {tables: ['pipeline:a', gold.*]}\n"
    root = write_project(tmp_path, {"pipelines.yaml": PIPELINES.replace(LINE, lines)})
    said = medallion(root, "check")
    assert said.err.splitlines() == [
        "error pipelines.yaml:19:16: pipelines select each other in a circle: a → b → a; expected tables, or a pipeline that does not come back here"
    ]


@pytest.mark.parametrize(
    ("pipelines", "warning"),
    [
        ("  all: {tables: [bronze.*, '+gold.*']}\n", ""),
        ("  all: {tables: [bronze.*]}\n", "silver.orders, gold.customers"),
        ("  a: {tables: [bronze.*, gold.*]}\n  b: {tables: ['pipeline:a']}\n", "silver.orders"),
        ("", ""),
    ],
)
def test_a_table_in_no_pipeline_is_a_warning(pipelines: str, warning: str, tmp_path: Path) -> None:
    text = PIPELINES.replace(LINE, pipelines) if pipelines else PIPELINES.partition("pipelines:\n")[0]
    root = write_project(tmp_path, {"pipelines.yaml": text})
    said = medallion(root, "check")
    assert said.code == 0, said.err
    told = [line for line in said.err.splitlines() if line.startswith("warning")]
    expected = f"warning pipelines.yaml:18:1: in no pipeline, so that Airflow never builds them: {warning}"
    assert told == ([expected] if warning else [])
    assert medallion(root, "check", "--json").out.strip() == "[]"
