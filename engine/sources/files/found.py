"""Files as bytes: which ones match, what their first bytes say, how many lines they have."""

from __future__ import annotations

import codecs
import functools
import glob
import gzip
import hashlib
import io
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from engine.core.errors import SourceError
from engine.sources import fingerprints

SAMPLE = 1 << 20
LONGEST_LINE = 2_000_000
"""Bytes; a longer line is held back, so that a file without line ends cannot fill the memory."""

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def find(pattern: str, root: Path) -> list[Path]:
    """The files that ``pattern`` names, sorted. Raises SourceError when there are none."""
    whole = root / pattern
    # A name that is there as written wins over what its brackets would match.
    if whole.is_file():
        return [whole]
    found = sorted(p for p in map(Path, glob.iglob(str(whole), recursive=True)) if p.is_file())  # noqa: PTH207 (takes absolute patterns)
    if found:
        return found
    if whole.is_dir():
        raise SourceError(f"{pattern}: is a folder; name its files, such as {pattern.rstrip('/')}/*.csv")
    folder = whole.parent
    there = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) if folder.is_dir() else ""
    state = f"which has {there}" if there else "which is empty" if folder.is_dir() else "which does not exist"
    raise SourceError(f"{pattern}: no such file; looked in {folder}, {state}. Put the file there or correct the source's path")


def fingerprint(paths: Sequence[Path], root: Path, before: str = "") -> str:
    """Names, sizes, times and digests of ``paths`` as text. Only files that are not in ``before`` with their size and
    time are read. Raises SourceError when one cannot be."""
    known, marks = fingerprints.entries(before), {}
    for path in paths:
        name, at = shown(path, root), path.stat()
        state, entry = f"{at.st_size}:{at.st_mtime_ns}", known.get(name, "")
        same = entry == state or entry.startswith(f"{state}:")
        marks[name] = entry if same else f"{state}:{_digest(path, name, state)}"
    return fingerprints.written(marks)


