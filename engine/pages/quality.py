"""Data Docs: Great Expectations' pages of the latest verdicts, as a folder that opens with no network.

The expectations and their results are rendered by Great Expectations' own renderers, inside page templates of this
engine: the ones that come with it load scripts, styles and a counting logo from six other hosts.
"""

from __future__ import annotations

import datetime as dt
import html
import importlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from engine.compile.undeclared import sentence, undeclared
from engine.core.layers import LAYERS
from engine.quality import guards

if TYPE_CHECKING:
    from engine.config.project import Project
    from engine.state.ledger import Reader

_STATIC = Path(__file__).parent / "data_docs"
_VERDICTS = {
    "failed": "failed",
    "warned": "passed with warnings",
    "held": "passed, rows held back",
    "passed": "passed",
    "none": "not judged",
}


@dataclass(frozen=True)
class TableVerdicts:
    """The latest load of one table and what was said about it.

    ``verdicts`` are rows of ``ops.verdicts`` (or ``vars`` of a Verdict); ``finished_at`` is UTC; ``rows`` and
    ``quarantined`` are counts, None when unknown.
    """

    table: str
    load_id: str
    finished_at: dt.datetime | None
    verdicts: Sequence[Mapping[str, Any]]
    rows: int | None = None
    quarantined: int | None = None
    suite: str = ""
    declared: bool = True


def docs_path(root: Path) -> Path:
    """Where the Data Docs of the project in ``root`` are written: the page to open."""
    return root / "data" / "docs" / "index.html"


def build_from_ledger(project: Project, warehouse: Reader) -> Path:
    """Write the Data Docs of the latest load of every table in the ledger. Returns the page to open."""
    recent = (
        "SELECT *, ROW_NUMBER() OVER (PARTITION BY table_name ORDER BY number DESC, load_id DESC) AS recent"
        " FROM ops.loads"
    )
    loads = warehouse.rows(
        "SELECT table_name, load_id, finished_at, state, rows_total, rows_quarantined"
        f" FROM ({recent}) AS l WHERE recent = 1 AND state <> 'pruned' ORDER BY table_name"
    )
    judged: dict[str, list[Mapping[str, Any]]] = {}
    for row in warehouse.rows(
        f"SELECT v.* FROM ops.verdicts AS v INNER JOIN ({recent}) AS l ON l.table_name = v.table_name"
        " AND l.load_id = v.load_id AND l.recent = 1"
    ):
        judged.setdefault(row["table_name"], []).append(row)
    left = undeclared(warehouse, project)
    names = {one.table for one in left}
    results = [
        TableVerdicts(
            load["table_name"],
            load["load_id"],
            load["finished_at"],
            judged.get(load["table_name"], []),
            rows=load["rows_total"] if load["state"] == "published" else None,
            quarantined=load["rows_quarantined"],
            suite=_suite_file(project.root, load["table_name"]),
            declared=load["table_name"] not in names,
        )
        for load in loads
    ]
    return build(docs_path(project.root).parent, results, project=project.name, warning=sentence(left))


def build(out: Path, results: Sequence[TableVerdicts], *, project: str = "", warning: str = "") -> Path:
    """Write the Data Docs of ``results`` into the folder ``out``: index.html, one page a table, styles. Pages of
    tables that are no longer among the results are removed. ``warning`` stands above the list of tables. Returns the
    path of index.html."""
    importlib.import_module("engine.quality.gx")  # first: it keeps the import of Great Expectations short
    from great_expectations.render.view import DefaultJinjaPageView

    view = DefaultJinjaPageView(custom_views_directory=str(_STATIC / "views"))
    made_at = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
    tables = sorted((_described(r) for r in results), key=lambda t: (t["rank"], t["full"]))
    pages = out / "tables"
    pages.mkdir(parents=True, exist_ok=True)
    shutil.copytree(_STATIC / "assets", out / "static", dirs_exist_ok=True)
    common = {"project": project, "made_at": made_at}
    for table in tables:
        page = view.env.get_template("medallion_page.html")
        text = page.render(t=table, sections=_sections(table), up="../", **common)
        (pages / table["page"]).write_text(text, encoding="utf-8")
    for stale in set(pages.glob("*.html")) - {pages / t["page"] for t in tables}:
        stale.unlink()
    index = out / "index.html"
    text = view.env.get_template("medallion_index.html").render(
        tables=tables, tiles=_tiles(tables), warning=warning, up="", **common
    )
    index.write_text(text, encoding="utf-8")
    return index


def _suite_file(root: Path, table: str) -> str:
    path = Path("expectations", *table.split(".")).with_suffix(".yaml")
    return path.as_posix() if (root / path).exists() else ""


