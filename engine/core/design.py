"""What a table declares about how it is kept: partitions, indexes, references, compression, masks and permissions.

Plain values without SQL. ``sqlserver_design`` makes statements of them; DuckDB reads only ``Partitioning`` of a
partition load.
"""

from __future__ import annotations

from dataclasses import dataclass

GRAINS = ("day", "month", "year")


@dataclass(frozen=True, slots=True)
class Partitioning:
    """The date or datetime column that divides a table into whole days, months or years."""

    column: str
    grain: str = "month"


@dataclass(frozen=True, slots=True)
class Partitions(Partitioning):
    """A table that is stored in partitions; the newest ``keep`` periods have one of their own, 0 for all of them."""

    keep: int = 0


@dataclass(frozen=True, slots=True)
class Index:
    """A nonclustered index. A column may end in ``desc``; ``where`` is T-SQL text; ``name`` is for people."""

    columns: tuple[str, ...]
    include: tuple[str, ...] = ()
    where: str = ""
    unique: bool = False
    name: str = ""

    @property
    def keys(self) -> tuple[tuple[str, bool], ...]:
        """The key columns, each with whether it descends."""
        split = [column.rpartition(" ") for column in self.columns]
        return tuple(
            (head.rstrip(), tail.casefold() == "desc")
            if head and tail.casefold() in ("asc", "desc")
            else (whole, False)
            for (head, _, tail), whole in zip(split, self.columns, strict=True)
        )


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """Columns that refer to the key of another table. ``trusted``: the server keeps it; else it only tells readers."""

    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]
    trusted: bool = True


@dataclass(frozen=True, slots=True)
class Design:
    """A table's physical design; the empty one is that of a table that declares nothing."""

    indexes: tuple[Index, ...] = ()
    foreign_keys: tuple[ForeignKey, ...] = ()
    compression: str = ""
    """page, row or none; empty leaves a table as it is"""
    partitions: Partitions | None = None
    computed: tuple[tuple[str, str], ...] = ()
    """column and T-SQL expression"""
    defaults: tuple[tuple[str, str], ...] = ()
    """column and T-SQL expression"""
    descriptions: tuple[tuple[str, str], ...] = ()
    """column and text"""
    masks: tuple[tuple[str, str], ...] = ()
    """column and masking function"""
    grants: tuple[str, ...] = ()
    """roles that read the table"""
    deny: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """role and the columns it must not read, none for all of them"""


NO_DESIGN = Design()
