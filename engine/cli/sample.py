"""A made-up streaming platform to try the project on: valid rows that add up to known figures, and planted faults.

The same arguments give the same bytes on every machine: only ``random.random`` and integer arithmetic decide.
The valid rows do not depend on how many faults are planted among them.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from engine.core.errors import ProjectError

ACTIVE_USERS, USERS = 4_271, 5_000
ACTIVE_SESSIONS, SESSIONS = 191_807, 222_785
MOVIES, SERIES = 200, 100
FIRST_DAY, DAYS = dt.date(2024, 1, 1), 244
"""Sessions run from the first of January to the end of August 2024."""

USER_HEADER = "user_id,age,country,subscription_type,registration_date,total_watch_time_hours"
SESSION_HEADER = ("session_id,user_id,content_id,watch_date,watch_duration_minutes,completion_percentage,"
                  "device_type,quality_level")

GENRES = {"Action": 15, "Romance": 12, "Drama": 13, "Comedy": 11, "Horror": 9, "Documentary": 9, "Sci-Fi": 9,
          "Animation": 8, "Thriller": 7, "Crime": 4, "Reality": 3}
COUNTRIES = {"Mexico": 30, "Colombia": 24, "Argentina": 21, "Chile": 15, "Peru": 10}
PLANS = {"Basic": 40, "Standard": 36, "Premium": 24}
DEVICES = {"Smart TV": 36, "Mobile": 31, "Desktop": 14, "Tablet": 14, "Gaming Console": 5}
QUALITIES = {"Basic": {"SD": 45, "HD": 50, "4K": 5}, "Standard": {"SD": 15, "HD": 60, "4K": 25},
             "Premium": {"SD": 5, "HD": 35, "4K": 60}}
HOURS = {"Basic": (14, 38, 36, 12), "Standard": (9, 32, 41, 18), "Premium": (4, 18, 40, 38)}
"""Shares of light, regular, heavy and power users among the active ones of each plan."""
TENTHS_OF_HOURS = ((1001, 1499), (1500, 2999), (3000, 4999), (5000, 10999))

OPENINGS = ("Amber", "Broken", "Copper", "Distant", "Early", "Fading", "Golden", "Hollow", "Iron", "Jade", "Kind",
            "Last", "Midnight", "Northern", "Open", "Paper", "Quiet", "Rising", "Silver", "Thirteen")
SUBJECTS = ("Harbour", "Orchard", "Compass", "Lantern", "Railway", "Summit", "Garden", "Letter", "Winter", "Market",
            "Bridge", "Island", "Mirror", "Voyage", "Chapel", "River", "Signal Box", "Lighthouse", "Carnival", "Atlas")


@dataclass(frozen=True, slots=True)
class Planted:
    """Rows with one kind of fault in one file: how many, what becomes of them, at which table, and why."""

    file: str
    kind: str
    rows: int
    fate: str
    """``quarantined``, ``deduplicated`` (an exact copy is dropped) or ``published`` (repaired on the way)"""
    table: str
    why: str


@dataclass(frozen=True, slots=True)
class SampleReport:
    """What was written: files with their data rows, the planted faults, and the rows each table must end up with."""

    folder: Path
    files: Mapping[str, int]
    planted: tuple[Planted, ...]
    rows: Mapping[str, int]

    def count(self, fate: str, table: str) -> int:
        """Planted rows that meet this fate at this table."""
        return sum(p.rows for p in self.planted if p.fate == fate and p.table == table)


Spoil = Callable[[str, str, int], Sequence[str]]
"""A valid line, an id that no other row has, a running number: the lines that stand in the valid line's place."""


@dataclass(frozen=True, slots=True)
class _Fault:
    kind: str
    fate: str
    table: str
    why: str
    spoil: Spoil


