"""JSON lands by the letter, through the command line: digits as they are written, two fields of one name told, alike in
whole documents and JSON Lines."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.project_files import PIPELINES, UNGUARDED, medallion, write_project
from tests.targets import ask

pytestmark = pytest.mark.usefixtures("target")

COLUMNS = 'id: int, t: nvarchar(60), wide: "decimal(38,10)", price: "decimal(9,2)", big: bigint, f: float, n: nvarchar(max)'
LINE_FILE, DOCUMENT = "data/raw/in.jsonl", "data/raw/in.json"
ZEROS = "0" * 390


def project(root: Path, records: list[str], form: str, columns: str = COLUMNS) -> Path:
    lines = form == "lines"
    source = f"{{type: json, path: {LINE_FILE}}}" if lines else f"{{type: json, path: {DOCUMENT}, records: $.items}}"
    head = PIPELINES[: PIPELINES.index("tables:")].replace("{type: csv, path: data/raw/orders*.csv}", source)
    tables = f"tables:\n  bronze.orders:\n    source: orders\n    columns: {{{columns}}}\n"
    text = f'{head}{UNGUARDED}{tables}pipelines:\n  all: {{tables: [bronze.*], schedule: "@daily"}}\n'
    data = "\n".join(records) + "\n" if lines else '{"items": [\n' + ",\n".join(records) + "\n]}\n"
    gone = dict.fromkeys(("templates/silver/orders.sql", "templates/gold/customers.sql", "expectations/silver/orders.yaml"))
    return write_project(root, {"pipelines.yaml": text, LINE_FILE if lines else DOCUMENT: data, **gone})


def run(root: Path) -> dict[str, Any]:
    said = medallion(root, "run", "--json")
    assert said.code == 0, said.err
    found: dict[str, Any] = json.loads(said.out)["tables"][0]
    return found


def reasons(root: Path) -> dict[int, list[str]]:
    held = json.loads(medallion(root, "quarantine", "show", "bronze.orders", "--json").out)
    return {h["source_row"]: h["reasons"] for h in held}


NUMBERS = [
    # column, the number in the file, what lands
    ("t", "1.10", "1.10"), ("t", "1e2", "1e2"), ("t", "-0", "-0"), ("t", "1.0", "1.0"), ("t", "0.00001", "0.00001"),
    ("t", "99999999999999.99", "99999999999999.99"), ("t", "12345678901234567890.10", "12345678901234567890.10"),
    ("t", "1E400", "1E400"), ("t", "5e-324", "5e-324"), ("t", '"1.10e5, 2.50"', "1.10e5, 2.50"), ("t", "true", "true"),
    ("wide", "99999999999999.99", "99999999999999.99"), ("wide", "1234567890123456789012345678.0123456789",
     "1234567890123456789012345678.0123456789"), ("wide", "-0.0000000001", "-0.0000000001"), ("wide", "1.5e3", "1500"),
    ("wide", "1e-10", "0.0000000001"), ("wide", "1" + "0" * 30 + "e-10", "1" + "0" * 20),
    ("price", "1.10", "1.10"), ("price", "1.1000", "1.10"), ("price", "1e2", "100.00"), ("price", "-0", "0"),
    ("big", "9007199254740993", 9007199254740993), ("big", "-9223372036854775808", -9223372036854775808),
    ("big", "9.223372036854775807e18", 9223372036854775807), ("big", "9007199254740993.0", 9007199254740993),
    ("f", "1e2", 100.0), ("f", "0.1", 0.1), ("f", "0.0e-400", 0.0), ("f", "12345678.123456789", 12345678.123456789),
    ("n", '{"a":1.10,"b":[99999999999999.99,1e2,-0,{"c":0.00001}],"d":"é \\" 1.10"}',
     '{"a":1.10,"b":[99999999999999.99,1e2,-0,{"c":0.00001}],"d":"é \\" 1.10"}'),
    ("n", "[1.10, 1e400]", "[1.10,1e400]"), ("n", '{"b": 1, "B": 2}', '{"b":1,"B":2}'), ("n", "[]", "[]"),
    ("n", "9" * 400, "9" * 400), ("n", "[ 1.10 ,-2.50,\t3.00, 4.0 ]", "[1.10,-2.50,3.00,4.0]"),
    ("n", '{"a":1.10,"b":"x, 2.50 y"}', '{"a":1.10,"b":"x, 2.50 y"}'), ("n", '[1.10,": 2.50"]', '[1.10,": 2.50"]'),
    ("n", '{"a":1.10,"\ue000":"\ue0001.10"}', '{"a":1.10,"\ue000":"\ue0001.10"}'), ("n", '["1.10",1.10]', '["1.10",1.10]'),
    ("n", '{"a":1.10,"b":"\\ue0002.50"}', '{"a":1.10,"b":"\ue0002.50"}'), ("n", r'["\\",1.10,"\""]', r'["\\",1.10,"\""]'),
]  # fmt: skip
UNFIT = [
    # A text is what it is in a CSV file, and what CAST makes of it: only a number may have an exponent.
    ("wide", '"1e-05"', "wide: '1e-05' is not a number (decimal(38,10))"),
    ("price", '"1e2", "t": 1e5', "price: '1e2' is not a number (decimal(9,2))"),
    ("price", '"1e2"', "price: '1e2' is not a number (decimal(9,2))"),
    ("big", '" 1E2 "', "big: ' 1E2 ' is not a number (bigint)"),
    ("f", "1e400", "f: '1e400' is out of range for float"),
    ("f", "1e-400", "f: '1e-400' is out of range for float"),
    ("big", "9223372036854775808", "big: '9223372036854775808' is out of range for bigint"),
    ("big", "1.5e0", "big: '1.5' is not a whole number (bigint)"),
    ("big", "1e999999999", "big: '1e999999999' is not a number (bigint)"),
    ("price", "1.105", "price: '1.105' has more than the 2 decimal places of decimal(9,2)"),
    ("price", "1e-3", "price: '0.001' has more than the 2 decimal places of decimal(9,2)"),
    ("wide", "0.00000000001", "wide: '0.00000000001' has more than the 10 decimal places of decimal(38,10)"),
    ("wide", "1" + ZEROS, f"wide: '1{'0' * 38}…' is out of range for decimal(38,10)"),
    ("wide", "1e390", f"wide: '1{'0' * 38}…' is out of range for decimal(38,10)"),
]


@pytest.mark.parametrize("form", ["document", "lines"])
def test_numbers_land_from_their_digits(form: str, tmp_path: Path) -> None:
    numbers = [(c, given, landed) for c, given, landed in NUMBERS]
    records = [f'{{"id": {i}, "{c}": {given}}}' for i, (c, given, _) in enumerate(numbers)]
    unfit = [f'{{"id": 1000, "{c}": {given}}}' for c, given, _ in UNFIT]
    root = project(tmp_path, records + unfit, form)
    bronze = run(root)
    assert (bronze["rows_published"], bronze["rows_quarantined"]) == (len(NUMBERS), len(UNFIT))
    found = ask(root, "SELECT t, wide, price, big, f, n, id FROM bronze.orders ORDER BY id")
    assert [r[-1] for r in found] == list(range(len(NUMBERS)))
    for row, (column, given, landed) in zip(found, numbers, strict=True):
        value = row[["t", "wide", "price", "big", "f", "n"].index(column)]
        expected = Decimal(landed) if column in ("wide", "price") else landed
        assert (value, type(value)) == (expected, type(expected)), (column, given)
        assert [v for v in row[:-1] if v is not None] == [value]
    first = len(NUMBERS) + 1
    assert reasons(root) == {first + i: [reason] for i, (_, _, reason) in enumerate(UNFIT)}


TWICE = [
    ('{"id": 1, "t": "a", "t": "b"}', "has the field 't' twice"),
    ('{"id": 1, "t": null, "t": null, "\\u0074": null}', "has the field 't' 3 times"),
    ('{"id": 1, "user_id": 1, "userId": 2}', "has the fields 'user_id' and 'userId', which are one name"),
    ('{"id": 1, "T": "a", "t": "a"}', "has the fields 'T' and 't', which are one name"),
    ('{"id": 1, "user_id": 1, "userId": 2, "t": 1, "t": 2}',
     "has the fields 'user_id' and 'userId', which are one name; has the field 't' twice"),
    ('{"id": 1, "n": {"b": 1, "b": 2}}', "has the field 'b' twice in $.n"),
    ('{"id": 1, "n": [1, {"x": {"b": 1, "c": 0, "b": 1}}]}', "has the field 'b' twice in $.n[1].x"),
    ('{"id": 1, "": 5}', "has the field '', which cannot be a column's name"),
    ('{"id": 1, "a\\u0000b": 5}', "has the field 'a\\x00b', which cannot be a column's name"),
    ('{"id": 1, "t": "\\ud800"}', "has half of a surrogate pair (an escape from \\ud800 to \\udfff), which is not a character"),
    ('{"id": 1, "\\udc00": 5}', "has half of a surrogate pair (an escape from \\ud800 to \\udfff), which is not a character"),
    ('{"id": 1, "n": ' + "[" * 900 + "1e2" + "]" * 900 + "}", "is nested too deeply"),
]  # fmt: skip


@pytest.mark.parametrize("form", ["document", "lines"])
def test_what_one_name_has_twice_is_in_quarantine(form: str, tmp_path: Path) -> None:
    records = [text for text, _ in TWICE] + ['{"id": 7, "userId": 8, "n": {"b": 1, "B": 2}}', '{"ID": 9, "USER_ID": 9}']
    root = project(tmp_path, records, form, COLUMNS + ", user_id: int")
    bronze = run(root)
    assert (bronze["rows_read"], bronze["rows_published"]) == (len(records), 2)
    assert ask(root, "SELECT id, user_id, n FROM bronze.orders ORDER BY id") == [(7, 8, '{"b":1,"B":2}'), (9, 9, None)]
    word = "line" if form == "lines" else "record"
    assert reasons(root) == {i: [f"{word} {i}: {reason}"] for i, (_, reason) in enumerate(TWICE, 1)}


def test_a_list_of_records_that_is_there_twice_is_an_error(tmp_path: Path) -> None:
    root = project(tmp_path, [], "document", "id: int")
    (root / DOCUMENT).write_text('{"items": [{"id": 1}], "items": [{"id": 2}]}')
    said = medallion(root, "run")
    assert said.code == 3
    assert "in.json: has the field 'items' twice on the way to its records; correct the file" in " ".join(said.err.split())


def test_a_field_that_comes_late_is_told_and_another_spelling_lands(tmp_path: Path) -> None:
    late = ['{"id": 2, "User Id": 5}', '{"id": 3, "extra": "x"}', '{"id": 4, "t": "y"}']
    root = project(tmp_path, ['{"id": 1, "user_id": 1}'] * 1_000 + late, "lines", "id: int, user_id: int, t: nvarchar(9)")
    assert run(root)["rows_quarantined"] == 1
    assert ask(root, "SELECT id, user_id, t FROM bronze.orders WHERE id > 1 ORDER BY id") == [(2, 5, None), (4, None, "y")]
    assert reasons(root) == {
        1002: ["line 1,002: has the field 'extra', which the beginning of the file does not have; declare it as a column"]
    }


def test_lines_are_as_strict_as_documents(tmp_path: Path) -> None:
    bad = ['{"id": 1, "t": "x",}', '{"id": 2, "n": [1,]}', '{"id": 3, "f": inf}', '{"id": 4, "t": -nan}']
    root = project(tmp_path, [*bad, '{"id": 5, "t": "a,}"}'], "lines")
    assert run(root)["rows_published"] == 1
    assert reasons(root) == {i: [f"line {i}: is not JSON"] for i in range(1, 5)}
