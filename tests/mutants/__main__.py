"""Apply each mutant to a copy of the project, run its tests there, and tell which mutants no test noticed.

Each run is a fork of a process that has the slow libraries imported already, and never the engine.
"""

from __future__ import annotations

import argparse
import ast
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

import yaml

ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("mutants.yaml")
SLOW_IMPORTS = (
    "duckdb", "pyarrow", "pandas", "great_expectations", "sqlglot.dialects.tsql", "sqlglot.dialects.duckdb", "sqlalchemy",
    "pydantic", "jinja2", "typer", "pytest",
)  # fmt: skip
SECONDS = 300
"""How long the tests of one mutant may take; a mutant that makes them hang was noticed."""
WORKERS = os.cpu_count() or 2
PASSED, FAILED = 0, 1
"""pytest's exit codes; every other one means that the tests did not run."""


@dataclass(frozen=True)
class Mutant:
    """One change. ``old`` stands in ``file`` exactly once."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    def faults(self) -> str:
        """Why the mutant is none; empty when it is one."""
        path = ROOT / self.file
        if not path.is_file():
            return f"there is no file {self.file}"
        whole = path.read_text(encoding="utf-8")
        count = whole.count(self.old)
        if count != 1:
            return f"its text stands {count} times in {self.file}, expected once"
        if path.suffix == ".py":
            # What cannot be imported fails every test, and would count as noticed.
            try:
                ast.parse(whole.replace(self.old, self.new))
            except SyntaxError as error:
                return f"what it makes of {self.file} is not Python: line {error.lineno}: {error.msg}"
        return "" if self.tests and self.old != self.new else "it has no tests, or changes nothing"


def read() -> list[Mutant]:
    """The mutants of the table. Raises SystemExit with every one that does not fit the code any more."""
    rows = yaml.safe_load(TABLE.read_text(encoding="utf-8"))
    mutants = [Mutant(r["name"], r["file"], r["old"], r["new"], tuple(r["tests"])) for r in rows]
    faults = [f"{m.name}: {fault}" for m in mutants if (fault := m.faults())]
    names = [m.name for m in mutants]
    faults += [f"{name}: there are two of that name" for name in sorted({n for n in names if names.count(n) > 1})]
    if faults:
        raise SystemExit("\n".join(faults))
    return mutants


def files() -> Iterator[Path]:
    """The project's own files, relative to its root, as git has them."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            yield Path(name)


def copy_to(folder: Path) -> Path:
    for name in files():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    return folder


def tested(root: Path, tests: Sequence[str], log: Path) -> int:
    """Run tests of the copy in ``root`` in a fork of this process; pytest's exit code, FAILED when they took too long."""
    child = os.fork()
    if child == 0:
        _become_pytest(root, tests, log)
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.killpg(child, 9)
    os.waitpid(child, 0)
    return FAILED


def _become_pytest(root: Path, tests: Sequence[str], log: Path) -> None:
    code = 70
    try:
        os.setsid()
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for descriptor in (1, 2):
            os.dup2(out, descriptor)
        os.chdir(root)
        os.environ["PYTHONPATH"] = str(root)
        sys.path[:] = [str(root), *(p for p in sys.path if p and Path(p).resolve() != ROOT)]
        import pytest

        code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]))
        import engine

        if not Path(engine.__file__).is_relative_to(root):
            code = 71
    finally:
        sys.stdout.flush()
        os._exit(code)


def judge(mutant: Mutant, root: Path, log: Path) -> str:
    """Why the mutant was not noticed; empty when it was."""
    path = root / mutant.file
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace(mutant.old, mutant.new), encoding="utf-8")
    _forget_compiled(path)
    try:
        code = tested(root, mutant.tests, log)
    finally:
        path.write_text(whole, encoding="utf-8")
        _forget_compiled(path)
    if code == FAILED:
        return ""
    said = "\n    ".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
    return "no test noticed it" if code == PASSED else f"its tests did not run (exit code {code}):\n    {said}"


def _forget_compiled(path: Path) -> None:
    # Python tells a changed file by size and second: two mutants of one second would share their compiled code.
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="only mutants whose name has one of these texts in it")
    wanted = parser.parse_args().names
    mutants = [m for m in read() if not wanted or any(text in m.name for text in wanted)]
    for name in SLOW_IMPORTS:
        __import__(name)
    with tempfile.TemporaryDirectory(prefix="medallion-mutants-") as scratch:
        copies: Queue[Path] = Queue()
        for i in range(WORKERS):
            copies.put(copy_to(Path(scratch) / f"copy{i}"))
        unnoticed = _unchanged(mutants, list(copies.queue), Path(scratch))
        unnoticed += _all(mutants, copies, Path(scratch))
    if unnoticed:
        raise SystemExit("\n".join(unnoticed))


def _unchanged(mutants: Sequence[Mutant], roots: Sequence[Path], scratch: Path) -> list[str]:
    """A test that fails anyway notices nothing: each runs once on the engine as it is, a share of them in each copy."""
    tests = list(dict.fromkeys(test for m in mutants for test in m.tests))

    def share(number: int) -> str:
        log = scratch / f"unchanged{number}.log"
        mine = tests[number :: len(roots)]
        if not mine or tested(roots[number], mine, log) == PASSED:
            return ""
        return "the tests do not pass on the engine as it is:\n" + log.read_text("utf-8", "replace")[-3000:]

    with ThreadPoolExecutor(len(roots)) as pool:
        return [said for said in pool.map(share, range(len(roots))) if said]


def _all(mutants: Sequence[Mutant], copies: Queue[Path], scratch: Path) -> list[str]:
    began = time.monotonic()

    def one(numbered: tuple[int, Mutant]) -> str:
        number, mutant = numbered
        root = copies.get()
        try:
            why = judge(mutant, root, scratch / f"{number}.log")
        finally:
            copies.put(root)
        print(f"[{number:>2}/{len(mutants)}] {'noticed' if not why else 'NOT NOTICED':<11} {mutant.name}", flush=True)
        return f"{mutant.name} ({mutant.file}): {why}" if why else ""

    with ThreadPoolExecutor(WORKERS) as pool:
        found = [why for why in pool.map(one, enumerate(mutants, 1)) if why]
    noticed = len(mutants) - len(found)
    print(f"{noticed} passed, {len(found)} failed", flush=True)
    print(f"{len(mutants)} mutants, {noticed} noticed, {time.monotonic() - began:.0f} s", file=sys.stderr)
    return found


if __name__ == "__main__":
    main()
