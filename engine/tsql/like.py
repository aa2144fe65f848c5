"""What a pattern of T-SQL's LIKE matches, as a regular expression."""

from __future__ import annotations

import unicodedata

INSTEAD = "single characters, or a range of letters or of digits, between [ and ]; [[] for a bracket"


def like_regex(pattern: str, escape: str = "") -> str:
    """The regular expression of a LIKE pattern, classes as the default collation orders letters and digits.

    Raises ValueError for a class that is empty or not closed, for a range that is not of letters or of digits, and for
    an escape character with nothing behind it.
    """
    pieces: list[str] = []
    i = 0
    while i < len(pattern):
        c = pattern[i]
        if escape and c == escape:
            pieces.append(_literal_character(_escaped(pattern, i)))
            i += 2
        elif c == "[":
            piece, i = _class(pattern, i + 1, escape)
            pieces.append(piece)
        else:
            pieces.append({"%": ".*", "_": "."}.get(c) or _literal_character(c))
            i += 1
    return "".join(pieces)


def _literal_character(c: str) -> str:
    return "\\" + c if c in r"\.^$|?*+()[]{}" else c


def _escaped(pattern: str, i: int) -> str:
    if i + 1 == len(pattern):
        raise ValueError(f"the pattern {pattern!r} ends with its escape character")
    return pattern[i + 1]


def _class(pattern: str, i: int, escape: str) -> tuple[str, int]:
    """The class whose body begins at ``i``, and the place behind its closing bracket."""
    negated = pattern[i : i + 1] == "^" and escape != "^"
    i += negated
    body: list[tuple[str, bool]] = []
    while i < len(pattern) and (pattern[i] != "]" or escape == "]"):
        plain = bool(escape) and pattern[i] == escape
        body.append((_escaped(pattern, i) if plain else pattern[i], plain))
        i += 1 + plain
    if i >= len(pattern):
        raise ValueError(f"the pattern {pattern!r} opens [ and does not close it")
    if not body:
        raise ValueError(f"the pattern {pattern!r} has nothing between [ and ]")
    return f"[{'^' if negated else ''}{''.join(_members(body, pattern))}]", i + 1


def _members(body: list[tuple[str, bool]], pattern: str) -> list[str]:
    members: list[str] = []
    i = 0
    while i < len(body):
        if i + 2 < len(body) and body[i + 1] == ("-", False):
            members.append(_range(body[i][0], body[i + 2][0], pattern))
            i += 3
        else:
            members.append(_in_class(body[i][0]))
            i += 1
    return members


def _in_class(c: str) -> str:
    return "\\" + c if c in r"\]^-[" else c


def _range(first: str, last: str, pattern: str) -> str:
    """A range of letters or digits, with what the default collation sorts between them: accented letters, fractions."""
    a, b = first.lower(), last.lower()
    letters, digits = "a" <= a <= b <= "z", "0" <= a <= b <= "9"
    if not (letters or digits):
        raise ValueError(f"the range {first}-{last} in the pattern {pattern!r} depends on how the server sorts")
    if digits:
        fractions = "¼½¾" if a == "0" < b else ""
        return f"{a}-{b}{fractions}" + "".join(raised for raised, digit in _RAISED.items() if a <= digit <= b)
    return f"{a}-{b}" + "".join(c for c, plain in _BETWEEN_LETTERS.items() if a <= plain < b)


_RAISED = {"¹": "1", "²": "2", "³": "3"}
_BETWEEN_LETTERS = {
    **{c: unicodedata.normalize("NFD", c)[0] for c in map(chr, range(0xE0, 0x180)) if c.islower()},
    **{"ß": "s", "æ": "a", "œ": "o", "ø": "o", "ð": "d", "đ": "d", "þ": "t", "ł": "l", "ħ": "h", "ŧ": "t"},
}
"""Letters of Latin-1 and Latin Extended-A, each with the plain letter behind which the default collation sorts it."""
