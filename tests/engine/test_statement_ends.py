"""How a template or a row query may begin and end, on both targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.project_files import FILES, PIPELINES, medallion, write_project
from tests.targets import ask as rows

pytestmark = pytest.mark.usefixtures("target")

TEMPLATE = FILES["templates/silver/orders.sql"]
SUITE = """\
expectations:
  - type: unexpected_rows_expectation
    kwargs:
      unexpected_rows_query: >-
        WITH few AS (SELECT o.customer FROM bronze.orders AS o GROUP BY o.customer HAVING COUNT(*) < {least})
        SELECT b.* FROM {{batch}} AS b JOIN few AS f ON f.customer = b.customer {end}
"""


@pytest.mark.parametrize(
    "end",
    [
        "ORDER BY o.amount DESC\n",
        "ORDER BY o.amount DESC -- the dearest first\n",
        "ORDER BY o.order_id OFFSET 0 ROWS FETCH NEXT 10 ROWS ONLY\n",
        "UNION ALL SELECT 9, N'Zed', 12, CAST('2024-01-01' AS date) WHERE 1 = 0 ORDER BY amount\n",
        "OPTION (MAXRECURSION 50)\n",
        "ORDER BY o.amount OPTION (MAXRECURSION 50)\n",
    ],
)
def test_a_template_may_end_as_a_select_may_end(end: str, tmp_path: Path) -> None:
    root = write_project(tmp_path, {"templates/silver/orders.sql": TEMPLATE + end})
    said = medallion(root, "run")
    assert said.code == 0, said.err
    assert rows(root, "SELECT order_id FROM silver.orders ORDER BY order_id") == [(1,), (2,), (4,)]


def test_a_view_may_end_with_order_by(tmp_path: Path) -> None:
    changes = {
        "pipelines.yaml": PIPELINES.replace("  gold.customers:\n", "  gold.customers:\n    load: view\n"),
        "templates/gold/customers.sql": FILES["templates/gold/customers.sql"] + "ORDER BY customer\n",
    }
    root = write_project(tmp_path, changes)
    said = medallion(root, "run")
    assert said.code == 0, said.err
    assert rows(root, "SELECT customer FROM gold.customers ORDER BY customer") == [("Ann",), ("Bob",), ("Cid",)]


@pytest.mark.parametrize("end", ["", "ORDER BY b.order_id", "OPTION (MAXRECURSION 50)"])
@pytest.mark.parametrize(("least", "code", "words"), [(1, 0, ""), (2, 2, "2 rows found")])
def test_a_row_query_may_begin_with_with(end: str, least: int, code: int, words: str, tmp_path: Path) -> None:
    root = write_project(tmp_path, {"expectations/silver/orders.yaml": SUITE.format(least=least, end=end)})
    said = medallion(root, "run")
    assert said.code == code, said.err
    assert words in said.err
    assert "cannot be judged" not in said.err
