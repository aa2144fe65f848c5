"""T-SQL read and understood: one SELECT parsed, its names resolved against known tables, its types derived.

``parse`` gives the tree, ``tables_of`` what it reads, ``meaning`` a digest of what it says, ``bind`` the typed statement
with output columns, lineage and every fault found, each with its line and column in the text; ``counting`` tells how the
rows it drops are counted.
"""

from __future__ import annotations

from sqlglot import exp

from engine.core.errors import Problem
from engine.tsql.bind.counting import Counting, counting
from engine.tsql.bind.meaning import meaning
from engine.tsql.bind.parsing import parse, tables_of
from engine.tsql.bind.queries import Binder
from engine.tsql.bind.reserved import name_problems
from engine.tsql.bind.typed import BindError, Bound, Catalog, Refused

__all__ = ["BindError", "Bound", "Catalog", "Counting", "Refused", "bind", "counting", "meaning", "parse", "tables_of"]


def bind(tree: exp.Expr, catalog: Catalog) -> Bound:
    """Resolves every name in ``tree`` against ``catalog`` and derives T-SQL types; ``tree`` is not changed.

    Raises BindError with all faults found: unknown or ambiguous names with the nearest known one, unnamed or repeated
    output columns, unknown functions, type clashes, columns missing from GROUP BY.
    """
    binder = Binder(catalog)
    try:
        bound = binder.statement(tree)
    except RecursionError as error:
        raise BindError(Problem("the SELECT is nested too deeply to be read", line=1, column=1)) from error
    binder.problems += name_problems(tree)
    if binder.problems:
        unique = dict.fromkeys(binder.problems)
        raise BindError(unique)
    return bound
