"""Volume guards: a load whose rows are suspiciously few, many or bad is a failed gate, not a green run.

A suite judges rows; it says nothing when there are none. These guards look at numbers of rows alone, and stand for every
table without being asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.config.specs import GuardsSpec
from engine.core.verdict import Verdict
from engine.quality.verdicts import percent

TYPE = "volume_guard"
"""The type of a guard's verdict in ``ops.verdicts``."""
FREE_TO_RISE = 100
"""Rows below which a table may rise as it likes: the first real file often follows a sample of a few lines."""
_NAMED = 5
"""Files or periods that a message names; of more only the number."""
DEFAULTS = GuardsSpec(quarantine="25%", empty=False, drop="50%", rise="900%")


@dataclass(frozen=True)
class Replaced:
    """The rows of a file or a period that a load read and that stand already, before and after."""

    name: str
    before: int
    after: int


@dataclass(frozen=True)
class Volume:
    """The rows of a load, as far as they are known. ``of`` is what ``quarantined`` is a part of; ``before`` and ``after``
    are the rows of the published table and of what takes its place, None where nothing was published or takes it."""

    quarantined: int = 0
    of: int = 0
    before: int | None = None
    after: int | None = None
    first_reason: str = ""
    replaced: Sequence[Replaced] = ()
    """The files or periods that the load read and of which rows are published."""


def limits(project: GuardsSpec, table: GuardsSpec) -> GuardsSpec:
    """What holds for a table: its own guards, else the project's, else the defaults."""
    given = DEFAULTS.model_dump()
    for spec in (project, table):
        given |= {k: v for k, v in spec.model_dump().items() if v is not None}
    return GuardsSpec(**given)


def judge(table: str, guards: GuardsSpec, volume: Volume, allowed: Collection[str]) -> list[Verdict]:
    """A failed verdict for each guard that the load exceeds: critical, or a warning where that is allowed this once."""
    found = [told(table, what, figures, allowed) for what, figures in _exceeded(guards, volume)]
    if any(v.id == "guard.quarantine" for v in found):
        return found  # that the table is then smaller is a consequence
    of_part = [told(table, what, figures, allowed) for what, figures in _of_parts(guards, volume.replaced)]
    return found + [replace(v, id=f"{v.id}.part") for v in of_part]


def told(table: str, what: str, figures: str, allowed: Collection[str]) -> Verdict:
    """A failed verdict that says ``figures``: critical, or a warning where that is allowed this once."""
    if what in allowed:
        return _verdict(what, "warning", f"{figures}; allowed by --allow {table}:{what}")
    return _verdict(what, "critical", figures)


def needed(verdicts: Iterable[Verdict]) -> list[str]:
    """The words that would have to be allowed for these verdicts to let a load pass."""
    return [v.id.split(".")[1] for v in verdicts if v.type == TYPE and v.blocks]


def _exceeded(guards: GuardsSpec, volume: Volume) -> Iterator[tuple[str, str]]:
    bad, of, before, after = volume.quarantined, volume.of, volume.before, volume.after
    # Not one row left is a broken source or a broken declaration, never broken rows, however much is tolerated.
    if bad and (bad >= of or _beyond(bad, of, guards.quarantine)):
        limit = f"more than the {guards.quarantine} of guards.quarantine" if bad < of else "and none is left"
        because = f", first because: {volume.first_reason}" if volume.first_reason else ""
        yield "quarantine", f"{bad:,} of {of:,} rows ({percent(bad, of)}) would go to quarantine, {limit}{because}"
        return
    if before is None or after is None or not before:
        return
    if not after:
        if not guards.empty:
            yield "empty", f"no rows would take the place of {before:,}"
    elif _beyond(before - after, before, guards.drop):
        fewer = percent(before - after, before)
        yield "drop", f"{_rows(after)} after {before:,}: {fewer} fewer, more than the {guards.drop} of guards.drop"
    elif before >= FREE_TO_RISE and _beyond(after - before, before, guards.rise):
        more = f"{100 * (after - before) / before:,.0f} %"
        yield "rise", f"{_rows(after)} after {before:,}: {more} more, more than the {guards.rise} of guards.rise"


def _rows(number: int) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number:,} row" + ("" if number == 1 else "s")


def _of_parts(guards: GuardsSpec, parts: Sequence[Replaced]) -> Iterator[tuple[str, str]]:
    """As for a whole table, of each file or period that is replaced: those that would have no rows, and those with too
    few."""
    emptied = [p for p in parts if not p.after]
    if emptied and not guards.empty:
        named = ", ".join(f"{p.name} ({p.before:,})" for p in emptied[:_NAMED])
        more = f" and {len(emptied) - _NAMED:,} more" if len(emptied) > _NAMED else ""
        yield "empty", f"no rows would take the place of {sum(p.before for p in emptied):,}: those of {named}{more}"
    few = sorted(
        (p for p in parts if p.after and _beyond(p.before - p.after, p.before, guards.drop)),
        key=lambda p: p.after - p.before,
    )
    if few:
        worst, others = few[0], len(few) - 1
        rows = f"{_rows(worst.after)} after {worst.before:,}"
        fewer = percent(worst.before - worst.after, worst.before)
        more = f", and so {others:,} {'other' if others == 1 else 'others'}" if others else ""
        yield "drop", f"{worst.name}: {rows}: {fewer} fewer, more than the {guards.drop} of guards.drop{more}"


def _beyond(part: int, whole: int, limit: str | bool | None) -> bool:
    """Whether ``part`` is a larger share of ``whole`` than a limit such as 25%; nothing is beyond ``off``."""
    return isinstance(limit, str) and 100 * part > Decimal(limit.removesuffix("%").strip()) * whole


def _verdict(what: str, severity: str, message: str) -> Verdict:
    return Verdict(f"guard.{what}", TYPE, "", severity, False, False, None, None, "", message)
