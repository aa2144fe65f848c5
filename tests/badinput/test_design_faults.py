"""What a server refuses of keys, indexes, computed columns, defaults and masks, told by `check` on every target."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project_files import PIPELINES, medallion, write_project

PLACE = "  silver.orders:\n    key: order_id\n"
ONE_ROW = "SQL Server takes no subquery, aggregate or window function here"
CONSTANTS = "an index takes columns compared with constants only, joined by AND"
FILTERS = ["amount > 1 OR amount < 0", "LEN(customer) > 1", "amount BETWEEN 1 AND 2", "NOT amount = 1", "1 < amount", "amount = order_id", "amount = 1 + 1", "customer LIKE 'x%'", "order_id NOT IN (1)"]  # fmt: skip
RIGHT_FILTERS = ["amount > 1", "amount > 1 AND (customer = N'x' AND amount <= 3)", "customer IN (N'a', N'b')", "customer IS NOT NULL", "amount = -1", "ordered_on >= CAST('2024-01-01' AS date)"]  # fmt: skip

FAULTS: dict[str, str] = {
    "key: [order_id, ORDER_ID]": "pipelines.yaml:15:10: the key of silver.orders names a column twice; expected each column once",
    "load: view, dedupe: amount": "silver.orders is a view, which has no dedupe",
    "load: view, watermark: amount": "silver.orders is a view, which has no watermark",
    "load: view, storage: columnstore": "silver.orders is a view, which has no storage",
    "computed: {c: SUM(amount)}": f"'SUM(amount)': {ONE_ROW}; expected an expression over one row",
    "computed: {c: (SELECT MAX(order_id) FROM silver.orders)}": ONE_ROW,
    "computed: {c: ROW_NUMBER() OVER (ORDER BY amount)}": ONE_ROW,
    "computed: {c: amount, C: amount}": "'C' is not a valid name for a computed column",
    f"computed: {{{'c' * 129}: amount}}": "is not a valid name for a computed column; expected 1 to 128 characters",
    "defaults: {amount: (SELECT 1)}": "'(SELECT 1)' reads a column or a table",
    "defaults: {amount: order_id + 1}": "'order_id + 1' reads a column or a table",
    """masks: {amount: 'partial(1,"x",0)'}""": 'amount is decimal(9,2), which partial(1,"x",0) does not mask; expected default()',
    "masks: {customer: 'random(1,9)'}": "customer is nvarchar(20), which random(1,9) does not mask",
    "masks: {amount: email()}": "amount is decimal(9,2), which email() does not mask",
    "grants: ['']": "'' is empty; expected a name",
    "deny: {'': [amount]}": "'' is empty; expected a name",
    **{f'indexes: [{{columns: customer, where: "{where}"}}]': CONSTANTS for where in FILTERS},
}  # fmt: skip
RIGHT = [
    "computed: {c: amount * 2, d: LEN(customer)}",
    "defaults: {amount: '0', customer: SUSER_SNAME(), ordered_on: GETDATE()}",
    "masks: {customer: 'partial(1,\"x\",0)', amount: 'random(1, 9)', ordered_on: default()}",
    *(f'indexes: [{{columns: customer, where: "{where}"}}]' for where in RIGHT_FILTERS),
]


def checked(tmp_path: Path, keys: str) -> tuple[int, str]:
    name, _, rest = keys.partition(": ")
    lines = "".join(f"    {part}\n" for part in (keys.split(", ") if keys.startswith("load") else [keys]))
    text = f"  silver.orders:\n{lines}" if name == "key" else PLACE + lines
    assert rest
    said = medallion(write_project(tmp_path, {"pipelines.yaml": PIPELINES.replace(PLACE, text)}), "check")
    return said.code, " ".join(said.err.split())


@pytest.mark.parametrize("keys", FAULTS)
def test_a_design_that_no_server_takes_is_refused(keys: str, tmp_path: Path) -> None:
    code, said = checked(tmp_path, keys)
    assert code == 1
    assert FAULTS[keys] in said
    assert "pipelines.yaml:1" in said


@pytest.mark.parametrize("keys", RIGHT)
def test_a_design_that_is_right_is_taken(keys: str, tmp_path: Path) -> None:
    code, said = checked(tmp_path, keys)
    assert code == 0, said


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("'': int", "the column name '' is empty"),
        ("' ': int", "the column name ' ' is empty"),
        ("x: int, 'x ': int", "the columns x and x have the same name"),
        ("x: int, X: int", "the columns x and X have the same name"),
    ],
)
def test_columns_that_a_server_cannot_tell_apart(columns: str, says: str, tmp_path: Path) -> None:
    text = PIPELINES.replace("ordered_on: date}", f"ordered_on: date, {columns}}}")
    said = medallion(write_project(tmp_path, {"pipelines.yaml": text}), "check")
    assert said.code == 1
    assert says in " ".join(said.err.split())


def test_dedupe_is_for_a_table_that_is_built(tmp_path: Path) -> None:
    text = PIPELINES.replace("    source: orders\n", "    source: orders\n    dedupe: amount\n")
    said = medallion(write_project(tmp_path, {"pipelines.yaml": text}), "check")
    assert said.code == 1
    assert "pipelines.yaml:12:5: dedupe is for a table built from a SELECT" in said.err
