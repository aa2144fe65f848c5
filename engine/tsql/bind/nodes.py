"""Which syntax nodes an expression may hold, and what is said about those it may not."""

from __future__ import annotations

from sqlglot import exp

TURNED_AWAY: dict[type[exp.Expr], tuple[str, str]] = {
    exp.AtTimeZone: ("AT TIME ZONE needs Windows time zone names", "times kept in UTC, DATEADD(minute, n, …)"),
    exp.Dot: ("user-defined functions and methods are not available", "the expression itself, or a Jinja macro"),
    exp.Parameter: ("variables are not available", "{{ name | literal }} in the template"),
    exp.NullSafeEQ: ("IS NOT DISTINCT FROM is SQL Server 2022", "EXISTS (SELECT a INTERSECT SELECT b)"),
    exp.NullSafeNEQ: ("IS DISTINCT FROM is SQL Server 2022", "NOT EXISTS (SELECT a INTERSECT SELECT b)"),
    exp.Boolean: ("T-SQL has no TRUE and FALSE", "1 or 0, or CAST(1 AS bit)"),
    exp.IgnoreNulls: ("IGNORE NULLS is SQL Server 2022", "a WHERE … IS NOT NULL in a derived table"),
    exp.RespectNulls: ("RESPECT NULLS is SQL Server 2022", "the same without it, it is the default"),
    exp.CurrentUser: ("depends on who is connected", "a column or {{ target }}"),
    exp.CurrentDate: ("CURRENT_DATE is not T-SQL", "CAST(GETDATE() AS date)"),
    exp.Bracket: ("T-SQL has no arrays", "OPENJSON or STRING_SPLIT"),
    exp.Tuple: ("T-SQL has no row values", "one value"),
    exp.Star: ("* stands in the SELECT list or in COUNT(*) only", "column names"),
}
"""Nodes that are turned away: why, and what to write instead."""

TWO_SIDES = {"this", "expression"}
PARTS: dict[type[exp.Expr], set[str]] = {
    exp.Column: {"this", "table", "db"},
    exp.Literal: {"this", "is_string"},
    exp.Div: {"this", "expression", "typed", "safe"},
    exp.In: {"this", "expressions", "query"},
    exp.Between: {"this", "low", "high"},
    exp.Like: {"this", "expression", "negate"},
    exp.Case: {"this", "ifs", "default"},
    exp.Cast: {"this", "to", "format"},
    exp.TryCast: {"this", "to", "format", "safe"},
    exp.Convert: {"this", "expression", "style", "safe"},
    exp.Anonymous: {"this", "expressions"},
    exp.Window: {"this", "partition_by", "order", "spec", "over", "alias"},
    exp.Trim: {"this", "expression", "position"},
    exp.HexString: {"this", "is_integer"},
    exp.AtTimeZone: {"this", "zone"},
    exp.Bracket: {"this", "expressions", "offset", "safe"},
    exp.Tuple: {"expressions"},
}
"""What each node may carry; anything more is another dialect's and would be lost in silence."""
