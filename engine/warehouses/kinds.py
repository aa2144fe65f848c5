"""The types of warehouse: what is known of one before it is opened. A target's ``type`` names the folder it lives in."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from engine.core.tables import Brought, TableShape
from engine.state.ledger import Row

if TYPE_CHECKING:
    from engine.tsql.bind import Bound
    from engine.warehouses.protocol import Warehouse


@dataclass(frozen=True, slots=True)
class Health:
    """What ``doctor`` found of a target. ``state`` is ok or missing; ``todo`` says what to do about it."""

    state: str
    found: str
    todo: str = ""


@dataclass(frozen=True, slots=True)
class Script:
    """One load of one table, of which the SQL is asked for and nothing is run."""

    shape: TableShape
    load_id: str
    tsql: str
    """the SELECT as the template has it; empty for a table that is loaded from ``source``"""
    bound: Bound | None
    source: str
    dedupe: str
    brought: Brought
    """what it is to have read"""
    ledger: Row
    """the row that the publish would write, without what is counted then"""

    @property
    def landed(self) -> bool:
        return not self.tsql


class Kind(Protocol):
    """What a type of warehouse can do. ``spec`` is the target as pipelines.yaml declares it, references resolved."""

    embedded: bool
    """It is a file that one process at a time may write, and has no roles."""
    checks_references: bool
    """It holds rows to the foreign keys that tables declare."""

    def open(self, spec: Any, root: Path, name: str, *, read_only: bool) -> Warehouse:
        """The warehouse of the target ``name``, not opened yet."""

    def place(self, spec: Any, root: Path) -> tuple[str, str]:
        """The OpenLineage namespace of its tables, and what stands before a table's name in it."""

    def misnamed(self, spec: Any, schemas: Collection[str]) -> tuple[str, str, str] | None:
        """A field of ``spec`` whose value cannot be together with ``schemas``: its name, why, and what is expected."""

    def check(self, bound: Bound) -> None:
        """Raises engine.tsql.bind.BindError where a SELECT would mean something else than on SQL Server."""

    def render(self, script: Script) -> list[tuple[str, str]]:
        """The SQL of a load in order, as (step, SQL) pairs. Raises BindError as ``check`` does."""

    def roles(self, shapes: Sequence[TableShape]) -> str:
        """The least-privilege set-up of a database as a script; empty where there are no roles."""

    def examine(self, spec: Any, root: Path) -> Health:
        """Whether this machine has what it takes; connects to nothing but local files."""


def kind_of(spec: Any) -> Kind:
    """The type of a target that ``targets:`` declares."""
    kind: Kind = import_module(f"engine.warehouses.{spec.type}.kind").KIND
    return kind
