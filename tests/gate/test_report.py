"""Data Docs: what is in the folder, and that it asks nothing of the network."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from engine.core.verdict import Verdict
from engine.pages.quality import TableVerdicts, build, docs_path

from .conftest import STAGING, Place

WHEN = dt.datetime(2026, 11, 20, 23, 15, 1)
LOAD = "20261120T231501_4f3a9c"
SUITE = """
expectations:
  - {type: expect_column_values_to_not_be_null, kwargs: {column: name}, severity: warning}
  - {type: expect_column_values_to_be_in_set, kwargs: {column: kind, value_set: [movie, series]}, quarantine: true}
  - {type: expect_column_values_to_be_unique, kwargs: {column: id}}
  - {type: expect_column_pair_values_to_be_in_set, kwargs: {column_A: small, column_B: large, value_pairs_set: [[1, 5]]}, severity: info}
  - {type: expect_column_max_to_be_between, kwargs: {column: nope, max_value: 3}}
  - type: unexpected_rows_expectation
    kwargs: {unexpected_rows_query: "SELECT * FROM {batch} WHERE small > 3"}
    description: "<script>alert('small')</script> costs $5 or $small"
  - {type: expect_column_values_to_not_be_in_set, kwargs: {column: name, value_set: ["<script>alert(1)</script>"]}, severity: info}
"""


@pytest.fixture
def docs(tmp_path: Path, judge: Callable[..., list[Verdict]], place: Place) -> Path:
    """Data Docs of a table with a failing suite, one that passed and one without expectations."""
    place.execute(
        f"CREATE OR REPLACE TABLE silver.hostile AS SELECT * REPLACE ('<script>alert(1)</script>' AS name) FROM silver.{STAGING}"
    )
    verdicts = judge(SUITE, table="hostile")
    held = [vars(v) for v in verdicts if v.success]
    as_ledger_rows = [vars(v) | {"detail": json.dumps(v.detail, default=str)} for v in verdicts]
    results = [
        TableVerdicts("gold.things", LOAD, WHEN, held, rows=7, quarantined=0),
        TableVerdicts(
            "silver.things", LOAD, WHEN, as_ledger_rows, quarantined=1, suite="expectations/silver/things.yaml"
        ),
        TableVerdicts("bronze.things", LOAD, WHEN, [], rows=1_234_567),
    ]
    stale = tmp_path / "docs" / "tables" / "silver.gone.html"
    stale.parent.mkdir(parents=True)
    stale.write_text("an older page")
    return build(tmp_path / "docs", results, project="shop <b>").parent


class _Links(HTMLParser):
    """Every address that a page loads or leads to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.scripts = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.loaded += [
            value or "" for name, value in attrs if name in ("src", "href", "action", "data", "poster", "srcset")
        ]
        self.scripts += tag == "script"


def test_no_page_asks_anything_of_the_network(docs: Path) -> None:
    pages = list(docs.rglob("*.html"))
    assert len(pages) == 4
    for page in pages:
        text = page.read_text(encoding="utf-8")
        links = _Links()
        links.feed(text)
        assert links.scripts == 1, "only docs.js"
        for address in links.loaded:
            assert not re.match(r"(?:[a-z]+:)?//", address), address
            if not address.startswith("#"):
                assert (page.parent / address).exists(), address
        assert not re.search(r"https?://|@import|amazonaws|greatexpectations\.io", text)
    for style in docs.rglob("*.css"):
        loaded = re.findall(r"url\(\s*[\"']?(.{5})", style.read_text(encoding="utf-8"))
        assert set(loaded) <= {"data:"}
        assert "@import" not in style.read_text(encoding="utf-8")
    assert "http" not in (docs / "static" / "docs.js").read_text(encoding="utf-8")


def test_the_index_has_a_row_for_each_table_in_the_order_of_the_layers(docs: Path) -> None:
    index = (docs / "index.html").read_text(encoding="utf-8")
    rows = re.findall(r'<a href="tables/(\S+?)\.html">', index.split("<tbody>")[1])
    assert rows == [
        "bronze.things",
        "silver.things",
        "silver.things",
        "gold.things",
    ]
    assert re.findall(r'<span class="chip (\w+)">', index) == ["none", "failed", "passed"]
    assert "nope: cannot be judged: the table has no column nope" in index
    assert '<a href="tables/silver.things.html">2 more</a>' in index
    assert "1,234,567" in index
    assert LOAD in index and "2026-11-20 23:15:01" in index
    assert "shop &lt;b&gt;" in index


def test_a_page_holds_the_sentences_and_great_expectations_own_rendering(docs: Path) -> None:
    page = (docs / "tables" / "silver.things.html").read_text(encoding="utf-8")
    assert "nope: cannot be judged: the table has no column nope" in page
    assert "medallion quarantine show silver.things" in page
    assert "Sampled Unexpected Values" in page
    assert "ge-section" in page
    assert "Values of small and large must be one of (1, 5)." in page
    assert "expectations/silver/things.yaml" in page


def test_what_suites_and_data_say_stays_text(docs: Path) -> None:
    for page in docs.rglob("*.html"):
        assert "<script>alert" not in page.read_text(encoding="utf-8")


def test_pages_of_tables_that_are_gone_are_removed(docs: Path) -> None:
    assert sorted(p.name for p in (docs / "tables").iterdir()) == [
        "bronze.things.html",
        "gold.things.html",
        "silver.things.html",
    ]


def test_the_licence_stands_beside_what_is_not_ours(docs: Path) -> None:
    assert "MIT" in (docs / "static" / "bootstrap.LICENSE.txt").read_text(encoding="utf-8")
    assert sum(p.stat().st_size for p in (docs / "static").iterdir()) < 300_000


def test_statements_of_a_published_table_read_the_published_table(
    tmp_path: Path, judge: Callable[..., list[Verdict]]
) -> None:
    verdicts: list[Any] = [vars(v) for v in judge(SUITE) if v.severity == "warning"]
    for rows, expected in ((7, "FROM silver.things WHERE name IS NULL"), (None, "__staging_things_" + LOAD)):
        build(tmp_path / "docs", [TableVerdicts("silver.things", LOAD, WHEN, verdicts, rows=rows)])
        assert expected in (tmp_path / "docs" / "tables" / "silver.things.html").read_text(encoding="utf-8")


def test_docs_stand_under_data(tmp_path: Path) -> None:
    assert docs_path(tmp_path) == tmp_path / "data" / "docs" / "index.html"
