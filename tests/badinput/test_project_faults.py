"""Everything a person can get wrong in pipelines.yaml, a template or a suite: one sentence each, with its place, and
nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.project_files import FILES, PIPELINES, medallion, write_project


class Case(NamedTuple):
    id: str
    changes: dict[str, str | bytes | None]
    says: tuple[str, ...]


def yaml(old: str, new: str) -> dict[str, str | bytes | None]:
    assert old in PIPELINES, old
    return {"pipelines.yaml": PIPELINES.replace(old, new)}


def sql(text: str) -> dict[str, str | bytes | None]:
    return {"templates/silver/orders.sql": text}


def changed(old: str, new: str) -> dict[str, str | bytes | None]:
    template = FILES["templates/silver/orders.sql"]
    assert old in template, old
    return sql(template.replace(old, new))


def suite(text: str) -> dict[str, str | bytes | None]:
    return {"expectations/silver/orders.yaml": text}


BOMB = "vars:\n  a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"  {chr(98 + i)}: &{chr(98 + i)} [{', '.join(['*' + chr(97 + i)] * 10)}]\n" for i in range(8)
)

CASES = [
    # pipelines.yaml
    Case(
        "unknown key",
        yaml("    key: order_id\n    columns", "    kee: order_id\n    columns"),
        ("pipelines.yaml:12:5: unknown key 'kee'", "expected one of source, key, columns", "did you mean 'key'?"),
    ),
    Case(
        "unknown section",
        yaml("pipelines:", "pipeline:"),
        ("pipelines.yaml:18:1: unknown key 'pipeline'", "did you mean 'pipelines'?"),
    ),
    Case(
        "duplicate key",
        yaml("name: shop\n", "name: shop\nname: shop2\n"),
        ("pipelines.yaml:3:1: the key 'name' stands here a second time; the first is on line 2",),
    ),
    Case(
        "duplicate table",
        yaml("  gold.customers:\n", "  silver.orders:\n"),
        ("the key 'silver.orders' stands here a second time; the first is on line 14",),
    ),
    Case(
        "tab", yaml("  embedded: {", "\tembedded: {"), ("pipelines.yaml:5:1: a tab is used to indent; expected spaces",)
    ),
    Case(
        "unclosed bracket",
        yaml("[bronze.*, silver.*, gold.*]", "[bronze.*, silver.*"),
        ("pipelines.yaml:19:", "expected valid YAML"),
    ),
    Case(
        "wrong type",
        yaml('schedule: "@daily"', "retries: many"),
        ("pipelines.yaml:19:56: 'many' does not fit here; expected a whole number",),
    ),
    Case("wrong version", yaml("version: 1", "version: 7"), ("pipelines.yaml:1:10: 7 does not fit here; expected 1",)),
    Case("missing section", yaml("default_target: embedded\n", ""), ("the key 'default_target' is missing",)),
    Case(
        "no such default target",
        yaml("default_target: embedded", "default_target: embeded"),
        ("pipelines.yaml:6:17: no target 'embeded'; expected one of embedded; did you mean 'embedded'?",),
    ),
    Case(
        "no such source",
        yaml("source: orders", "source: order"),
        ("pipelines.yaml:11:13: no source 'order'", "did you mean 'orders'?"),
    ),
    Case(
        "unknown source type",
        yaml("type: csv", "type: cvs"),
        ("'cvs' is not a type of source; expected csv or json; did you mean 'csv'?",),
    ),
    Case(
        "unknown target type",
        yaml("type: duckdb", "type: ducks"),
        ("'ducks' is not a type of target; expected duckdb or sqlserver; did you mean 'duckdb'?",),
    ),
    Case(
        "unknown column type",
        yaml("customer: nvarchar(20)", "customer: nvarchr(20)"),
        ("pipelines.yaml:13:", "nvarchr", "nvarchar"),
    ),
    Case("type too wide", yaml("decimal(9,2)", "decimal(99,2)"), ("pipelines.yaml:13:", "99")),
    Case(
        "table outside the layers",
        yaml("gold.customers:", "platinum.customers:"),
        ("'platinum.customers' is not a name for one of the tables", "bronze.users, silver.users, gold.users"),
    ),
    Case(
        "key that is no column",
        yaml("  silver.orders:\n    key: order_id", "  silver.orders:\n    key: orderid"),
        ("pipelines.yaml:15:10: silver.orders has no column 'orderid'", "did you mean 'order_id'?"),
    ),
    Case(
        "merge without key",
        yaml("  gold.customers:\n    key: customer", "  gold.customers:\n    load: merge"),
        ("load: merge needs a key",),
    ),
    Case(
        "unknown strategy",
        yaml("  gold.customers:\n", "  gold.customers:\n    load: mrge\n"),
        ("'mrge' does not fit here; expected 'replace', 'merge', 'append', 'partition', 'scd2' or 'view'",),
    ),
    Case(
        "an amount of memory",
        yaml("default_target", "  small: {type: duckdb, path: a, memory_limit: plenty}\ndefault_target"),
        ("'plenty' is no amount of memory; write one such as 512MB or 4GB",),
    ),
    Case(
        "secret in the clear",
        yaml(
            "default_target",
            "  live: {type: sqlserver, server: a, database: b, user: c, password: hunter2}\ndefault_target",
        ),
        ("a secret stands here in the clear; write a reference such as ${MSSQL_PASSWORD}",),
    ),
    Case(
        "aliases gone wild",
        yaml("vars: {least: 10, label: it's}\n", BOMB),
        ("the aliases of this file expand to more than 200,000 values",),
    ),
    Case(
        "an anchor in itself",
        yaml("vars: {least: 10, label: it's}", "vars: &v {least: [*v]}"),
        ("an anchor that contains itself",),
    ),
    Case("a python object", yaml("name: shop", "name: !!python/object/apply:os.system [id]"), ("pipelines.yaml:2:",)),
    Case("two documents", yaml("pipelines:\n", "---\npipelines:\n"), ("expected one YAML document",)),
    Case("not a mapping", {"pipelines.yaml": "- a\n- b\n"}, ("pipelines.yaml:1:1: the file is not a mapping",)),
    Case("empty file", {"pipelines.yaml": ""}, ("the key 'tables' is missing",)),
    Case(
        "not UTF-8",
        {"pipelines.yaml": PIPELINES.replace("shop", "shöp").encode("latin-1")},
        ("pipelines.yaml: not UTF-8 at byte",),
    ),
    Case("no file", {"pipelines.yaml": None}, ("no pipelines.yaml in",)),
    Case(
        "pipelines in a circle",
        yaml(
            '  all: {tables: [bronze.*, silver.*, gold.*], schedule: "@daily"}',
            "  a: {tables: [bronze.*], after: b}\n  b: {tables: [gold.*], after: a}",
        ),
        ("pipelines run after each other in a circle: a → b → a",),
    ),
    Case(
        "schedule and after",
        yaml('schedule: "@daily"}', 'schedule: "@daily", after: all}'),
        ("pipeline all has both schedule and after",),
    ),
    Case(
        "unset variable in a source",
        yaml("path: data/raw/orders*.csv", 'path: "${NO_SUCH_FOLDER}/orders.csv"'),
        ("the environment variable NO_SUCH_FOLDER is not set",),
    ),
    # templates
    Case(
        "missing template",
        {"templates/gold/customers.sql": None},
        ("pipelines.yaml:16:3: gold.customers has no source and no template",),
    ),
    Case(
        "misspelt template",
        {"templates/gold/customers.sql": None, "templates/gold/costumers.sql": "SELECT 1 AS a\n"},
        (
            "did you mean 'costumers'?",
            "templates/gold/costumers.sql:1:1: a template without a table",
            "did you mean 'gold.customers'?",
        ),
    ),
    Case("syntax", changed("o.customer,\n", "o.customer,,\n"), ("templates/silver/orders.sql:3",)),
    Case(
        "unknown table",
        changed("FROM bronze.orders", "FROM bronze.oders"),
        ("templates/silver/orders.sql:6:", "bronze.oders", "did you mean 'bronze.orders'?"),
    ),
    Case(
        "unknown column",
        changed("o.amount,", "o.amuont,"),
        ("templates/silver/orders.sql:4:", "amuont", "did you mean 'amount'?"),
    ),
    Case(
        "undefined variable",
        changed("{{ least }}", "{{ lest }}"),
        ("templates/silver/orders.sql:7: 'lest' is not defined", "did you mean 'least'?"),
    ),
    Case("jinja syntax", changed("{{ least }}", "{{ least "), ("templates/silver/orders.sql:",)),
    Case("a write", sql("DELETE FROM bronze.orders\n"), ("templates/silver/orders.sql:1", "SELECT")),
    Case(
        "two statements",
        changed("{{ least }}", "{{ least }}; DROP TABLE bronze.orders"),
        ("templates/silver/orders.sql:7",),
    ),
    Case(
        "select into", changed("FROM bronze", "INTO bronze.copy FROM bronze"), ("templates/silver/orders.sql:6", "INTO")
    ),
    Case(
        "injection through a var",
        yaml("label: it's", 'label: "x\'; DROP TABLE bronze.orders --"') | changed("{{ least }}", "'{{ label }}'"),
        (
            'templates/silver/orders.sql:7: the text "x\'; DROP TABLE bronze.orders --" would become part of the statement',
            "{{ … | literal }}",
        ),
    ),
    Case(
        "sandbox", changed("{{ least }}", "{{ label.__class__.__mro__ }}"), ("templates/silver/orders.sql:7:", "unsafe")
    ),
    Case("unnamed column", changed("o.customer,\n", "UPPER(o.customer),\n"), ("templates/silver/orders.sql:3", "name")),
    Case(
        "two columns of one name",
        changed("o.customer,\n", "o.customer AS amount,\n"),
        ("templates/silver/orders.sql:4", "amount"),
    ),
    Case(
        "unknown function",
        changed("o.amount,", "UPER(o.customer) AS u, o.amount,"),
        ("templates/silver/orders.sql:4:", "UPER", "UPPER"),
    ),
    Case(
        "tables in a circle",
        {"templates/silver/orders.sql": "SELECT c.customer AS order_id FROM gold.customers AS c\n"},
        ("tables read each other in a circle",),
    ),
    Case(
        "another database",
        changed("FROM bronze.orders", "FROM other.bronze.orders"),
        ("templates/silver/orders.sql:6",),
    ),
    Case("a temporary table", changed("FROM bronze.orders", "FROM #orders"), ("templates/silver/orders.sql:6",)),
    Case(
        "no equal on the embedded target",
        changed("o.amount,", "CHECKSUM(o.customer) AS c, o.amount,"),
        ("templates/silver/orders.sql:4", "CHECKSUM"),
    ),
    Case(
        "a view with OPTION",
        yaml("  gold.customers:\n", "  gold.customers:\n    load: view\n")
        | {
            "templates/gold/customers.sql": FILES["templates/gold/customers.sql"] + "OPTION (MAXRECURSION 5)\n",
        },
        ("templates/gold/customers.sql:7:1: a view takes no OPTION", "load: replace"),
    ),
    # suites
    Case(
        "unknown expectation",
        suite("expectations:\n  - type: expect_column_values_to_be_uniqe\n    kwargs: {column: amount}\n"),
        (
            "expectations/silver/orders.yaml:2:11: unknown expectation 'expect_column_values_to_be_uniqe'",
            "did you mean 'expect_column_values_to_be_unique'?",
        ),
    ),
    Case(
        "wrong column",
        suite("expectations:\n  - type: expect_column_values_to_not_be_null\n    kwargs: {column: amuont}\n"),
        ("expectations/silver/orders.yaml:3:22: silver.orders has no column 'amuont'", "did you mean 'amount'?"),
    ),
    Case(
        "wrong argument",
        suite("expectations:\n  - type: expect_column_values_to_be_between\n    kwargs: {column: amount, min: 0}\n"),
        ("expectations/silver/orders.yaml:3:", "'min' is no argument of expect_column_values_to_be_between"),
    ),
    Case(
        "missing argument",
        suite("expectations:\n  - type: expect_column_values_to_not_be_null\n"),
        ("expectations/silver/orders.yaml:2:", "without column"),
    ),
    Case(
        "unknown severity",
        suite(
            "expectations:\n  - type: expect_column_values_to_not_be_null\n    kwargs: {column: amount}\n    severity: fatal\n"
        ),
        ("expectations/silver/orders.yaml:4:15: severity 'fatal'", "critical, warning or info"),
    ),
    Case(
        "quarantine of a whole table",
        suite(
            "expectations:\n  - type: expect_table_row_count_to_be_between\n    kwargs: {min_value: 1}\n    quarantine: true\n"
        ),
        ("expectations/silver/orders.yaml:4", "no failing rows to move"),
    ),
    Case(
        "wrong column in a query",
        suite(
            "expectations:\n  - type: unexpected_rows_expectation\n    kwargs:\n      unexpected_rows_query: SELECT b.* FROM {batch} AS b WHERE b.amuont < 0\n"
        ),
        ("expectations/silver/orders.yaml:2", "amuont"),
    ),
    *(
        Case(
            f"a pattern: {words}",
            suite(
                "expectations:\n  - type: expect_column_values_to_match_like_pattern\n"
                f"    kwargs: {{column: customer, like_pattern: '{pattern}'{more}}}\n"
            ),
            ("expectations/silver/orders.yaml:3:", words),
        )
        for pattern, more, words in (
            ("a[b", "", "opens [ and does not close it"),
            ("a[]b", "", "has nothing between [ and ]"),
            ("[z-a]", "", "the range z-a in the pattern '[z-a]' depends on how the server sorts"),
            ("[ -~]", "", "the range -~"),
            ("a!", ", escape: '!'", "ends with its escape character"),
            ("a", ", escape: '!!'", "escape '!!'"),
        )
    ),
    Case(
        "a pattern in a list",
        suite(
            "expectations:\n  - type: expect_column_values_to_not_match_like_pattern_list\n"
            "    kwargs: {column: customer, like_pattern_list: ['a%', 'b[c']}\n"
        ),
        ("expectations/silver/orders.yaml:3:", "'b[c' opens [ and does not close it"),
    ),
    Case(
        "a pattern of a number",
        suite(
            "expectations:\n  - type: expect_column_values_to_match_like_pattern\n"
            "    kwargs: {column: order_id, like_pattern: '1%'}\n"
        ),
        ("expectations/silver/orders.yaml:3:22: order_id is int;", "judges text"),
    ),
    Case(
        "numbers between of a text",
        suite(
            "expectations:\n  - type: expect_column_values_to_be_between\n"
            "    kwargs: {column: customer, min_value: 1}\n"
        ),
        ("expectations/silver/orders.yaml:3:22: customer is nvarchar(20);", "compares numbers here"),
    ),
    Case(
        "a regular expression",
        suite(
            "expectations:\n  - type: expect_column_values_to_match_regex\n"
            "    kwargs: {column: customer, regex: '^a'}\n"
        ),
        ("expectations/silver/orders.yaml:2:11:", "SQL Server 2019 has no regular expressions", "like_pattern"),
    ),
    Case(
        "a row query that the embedded target cannot answer as SQL Server does",
        suite(
            "expectations:\n  - type: unexpected_rows_expectation\n    kwargs:\n"
            "      unexpected_rows_query: SELECT b.* FROM {batch} AS b WHERE b.customer LIKE N'[z-a]%'\n"
        ),
        ("expectations/silver/orders.yaml:2:", "the range z-a"),
    ),
    Case(
        "a suite without a table",
        {"expectations/silver/order.yaml": "expectations: []\n"},
        ("expectations/silver/order.yaml:1:1: a suite without a table", "did you mean 'silver.orders'?"),
    ),
    *[
        Case(
            f"a suite without expectations: {text!r}",
            suite(text),
            (
                f"expectations/silver/orders.yaml:{line}:1: the suite judges nothing; expected an expectation, or no such file",
            ),
        )
        for text, line in (("", 1), ("# later\n", 1), ("# later\nexpectations:\n", 2), ("expectations: []\n", 1))
    ],
    Case(
        "a suite with another ending",
        {"expectations/silver/orders.yml": FILES["expectations/silver/orders.yaml"]},
        ("expectations/silver/orders.yml:1:1: a suite that is not read: it ends in .yml; expected orders.yaml",),
    ),
    *[
        Case(
            f"a suite in another folder: {path}",
            {f"expectations/{path}.yaml": "expectations: []\n"},
            (
                f"expectations/{path}.yaml:1:1: a suite without a table: pipelines.yaml declares no {path.replace('/', '.')}",
            ),
        )
        for path in ("orders", "silver/deep/orders", "platinum/orders")
    ],
    Case("a suite that is no mapping", suite("- a\n"), ("expectations/silver/orders.yaml:1", "a suite is a mapping")),
]


@pytest.mark.parametrize("case", CASES, ids=[c.id for c in CASES])
def test_a_fault_is_told_with_its_place_and_nothing_runs(case: Case, tmp_path: Path) -> None:
    write_project(tmp_path, case.changes)
    said = medallion(tmp_path, "check")
    told = " ".join(said.err.split())
    assert said.code == 1, said
    for words in case.says:
        assert words in told, said.err
    assert "Traceback" not in said.err
    assert said.out == ""
    ran = medallion(tmp_path, "run")
    assert ran.code == 1
    assert not (tmp_path / "data" / "warehouse.duckdb").exists()


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    write_project(
        tmp_path,
        yaml("default_target: embedded", "default_target: embeded")
        | changed("o.amount,", "o.amuont,")
        | suite("expectations:\n  - type: expect_nothing\n"),
    )
    said = medallion(tmp_path, "check")
    assert said.code == 1
    for words in ("no target 'embeded'", "amuont", "unknown expectation 'expect_nothing'"):
        assert words in said.err


def test_the_small_project_itself_is_right(tmp_path: Path) -> None:
    said = medallion(write_project(tmp_path), "check")
    assert said.code == 0, said.err
