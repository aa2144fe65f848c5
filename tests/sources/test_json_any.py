"""Any JSON value lands in a text column as it is written but for blanks, in documents and in JSON Lines."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import duckdb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config.specs import JsonSource
from engine.core.sqltypes import parse_type
from engine.sources import SourceColumn, land, open_source

Written = tuple[str, str, str | None]
"""A value as it is in the file, the same without blanks, and what lands when a column holds it."""

texts = st.text(alphabet='a1.05e,:[]{}"\\ \ue000é-', max_size=12)
blanks = st.sampled_from(["", " ", "\t", "  "])
names = st.lists(texts, max_size=4, unique=True)


def number(text: str) -> Written:
    return text, text, text


def string(text: str) -> Written:
    quoted = json.dumps(text, ensure_ascii=False)
    return quoted, quoted, text


@st.composite
def nested(draw: st.DrawFn, inner: st.SearchStrategy[Written]) -> Written:
    if draw(st.booleans()):
        found = [(f"{draw(blanks)}{v[0]}{draw(blanks)}", v[1]) for v in draw(st.lists(inner, max_size=4))]
        opening, closing = "[", "]"
    else:
        keys = [json.dumps(k, ensure_ascii=False) for k in draw(names)]
        values = [(k, draw(inner)) for k in keys]
        found = [(f"{draw(blanks)}{k}{draw(blanks)}:{draw(blanks)}{v[0]}", f"{k}:{v[1]}") for k, v in values]
        opening, closing = "{", "}"
    small = opening + ",".join(s for _, s in found) + closing
    return opening + ",".join(w for w, _ in found) + closing, small, small


plain: st.SearchStrategy[Written] = st.one_of(
    st.from_regex(r"\A-?(0|[1-9][0-9]{0,20})(\.[0-9]{0,20}0{0,2}[0-9])?([eE][+-]?[0-9]{1,3})?\Z", fullmatch=True).map(number),
    texts.map(string),
    st.sampled_from([("true", "true", "true"), ("false", "false", "false"), ("null", "null", None)]),
)
values = st.recursive(plain, nested, max_leaves=8)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(values, min_size=1, max_size=20), st.booleans())
def test_any_value(tmp_path: Path, found: list[Written], lines: bool) -> None:
    records = [f'{{"id":{i}, "v" : {text}}}' for i, (text, _, _) in enumerate(found)]
    spec: dict[str, Any] = {"path": "in.jsonl"} if lines else {"path": "in.json", "records": "$.a"}
    data = "\n".join(records) if lines else '{"a": [' + ",\n".join(records) + "]}"
    (tmp_path / spec["path"]).write_text(data, encoding="utf-8")
    with duckdb.connect() as con:
        con.execute("SET default_collation = 'nocase'")
        source = open_source(JsonSource(type="json", **spec), tmp_path)
        columns = [SourceColumn("id", parse_type("int")), SourceColumn("v", parse_type("nvarchar(max)"))]
        land(con, source.scan(con, columns, load_id="l", loaded_at=dt.datetime(2026, 11, 20, tzinfo=dt.UTC)), "staging", "held")
        assert con.execute("SELECT reasons, row_data FROM held").fetchall() == []
        landed = [v for (v,) in con.execute("SELECT v FROM staging ORDER BY id").fetchall()]
    assert landed == [lands for _, _, lands in found]