def _described(result: TableVerdicts) -> dict[str, Any]:
    """What the templates show of a table."""
    layer, _, name = result.table.rpartition(".")
    failing = [
        {**v, "rows_sql": _as_published(v["rows_sql"] or "", result)} for v in result.verdicts if not v["success"]
    ]
    failing.sort(key=lambda v: _severity_rank(v["severity"]))
    verdict = _verdict(result, failing)
    return {
        "full": result.table,
        "name": name,
        "layer": layer,
        "rank": LAYERS.index(layer) if layer in LAYERS else len(LAYERS),
        "page": f"{result.table}.html",
        "verdict": verdict,
        "verdict_words": _VERDICTS[verdict],
        "verdict_rank": list(_VERDICTS).index(verdict),
        "failing": failing,
        "verdicts": result.verdicts,
        "judged": len(result.verdicts),
        "held_count": len(result.verdicts) - len(failing),
        "rows": result.rows,
        "quarantined": result.quarantined,
        "load_id": result.load_id,
        "suite": result.suite,
        "declared": result.declared,
        "when": result.finished_at.strftime("%Y-%m-%d %H:%M:%S") if result.finished_at else "",
    }


def _as_published(sql: str, result: TableVerdicts) -> str:
    """The statement over the published table: its staging table, which has the load id in its name, is gone by then.
    What was not published is still in staging."""
    if result.rows is None:
        return sql
    staging = rf"\"?\w*{re.escape(result.load_id)}\w*\"?"
    sql = re.sub(rf"[\w\"]+\.{staging}", lambda _: result.table, sql)
    return re.sub(staging, lambda _: result.table.rpartition(".")[2], sql)


def _severity_rank(severity: str) -> int:
    return {"critical": 0, "warning": 1, "info": 2}.get(severity, 3)


def _verdict(result: TableVerdicts, failing: Sequence[Mapping[str, Any]]) -> str:
    if not result.verdicts:
        return "none"
    kept = [v for v in failing if not v["quarantine"]]
    if any(v["severity"] == "critical" for v in kept):
        return "failed"
    if kept:
        return "warned"
    return "held" if failing else "passed"


def _tiles(tables: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    def count(verdict: str) -> int:
        return sum(t["verdict"] == verdict for t in tables)

    quarantined = sum(t["quarantined"] or 0 for t in tables)
    tiles = [
        ("tables", len(tables), ""),
        ("passed", count("passed") + count("held") + count("warned"), ""),
        ("failed", count("failed"), "bad" if count("failed") else ""),
        ("with warnings", count("warned"), "warn" if count("warned") else ""),
        ("expectations judged", sum(t["judged"] for t in tables), ""),
        ("rows quarantined", quarantined, "warn" if quarantined else ""),
    ]
    return [{"label": label, "value": f"{value:,}", "kind": kind} for label, value, kind in tiles]


def _sections(table: Mapping[str, Any]) -> list[Any]:
    """Great Expectations' rendering of the verdicts: one section for the table, one for each column."""
    judged = [v for v in table["verdicts"] if v["type"] != guards.TYPE]
    if not judged:
        return []
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer

    results = [_result(v) for v in judged]
    suite = ExpectationSuiteValidationResult(
        success=not table["failing"],
        results=results,
        suite_name=table["full"],
        statistics={
            "evaluated_expectations": table["judged"],
            "successful_expectations": table["held_count"],
            "unsuccessful_expectations": table["judged"] - table["held_count"],
            "success_percent": 100.0 * table["held_count"] / table["judged"],
        },
        meta={"run_id": {"run_name": table["load_id"], "run_time": dt.datetime.now(dt.UTC)}},
    )
    document = ValidationResultsPageRenderer().render(suite).to_json_dict()
    # The first section is an overview whose links lead to pages of Great Expectations' own site.
    return [s for s in document["sections"] if s["section_name"] != "Overview"]


def _result(verdict: Mapping[str, Any]) -> Any:
    from great_expectations.core.expectation_validation_result import ExpectationValidationResult
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    detail = verdict["detail"]
    detail = json.loads(detail) if isinstance(detail, str) else detail
    return ExpectationValidationResult(
        success=detail["success"],
        expectation_config=ExpectationConfiguration(**_worded(detail["expectation_config"])),
        result=_as_text(detail["result"]),
        exception_info=_as_text(detail["exception_info"]),
        meta={},
    )


def _as_text(value: Any) -> Any:
    """The value with every text in it escaped: Great Expectations puts failing values into the page as markup."""
    if isinstance(value, str):
        return html.escape(value, quote=False)
    if isinstance(value, Mapping):
        return {name: _as_text(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(part) for part in value]
    return value


def _worded(config: dict[str, Any]) -> dict[str, Any]:
    """The expectation with its description as text: Great Expectations puts it into the page as markup. One of them
    has no sentence of its own and gets one."""
    description = config.get("description") or ""
    if config["type"] == "expect_column_pair_values_to_be_in_set" and not description:
        kwargs = config["kwargs"]
        pairs = ", ".join(f"({a}, {b})" for a, b in kwargs["value_pairs_set"])
        description = f"Values of {kwargs['column_A']} and {kwargs['column_B']} must be one of {pairs}."
    return {**config, "description": _as_text(description)} if description else config
