"""What a SELECT says, apart from how it is written: two texts that differ in comments, blanks, the case of words or the
quoting of names mean the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlglot import exp


def meaning(tree: exp.Expr) -> str:
    """A digest of a parsed SELECT that changes when what it says does."""
    return hashlib.sha256(json.dumps(_said(tree), separators=(",", ":")).encode()).hexdigest()[:32]


def _said(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return [_said(item) for item in node]
    if isinstance(node, exp.Identifier | exp.Var):
        return [node.key, node.name.casefold()]
    if isinstance(node, exp.Literal):
        return [node.key, bool(node.args.get("is_string")), node.name]
    if isinstance(node, exp.Anonymous) and isinstance(node.this, str):
        return [node.key, node.this.casefold(), _said(node.expressions)]
    if isinstance(node, exp.Expr):
        given = {name: _said(value) for name, value in sorted(node.args.items()) if value not in (None, False, [])}
        return [node.key, given]
    return node if isinstance(node, int | float | bool) else str(node)
