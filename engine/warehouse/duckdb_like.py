"""LIKE patterns as regular expressions."""

from __future__ import annotations

import unicodedata


def like_regex(pattern: str, escape: str) -> str:
    """The regular expression of a LIKE pattern, classes as the default collation orders letters.

    Raises ValueError for a class that is opened and not closed.
    """
    pieces: list[str] = []
    i = 0
    while i < len(pattern):
        c = pattern[i]
        if escape and c == escape and i + 1 < len(pattern):
            pieces.append(_literal_character(pattern[i + 1]))
            i += 2
            continue
        if c == "[":
            end = pattern.find("]", i + 1)
            if end < 0:
                raise ValueError(f"the pattern {pattern!r} opens [ and does not close it")
            pieces.append(_class(pattern[i + 1 : end]))
            i = end + 1
            continue
        pieces.append({"%": ".*", "_": "."}.get(c) or _literal_character(c))
        i += 1
    return "".join(pieces)


def _literal_character(c: str) -> str:
    return "\\" + c if c in r"\.^$|?*+()[]{}" else c


def _class(body: str) -> str:
    negated = body.startswith("^")
    body = body[1:] if negated else body
    members: list[str] = []
    i = 0
    while i < len(body):
        if i + 2 < len(body) and body[i + 1] == "-":
            members.append(_range(body[i], body[i + 2]))
            i += 3
        else:
            members.append(_in_class(body[i]))
            i += 1
    return f"[{'^' if negated else ''}{''.join(members)}]"


def _in_class(c: str) -> str:
    return "\\" + c if c in r"\]^-[" else c


def _range(first: str, last: str) -> str:
    """A range of characters; between letters the default collation also sorts their accented forms."""
    text = f"{_in_class(first)}-{_in_class(last)}"
    a, b = first.lower(), last.lower()
    if not ("a" <= a <= "z" and "a" <= b <= "z"):
        return text
    return f"{a}-{b}" + "".join(c for c in _ACCENTED if a <= unicodedata.normalize("NFD", c)[0] < b)


_ACCENTED = [
    c for c in map(chr, range(0xE0, 0x180)) if c.islower() and "a" <= unicodedata.normalize("NFD", c)[0] <= "z"
]
