"""The templates of ``sql`` and what they may say: names, conditions and literals, always quoted."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2

from engine.core.sqltypes import MAX, Column
from engine.tsql.splitting import split_ctes, split_tail
from engine.tsql.templates import ident, literal


def names(columns: Iterable[Column | str], of: str = "") -> str:
    prefix = f"{ident(of)}." if of else ""
    return ", ".join(prefix + ident(c if isinstance(c, str) else c.name) for c in columns)


def _matched(columns: Iterable[str], left: str, right: str) -> str:
    return " AND ".join(f"{ident(left)}.{ident(c)} = {ident(right)}.{ident(c)}" for c in columns)


def _present(columns: Iterable[str]) -> str:
    # to PARTITION BY all nulls are one: rows without a key are never each other's repeats
    return " AND ".join(f"{ident(c)} IS NOT NULL" for c in columns)


def _exactly(columns: Iterable[Column], of: str) -> str:
    """The columns as values that are equal only when they are the same: the collation would let case and blanks go."""
    return ", ".join(
        f"CAST({names([c], of)} AS varbinary({'max' if c.type.length == MAX else 8000}))"
        if c.type.family == "string"
        else names([c], of)
        for c in columns
    )


def _said(column: Column, of: str) -> str:
    """What the data of a held row says of a column, as its type."""
    path = "$." + json.dumps(column.name, ensure_ascii=False)
    return f"TRY_CONVERT({column.type}, JSON_VALUE([{of}].[row_data], {literal(path)}))"


def _message(text: str) -> str:
    # THROW swallows a lone percent sign, and with it the rest of the message.
    return literal(text[:1000].replace("%", "%%"))


def _first_day(value: str, grain: str) -> str:
    """The first day of the period of a date or moment, as SQL; the day itself for ``day``."""
    month = {"month": f"MONTH({value})", "year": "1"}
    return f"CAST({value} AS date)" if grain == "day" else f"DATEFROMPARTS(YEAR({value}), {month[grain]}, 1)"


@functools.cache
def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent / "sql"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    environment.filters.update(
        ident=ident,
        literal=literal,
        names=names,
        matched=_matched,
        exactly=_exactly,
        present=_present,
        message=_message,
        said=_said,
        first_day=_first_day,
        json=functools.partial(json.dumps, ensure_ascii=False),
    )
    return environment


def render(statement: str, **values: Any) -> str:
    return _templates().get_template(f"{statement}.sql").render(values)


def counted(select: str) -> str:
    """A statement that counts the rows of a SELECT."""
    ctes, main = split_ctes(select)
    main, option = split_tail(main)
    return "\n".join(p for p in (ctes, f"SELECT COUNT(*) AS [rows] FROM (\n{main}\n) AS [counted]", option) if p)
