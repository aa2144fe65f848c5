"""What a source's files were when they were loaded: a JSON object of ``size:time:digest`` by name, as text.

Content decides. Size and time only say which files need not be read to know that they are the same; entries of an
earlier version have no digest, and are compared by size and time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping


def entries(fingerprint: str) -> dict[str, str]:
    """Each file's entry by name; none of a text that nobody can read."""
    try:
        found = json.loads(fingerprint) if fingerprint else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def written(marks: Mapping[str, str]) -> str:
    return json.dumps(marks, ensure_ascii=False, sort_keys=True)


def contents(fingerprint: str) -> dict[str, str]:
    """What stands for each file's content, in the order of the names."""
    return {
        name: entry.split(":", 2)[-1] if entry.count(":") > 1 else entry
        for name, entry in sorted(entries(fingerprint).items())
    }


def differ(before: str, now: str, *, grows: bool) -> bool:
    """Whether there is something to load. With ``grows`` rows of files that are gone stay, so that only new and changed
    ones count."""
    if before == now or not now:
        return before != now
    was, found = contents(before), contents(now)
    return any(was.get(name) != content for name, content in found.items()) if grows else was != found


def renamed(before: str, now: str) -> dict[str, str]:
    """The names that files have now, by those they had: their bytes stood there and stand elsewhere."""
    was, found = contents(before), contents(now)
    left: dict[str, list[str]] = {}
    for name, content in was.items():
        if found.get(name) != content:
            left.setdefault(content, []).append(name)
    moved = {}
    for name, content in found.items():
        if was.get(name) != content and left.get(content):
            moved[left[content].pop(0)] = name
    return moved


def followed(before: str, now: str, moved: Mapping[str, str]) -> str:
    """``before`` with the names and times that the files of the same bytes have now."""
    was, found = contents(before), contents(now)
    entry, fresh = entries(before), entries(now)
    marks = {name: fresh[name] if found.get(name) == was[name] else entry[name] for name in entry if name not in moved}
    return written(marks | {name: fresh[name] for name in moved.values()})