@functools.lru_cache(maxsize=1 << 14)
def _digest(path: Path, name: str, state: str) -> str:
    """A digest of the file's bytes; ``state`` is its size and time, for it is read once while they stay."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:32]
    except OSError as error:
        raise SourceError(f"{name}: cannot be read ({error.strerror}); check its permissions") from None


def changed(paths: Sequence[Path], root: Path, before: str) -> list[Path]:
    """Those of ``paths`` whose content is not in the fingerprint ``before`` under their name."""
    known, now = fingerprints.contents(before), fingerprints.contents(fingerprint(paths, root, before))
    return [p for p in paths if known.get(shown(p, root)) != now[shown(p, root)]]


def shown(path: Path, root: Path) -> str:
    """The path as users know it: relative to the project where it lies inside."""
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.as_posix()


@contextmanager
def opened(path: Path, name: str) -> Iterator[IO[bytes]]:
    """The file's bytes, unpacked when it is gzipped. Raises SourceError when they cannot be read."""
    try:
        with _open(path) as stream:
            yield stream
    except (gzip.BadGzipFile, EOFError, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if isinstance(error, (gzip.BadGzipFile, EOFError)):
            raise SourceError(f"{name}: is not a whole gzip file ({why}); fetch it again") from None
        raise SourceError(f"{name}: cannot be read ({why}); check its permissions") from None


def _open(path: Path) -> IO[bytes]:
    if packed(path):
        # io.BufferedReader gives gzip a readline with a limit, and larger reads.
        return io.BufferedReader(gzip.open(path, "rb"), 1 << 20)  # type: ignore[arg-type]
    return path.open("rb", buffering=1 << 20)


def packed(path: Path) -> bool:
    return path.suffix.lower() == ".gz"


def head(path: Path, name: str) -> bytes:
    """The first bytes, at most SAMPLE. Raises SourceError when the file is empty or holds nothing but blanks."""
    with opened(path, name) as stream:
        first = stream.read(SAMPLE)
        if not first.strip(b" \t\r\n\x00\xef\xbb\xbf\xff\xfe"):
            while more := stream.read(SAMPLE):
                if more.strip():
                    return first
            what = "is empty" if not first else "holds nothing but blanks"
            raise SourceError(f"{name}: {what}; the delivery may have failed, fetch the file again or remove it")
    return first


def check_encoding(first: bytes, declared: str, name: str) -> None:
    """Raise SourceError when the first bytes are plainly not in the declared encoding."""
    try:
        codec = codecs.lookup(declared).name
    except LookupError:
        raise SourceError(f"{name}: encoding {declared!r} is not known; try utf-8, utf-16, latin-1 or cp1252") from None
    bom = next((encoding for mark, encoding in _BOMS if first.startswith(mark)), "")
    if codec != "utf-8":
        if bom == "utf-8":
            raise SourceError(f"{name}: starts with the mark of UTF-8 at byte 0, but is declared {declared}; remove the encoding")
        return
    if bom not in ("", "utf-8"):
        raise SourceError(f"{name}: is not UTF-8: byte 0 starts with the mark of {bom.upper()}; declare encoding: {bom}")
    if (zero := first.find(b"\0")) >= 0 and (first.count(b"\0") > len(first) // 4):
        wide = "utf-16-le" if zero % 2 else "utf-16-be"
        raise SourceError(f"{name}: is not UTF-8: byte {zero} is zero, as in UTF-16; declare encoding: {wide}")
    _check_utf8(first, name)


def _check_utf8(first: bytes, name: str) -> None:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(first)
        return
    except UnicodeDecodeError as error:
        at = error.start
    lines = first.split(b"\n")
    if len(first) >= SAMPLE and len(lines) > 1:
        lines.pop()
    foreign = [line for line in lines if not line.isascii()]
    broken = [line for line in foreign if not _is_utf8(line)]
    # Single broken lines are held back one by one; here it is the file that is something else.
    whole = not _is_utf8(lines[0]) or (len(broken) * 100 > len(lines) and len(broken) * 2 > len(foreign))
    if whole:
        hint = "cp1252" if re.search(rb"[\x80-\x9f]", first[at:at + 1]) else "latin-1"
        raise SourceError(f"{name}: is not UTF-8: byte {at} is 0x{first[at]:02X}; declare its encoding, such as encoding: {hint}")


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def is_utf8(encoding: str) -> bool:
    return codecs.lookup(encoding).name == "utf-8"


def transcode(path: Path, name: str, encoding: str, to: Path) -> None:
    """Write the file anew in UTF-8. Raises SourceError at a byte that the encoding does not have."""
    decoder = codecs.getincrementaldecoder(encoding)()
    done = 0
    with opened(path, name) as stream, to.open("w", encoding="utf-8", newline="") as out:
        while True:
            chunk = stream.read(SAMPLE)
            pending = len(decoder.getstate()[0])
            try:
                text = decoder.decode(chunk, final=not chunk)
            except UnicodeDecodeError as error:
                at = done - pending + error.start
                raise SourceError(f"{name}: is not {encoding}: the bytes at {at} mean nothing in it; "
                                  "declare the encoding it was written in") from None
            done += len(chunk)
            out.write(text.removeprefix("\ufeff") if done == len(chunk) else text)
            if not chunk:
                return


class LineCount(threading.Thread):
    """Counts a file's lines beside the database's own reading of it, so that no row can go missing unnoticed."""

    def __init__(self, path: Path) -> None:
        super().__init__(name=f"count lines of {path.name}", daemon=True)
        self._path = path
        self._lines = 0
        self._failed: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            self._lines = _count(self._path)
        except Exception as error:
            self._failed = error

    def result(self) -> int:
        """Lines, the last counted even when it does not end. Raises what went wrong while counting."""
        self.join()
        if self._failed:
            raise self._failed
        return self._lines


def _count(path: Path) -> int:
    import numpy

    buffer = bytearray(1 << 18)
    view, read = memoryview(buffer), numpy.frombuffer(buffer, dtype=numpy.uint8)
    ends = numpy.empty(len(buffer), dtype=bool)
    lines, last = 0, 10
    with _open(path) as stream:
        while got := stream.readinto(view):  # type: ignore[attr-defined]
            numpy.equal(read[:got], 10, out=ends[:got])
            lines += int(numpy.count_nonzero(ends[:got]))
            last = buffer[got - 1]
    return lines + (last != 10)


def blank_lines(path: Path) -> int:
    """Lines with nothing in them. Reads the whole file."""
    found, before = 0, b"\n"
    with _open(path) as stream:
        while chunk := stream.read(SAMPLE):
            text = before + chunk
            # Overlapping by the tail, so that an empty line across two chunks is seen once.
            found += len(re.findall(rb"\n(?=\r?\n)", text))
            tail = 2 if text.endswith(b"\r") else 1
            before = text[-tail:]
    return found