def _extra(position: int, values: Sequence[str]) -> Spoil:
    """The valid line stays; after it comes a row with an id of its own and one spoilt field."""

    def spoil(line: str, fresh_id: str, number: int) -> Sequence[str]:
        fields = [fresh_id, *line.split(",")[1:]]
        fields[position] = values[number % len(values)].format(number=number + 1)
        return line, ",".join(fields)

    return spoil


def _ragged(line: str, fresh_id: str, number: int) -> Sequence[str]:
    fields = [fresh_id, *line.split(",")[1:]]
    return line, ",".join(fields[: len(fields) // 2] if number % 2 == 0 else [*fields, "surplus"])


def _conflict(position: int, values: Sequence[str]) -> Spoil:
    """The wrong row comes first: of two rows with one key the one that landed last is kept."""

    def spoil(line: str, fresh_id: str, number: int) -> Sequence[str]:
        fields = line.split(",")
        fields[position] = next(v for v in values if v != fields[position])
        return ",".join(fields), line

    return spoil


_SPELLINGS = {"Smart TV": ("smart tv", "SmartTV"), "Mobile": ("phone", "MOBILE"), "Desktop": ("Laptop", "pc"),
              "Tablet": ("TABLET", " tablet"), "Gaming Console": ("Console", "gaming_console")}


def _respelt(line: str, fresh_id: str, number: int) -> Sequence[str]:
    fields = line.split(",")
    fields[6] = _SPELLINGS[fields[6]][number % 2]
    return (",".join(fields),)


Plan = dict[int, tuple[_Fault, int]]
"""Line index to the fault planted there and its running number among its kind."""

_U, _S, _V = "bronze.users", "bronze.viewing_sessions", "silver.all_viewing_sessions"
_BAD_DATES = ("2024-02-30", "soon", "2023-13-01")

USER_FAULTS = (
    _Fault("duplicate_row", "deduplicated", _U, "the same row twice", lambda line, *_: (line, line)),
    _Fault("duplicate_key", "quarantined", _U, "user_id again with another age; the last landed row is kept",
           _conflict(1, ("66", "67"))),
    _Fault("null_key", "quarantined", _U, "no user_id", _extra(0, ("",))),
    _Fault("bad_date", "quarantined", _U, "registration_date is no date", _extra(4, _BAD_DATES)),
    _Fault("text_in_number", "quarantined", _U, "age is no number", _extra(1, ("forty", "n/a"))),
    _Fault("malformed_line", "quarantined", _U, "too few or too many columns", _ragged),
)

SESSION_FAULTS = (
    _Fault("duplicate_row", "deduplicated", _S, "the same row twice", lambda line, *_: (line, line)),
    _Fault("duplicate_key", "quarantined", _S, "session_id again with other minutes; the last landed row is kept",
           _conflict(4, ("181", "182"))),
    _Fault("null_key", "quarantined", _S, "no session_id", _extra(0, ("",))),
    _Fault("bad_date", "quarantined", _S, "watch_date is no date", _extra(3, _BAD_DATES)),
    _Fault("text_in_number", "quarantined", _S, "minutes are no whole number",
           _extra(4, ("abc", "12.5", "ten"))),
    _Fault("malformed_line", "quarantined", _S, "too few or too many columns", _ragged),
    _Fault("bad_duration", "quarantined", _V, "zero or negative minutes", _extra(4, ("0", "-5", "-{number}"))),
    _Fault("bad_completion", "quarantined", _V, "completion outside 0 to 100", _extra(5, ("150.0", "-1.5"))),
    _Fault("orphan_user", "quarantined", _V, "a user that does not exist", _extra(1, ("X{number:04}",))),
    _Fault("orphan_title", "quarantined", _V, "a title that does not exist", _extra(2, ("X{number:03}",))),
    _Fault("missing_user", "quarantined", _V, "no user_id", _extra(1, ("",))),
    _Fault("unknown_device", "quarantined", _V, "a device nobody knows", _extra(6, ("Smart Fridge", "Pager"))),
    _Fault("future_date", "quarantined", _V, "watched in the future", _extra(3, ("2124-05-01",))),
    _Fault("device_spelling", "published", _V, "a known device in another spelling", _respelt),
)


def generate(root: Path, *, users: int = USERS, sessions: int = SESSIONS, seed: int = 7,
             dirty: float = 0.002) -> SampleReport:
    """Write users.csv, viewing_sessions.csv and content.json into the folder ``root``, replacing each at once.

    ``users`` and ``sessions`` count the valid rows; faults come on top, about ``dirty`` x rows of each file and at
    least one of each kind unless it is 0. Raises ProjectError for numbers that make no data set.
    """
    if users < 1 or sessions < 0:
        raise ProjectError(f"a sample of {users} users and {sessions} sessions cannot be; at least 1 user, 0 sessions")
    if not 0 <= dirty <= 0.5:
        raise ProjectError(f"a share of dirty rows of {dirty} cannot be; between 0 and 0.5")
    root.mkdir(parents=True, exist_ok=True)
    people = _people(Random(seed * 8 + 1), users)
    titles = _titles(Random(seed * 8 + 2))
    plans = Random(seed * 8 + 4)
    user_plan = _plan(plans, users, dirty, USER_FAULTS)
    session_plan = _plan(plans, sessions, dirty, SESSION_FAULTS)
    user_lines = _spoilt((p.line for p in people), user_plan, "U", max(4, len(str(users))), users)
    session_lines = _spoilt(_sessions(Random(seed * 8 + 3), people, titles, sessions), session_plan,
                            "S", max(6, len(str(sessions))), sessions)
    catalogue, content_planted = _catalogue(titles, dirty > 0)
    files = {
        "users.csv": _write(root / "users.csv", USER_HEADER, user_lines),
        "viewing_sessions.csv": _write(root / "viewing_sessions.csv", SESSION_HEADER, session_lines),
        "content.json": _write_json(root / "content.json", catalogue),
    }
    planted = (*_counted("users.csv", USER_FAULTS, user_plan),
               *_counted("viewing_sessions.csv", SESSION_FAULTS, session_plan), *content_planted)
    return SampleReport(root, files, planted, _expected_rows(users, sessions, titles, planted))


@dataclass(frozen=True, slots=True)
class _Person:
    id: str
    country: str
    plan: str
    active: bool
    first_day: int
    hours: int
    device: str
    line: str


def _people(random: Random, users: int) -> list[_Person]:
    draw = random.random
    order = sorted(range(users), key=lambda _: draw())
    active = set(order[: _share(users, ACTIVE_USERS, USERS)])
    country, plan, device = _wheel(COUNTRIES), _wheel(PLANS), _wheel(DEVICES)
    segments = {p: _wheel(dict(enumerate(shares))) for p, shares in HOURS.items()}
    width = max(4, len(str(users)))
    people = []
    for i in range(users):
        lives, pays, prefers = _spin(country, draw()), _spin(plan, draw()), _spin(device, draw())
        low, high = TENTHS_OF_HOURS[_spin(segments[pays], draw())] if i in active else (50, 1000)
        # The product of two draws keeps the long tail thin: few people watch a thousand hours.
        tenths = low + int((high - low + 1) * draw() * (draw() if high > 5000 else 1))
        registered = dt.date(2022, 1, 1) + dt.timedelta(days=int(790 * draw()))
        age = 18 + int(48 * draw())
        user_id = f"U{i + 1:0{width}}"
        line = f"{user_id},{age},{lives},{pays},{registered.isoformat()},{tenths // 10}.{tenths % 10}"
        first_day = max(0, (registered - FIRST_DAY).days)
        people.append(_Person(user_id, lives, pays, i in active, first_day, tenths, prefers, line))
    return people


def _titles(random: Random) -> list[dict[str, Any]]:
    draw = random.random
    names = [f"{a} {b}" for a, b in itertools.product(OPENINGS, SUBJECTS)]
    names = [name for _, name in sorted((draw(), name) for name in names)]
    genre = _wheel(GENRES)
    titles: list[dict[str, Any]] = []
    for i in range(MOVIES + SERIES):
        movie = i < MOVIES
        genres = list(dict.fromkeys(_spin(genre, draw()) for _ in range(1 + int(3 * draw()))))
        if i < len(GENRES):
            genres = list(dict.fromkeys([list(GENRES)[i], *genres]))
        title: dict[str, Any] = {"content_id": f"M{i + 1:03}" if movie else f"S{i - MOVIES + 1:03}",
                                 "title": names[i], "genre": genres}
        if movie:
            title |= {"duration_minutes": 80 + int(101 * draw()), "release_year": 2015 + int(10 * draw())}
        else:
            episodes = [6 + int(19 * draw()) for _ in range(1 + int(8 * draw()))]
            title |= {"seasons": len(episodes), "episodes_per_season": episodes,
                      "avg_episode_duration": 20 + int(41 * draw())}
        title["rating"] = (10 + int(41 * draw())) / 10
        title["views_count" if movie else "total_views"] = 1_000 + int(300_000 * draw() * draw())
        title["production_budget"] = 1_000_000 + int(400_000_000 * draw() * draw())
        titles.append(title)
    return titles


def _sessions(random: Random, people: Sequence[_Person], titles: Sequence[Mapping[str, Any]], sessions: int) -> Iterator[str]:
    draw = random.random
    length = {t["content_id"]: t.get("duration_minutes") or t["avg_episode_duration"] for t in titles}
    days = [(FIRST_DAY + dt.timedelta(days=i)).isoformat() for i in range(DAYS)]
    # Better titles are watched more, and each country has favourites of its own.
    popular = {c: _wheel({t["content_id"]: (4 + int(t["rating"] * 2)) * (3 if draw() < 0.08 else 1) for t in titles})
               for c in COUNTRIES}
    device = _wheel(DEVICES)
    quality = {p: _wheel(shares) for p, shares in QUALITIES.items()}
    width = max(6, len(str(sessions)))
    number = 0
    for person, count in zip(people, _visits(draw, people, sessions), strict=True):
        watches, sees = popular[person.country], quality[person.plan]
        for _ in range(count):
            number += 1
            content_id = _spin(watches, draw())
            # The better of two draws: most people who start something see most of it.
            tenths = 100 + int(901 * max(draw(), draw()))
            minutes = max(2, (length[content_id] * tenths + 500) // 1000)
            day = days[person.first_day + int((DAYS - person.first_day) * draw())]
            on = person.device if draw() < 0.4 else _spin(device, draw())
            yield (f"S{number:0{width}},{person.id},{content_id},{day},{minutes},{tenths // 10}.{tenths % 10},"
                   f"{on},{_spin(sees, draw())}")


def _visits(draw: Callable[[], float], people: Sequence[_Person], sessions: int) -> list[int]:
    """How many sessions each person has: the active ones' share of all sessions is the reference's, exactly."""
    weights = [600 + p.hours // 10 + int(2_000 * draw()) for p in people]
    to_active = _share(sessions, ACTIVE_SESSIONS, SESSIONS)
    if all(p.active for p in people):
        to_active = sessions
    elif not any(p.active for p in people):
        to_active = 0
    counts = [0] * len(people)
    for active, total in ((True, to_active), (False, sessions - to_active)):
        group = [i for i, p in enumerate(people) if p.active is active]
        whole, before, passed = sum(weights[i] for i in group), 0, 0
        for i in group:
            passed += weights[i]
            upto = passed * total // whole
            counts[i], before = upto - before, upto
    return counts


def _catalogue(titles: Sequence[dict[str, Any]], dirty: bool) -> tuple[dict[str, list[dict[str, Any]]], tuple[Planted, ...]]:
    movies, series = [dict(t) for t in titles[:MOVIES]], [dict(t) for t in titles[MOVIES:]]
    if not dirty:
        return {"movies": movies, "series": series}, ()
    movies[20]["rating"], series[30]["rating"] = 6.2, -0.5
    movies.insert(11, movies[10])
    series.insert(5, series[40] | {"content_id": None})
    bronze = "bronze.content"
    return {"movies": movies, "series": series}, (
        Planted("content.json", "duplicate_row", 1, "deduplicated", bronze, "the same movie twice"),
        Planted("content.json", "null_key", 1, "quarantined", bronze, "no content_id"),
        Planted("content.json", "rating_out_of_range", 2, "published", "silver.content", "clamped to 0 to 5"),
    )


def _expected_rows(users: int, sessions: int, titles: Sequence[Mapping[str, Any]], planted: Iterable[Planted]) -> dict[str, int]:
    at_silver = sum(p.rows for p in planted if p.fate == "quarantined" and p.table == _V)
    active = _share(users, ACTIVE_USERS, USERS)
    active_sessions = _share(sessions, ACTIVE_SESSIONS, SESSIONS) if 0 < active < users else sessions if active else 0
    return {
        "bronze.users": users, "bronze.viewing_sessions": sessions + at_silver, "bronze.content": MOVIES + SERIES,
        "silver.all_users": users, "silver.users": active,
        "silver.all_viewing_sessions": sessions, "silver.viewing_sessions": active_sessions,
        "silver.content": MOVIES + SERIES, "silver.movie_details": MOVIES, "silver.series_details": SERIES,
        "silver.content_genres": sum(len(t["genre"]) for t in titles),
        "silver.series_episodes": sum(t.get("seasons", 0) for t in titles),
    }


def _share(whole: int, part: int, of: int) -> int:
    return (2 * whole * part + of) // (2 * of)


def _wheel(weights: Mapping[Any, int]) -> list[Any]:
    return [value for value, weight in weights.items() for _ in range(weight)]


def _spin(wheel: Sequence[Any], turn: float) -> Any:
    return wheel[int(turn * len(wheel))]


def _plan(random: Random, rows: int, dirty: float, faults: Sequence[_Fault]) -> Plan:
    if not dirty or not rows:
        return {}
    total = round(rows * dirty)
    wanted = [(fault, number) for i, fault in enumerate(faults)
              for number in range(max(1, total // len(faults) + (i < total % len(faults))))]
    plan: Plan = {}
    for entry in sorted(wanted, key=lambda e: e[1])[:rows]:
        index = int(random.random() * rows)
        while index in plan:
            index = (index + 1) % rows
        plan[index] = entry
    return plan


def _counted(file: str, faults: Sequence[_Fault], plan: Plan) -> Iterator[Planted]:
    for fault in faults:
        rows = sum(1 for planted, _ in plan.values() if planted is fault)
        if rows:
            yield Planted(file, fault.kind, rows, fault.fate, fault.table, fault.why)


def _spoilt(lines: Iterable[str], plan: Plan, prefix: str, width: int, used: int) -> Iterator[str]:
    for index, line in enumerate(lines):
        entry = plan.get(index)
        if entry is None:
            yield line
            continue
        used += 1
        yield from entry[0].spoil(line, f"{prefix}{used:0{width}}", entry[1])


def _write(path: Path, header: str, lines: Iterable[str]) -> int:
    rows = 0

    def chunks() -> Iterator[str]:
        nonlocal rows
        yield header + "\n"
        source = iter(lines)
        while chunk := list(itertools.islice(source, 20_000)):
            rows += len(chunk)
            yield "\n".join(chunk) + "\n"

    _replace(path, chunks())
    return rows


def _write_json(path: Path, catalogue: Mapping[str, Sequence[Any]]) -> int:
    _replace(path, [json.dumps(catalogue, indent=1, ensure_ascii=False), "\n"])
    return sum(len(v) for v in catalogue.values())


def _replace(path: Path, chunks: Iterable[str]) -> None:
    """Write beside ``path`` and rename, so that a reader sees the old file or the new one and never half."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.writelines(chunks)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
